# Needs: model/ (of generation 1: the real-only start's).
# Makes: samples/ and preview/ as the loop draws them; samples-unbiased/ at λ = 1, neither filtered nor
# guided, where that is another; auxiliary/samples/, which guidance tunes a model on.


rule sample:
    input:
        manifests=parents_of(f"{GENERATION}/samples", f"{GENERATION}/preview"),
        payloads=ancient(payloads_of(f"{GENERATION}/samples", f"{GENERATION}/preview")),
    output:
        samples=directory(f"{ROOT}/{GENERATION}/samples"),
        preview=directory(f"{ROOT}/{GENERATION}/preview"),
        manifests=[
            f"{ROOT}/{GENERATION}/samples.manifest.json",
            f"{ROOT}/{GENERATION}/preview.manifest.json",
        ],
    log:
        f"{LOGS}/{GENERATION}/sample.log",
    benchmark:
        f"{BENCHMARKS}/{GENERATION}/sample.tsv"
    priority: early_generations_first
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.threads
    resources:
        mem_mb=2000,
        gpu=GPU,
    params:
        root=root_of,
        records=records_of(f"{GENERATION}/samples", f"{GENERATION}/preview"),
    script:
        "../workflow/scripts/sample.py"


use rule sample as sample_unbiased with:
    input:
        manifests=parents_of(f"{GENERATION}/samples-unbiased"),
        payloads=ancient(payloads_of(f"{GENERATION}/samples-unbiased")),
    output:
        samples=directory(f"{ROOT}/{GENERATION}/samples-unbiased"),
        manifest=f"{ROOT}/{GENERATION}/samples-unbiased.manifest.json",
    log:
        f"{LOGS}/{GENERATION}/sample_unbiased.log",
    benchmark:
        f"{BENCHMARKS}/{GENERATION}/sample_unbiased.tsv"
    params:
        root=root_of,
        records=records_of(f"{GENERATION}/samples-unbiased"),


use rule sample as sample_real_only with:
    input:
        manifests=parents_of(f"{REAL_ONLY}/samples", f"{REAL_ONLY}/preview"),
        payloads=ancient(payloads_of(f"{REAL_ONLY}/samples", f"{REAL_ONLY}/preview")),
    output:
        samples=directory(f"{ROOT}/{REAL_ONLY}/samples"),
        preview=directory(f"{ROOT}/{REAL_ONLY}/preview"),
        manifests=[
            f"{ROOT}/{REAL_ONLY}/samples.manifest.json",
            f"{ROOT}/{REAL_ONLY}/preview.manifest.json",
        ],
    log:
        f"{LOGS}/{REAL_ONLY}/sample.log",
    benchmark:
        f"{BENCHMARKS}/{REAL_ONLY}/sample.tsv"
    params:
        root=root_of,
        records=records_of(f"{REAL_ONLY}/samples", f"{REAL_ONLY}/preview"),


use rule sample as sample_auxiliary with:
    input:
        manifests=parents_of(f"{AUXILIARY}/samples"),
        payloads=ancient(payloads_of(f"{AUXILIARY}/samples")),
    output:
        samples=directory(f"{ROOT}/{AUXILIARY}/samples"),
        manifest=f"{ROOT}/{AUXILIARY}/samples.manifest.json",
    log:
        f"{LOGS}/{AUXILIARY}/sample.log",
    benchmark:
        f"{BENCHMARKS}/{AUXILIARY}/sample.tsv"
    params:
        root=root_of,
        records=records_of(f"{AUXILIARY}/samples"),
