"""The DVC side: the stages of an experiment, its dvc.yaml, and which of them are true on disk."""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from autophagy import (
    data,
    dropped,
    features,
    fingerprint,
    manifests,
    models,
    presets,
    starts,
    store,
)
from autophagy.config import NAME
from autophagy.errors import UserError
from autophagy.paths import AUDIT, METRICS_CSV, METRICS_JSON, PAGE, REPORT, table_names
from autophagy.plan import Plan
from autophagy.schema import place, plain
from autophagy.theory import plan as theory

HEADER = """\
# The ledger: what DVC versions, and the second entrance (`dvc repro`). Snakemake does the work.
# Each stage's target lies inside its outs, which DVC deletes first, and --allowed-rules keeps it
# from making another stage's work. Written by `autophagy ledger {config}`; do not edit.
"""


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
        name=_stage_of_fork(stage.name, name),
        target=stage.target.replace("${key}", name),
        outs=tuple(out.replace("${key}", name) for out in stage.outs),
        deps=tuple(dep.replace("${key}", name) for dep in deps),
        params=tuple(param.replace("${key}", name) for param in stage.params),
        foreach=None,
    )


def _shared_generations(plan: Plan, name: str) -> range:
    return range(1, starts.shared(plan.experiment, name) + 1)


def _stage_of_fork(stage: str, name: str) -> str:
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
        (theory.ROOT, theory.TABLE, AUDIT, PAGE, "figures"),
        deps=(*curve.outs * known, *folders),
        params=(
            "experiment", "study", "title", "seed", "effort", "figure", "threads", "runs",
        ),
    )  # fmt: skip
    if not known:
        return (runs, report)
    return (curve, dataclasses.replace(runs, deps=curve.outs), report)


def text(plan: Plan, config: str) -> str:
    """The dvc.yaml of an experiment.

    Args:
        config: path of the configuration, relative to the repository. The default experiment's
            dvc.yaml lies at the repository's top, any other's beside its configuration.
    """
    folder = ledger_folder(config)
    content: dict[str, Any] = {"vars": [os.path.relpath(config, folder)], "stages": {}}
    for stage in stages_of(plan):
        body = _body(plan, stage, config)
        if folder != ".":
            body = {"wdir": os.path.relpath(".", folder), **body}
        if stage.items:
            body = {"foreach": stage.items, "do": body}
        elif stage.foreach:
            body = {"foreach": f"${{{stage.foreach}}}", "do": body}
        content["stages"][stage.name] = body
    if plan.experiment.kind != "theory":
        content["plots"] = _plots(plan)
    return HEADER.format(config=config) + yaml.safe_dump(
        content, sort_keys=False, width=100, allow_unicode=True
    )


def ledger_folder(config: str) -> str:
    """Where the dvc.yaml of a configuration lies, relative to the repository.

    Raises:
        UserError: the file is neither the default configuration nor in a folder of its own.
    """
    folder, name = os.path.split(os.path.normpath(config))
    top, _, own = folder.partition("/")
    # The folder's name stands in commands that DVC gives to a shell.
    if top != "config" or name != "config.yaml" or (own and not re.fullmatch(NAME, own)):
        raise UserError(
            f"{config}: has no ledger; DVC records config/config.yaml and config/NAME/config.yaml"
        )
    return folder if own else "."


def stage_nodes(plan: Plan) -> dict[str, list[str]]:
    """DVC stage name -> the artifacts it makes; every artifact of the plan belongs to one."""
    groups = {"real": "real", "real-only": "real-only", "loops": "loop"}
    stages: dict[str, list[str]] = {}
    for path in plan.nodes:
        top, *rest = path.split("/")
        if top in groups:
            name = _stage_named(plan, groups[top], rest[0])
        elif top == starts.IMPORTED:
            name = f"import-{rest[0]}"
        elif top == "evaluation":
            name = _evaluation_stage(plan, rest[0])
        elif plan.experiment.kind == "theory":
            name = _theory_stage(path)
        else:
            name = {"features": "features", "figures": "report"}[top]
        stages.setdefault(name, []).append(path)
    return stages


def findings(plan: Plan, root: Path) -> dict[str, str | None]:
    """DVC stage name -> why what is on disk is not what the plan says, or None where it is.

    A stage whose parents' stage has a finding has one too: DVC would record it with those parents.
    """
    stages = stage_nodes(plan)
    stage_of = {path: stage for stage, nodes in stages.items() for path in nodes}
    not_kept = {path for artifacts in plan.dropped.values() for path in artifacts}

    def stale(path: str) -> str | None:
        check = dropped.stale if path in not_kept else manifests.stale
        return check(root, plan.record(path))

    own = {stage: next(filter(None, map(stale, nodes)), None) for stage, nodes in stages.items()}
    other_data = _other_data(plan, root)
    for stage, path in ((stage, nodes[0]) for stage, nodes in stages.items()):
        if plan.nodes[path].step == "real":
            own[stage] = own[stage] or other_data
    for stage, nodes in stages.items():
        if nodes[0].startswith(f"{starts.IMPORTED}/"):
            own[stage] = own[stage] or _other_start(plan, root, nodes[0])
    if "features" in own:
        own["features"] = own["features"] or _other_weights(plan, root)
    found: dict[str, str | None] = {}

    def finding(stage: str) -> str | None:
        if stage not in found:
            nodes = [plan.nodes[path] for path in stages[stage]]
            parents = {stage_of[path] for node in nodes for path in node.materials + node.reads}
            waits = [parent for parent in sorted(parents - {stage}) if finding(parent)]
            found[stage] = own[stage] or (
                f"its parent stage {waits[0]} is stale" if waits else None
            )
        return found[stage]

    return {stage: finding(stage) for stage in stages}


def require_current(plan: Plan, config: str) -> None:
    """Refuse a dvc.yaml that is not the one this configuration and code give.

    Raises:
        UserError: it is missing or of another configuration or code.
    """
    file = Path(ledger_folder(config)) / "dvc.yaml"
    if not file.is_file() or file.read_text(encoding="utf-8") != text(plan, config):
        raise UserError(
            f"{file}: is missing or out of date; write it with `autophagy ledger {config}`"
        )


def _evaluation_stage(plan: Plan, name: str) -> str:
    if name == "real":
        return "evaluate-real"
    kind = "evaluate" if name in plan.experiment.loops else "evaluate-real-only"
    return _stage_named(plan, kind, name)


def _stage_named(plan: Plan, stage: str, name: str) -> str:
    loops = plan.experiment.loops if stage in ("loop", "evaluate") else {}
    if name in loops and starts.shared(plan.experiment, name):
        return _stage_of_fork(stage, name)
    return f"{stage}@{name}"


def _theory_stage(path: str) -> str:
    if path in (REPORT, theory.ROOT):
        return "theory-report"
    run = path.split("/")[1]
    return "theory-real-only" if run == theory.REAL_ONLY else f"theory@{run}"


def _body(plan: Plan, stage: Stage, config: str) -> dict[str, Any]:
    results = "results/${experiment}"
    steps = list(stage.steps)
    if stage.name.split("-")[0] == "loop":
        steps += [step for step in plan.steps if step.startswith("sample_")]
    every = {file for step in steps for file in plan.files(step)}
    # Code of other packages lies outside; it is in the fingerprints of the manifests.
    code = sorted(file for file in every if not fingerprint.is_elsewhere(file))
    deps = list(stage.deps) + (_reported(plan) if stage.name == "report" else [])
    # Where a filter sees classes by the feature network, loops are made from it too.
    if stage.name.split("-")[0] == "loop" and "features" not in deps and _judged(plan):
        deps.append("features")
    body = {
        "cmd": f"snakemake --configfile {config} --cores all --allowed-rules "
        f"{' '.join(stage.rules)} -- {results}/{stage.target}",
        "deps": [f"{results}/{path}" for path in deps]
        + (_sources(plan, stage.name) if stage.name in ("real", "features") else [])
        + list(stage.sources)
        + (_networks(plan) if "train" in stage.steps else [])
        + [f"workflow/scripts/{file}" for file in code],
        "params": [{config: sorted(stage.params)}],
        "outs": [f"{results}/{path}" for path in stage.outs],
    }
    if stage.name == "report":
        if plan.experiment.attribution is not None:
            body["params"] = [{config: sorted({*stage.params, "attribution"})}]
        tables = [name for name in table_names(plan.experiment) if name != METRICS_JSON]
        body["outs"] += [f"{results}/{name}" for name in (*tables, AUDIT, PAGE)]
        body["metrics"] = [f"{results}/{METRICS_JSON}"]
    return body


def _judged(plan: Plan) -> bool:
    judges = presets.filters_of(plan.experiment.loops.values())
    return any(needs == "probabilities" for _, needs in judges)


def _networks(plan: Plan) -> list[str]:
    """The user's own files that trainings read."""
    model = plain(plan.experiment.model)
    source = models.source(plan.experiment.model.family, model)
    return [] if source is None else [str(place(source))]


def _sources(plan: Plan, stage: str) -> list[str]:
    """The user's own files that the data set, or the feature network, is read from."""
    if stage == "features":
        evaluate = plan.experiment.evaluate
        second = features.files(evaluate.second, None) if evaluate.second is not None else []
        return [*features.files(evaluate.features, evaluate.weights), *second]
    dataset = plain(plan.experiment.dataset)
    return data.module(dataset["name"]).files(dataset)


def _other_data(plan: Plan, root: Path) -> str | None:
    """Which of the user's files or folders is another than what the real sets were read from.

    Those that are not here are not asked about: a clone may hold results without their data.
    """
    if not (root / manifests.path_of("real/loop")).is_file():
        return None
    read = manifests.read(root, "real/loop").get("facts", {}).get("source", {}).get("files", {})
    dataset = plain(plan.experiment.dataset)
    loader = data.module(dataset["name"])
    for path in map(Path, _sources(plan, "real")):
        if path.is_file() and read.get(path.name, "") != store.sha256(path):
            return f"{path}: is not the file that the real images were read from"
        if (
            path.is_dir()
            and hasattr(loader, "source_files")
            and read != loader.source_files(dataset)
        ):
            return f"{path}: does not hold what the real images were read from"
    return None


def _other_start(plan: Plan, root: Path, artifact: str) -> str | None:
    """What was brought from outside is no longer what lies there; not asked where nothing does."""
    start = plan.experiment.loops[artifact.split("/")[1]].start_from
    read = manifests.read(root, artifact)["facts"].get("source", {}).get("files", {})
    if place(start).exists() and starts.hashes(start) != read:
        return f"{start}: does not hold what {artifact} was read from"
    return None


def _other_weights(plan: Plan, root: Path) -> str | None:
    """Which of the user's files is another than the one that the feature network was read from."""
    evaluate = plan.experiment.evaluate
    brought = zip(
        stage_nodes(plan)["features"],
        ((evaluate.features, evaluate.weights), (evaluate.second, None)),
        strict=False,
    )
    for network, named in brought:
        sources = [file for file in map(Path, features.files(*named)) if file.is_file()]
        read = manifests.read(root, network)["facts"].get("weights", {}) if sources else {}
        for file in sources:
            if read.get(file.name, "") != store.sha256(file):
                return f"{file}: is not the file that {network} was read from"
    return None


def _reported(plan: Plan) -> list[str]:
    """The folders behind tables and figures, by name: others may lie beside them on disk."""
    roots = [path for path in plan.nodes if path != REPORT and path.endswith("/manifest.json")]
    return sorted(path.removesuffix("/manifest.json") for path in roots)


def _plots(plan: Plan) -> list[dict[str, Any]]:
    """Metrics over generations, coloured by loop, through .dvc/plots/loops.json."""
    table = f"{plan.root}/{METRICS_CSV}"
    space = features.space(features.name_of(plan.experiment.evaluate.features))
    return [
        {
            f"{plan.experiment.experiment} {metric}": {
                "template": "loops",
                "x": "generation",
                "y": {table: metric},
                "title": title,
            }
        }
        for metric, title in (
            ("frechet_distance", f"Fréchet distance ({space})"),
            ("precision", "Precision"),
            ("recall", "Recall"),
        )
    ]
