"""A running workflow at a glance: loops × generations, read from its logs and results alone.

Nothing is written and no lock is taken, so it may run beside the workflow or after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autophagy import evaluated, layout, manifests, paths, starts
from autophagy.errors import UserError
from autophagy.plan import Plan

WAITING, RUNNING, TRAINED, SAMPLED, MEASURED, FAILED = (
    "waiting", "running", "trained", "sampled", "measured", "failed",
)  # fmt: skip
#: `12/100 loss 0.31, 8 s left`, as `progress` writes it.
_PROGRESS = re.compile(r"(\d+)/(\d+) (.*?)(?:, ([^,]*) left)?")
_FAILED = ("failed:", "interrupted", "Traceback")


@dataclass(frozen=True)
class Cell:
    """One generation of one loop or real-only model and run seed.

    step: the job that runs or failed, such as `train`. done, total: how far it is, 0 before it
    says. note: what it said last, such as the loss. left: its estimate of the time left.
    metrics: of the measured `output` view.
    """

    state: str
    step: str = ""
    done: int = 0
    total: int = 0
    note: str = ""
    left: str = ""
    metrics: dict[str, float] | None = None


def grid(plan: Plan, root: Path, logs: Path) -> dict[tuple[str, int], list[Cell]]:
    """(loop or `real-only/<name>`, run seed) -> its cells by generation.

    Args:
        root: results/<experiment>. logs: logs/<experiment>.
    """
    experiment = plan.experiment
    found = {}
    for seed in experiment.seeds:
        for name in experiment.real_only:
            folder = paths.real_only_folder(name, seed)
            measured = paths.evaluation_path(name, seed, 1)
            model, samples = f"{folder}/model", f"{folder}/samples"
            found[f"real-only/{name}", seed] = [_cell(root, logs, folder, model, samples, measured)]
        for name in experiment.loops:
            found[name, seed] = [
                _cell(
                    root,
                    logs,
                    paths.generation_folder(starts.owner(experiment, name, t), seed, t),
                    layout.model_path(experiment, name, seed, t),
                    layout.samples_path(experiment, name, seed, t),
                    layout.loop_evaluation(experiment, name, seed, t),
                )
                for t in range(1, experiment.generations + 1)
            ]
    return found


def _cell(root: Path, logs: Path, folder: str, model: str, samples: str, evaluation: str) -> Cell:
    def there(artifact: str) -> bool:
        return (root / manifests.path_of(artifact)).is_file()

    if there(evaluation):
        return Cell(MEASURED, metrics=_metrics(root / evaluation))
    evaluated = logs / evaluation.replace("/metrics.json", ".log")
    jobs = {
        "evaluate": evaluated,
        "sample": logs / folder / "sample.log",
        "train": logs / folder / "train.log",
        "mix": logs / folder / "mix.log",
    }
    made = {"sample": there(samples), "train": there(model)}
    for step, log in jobs.items():
        if not made.get(step) and (cell := _job(step, log)) is not None:
            return cell
        if made.get(step):
            break
    if made["sample"]:
        return Cell(SAMPLED)
    return Cell(TRAINED if made["train"] else WAITING)


def _job(step: str, log: Path) -> Cell | None:
    """What a job's log says last; None where there is no log, or it is done."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if any(line.startswith(_FAILED) for line in lines[-40:]):
        return Cell(FAILED, step, note=last)
    if last == "done" or ", done in " in last:
        return None
    counted = _PROGRESS.fullmatch(last)
    if counted is None:
        return Cell(RUNNING, step, note=last)
    done, total, note, left = counted.groups()
    return Cell(RUNNING, step, int(done), int(total), note, left or "")


def _metrics(path: Path) -> dict[str, float] | None:
    """The headline numbers; None of a file that is being written, or is no evaluation."""
    try:
        view = evaluated.read(path)["output"]
    except UserError:
        return None
    return {key: view[key] for key in evaluated.HEADLINE if view[key] is not None}


def table(found: dict[tuple[str, int], list[Cell]], title: str) -> Any:
    """The grid as a rich table; what runs is told below it."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    generations = max(len(cells) for cells in found.values())
    drawn = Table(title=title, title_justify="left", expand=False)
    drawn.add_column("loop")
    drawn.add_column("seed", justify="right")
    for t in range(1, generations + 1):
        drawn.add_column(str(t), justify="right")
    for (name, seed), cells in found.items():
        drawn.add_row(name, str(seed), *(Text(text, style) for text, style in map(_shown, cells)))
    counts = [cell.state for cells in found.values() for cell in cells]
    summary = f"{counts.count(MEASURED)} of {len(counts)} generations measured"
    return Group(drawn, *(Text(line) for line in _running(found)), Text(summary))


def _shown(cell: Cell) -> tuple[str, str]:
    """What stands in a cell, and its style."""
    if cell.state == MEASURED and cell.metrics:
        distance, recall = cell.metrics.get("frechet_distance"), cell.metrics.get("recall")
        known = [f"{distance:.3g}" if distance is not None else "?"]
        known += [f"R {recall:.2f}"] if recall is not None else []
        return " ".join(known), "green"
    if cell.state == RUNNING and cell.total:
        return f"{cell.step} {cell.done / cell.total:.0%}", "yellow"
    if cell.state in (RUNNING, FAILED):
        return f"{cell.step} {'…' if cell.state == RUNNING else 'failed'}", (
            "yellow" if cell.state == RUNNING else "bold red"
        )
    return ("·" if cell.state == WAITING else cell.state), "dim"


def _running(found: dict[tuple[str, int], list[Cell]]) -> Iterator[str]:
    for (name, seed), cells in found.items():
        for t, cell in enumerate(cells, start=1):
            if cell.state in (RUNNING, FAILED):
                count = f" {cell.done}/{cell.total}" if cell.total else ""
                left = f", {cell.left} left" if cell.left else ""
                state = "" if cell.state == RUNNING else " FAILED"
                yield f"{cell.step} {name} seed {seed} generation {t}{state}:{count} " + (
                    f"{cell.note}{left}"
                )


def watch(plan: Plan, root: Path, logs: Path, once: bool, every: float = 2.0) -> None:
    """Show the grid; unless `once`, until everything is measured or Ctrl-C."""
    import time

    from rich.console import Console
    from rich.live import Live

    console = Console()
    title = plan.experiment.experiment
    found = grid(plan, root, logs)
    if once:
        console.print(table(found, title))
        return
    try:
        with Live(table(found, title), console=console, auto_refresh=False) as live:
            while any(cell.state != MEASURED for cells in found.values() for cell in cells):
                time.sleep(every)
                found = grid(plan, root, logs)
                live.update(table(found, title), refresh=True)
    except KeyboardInterrupt:
        return
