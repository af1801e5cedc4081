# Needs: audit.json (what has not been audited is not dropped; every other reader of models and
# sample sets has run by then), the loop's root.
# Makes: loops/<loop>/dropped.json, and deletes the payloads that it lists. They are outputs of
# train and sample that `rule all` does not name: Snakemake makes them again only where a job that
# has to run, or the command line, asks for one.
DROPPED = dropped.path_of("{loop}")


rule drop:
    input:
        audit=f"{ROOT}/{paths.AUDIT}",
        root=f"{ROOT}/{LOOP_ROOT}",
    output:
        # What it says of earlier drops holds until it is replaced, should this job be killed.
        update(f"{ROOT}/{DROPPED}"),
    log:
        f"{LOGS}/loops/{{loop}}/drop.log",
    benchmark:
        f"{BENCHMARKS}/loops/{{loop}}/drop.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=500,
    params:
        root=root_of,
        keep=EXPERIMENT.keep,
        artifacts=not_kept_of,
    script:
        "../workflow/scripts/drop.py"
