# Needs: S^t (both views), D^t with its pictures, real/reference, features/<network>.
# Makes: evaluation/<loop or real-only name or real>/…/metrics.json.
METRICS = "evaluation/{evaluated}/seed-{seed}/gen-{generation}/metrics.json"
METRICS_REAL = "evaluation/real/seed-{seed}/gen-000/metrics.json"


# The real baseline is generation 0 of `real`, with a rule of its own.
ruleorder: evaluate_real > evaluate


rule evaluate:
    input:
        manifests=parents_of(METRICS),
        payloads=ancient(payloads_of(METRICS)),
    output:
        metrics=f"{ROOT}/{METRICS}",
        manifest=f"{ROOT}/{METRICS}.manifest.json",
    log:
        f"{LOGS}/evaluation/{{evaluated}}/seed-{{seed}}/gen-{{generation}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluation/{{evaluated}}/seed-{{seed}}/gen-{{generation}}.tsv"
    priority: early_generations_first
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.threads
    resources:
        mem_mb=2000,
        gpu=GPU,
    params:
        root=root_of,
        records=records_of(METRICS),
    script:
        "../workflow/scripts/evaluate.py"


rule evaluate_real:
    input:
        manifests=parents_of(METRICS_REAL),
        payloads=ancient(payloads_of(METRICS_REAL)),
    output:
        metrics=f"{ROOT}/{METRICS_REAL}",
        manifest=f"{ROOT}/{METRICS_REAL}.manifest.json",
    log:
        f"{LOGS}/evaluation/real/seed-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluation/real/seed-{{seed}}.tsv"
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.threads
    resources:
        mem_mb=2000,
        gpu=GPU,
    params:
        root=root_of,
        records=records_of(METRICS_REAL),
    script:
        "../workflow/scripts/evaluate_real.py"
