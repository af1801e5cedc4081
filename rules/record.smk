# Needs: the manifests of everything a loop (or a real-only model) made, all seeds and generations.
# Makes: its root manifest.json; audit.json; and, when a run of the default experiment ends, the DVC
# ledger. Payloads of loops are no inputs: what `keep` has dropped is not made again for a root or
# an audit, and a change of `keep` alone reruns neither.
LOOP_ROOT = "loops/{loop}/manifest.json"
REAL_ONLY_ROOT = "real-only/{real_only}/manifest.json"
EVALUATION_ROOT = "evaluation/{evaluated}/manifest.json"


rule record_loop:
    input:
        manifests=parents_of(LOOP_ROOT),
    output:
        f"{ROOT}/{LOOP_ROOT}",
    log:
        f"{LOGS}/loops/{{loop}}/record.log",
    benchmark:
        f"{BENCHMARKS}/loops/{{loop}}/record.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=500,
    params:
        root=root_of,
        records=records_of(LOOP_ROOT),
    script:
        "../workflow/scripts/record_root.py"


use rule record_loop as record_real_only with:
    input:
        manifests=parents_of(REAL_ONLY_ROOT),
        payloads=ancient(payloads_of(REAL_ONLY_ROOT)),
    output:
        f"{ROOT}/{REAL_ONLY_ROOT}",
    log:
        f"{LOGS}/real-only/{{real_only}}/record.log",
    benchmark:
        f"{BENCHMARKS}/real-only/{{real_only}}/record.tsv"
    params:
        root=root_of,
        records=records_of(REAL_ONLY_ROOT),


use rule record_loop as record_evaluation with:
    input:
        manifests=parents_of(EVALUATION_ROOT),
        payloads=ancient(payloads_of(EVALUATION_ROOT)),
    output:
        f"{ROOT}/{EVALUATION_ROOT}",
    log:
        f"{LOGS}/evaluation/{{evaluated}}/record.log",
    benchmark:
        f"{BENCHMARKS}/evaluation/{{evaluated}}/record.tsv"
    params:
        root=root_of,
        records=records_of(EVALUATION_ROOT),


rule audit:
    input:
        manifests=[f"{ROOT}/{manifests.path_of(path)}" for path in PLAN.audited()],
    output:
        f"{ROOT}/{paths.AUDIT}",
    log:
        f"{LOGS}/audit.log",
    benchmark:
        f"{BENCHMARKS}/audit.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        artifacts=PLAN.audited(),
        code=code_of("audit.py"),
    script:
        "../workflow/scripts/audit.py"


use rule record_loop as record_report with:
    input:
        manifests=parents_of(paths.REPORT),
        audit=f"{ROOT}/{paths.AUDIT}",
        payloads=[f"{ROOT}/{path}" for path in PLAN.nodes[paths.REPORT].payload],
    output:
        f"{ROOT}/{paths.REPORT}",
    log:
        f"{LOGS}/record_report.log",
    benchmark:
        f"{BENCHMARKS}/record_report.tsv"
    params:
        root=root_of,
        records=records_of(paths.REPORT),
