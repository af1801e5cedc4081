# Needs: the data set that the configuration names.
# Makes: real/{loop,reference,features}, disjoint; features/<network>, trained on the last of them, and
# a second one where `evaluate.second` asks for it.
NETWORK = layout.network_path(EXPERIMENT)
SECOND = layout.second_path(EXPERIMENT)


wildcard_constraints:
    loop="|".join(EXPERIMENT.loops),
    real_only="|".join(EXPERIMENT.real_only),
    evaluated="|".join(["real", *EXPERIMENT.loops, *EXPERIMENT.real_only]),
    seed="|".join(map(str, EXPERIMENT.seeds)),
    generation=r"\d{3}",
    split="|".join(SPLITS),


# A job a split: the size of one leaves those cut before it, and all that is made from them, alone.
rule real:
    input:
        data_files(),
    output:
        split=directory(f"{ROOT}/real/{{split}}"),
        manifest=f"{ROOT}/real/{{split}}.manifest.json",
    log:
        f"{LOGS}/real/{{split}}.log",
    benchmark:
        f"{BENCHMARKS}/real/{{split}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
    params:
        root=root_of,
        records=records_of("real/{split}"),
        dataset=dataset_up_to,
        listing=data_listing,
    script:
        "../workflow/scripts/real.py"


rule features:
    input:
        files=network_files(),
        manifests=parents_of(NETWORK),
        payloads=ancient(payloads_of(NETWORK)),
    output:
        network=directory(f"{ROOT}/{NETWORK}"),
        manifest=f"{ROOT}/{manifests.path_of(NETWORK)}",
    log:
        f"{LOGS}/features.log",
    benchmark:
        f"{BENCHMARKS}/features.tsv"
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.threads
    resources:
        mem_mb=2000,
        gpu=GPU,
    params:
        root=root_of,
        records=records_of(NETWORK),
        source=features.source_of(
            EXPERIMENT.evaluate.features, EXPERIMENT.evaluate.weights
        ),
    script:
        "../workflow/scripts/features.py"


if SECOND:

    use rule features as features_second with:
        input:
            files=local(features.files(EXPERIMENT.evaluate.second, None)),
            manifests=parents_of(SECOND),
            payloads=ancient(payloads_of(SECOND)),
        output:
            network=directory(f"{ROOT}/{SECOND}"),
            manifest=f"{ROOT}/{manifests.path_of(SECOND)}",
        log:
            f"{LOGS}/features_second.log",
        benchmark:
            f"{BENCHMARKS}/features_second.tsv"
        params:
            root=root_of,
            records=records_of(SECOND),
            source=features.source_of(EXPERIMENT.evaluate.second, None),
