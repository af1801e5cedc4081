# Needs: nothing but the configuration (kind: theory).
# Makes: theory/<run>/{part-…,table}.csv, their root, the figure, theory.csv and report.html.
from autophagy.page import asked as page_asked
from autophagy.theory import plan as theory_plan, studies as theory_studies

PART = "theory/{run}/part-{part}.csv"
TABLE = "theory/{run}/table.csv"


wildcard_constraints:
    run="|".join([theory_plan.REAL_ONLY, *EXPERIMENT.runs]),
    part=r"\d+",


# A rule needs an input, or `--touch` gives it no metadata.
rule theory_part:
    input:
        local(
            ancient(os.path.relpath(theory_studies.module(EXPERIMENT.study).__file__))
        ),
    output:
        part=f"{ROOT}/{PART}",
        manifest=f"{ROOT}/{PART}.manifest.json",
    log:
        f"{LOGS}/{PART}.log",
    benchmark:
        f"{BENCHMARKS}/{PART}.tsv"
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.threads
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        records=records_of(PART),
    script:
        "../workflow/scripts/theory_part.py"


rule theory_table:
    input:
        manifests=parents_of(TABLE),
        payloads=ancient(payloads_of(TABLE)),
    output:
        table=f"{ROOT}/{TABLE}",
        manifest=f"{ROOT}/{TABLE}.manifest.json",
    log:
        f"{LOGS}/{TABLE}.log",
    benchmark:
        f"{BENCHMARKS}/{TABLE}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        records=records_of(TABLE),
    script:
        "../workflow/scripts/theory_table.py"


rule record_theory:
    input:
        manifests=parents_of(theory_plan.ROOT),
        payloads=ancient(payloads_of(theory_plan.ROOT)),
    output:
        f"{ROOT}/{theory_plan.ROOT}",
    log:
        f"{LOGS}/record_theory.log",
    benchmark:
        f"{BENCHMARKS}/record_theory.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=500,
    params:
        root=root_of,
        records=records_of(theory_plan.ROOT),
    script:
        "../workflow/scripts/record_root.py"


rule audit_theory:
    input:
        manifests=[f"{ROOT}/{manifests.path_of(path)}" for path in PLAN.audited()],
        payloads=ancient(payloads_of(*PLAN.audited())),
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


rule draw_theory:
    input:
        [f"{ROOT}/{theory_plan.table_path(run)}" for run in EXPERIMENT.runs],
    output:
        png=report(
            f"{ROOT}/figures/{EXPERIMENT.figure}.png",
            caption="../workflow/report/theory.rst",
            category="Exact loops",
        ),
        pdf=f"{ROOT}/figures/{EXPERIMENT.figure}.pdf",
        caption=f"{ROOT}/figures/{EXPERIMENT.figure}.txt",
        table=f"{ROOT}/{paths.THEORY_CSV}",
    log:
        f"{LOGS}/draw_theory.log",
    benchmark:
        f"{BENCHMARKS}/draw_theory.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        runs={run: theory_plan.table_path(run) for run in EXPERIMENT.runs},
        figure=EXPERIMENT.figure,
        title=EXPERIMENT.title,
        code=code_of("draw_theory.py"),
        software=PLAN.software["report"],
    script:
        "../workflow/scripts/draw_theory.py"


rule write_theory_page:
    input:
        tables=[f"{ROOT}/{name}" for name in (paths.THEORY_CSV, paths.AUDIT)],
        figure=f"{ROOT}/figures/{EXPERIMENT.figure}.png",
        caption=f"{ROOT}/figures/{EXPERIMENT.figure}.txt",
        root=f"{ROOT}/{theory_plan.ROOT}",
    output:
        report(
            f"{ROOT}/{paths.PAGE}",
            caption="../workflow/report/page.rst",
            category="The page",
        ),
    log:
        f"{LOGS}/write_theory_page.log",
    benchmark:
        f"{BENCHMARKS}/write_theory_page.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        asked=page_asked.of_theory(PLAN),
        code=code_of("write_theory_page.py"),
        software=PLAN.software["report"],
    script:
        "../workflow/scripts/write_theory_page.py"


use rule record_theory as record_theory_report with:
    input:
        manifests=parents_of(paths.REPORT),
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
