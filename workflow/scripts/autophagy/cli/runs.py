"""Commands that ask of a configuration: what its run makes, has made, will cost; and its record."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from autophagy.errors import UserError

if TYPE_CHECKING:
    from autophagy.config import Experiment


def record(chosen: argparse.Namespace) -> int:
    from autophagy import dvc_commands, ledger

    plan, config = _plan(chosen.config)
    ledger.require_current(plan, config)
    found = ledger.findings(plan, Path(plan.root))
    current = [stage for stage, finding in found.items() if finding is None]
    if not chosen.check:
        dvc_commands.commit(os.path.join(ledger.ledger_folder(config), "dvc.yaml"), current)
    stale = {stage: finding for stage, finding in found.items() if finding}
    if chosen.json:
        print(json.dumps({"current": current, "stale": stale}, indent=2))
    else:
        verb = "are current" if chosen.check else "recorded"
        print(f"{len(current)} of {len(found)} stages {verb}")
        for stage, finding in stale.items():
            print(f"autophagy: {stage}: {finding}", file=sys.stderr)
    return 1 if stale else 0


def restore(chosen: argparse.Namespace) -> int:
    from autophagy import ledger, restore

    plan, config = _plan(chosen.config)
    stale = restore.restore(plan, config, pull=chosen.pull)
    count = len(ledger.stage_nodes(plan))
    if chosen.json:
        print(json.dumps({"current": count - len(stale), "stale": stale}, indent=2))
    elif not stale:
        print(f"{plan.root}: {count} stages are in place and current")
    if stale:
        stage, finding = next(iter(stale.items()))
        print(
            f"autophagy: {config}: the recorded results of {len(stale)} of {count} stages are not "
            f"what it and this code make ({stage}: {finding}); `git checkout` the revision that "
            "recorded them, or `make run`",
            file=sys.stderr,
        )
    return 1 if stale else 0


def ledger(chosen: argparse.Namespace) -> int:
    from autophagy import ledger, store

    plan, config = _plan(chosen.config)
    file = Path(ledger.ledger_folder(config)) / "dvc.yaml"
    _require_own_name(plan.experiment.experiment, config)
    content = ledger.text(plan, config)
    with store.new_file(file) as aside:
        aside.write_text(content, encoding="utf-8")
    if chosen.json:
        print(json.dumps({"file": str(file), "stages": list(ledger.stage_nodes(plan))}, indent=2))
    else:
        print(f"{file}: {len(ledger.stage_nodes(plan))} stages")
    return 0


def summary(chosen: argparse.Namespace) -> int:
    from autophagy import layout, manifests, paths, store, tables
    from autophagy.summary import text as told_of_loops
    from autophagy.verdict.summary import text as verdicts_told

    plan, _ = _plan(chosen.config)
    root = Path(plan.root)
    if plan.experiment.kind == "theory":
        return _summary_of_theory(plan, chosen.json)
    if not (root / "metrics.csv").is_file():
        raise UserError(f"{root}/metrics.csv: is missing; run the workflow first")
    tables.metrics(root)
    # The table has no schema of its own; what it was made of has.
    manifests.read(root, paths.evaluation_path("real", plan.experiment.seeds[0], 0))
    if chosen.json:
        print(json.dumps(store.read_json(root / paths.METRICS_JSON), indent=2))
        return 0
    parts = [told_of_loops(root, plan.experiment), verdicts_told(root, plan.experiment)]
    # All are read before the first is told: a table that is none ends in its one line alone.
    parts += ["\n".join(lines) for lines in _further(root, plan.experiment)]
    print("\n\n".join(parts))
    print("\nFigures:")
    for name in layout.figure_names(plan.experiment):
        print(f"  {root}/figures/{name}.png")
    return 0


def _further(root: Path, experiment: Experiment) -> Iterator[list[str]]:
    """The lines on each table that only some experiments have."""
    from autophagy import layout, paths, tabular
    from autophagy.verdict import attribution, opinions, pairs

    for module, name, has in (
        (pairs, paths.LOOP_PAIRS, layout.has_pairs(experiment)),
        (attribution, paths.ATTRIBUTION, experiment.attribution is not None),
        (opinions, paths.SECOND_OPINION, experiment.evaluate.second is not None),
    ):
        if has:
            yield module.lines(tabular.rows(root / name, module.COLUMNS))


def _summary_of_theory(plan, as_json: bool) -> int:
    from autophagy import paths, tabular
    from autophagy.theory import plan as theory
    from autophagy.theory import tables

    file = Path(plan.root) / paths.THEORY_CSV
    if not file.is_file():
        raise UserError(f"{file}: is missing; run the workflow first")
    table = tabular.read(file, tables.needed(plan.experiment.study), more=True)
    if as_json:
        print(table.to_json(orient="records", indent=2))
        return 0
    print(f"{plan.experiment.experiment}: {plan.experiment.title}\n")
    print(tables.summary(table, plan.experiment.study))
    print("\nFigures:")
    for name in theory.figure_files(plan.experiment):
        print(f"  {plan.root}/{name}")
    return 0


def effective_size(chosen: argparse.Namespace) -> int:
    from dataclasses import asdict

    from threadpoolctl import threadpool_limits

    from autophagy.theory import frontier

    asked = (chosen.n_real, chosen.n_synthetic, chosen.bias, chosen.dim)
    # On small matrices the threads of BLAS only wait for each other, most of all on a busy machine.
    with threadpool_limits(1):
        found = frontier.effective_size(*asked, chosen.chains, chosen.seed)
    print(json.dumps(asdict(found), indent=2) if chosen.json else found.told())
    return found.status


def watch(chosen: argparse.Namespace) -> int:
    from autophagy import watch

    plan, _ = _plan(chosen.config)
    if plan.experiment.kind == "theory":
        raise UserError(
            f"{chosen.config}: kind: theory has no generations to watch, but parts; `autophagy "
            f"timings` lists those that are done"
        )
    if chosen.json:
        found = watch.grid(plan, Path(plan.root), Path("logs") / plan.experiment.experiment)
        rows = [
            {"loop": name, "seed": seed, "generations": [vars(cell) for cell in cells]}
            for (name, seed), cells in found.items()
        ]
        print(json.dumps(rows, indent=2))
        return 0
    logs = Path("logs") / plan.experiment.experiment
    watch.watch(plan, Path(plan.root), logs, chosen.once)
    return 0


def timings(chosen: argparse.Namespace) -> int:
    from autophagy import config as configuration
    from autophagy import timings

    config = os.path.normpath(chosen.config)
    experiment = configuration.load(config).experiment
    logs = Path("logs") / experiment
    found = timings.jobs(logs)
    page = timings.write(found, experiment, logs)
    print(found.to_json(orient="records", indent=2) if chosen.json else timings.told(found))
    print(f"page: {page}", file=sys.stderr if chosen.json else sys.stdout)
    return 0


def costs(chosen: argparse.Namespace) -> int:
    from autophagy import costs

    for flag, value in (("--tflops", chosen.tflops), ("--watts", chosen.watts)):
        if value is not None and not 0.0 < value < float("inf"):
            raise UserError(f"{flag}: {value:g} is not allowed; it must be above 0")
    if chosen.watts is not None and chosen.tflops is None:
        raise UserError("--watts: needs --tflops, of which the time follows")
    plan, _ = _plan(chosen.config, data_at_hand=False)
    found = costs.of(plan, _shape(chosen.shape))
    if chosen.json:
        print(json.dumps({step: vars(cost) for step, cost in found.items()}, indent=2))
    else:
        print(costs.told(plan.experiment.experiment, found, chosen.tflops, chosen.watts))
    return 0


def _shape(text: str | None) -> tuple[int, int] | None:
    """`64x3` -> (64, 3)."""
    if text is None:
        return None
    side, _, channels = text.partition("x")
    if not (side.isdecimal() and channels in ("1", "3") and 0 < int(side) <= 4096):
        raise UserError(f"--shape: {text!r} is not allowed; it must be like 64x3, with 1 or 3")
    return int(side), int(channels)


def check(chosen: argparse.Namespace) -> int:
    from autophagy.verdict import controls

    plan, config = _plan(chosen.config)
    experiment = plan.experiment
    _require_own_name(experiment.experiment, config)
    lacks = {} if experiment.kind == "theory" else controls.lacking(experiment)
    if chosen.json:
        told = {"config": config, "artifacts": len(plan.nodes), "real_only_lacking": lacks}
        print(json.dumps(told))
    else:
        print(f"{config}: valid; {len(plan.nodes)} artifacts below {plan.root}/")
        if lacks:
            print(controls.told(lacks, experiment.kind))
    return 0


def schema(chosen: argparse.Namespace) -> int:
    from autophagy import config

    print(json.dumps(config.json_schema(), indent=2, sort_keys=True))
    return 0


def _plan(config: str, data_at_hand: bool = True):
    from autophagy import config as configuration
    from autophagy import plan as planning

    config = os.path.normpath(config)
    return planning.build(configuration.load(config, data_at_hand)), config


def _require_own_name(name: str, config: str) -> None:
    """Refuse an experiment that would write over the results of another one here."""
    from autophagy import config_file

    for other in sorted(Path("config").rglob("config.yaml")):
        if config != str(other) and config_file.name_in(other) == name:
            raise UserError(
                f"{config}: experiment: {name!r} is that of {other}, and would write over its "
                "results; choose another name"
            )
