# Needs: training_set.parquet and the pictures it points at.
# Makes: model/, the G^t fitted to it.
# Killed, it leaves train.checkpoint/ beside its log and goes on from there when run again.


rule train:
    input:
        manifests=parents_of(f"{GENERATION}/model"),
        payloads=ancient(payloads_of(f"{GENERATION}/model")),
    output:
        model=directory(f"{ROOT}/{GENERATION}/model"),
        manifest=f"{ROOT}/{GENERATION}/model.manifest.json",
    log:
        f"{LOGS}/{GENERATION}/train.log",
    benchmark:
        f"{BENCHMARKS}/{GENERATION}/train.tsv"
    priority: early_generations_first
    conda:
        ENVIRONMENT
    threads: training_threads
    resources:
        mem_mb=2000,
        gpu=training_cards,
    params:
        root=root_of,
        records=records_of(f"{GENERATION}/model"),
        source=source_of_networks,
    script:
        "../workflow/scripts/train.py"


use rule train as train_real_only with:
    input:
        manifests=parents_of(f"{REAL_ONLY}/model"),
        payloads=ancient(payloads_of(f"{REAL_ONLY}/model")),
    output:
        model=directory(f"{ROOT}/{REAL_ONLY}/model"),
        manifest=f"{ROOT}/{REAL_ONLY}/model.manifest.json",
    log:
        f"{LOGS}/{REAL_ONLY}/train.log",
    benchmark:
        f"{BENCHMARKS}/{REAL_ONLY}/train.tsv"
    params:
        root=root_of,
        records=records_of(f"{REAL_ONLY}/model"),
        source=source_of_networks,


use rule train as train_auxiliary with:
    input:
        manifests=parents_of(f"{AUXILIARY}/model"),
        payloads=ancient(payloads_of(f"{AUXILIARY}/model")),
    output:
        model=directory(f"{ROOT}/{AUXILIARY}/model"),
        manifest=f"{ROOT}/{AUXILIARY}/model.manifest.json",
    log:
        f"{LOGS}/{AUXILIARY}/train.log",
    benchmark:
        f"{BENCHMARKS}/{AUXILIARY}/train.tsv"
    params:
        root=root_of,
        records=records_of(f"{AUXILIARY}/model"),
        source=source_of_networks,
