"""A job of every script of the workflow, as `test_torn.py` runs it: what it is given and writes.

Jobs run in four small folders of results, `HOMES`, made together once.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import test_starts
import test_verdict_tables
import yaml
from autophagy import (
    evaluations,
    in_words,
    job,
    layout,
    lineage_figure,
    manifests,
    paths,
    store,
)
from autophagy.page import asked
from autophagy.schema import plain
from autophagy.steps import (
    evaluate,
    features,
    import_start,
    map_features,
    mix,
    real,
    record_root,
    sample,
    train,
    write_page,
)
from autophagy.steps import theory_part as part
from autophagy.steps import theory_table as table
from autophagy.steps.attribute_drift import attribute_drift
from autophagy.steps.audit import audit_experiment
from autophagy.steps.compare_loops import compare_loops
from autophagy.steps.compare_opinions import compare_opinions
from autophagy.steps.draw_curves import draw_curves
from autophagy.steps.draw_effective_size import draw_effective_size
from autophagy.steps.draw_grid import draw_grid
from autophagy.steps.draw_lineage import draw_lineage
from autophagy.steps.draw_theory import draw_theory
from autophagy.steps.judge_loops import judge_loops
from autophagy.steps.tabulate_metrics import tabulate_metrics
from autophagy.steps.write_theory_page import write_theory_page
from autophagy.theory import plan as theory_plan
from autophagy.verdict import plan as verdict_plan
from conftest import REPOSITORY, TESTS, Made, changed, make_theory, plan_of, tiny_content

#: Scripts without a job here -> why.
ELSEWHERE = {"drop": "it deletes: a test of its own says that the record stands before"}
#: Jobs that take most of a second to draw: in places, they are left to the long tests.
SLOW = {
    "attribute_drift", "draw_effective_size", "draw_lineage", "draw_theory", "map_features",
    "write_page",
}  # fmt: skip
GENERATION = "loops/fresh/seed-1/gen-002"
SUFFIXES = ("png", "pdf", "txt")


@dataclass(frozen=True)
class Job:
    """One job.

    function: of a step or of the report.
    outputs: artifacts of a step, without their manifests; files of the report, figures by suffix.
    home: a key of `HOMES`.
    given: further arguments, of the home.
    script: where it is not the job's name.
    step: does it write artifacts with manifests?
    """

    function: Callable[..., None]
    outputs: tuple[str, ...]
    home: str = "tiny"
    given: Callable[[Made], dict[str, Any]] = lambda made: {}
    script: str = ""
    step: bool = True


def report_job(
    function: Callable[..., None], outputs: tuple[str, ...], given: Callable[..., Any],
    home: str = "tiny",
) -> Job:  # fmt: skip
    return Job(function, outputs, home, given, step=False)


def figure(name: str, *others: str) -> tuple[str, ...]:
    return (*others, *(f"figures/{name}.{suffix}" for suffix in SUFFIXES))


def _drawn(name: str, **given: Callable[[Made], Any]) -> Callable[[Made], dict[str, Any]]:
    """Arguments of a drawing: its stem, and what is asked of the home."""
    return lambda made: {
        "title": in_words.budget_line(made.plan.experiment),
        "stem": str(made.root / "figures" / name),
    } | {key: value(made) for key, value in given.items()}  # fmt: skip


def _brought(loop: str) -> Callable[[Made], dict[str, Any]]:
    return lambda made: {"source": made.plan.experiment.loops[loop].start_from}


def _previews(made: Made) -> dict[str, str]:
    experiment = made.plan.experiment
    return {f"generation {t}": layout.preview_path(experiment, "fresh", 1, t) for t in (1, 2, 3)}


def _attributed(_: Made) -> dict[str, Any]:
    edits = changed(("loops.biased.labels", "balanced"))
    return verdict_plan.attributed(
        plan_of(edits | {"seeds": [1], "attribution": "fully-synthetic"}).experiment
    )


def theory_content() -> dict[str, Any]:
    return yaml.safe_load((TESTS / "configs" / "theory.yaml").read_text(encoding="utf-8"))


def _of_theory(step: str) -> tuple[str, ...]:
    """The first artifact of a step of the exact loops."""
    nodes = plan_of(theory_content()).nodes.items()
    return (next(path for path, node in nodes if node.step == step),)


def _theory_figure(made: Made) -> dict[str, Any]:
    experiment = made.plan.experiment
    return {
        "runs": {run: theory_plan.table_path(run) for run in experiment.runs},
        "figure": experiment.figure, "title": experiment.title,
        "stem": str(made.root / "figures" / experiment.figure),
        "table": str(made.root / paths.THEORY_CSV),
    }  # fmt: skip


SPACE = {"space": lambda made: "LeNet"}
JOBS: dict[str, Job] = {
    "real": Job(
        real.real, ("real/loop", "real/reference", "real/features"),
        given=lambda made: {"dataset": plain(made.plan.experiment.dataset)},
    ),
    "features": Job(features.train_features, ("features/lenet",)),
    "features_second": Job(
        features.train_features, ("features/lenet_random",), "more", script="features"
    ),
    "import_model": Job(
        import_start.import_model, ("imported/from-model/model",), "more", _brought("from-model")
    ),
    "import_pictures": Job(
        import_start.import_pictures,
        ("imported/from-pictures/samples", "imported/from-pictures/preview"), "more",
        _brought("from-pictures"),
    ),
    "mix": Job(mix.mix, (f"{GENERATION}/training_set.parquet",)),
    "train": Job(train.train, (f"{GENERATION}/model",)),
    "sample": Job(sample.sample, (f"{GENERATION}/samples", f"{GENERATION}/preview")),
    "evaluate": Job(evaluate.evaluate, ("evaluation/fresh/seed-1/gen-002/metrics.json",)),
    "evaluate_real": Job(evaluate.evaluate_real, ("evaluation/real/seed-1/gen-000/metrics.json",)),
    "record_root": Job(record_root.record_root, ("loops/fresh/manifest.json",)),
    "theory_part": Job(part.theory_part, _of_theory("theory_part"), "theory"),
    "theory_table": Job(table.theory_table, _of_theory("theory_table"), "theory"),
    "audit": report_job(
        audit_experiment, ("audit.json",), lambda made: {"artifacts": made.plan.audited()}
    ),
    "tabulate_metrics": report_job(
        tabulate_metrics, ("metrics.csv",),
        lambda made: {"evaluations": evaluations.of(made.plan.experiment)},
    ),
    "judge_loops": report_job(
        judge_loops, ("verdicts.csv", "metrics.json"),
        lambda made: {"plan": verdict_plan.asked(made.plan.experiment)},
    ),
    "draw_grid": report_job(
        draw_grid, figure("grid-fresh-seed-1"),
        lambda made: _drawn("grid-fresh-seed-1", previews=_previews)(made) | {
            "title": in_words.budget_line(made.plan.experiment, "fresh"),
            "loop": "fresh", "seed": 1,
        },
    ),
    "draw_curves": report_job(
        draw_curves, figure("curves"),
        _drawn("curves", loops=lambda made: list(made.plan.experiment.loops),
               seed=lambda made: 1, classes=lambda made: True, **SPACE),
    ),
    "draw_lineage": report_job(
        draw_lineage, figure("lineage"),
        _drawn("lineage", loops=lambda made: layout.training_sets(made.plan.experiment, 1),
               title=lambda made: lineage_figure.title(made.plan.experiment.experiment, 1)),
    ),
    "map_features": report_job(
        map_features.map_features, figure("features", "figures/maps.json"),
        _drawn("features", network=lambda made: "lenet", threads=lambda made: 1,
               previews=lambda made: asked.previews(made.plan)),
    ),
    "write_page": report_job(
        write_page.write_page, ("report.html",),
        lambda made: {"asked": asked.of_images(made.plan)},
    ),
    "compare_loops": report_job(
        compare_loops, ("loop_pairs.csv",),
        lambda made: {"plan": verdict_plan.asked(made.plan.experiment)}, "curve",
    ),
    "attribute_drift": report_job(
        attribute_drift, figure("attribution", "attribution.csv"),
        _drawn("attribution", asked=_attributed, **SPACE), "more",
    ),
    "compare_opinions": report_job(
        compare_opinions, ("second_opinion.csv",),
        lambda made: {"spaces": ["LeNet", "random LeNet"], "evaluations": _evaluations()}, "more",
    ),
    "draw_effective_size": report_job(
        draw_effective_size, figure("effective-size", "effective_size.csv"),
        _drawn(
            "effective-size", plan=lambda made: verdict_plan.asked(made.plan.experiment), **SPACE
        ),
        "curve",
    ),
    "draw_theory": report_job(
        draw_theory, figure(theory_content()["figure"], paths.THEORY_CSV), _theory_figure,
        "theory",
    ),
    "write_theory_page": report_job(
        write_theory_page, ("report.html",),
        lambda made: {"asked": asked.of_theory(made.plan)}, "theory",
    ),
}  # fmt: skip


def run(name: str, made: Made, root: Path, log: Path) -> None:
    """A job as its script does it; exits with its one line if it fails."""
    chosen, given = JOBS[name], SimpleNamespace(log=[str(log)], rule=name)
    arguments = chosen.given(Made(made.plan, root, root.parent))
    if chosen.step:
        records = [made.plan.record(path) for path in chosen.outputs]
        given.params = SimpleNamespace(root=str(root), records=records)
        job.run(given, chosen.function, **arguments)
    else:
        job.call(given, chosen.function, root=str(root), **arguments)


def outputs(name: str) -> list[str]:
    """Everything a job writes, manifests included."""
    written = JOBS[name].outputs
    if not JOBS[name].step:
        return list(written)
    payloads = [path for path in written if not manifests.is_root(path)]
    return payloads + [manifests.path_of(path) for path in written]


# Homes


def _evaluations() -> list[dict[str, Any]]:
    return evaluations.of(plan_of(tiny_content() | {"seeds": [1]}).experiment)


def _more(outside: Path) -> dict[str, Any]:
    """Loops that start from outside, and a second network."""
    content = test_starts.content(outside)
    return content | {"evaluate": content["evaluate"] | {"second": "lenet_random"}}


def contents(outside: Path) -> dict[str, dict[str, Any]]:
    """Home -> its configuration."""
    curve = (REPOSITORY / test_verdict_tables.CONFIG).read_text(encoding="utf-8")
    return {
        "tiny": tiny_content() | {"seeds": [1]}, "more": _more(outside),
        "theory": theory_content(), "curve": yaml.safe_load(curve),
    }  # fmt: skip


def homes_in(folder: Path, outside: Path) -> dict[str, Made]:
    """Home -> what lies in a folder of that name."""
    return {
        name: Made(plan_of(content), folder / name, folder)
        for name, content in contents(outside).items()
    }


def make_homes(folder: Path, tiny: Path, outside: Path) -> dict[str, Made]:
    """Make them all.

    Args:
        tiny: the finished tiny experiment. outside: see `test_starts.write_outside`.
    """
    homes = homes_in(folder, outside)
    shutil.copytree(tiny, homes["tiny"].root)
    more = homes["more"].root
    for name in ("real", "evaluation"):
        shutil.copytree(tiny / name, more / name)
    for file in more.glob("evaluation/**/metrics.json"):
        content = store.read_json(file)
        # The two networks rank alike: what they say is not asked here.
        store.write_json(file, content | {"second": content})
    shutil.copy(tiny / "metrics.csv", more)
    make_theory(homes["theory"].plan, homes["theory"].root)
    curve = homes["curve"]
    test_verdict_tables.write(curve.root, curve.plan.experiment)
    for name, chosen in JOBS.items():
        if chosen.home in ("more", "curve"):
            run(name, homes[chosen.home], homes[chosen.home].root, folder / "job.log")
    return homes
