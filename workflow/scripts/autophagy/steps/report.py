"""Tables and figures of a finished experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autophagy import figures, lineage_figure, manifests, paths, rows, scatter, sets, store, tables
from autophagy.archive import Archive
from autophagy.verdict import drawing
from autophagy.verdict import tables as verdicts

#: What shows the rows of a loop's previews, by their kind.
_GRIDS = {
    "images": lambda strips, facts, title: figures.grid(strips, facts["levels"], title),
    "points": lambda strips, facts, title: scatter.clouds(strips, title),
}


def tabulate_metrics(root: str, evaluations: list[dict[str, Any]]) -> None:
    """Write metrics.csv."""
    tables.write_csv(Path(root), evaluations)


def judge_loops(root: str, plan: dict[str, Any]) -> None:
    """Write verdicts.csv and metrics.json.

    Args:
        plan: see `verdict.tables.asked`.
    """
    verdicts.write(Path(root), plan)


def draw_grid(root: str, previews: dict[str, str], title: str, stem: str) -> None:
    """Draw one loop's grid: real images or points, then the preview of each generation.

    Args:
        previews: row label -> artifact.
        stem: output path without its suffix.
    """
    folder = Path(root)
    facts = sets.row_facts(manifests.read(folder, "real/reference"))
    shown = rows.of(facts).shown
    labels = sets.read_array(folder, next(iter(previews.values())), "labels")[:shown]
    # Side by side, pictures of one class show at a glance whether they have become the same.
    order = np.argsort(labels, kind="stable")
    strips = {"real": _real_row(folder, facts, labels[order])}
    strips |= {
        label: sets.read_rows(folder, artifact, facts)[order]
        for label, artifact in previews.items()
    }
    figures.save(_GRIDS[rows.of(facts).name](strips, facts, title), Path(stem))


def draw_curves(root: str, loops: list[str], seed: int, title: str, space: str, stem: str) -> None:
    """Draw distance, precision and recall over generations.

    Args:
        loops: names, in the order of their colours.
        seed: whose evaluation of real rows gives the band of real against real.
        space: what the space of the distance is called.
        stem: output path without its suffix.
    """
    folder = Path(root)
    table = tables.read(folder)
    floor = tables.resplits(folder, seed)
    figures.save(figures.curves(table, loops, floor, title, space), Path(stem))


def draw_lineage(root: str, loops: dict[str, list[str]], title: str, stem: str) -> None:
    """Draw what the training sets of each loop hold and where it came from.

    Args:
        loops: name -> its training sets, by generation.
        stem: output path without its suffix.
    """
    archive = Archive(Path(root))
    graphs = {name: lineage_figure.generations(archive, made) for name, made in loops.items()}
    figures.save(lineage_figure.draw(graphs, title), Path(stem))


def draw_effective_size(root: str, plan: dict[str, Any], title: str, space: str, stem: str) -> None:
    """Invert the learning curve at every loop: write effective_size.csv and draw it.

    Args:
        plan: see `verdict.tables.asked`.
        space: what the space of the distance is called.
        stem: output path without its suffix.
    """
    folder = Path(root)
    table = tables.read(folder)
    margin = tables.resplits(folder, plan["seeds"][0])[verdicts.METRIC]["sd"]
    sizes = verdicts.effective_sizes(table, plan, margin)
    with store.new_file(folder / paths.EFFECTIVE_SIZE) as file:
        sizes.to_csv(file, index=False, lineterminator="\n")
    curve = verdicts.curve_of(table, plan)
    figures.save(drawing.effective_size(curve, sizes, title, space), Path(stem))


def _real_row(root: Path, facts: dict[str, Any], labels: np.ndarray) -> np.ndarray:
    """Held-out real rows with the given labels, each the next one of its class."""
    real = sets.read_rows(root, "real/reference", facts)
    classes = sets.read_array(root, "real/reference", "labels")
    taken: dict[int, int] = {}
    chosen = []
    for label in labels.tolist():
        candidates = (classes == label).nonzero()[0]
        candidates = candidates if len(candidates) else range(len(real))
        chosen.append(candidates[taken.get(label, 0) % len(candidates)])
        taken[label] = taken.get(label, 0) + 1
    return real[chosen]
