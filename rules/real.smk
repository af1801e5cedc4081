# Needs: the data set that the configuration names.
# Makes: real/{loop,reference,features}, disjoint; features/<network>, trained on the last of them.
NETWORK = paths.network_path(EXPERIMENT)
SPLITS = ["real/loop", "real/reference", "real/features"]


wildcard_constraints:
    loop="|".join(EXPERIMENT.loops),
    real_only="|".join(EXPERIMENT.real_only),
    evaluated="|".join(["real", *EXPERIMENT.loops, *EXPERIMENT.real_only]),
    seed="|".join(map(str, EXPERIMENT.seeds)),
    generation=r"\d{3}",


rule real:
    input:
        data_files(),
    output:
        splits=[directory(f"{ROOT}/{split}") for split in SPLITS],
        manifests=[f"{ROOT}/{manifests.path_of(split)}" for split in SPLITS],
    log:
        f"{LOGS}/real.log",
    benchmark:
        f"{BENCHMARKS}/real.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
    params:
        root=root_of,
        records=records_of(*SPLITS),
        dataset=plain(EXPERIMENT.dataset),
    script:
        "../workflow/scripts/real.py"


rule features:
    input:
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
    params:
        root=root_of,
        records=records_of(NETWORK),
    script:
        "../workflow/scripts/features.py"
