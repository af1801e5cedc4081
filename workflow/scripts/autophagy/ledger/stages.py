"""The stages of an experiment: what DVC records together, and of which steps, rules and keys."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from autophagy import features, manifests, starts
from autophagy.paths import AUDIT, PAGE, REPORT, THEORY_CSV
from autophagy.plan import Plan
from autophagy.theory import plan as theory


@dataclass(frozen=True)
class Stage:
    """One DVC stage, or one for each key of a dictionary of the configuration.

    Paths are relative to the experiment's folder and may hold DVC's ${key} and ${item}.
    """

    name: str
    rules: tuple[str, ...]
    steps: tuple[str, ...]
    target: str
    outs: tuple[str, ...]
    deps: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    foreach: str | None = None
    #: Instead of a dictionary of the configuration: key -> {name that deps may use: value}.
    items: dict[str, dict[str, str]] | None = None
    #: Files of the user's own, as the configuration names them.
    sources: tuple[str, ...] = ()


def _splits(*names: str) -> tuple[str, ...]:
    """Real sets as deps: their files, and the manifests that artifacts made from them name."""
    return tuple(path for name in names for path in (f"real/{name}", f"real/{name}.manifest.json"))


_TRAINING = ("model", "train", "sample", "seeds", "device", "threads", "evaluate.n")
_MEASURING = ("evaluate", "seeds", "device", "threads")
#: The steps of one generation.
_GENERATION = ("mix", "train", "sample", "record_root")

STAGES = (
    Stage(
        "real",
        ("real",),
        ("real",),
        "real/${key}.manifest.json",
        _splits("${key}"),
        params=("dataset",),
        foreach="dataset.splits",
    ),
    Stage(
        "features",
        ("features",),
        ("features",),
        "features/${evaluate.features}.manifest.json",
        ("features",),
        deps=_splits("features"),
        params=("evaluate.features", "device", "threads"),
    ),
    Stage(
        "real-only",
        ("mix_real_only", "train_real_only", "sample_real_only", "record_real_only"),
        _GENERATION,
        "real-only/${key}/manifest.json",
        ("real-only/${key}",),
        deps=_splits("loop"),
        params=(*_TRAINING, "real_only.${key}"),
        foreach="real_only",
    ),
    Stage(
        "loop",
        (
            "mix",
            "mix_auxiliary",
            "train",
            "train_auxiliary",
            "sample",
            "sample_auxiliary",
            "sample_unbiased",
            "record_loop",
        ),
        _GENERATION,
        "loops/${key}/manifest.json",
        ("loops/${key}",),
        deps=(*_splits("loop"), "real-only/${item.start_from}"),
        params=(*_TRAINING, "generations", "loops.${key}"),
        foreach="loops",
    ),
    Stage(
        "evaluate-real",
        ("evaluate_real", "record_evaluation"),
        ("evaluate_real", "record_root"),
        "evaluation/real/manifest.json",
        ("evaluation/real",),
        deps=(*_splits("loop", "reference"), "features"),
        params=_MEASURING,
    ),
    Stage(
        "evaluate-real-only",
        ("evaluate", "record_evaluation"),
        ("evaluate", "record_root"),
        "evaluation/${key}/manifest.json",
        ("evaluation/${key}",),
        deps=(*_splits("loop", "reference"), "features", "real-only/${key}"),
        params=_MEASURING,
        foreach="real_only",
    ),
    Stage(
        "evaluate",
        ("evaluate", "record_evaluation"),
        ("evaluate", "record_root"),
        "evaluation/${key}/manifest.json",
        ("evaluation/${key}",),
        deps=(
            *_splits("loop", "reference"),
            "features",
            "real-only/${item.start_from}",
            "loops/${key}",
        ),
        params=(*_MEASURING, "generations"),
        foreach="loops",
    ),
    Stage(
        "report",
        (
            "audit",
            "tabulate_metrics",
            "judge_loops",
            "draw_grid",
            "draw_curves",
            "draw_lineage",
            "draw_effective_size",
            "compare_loops",
            "attribute_drift",
            "compare_opinions",
            "map_features",
            "write_page",
            "record_report",
        ),
        ("report",),
        REPORT,
        ("figures",),
        deps=(*_splits("loop", "reference", "features"), "features"),
        params=("experiment", "generations", "seeds", "train", "real_only", "loops"),
    ),
)


def stages_of(plan: Plan) -> tuple[Stage, ...]:
    """The stages of an experiment's kind."""
    if plan.experiment.kind == "theory":
        return _theory_stages(plan)
    stages = [_of_network(plan, stage) if stage.name == "features" else stage for stage in STAGES]
    outside = {
        name: loop.start_from
        for name, loop in plan.experiment.loops.items()
        if starts.is_outside(loop.start_from)
    }
    forks = [name for name in plan.experiment.loops if starts.shared(plan.experiment, name)]
    if not outside and not forks:
        return tuple(stages)
    at = next(n for n, stage in enumerate(stages) if stage.name == "real-only")
    report = len(stages) - 1
    forked = [_forked(plan, stage, name) for name in forks for stage in stages if _of_loops(stage)]
    stages = [_beside_others(plan, stage) if _of_loops(stage) else stage for stage in stages]
    stages[report:report] = forked
    stages[at:at] = [_import(*start) for start in outside.items()]
    return tuple(stages)


def _of_loops(stage: Stage) -> bool:
    return stage.foreach == "loops"


def _import(loop: str, start_from: str) -> Stage:
    """The stage that brings a loop's start in from outside."""
    kind = starts.kind(start_from)
    last = "model" if kind == starts.MODEL else "preview"
    return Stage(
        f"import-{loop}",
        (f"import_{kind}",),
        (f"import_{kind}",),
        f"{starts.folder(loop)}/{last}.manifest.json",
        (starts.folder(loop),),
        deps=_splits("loop"),
        params=(f"loops.{loop}", "model.family", "device", "threads", "evaluate.n"),
        sources=tuple(starts.files(start_from)),
    )


#: The start of a loop among the deps of its stages.
_START = "real-only/${item.start_from}"


def _beside_others(plan: Plan, stage: Stage) -> Stage:
    """A stage of each loop but forks, where loops have starts of several kinds."""
    items = {
        name: {"start": _start(plan, name)}
        for name in plan.experiment.loops
        if not starts.shared(plan.experiment, name)
    }
    deps = tuple(dep.replace(_START, "${item.start}") for dep in stage.deps)
    return dataclasses.replace(stage, deps=deps, foreach=None, items=items)


def _start(plan: Plan, name: str) -> str:
    """Where the start of a loop, or of the history that it shares, lies."""
    start = starts.first(plan.experiment, name)
    if starts.is_outside(start):
        return starts.folder(starts.owner(plan.experiment, name, 1))
    return f"real-only/{start}"


def _forked(plan: Plan, stage: Stage, name: str) -> Stage:
    """A stage of a fork, which is made from the loops whose history it shares too."""
    owners = [starts.owner(plan.experiment, name, t) for t in _shared_generations(plan, name)]
    deps = [dep.replace(_START, _start(plan, name)) for dep in stage.deps]
    for owner in dict.fromkeys(owners):
        deps.append(f"loops/{owner}")
        if stage.name == "evaluate":
            deps.append(f"evaluation/{owner}")
    return dataclasses.replace(
        stage,
        name=stage_of_fork(stage.name, name),
        target=stage.target.replace("${key}", name),
        outs=tuple(out.replace("${key}", name) for out in stage.outs),
        deps=tuple(dep.replace("${key}", name) for dep in deps),
        params=tuple(param.replace("${key}", name) for param in stage.params),
        foreach=None,
    )


def _shared_generations(plan: Plan, name: str) -> range:
    return range(1, starts.shared(plan.experiment, name) + 1)


def stage_of_fork(stage: str, name: str) -> str:
    return f"{stage}-fork-{name}"


def _of_network(plan: Plan, stage: Stage) -> Stage:
    """The features stage of a network that the user brings, and of a second one."""
    evaluate = plan.experiment.evaluate
    name = features.name_of(evaluate.features)
    if evaluate.weights is not None:
        stage = dataclasses.replace(stage, params=(*stage.params, "evaluate.weights"))
    elif name != evaluate.features:
        stage = dataclasses.replace(stage, target=f"features/{name}.manifest.json")
    if evaluate.second is None:
        return stage
    second = f"results/${{experiment}}/features/{features.name_of(evaluate.second)}.manifest.json"
    return dataclasses.replace(
        stage,
        rules=(*stage.rules, "features_second"),
        steps=(*stage.steps, "features_second"),
        target=f"{stage.target} {second}",
        params=(*stage.params, "evaluate.second"),
    )


def _theory_stages(plan: Plan) -> tuple[Stage, ...]:
    runs = Stage(
        "theory",
        ("theory_part", "theory_table"),
        ("theory_part", "theory_table"),
        "theory/${key}/table.csv.manifest.json",
        ("theory/${key}",),
        params=("study", "seed", "effort", "threads", "runs.${key}"),
        foreach="runs",
    )
    known = theory.REAL_ONLY_TABLE in plan.nodes
    curve = dataclasses.replace(
        runs,
        name="theory-real-only",
        target=manifests.path_of(theory.REAL_ONLY_TABLE),
        outs=(f"theory/{theory.REAL_ONLY}",),
        params=("study", "seed", "threads", "runs"),
        foreach=None,
    )
    folders = [f"theory/{run}" for run in plan.experiment.runs]
    report = Stage(
        "theory-report",
        (
            "record_theory", "audit_theory", "draw_theory", "write_theory_page",
            "record_theory_report",
        ),
        ("record_root", "report"),
        REPORT,
        (theory.ROOT, THEORY_CSV, AUDIT, PAGE, "figures"),
        deps=(*curve.outs * known, *folders),
        params=(
            "experiment", "study", "title", "seed", "effort", "figure", "threads", "runs",
        ),
    )  # fmt: skip
    if not known:
        return (runs, report)
    return (curve, dataclasses.replace(runs, deps=curve.outs), report)
