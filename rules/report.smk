# Needs: every metrics.json; the previews and training sets of every generation.
# Makes: metrics.csv, verdicts.csv, metrics.json, figures/ (each figure with its caption as .txt),
# report.html; effective_size.csv where the experiment has a learning curve; loop_pairs.csv from 3 seeds
# on; attribution.csv and second_opinion.csv where it asks.
from autophagy import evaluations
from autophagy.page import asked as page_asked
from autophagy.verdict import plan as verdict_plan

EVALUATIONS = evaluations.of(EXPERIMENT)
TRAINING_SETS = layout.training_sets(EXPERIMENT, EXPERIMENT.seeds[0])


rule tabulate_metrics:
    input:
        manifests=[
            f"{ROOT}/{manifests.path_of(entry['path'])}" for entry in EVALUATIONS
        ],
        metrics=ancient([f"{ROOT}/{entry['path']}" for entry in EVALUATIONS]),
    output:
        f"{ROOT}/{paths.METRICS_CSV}",
    log:
        f"{LOGS}/tabulate_metrics.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_metrics.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        evaluations=EVALUATIONS,
        code=code_of("tabulate_metrics.py"),
        software=PLAN.software["report"],
    script:
        "../workflow/scripts/tabulate_metrics.py"


rule judge_loops:
    input:
        table=f"{ROOT}/{paths.METRICS_CSV}",
        real=f"{ROOT}/{METRICS_REAL.format(seed=EXPERIMENT.seeds[0])}",
    output:
        verdicts=report(
            f"{ROOT}/{paths.VERDICTS}",
            caption="../workflow/report/verdicts.rst",
            category="Verdicts",
            labels={"loop": "all", "seed": "all"},
        ),
        json=f"{ROOT}/{paths.METRICS_JSON}",
    log:
        f"{LOGS}/judge_loops.log",
    benchmark:
        f"{BENCHMARKS}/judge_loops.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        plan=verdict_plan.asked(EXPERIMENT),
        code=code_of("judge_loops.py"),
        software=PLAN.software["report"],
    script:
        "../workflow/scripts/judge_loops.py"


rule draw_grid:
    input:
        manifests=preview_manifests,
        payloads=ancient(preview_payloads),
    output:
        png=report(
            f"{ROOT}/figures/grid-{{loop}}-seed-{{seed}}.png",
            caption="../workflow/report/grid.rst",
            category="Picture grids",
            labels={"loop": "{loop}", "seed": "{seed}"},
        ),
        pdf=f"{ROOT}/figures/grid-{{loop}}-seed-{{seed}}.pdf",
        caption=f"{ROOT}/figures/grid-{{loop}}-seed-{{seed}}.txt",
    log:
        f"{LOGS}/figures/grid-{{loop}}-seed-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/figures/grid-{{loop}}-seed-{{seed}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        previews=previews_of,
        title=grid_title,
        code=code_of("draw_grid.py"),
        software=PLAN.software["report"],
    script:
        "../workflow/scripts/draw_grid.py"


rule draw_curves:
    input:
        table=f"{ROOT}/metrics.csv",
        real=f"{ROOT}/{METRICS_REAL.format(seed=EXPERIMENT.seeds[0])}",
    output:
        png=report(
            f"{ROOT}/figures/curves.png",
            caption="../workflow/report/curves.rst",
            category="Curves",
            labels={"loop": "all", "seed": "all"},
        ),
        pdf=f"{ROOT}/figures/curves.pdf",
        caption=f"{ROOT}/figures/curves.txt",
    log:
        f"{LOGS}/figures/curves.log",
    benchmark:
        f"{BENCHMARKS}/figures/curves.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        loops=list(EXPERIMENT.loops),
        seed=EXPERIMENT.seeds[0],
        title=curves_title(),
        space=distance_space(),
        classes=presets.inherit_labels(EXPERIMENT.loops.values()),
        code=code_of("draw_curves.py"),
        software=PLAN.software["report"],
    script:
        "../workflow/scripts/draw_curves.py"


rule draw_lineage:
    input:
        manifests=[
            f"{ROOT}/{manifests.path_of(path)}"
            for chain in TRAINING_SETS.values()
            for path in chain
        ],
        roots=[f"{ROOT}/{paths.root_path('loops', name)}" for name in EXPERIMENT.loops],
    output:
        png=report(
            f"{ROOT}/figures/lineage.png",
            caption="../workflow/report/lineage.rst",
            category="Lineage",
            labels={"loop": "all", "seed": str(EXPERIMENT.seeds[0])},
        ),
        pdf=f"{ROOT}/figures/lineage.pdf",
        caption=f"{ROOT}/figures/lineage.txt",
    log:
        f"{LOGS}/figures/lineage.log",
    benchmark:
        f"{BENCHMARKS}/figures/lineage.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        training_sets=TRAINING_SETS,
        title=lineage_title(),
        code=code_of("draw_lineage.py"),
        software=PLAN.software["report"],
    script:
        "../workflow/scripts/draw_lineage.py"


# Asked for only where the experiment has a learning curve to invert.
rule draw_effective_size:
    input:
        table=f"{ROOT}/{paths.METRICS_CSV}",
        real=f"{ROOT}/{METRICS_REAL.format(seed=EXPERIMENT.seeds[0])}",
    output:
        png=report(
            f"{ROOT}/figures/effective-size.png",
            caption="../workflow/report/effective-size.rst",
            category="Effective sample size",
            labels={"loop": "all", "seed": "all"},
        ),
        pdf=f"{ROOT}/figures/effective-size.pdf",
        caption=f"{ROOT}/figures/effective-size.txt",
        table=f"{ROOT}/{paths.EFFECTIVE_SIZE}",
    log:
        f"{LOGS}/figures/effective-size.log",
    benchmark:
        f"{BENCHMARKS}/figures/effective-size.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        plan=verdict_plan.asked(EXPERIMENT),
        title=sizes_title(),
        space=distance_space(),
        code=code_of("draw_effective_size.py"),
        software=PLAN.software["report"],
    script:
        "../workflow/scripts/draw_effective_size.py"


# Asked for where every two loops can be compared.
rule compare_loops:
    input:
        table=f"{ROOT}/{paths.METRICS_CSV}",
    output:
        report(
            f"{ROOT}/{paths.LOOP_PAIRS}",
            caption="../workflow/report/loop-pairs.rst",
            category="Verdicts",
            labels={"loop": "pairs", "seed": "all"},
        ),
    log:
        f"{LOGS}/loop_pairs.log",
    benchmark:
        f"{BENCHMARKS}/loop_pairs.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        plan=verdict_plan.asked(EXPERIMENT),
        code=code_of("compare_loops.py"),
        software=PLAN.software["report"],
    script:
        "../workflow/scripts/compare_loops.py"


# Asked for by `attribution` alone.
rule attribute_drift:
    input:
        table=f"{ROOT}/{paths.METRICS_CSV}",
    output:
        png=report(
            f"{ROOT}/figures/attribution.png",
            caption="../workflow/report/attribution.rst",
            category="Attribution of drift",
            labels={"loop": "all", "seed": "all"},
        ),
        pdf=f"{ROOT}/figures/attribution.pdf",
        caption=f"{ROOT}/figures/attribution.txt",
        table=f"{ROOT}/{paths.ATTRIBUTION}",
    log:
        f"{LOGS}/figures/attribution.log",
    benchmark:
        f"{BENCHMARKS}/figures/attribution.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        asked=verdict_plan.attributed(EXPERIMENT) if EXPERIMENT.attribution else None,
        title=curves_title(),
        space=distance_space(),
        code=code_of("attribute_drift.py"),
        software=PLAN.software["report"],
    script:
        "../workflow/scripts/attribute_drift.py"


# Asked for by `evaluate.second` alone.
rule compare_opinions:
    input:
        manifests=rules.tabulate_metrics.input.manifests,
        metrics=ancient(rules.tabulate_metrics.input.metrics),
    output:
        report(
            f"{ROOT}/{paths.SECOND_OPINION}",
            caption="../workflow/report/second-opinion.rst",
            category="Second opinion",
            labels={"loop": "all", "seed": "all"},
        ),
    log:
        f"{LOGS}/second_opinion.log",
    benchmark:
        f"{BENCHMARKS}/second_opinion.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        root=root_of,
        evaluations=EVALUATIONS,
        spaces=spaces(),
        code=code_of("compare_opinions.py"),
        software=PLAN.software["report"],
    script:
        "../workflow/scripts/compare_opinions.py"


# It reads previews, which every policy of `keep` retains.
rule map_features:
    input:
        network=f"{ROOT}/{manifests.path_of(NETWORK)}",
        manifests=seen_on_the_page(manifests.path_of),
        payloads=ancient([f"{ROOT}/{NETWORK}", *seen_on_the_page(str)]),
    output:
        places=f"{ROOT}/{paths.MAPS}",
        png=report(
            f"{ROOT}/figures/features.png",
            caption="../workflow/report/features.rst",
            category="Feature space",
            labels={"loop": "all", "seed": str(EXPERIMENT.seeds[0])},
        ),
        pdf=f"{ROOT}/figures/features.pdf",
        caption=f"{ROOT}/figures/features.txt",
    log:
        f"{LOGS}/map_features.log",
    benchmark:
        f"{BENCHMARKS}/map_features.tsv"
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.threads
    resources:
        mem_mb=2000,
    params:
        root=root_of,
        network=NETWORK.removeprefix("features/"),
        previews=page_asked.previews(PLAN),
        title=curves_title(),
        # Not the rule's, which are no more than there are cores: their number sets last digits.
        threads=EXPERIMENT.threads,
        code=code_of("map_features.py"),
        software=PLAN.software["report"],
    script:
        "../workflow/scripts/map_features.py"


rule write_page:
    input:
        tables=[
            f"{ROOT}/{name}" for name in (*layout.table_names(EXPERIMENT), paths.AUDIT)
        ],
        maps=f"{ROOT}/{paths.MAPS}",
        manifests=seen_on_the_page(manifests.path_of),
        roots=[f"{ROOT}/{paths.root_path('loops', name)}" for name in EXPERIMENT.loops],
        evaluations=rules.tabulate_metrics.input.manifests,
        payloads=ancient(
            [*rules.tabulate_metrics.input.metrics, *seen_on_the_page(str)]
        ),
    output:
        report(
            f"{ROOT}/{paths.PAGE}",
            caption="../workflow/report/page.rst",
            category="The page",
            labels={"loop": "all", "seed": "all"},
        ),
    log:
        f"{LOGS}/write_page.log",
    benchmark:
        f"{BENCHMARKS}/write_page.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
    params:
        root=root_of,
        asked=page_asked.of_images(PLAN),
        code=code_of("write_page.py"),
        software=PLAN.software["report"],
    script:
        "../workflow/scripts/write_page.py"
