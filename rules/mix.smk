# Needs: real/loop, and the sample sets of earlier generations that the regime asks for.
# Makes: training_set.parquet, the index D^t. Real-only models have rules of their own in every
# stage: DVC allows its stages rules by name, and a loop's stage must not make its start anew.


rule mix:
    input:
        manifests=parents_of(f"{GENERATION}/training_set.parquet"),
        payloads=ancient(payloads_of(f"{GENERATION}/training_set.parquet")),
    output:
        training_set=f"{ROOT}/{GENERATION}/training_set.parquet",
        manifest=f"{ROOT}/{GENERATION}/training_set.parquet.manifest.json",
    log:
        f"{LOGS}/{GENERATION}/mix.log",
    benchmark:
        f"{BENCHMARKS}/{GENERATION}/mix.tsv"
    priority: early_generations_first
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        records=records_of(f"{GENERATION}/training_set.parquet"),
    script:
        "../workflow/scripts/mix.py"


use rule mix as mix_real_only with:
    input:
        manifests=parents_of(f"{REAL_ONLY}/training_set.parquet"),
        payloads=ancient(payloads_of(f"{REAL_ONLY}/training_set.parquet")),
    output:
        training_set=f"{ROOT}/{REAL_ONLY}/training_set.parquet",
        manifest=f"{ROOT}/{REAL_ONLY}/training_set.parquet.manifest.json",
    log:
        f"{LOGS}/{REAL_ONLY}/mix.log",
    benchmark:
        f"{BENCHMARKS}/{REAL_ONLY}/mix.tsv"
    params:
        root=root_of,
        records=records_of(f"{REAL_ONLY}/training_set.parquet"),


use rule mix as mix_auxiliary with:
    input:
        manifests=parents_of(f"{AUXILIARY}/training_set.parquet"),
        payloads=ancient(payloads_of(f"{AUXILIARY}/training_set.parquet")),
    output:
        training_set=f"{ROOT}/{AUXILIARY}/training_set.parquet",
        manifest=f"{ROOT}/{AUXILIARY}/training_set.parquet.manifest.json",
    log:
        f"{LOGS}/{AUXILIARY}/mix.log",
    benchmark:
        f"{BENCHMARKS}/{AUXILIARY}/mix.tsv"
    params:
        root=root_of,
        records=records_of(f"{AUXILIARY}/training_set.parquet"),
