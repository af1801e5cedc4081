"""Tables and figures of a finished experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autophagy import (
    evaluated,
    figures,
    lineage_figure,
    manifests,
    paths,
    rows,
    scatter,
    sets,
    store,
    tables,
)
from autophagy.archive import Archive
from autophagy.figures import curves, grid
from autophagy.verdict import attribution, drawing, opinions, pairs
from autophagy.verdict import tables as verdicts


def tabulate_metrics(root: str, evaluations: list[dict[str, Any]]) -> None:
    """Write metrics.csv."""
    tables.write_csv(Path(root), evaluations)


def judge_loops(root: str, plan: dict[str, Any]) -> None:
    """Write verdicts.csv and metrics.json.

    Args:
        plan: see `verdict.tables.asked`.
    """
    verdicts.write(Path(root), plan)


def draw_grid(
    root: str, loop: str, seed: int, previews: dict[str, str], title: str, stem: str
) -> None:
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
    if rows.of(facts).name == "points":
        figure, said = scatter.clouds(strips, title), scatter.caption(loop, seed, strips, title)
    else:
        figure = grid.draw(strips, facts["levels"], title)
        classes = [str(facts["classes"][label]) for label in labels[order].tolist()]
        said = grid.caption(loop, seed, len(previews), classes, title)
    figures.save(figure, said, Path(stem))


def draw_curves(
    root: str,
    loops: list[str],
    seed: int,
    title: str,
    space: str,
    stem: str,
    classes: bool = False,
) -> None:
    """Draw distance, precision and recall over generations.

    Args:
        loops: names, in the order of their colours.
        seed: whose evaluation of real rows gives the band of real against real.
        space: what the space of the distance is called.
        stem: output path without its suffix.
        classes: does a loop inherit its labels, so that classes can die?
    """
    folder = Path(root)
    table = tables.read(folder)
    floor = evaluated.resplits(folder, seed)
    asked = (table, loops, floor, title, space, classes)
    figures.save(curves.draw(*asked), curves.caption(*asked), Path(stem))


def draw_lineage(root: str, loops: dict[str, list[str]], title: str, stem: str) -> None:
    """Draw what the training sets of each loop hold and where it came from.

    Args:
        loops: name -> its training sets, by generation.
        stem: output path without its suffix.
    """
    archive = Archive(Path(root))
    graphs = {name: lineage_figure.generations(archive, made) for name, made in loops.items()}
    said = lineage_figure.caption(graphs, title)
    figures.save(lineage_figure.draw(graphs, title), said, Path(stem))


def draw_effective_size(root: str, plan: dict[str, Any], title: str, space: str, stem: str) -> None:
    """Invert the learning curve at every loop: write effective_size.csv and draw it.

    Args:
        plan: see `verdict.tables.asked`.
        space: what the space of the distance is called.
        stem: output path without its suffix.
    """
    folder = Path(root)
    table = tables.read(folder)
    margin = evaluated.resplits(folder, plan["seeds"][0])[verdicts.METRIC]["sd"]
    sizes = verdicts.effective_sizes(table, plan, margin)
    with store.new_file(folder / paths.EFFECTIVE_SIZE) as file:
        sizes.to_csv(file, index=False, lineterminator="\n")
    asked = (verdicts.curve_of(table, plan), sizes, title, space)
    figures.save(drawing.effective_size(*asked), drawing.caption(*asked), Path(stem))


def attribute_drift(root: str, asked: dict[str, Any], title: str, space: str, stem: str) -> None:
    """Compare the drift of loops: write attribution.csv and draw it.

    Args:
        asked: see `verdict.tables.attributed`. space: what the space of the distance is called.
        stem: output path without its suffix.
    """
    folder = Path(root)
    chains = verdicts.chains_of(tables.read(folder), asked["plan"])
    distances = {name: chains[name].distances for name in asked["changes"]}
    found = attribution.table(distances, asked["changes"], asked["budgets"], asked["otherwise"])
    with store.new_file(folder / paths.ATTRIBUTION) as file:
        found.to_csv(file, index=False, lineterminator="\n")
    figures.save(
        drawing.attribution(found, title, space), drawing.attribution_caption(found, title, space),
        Path(stem),
    )  # fmt: skip


def compare_loops(root: str, plan: dict[str, Any]) -> None:
    """Write loop_pairs.csv: every two loops beside each other.

    Args:
        plan: see `verdict.tables.asked`.
    """
    folder = Path(root)
    budgets = {name: loop["budget"] for name, loop in plan["loops"].items()}
    found = pairs.table(verdicts.chains_of(tables.read(folder), plan), budgets)
    with store.new_file(folder / paths.LOOP_PAIRS) as file:
        found.to_csv(file, index=False, lineterminator="\n")


def compare_opinions(root: str, evaluations: list[dict[str, Any]], spaces: list[str]) -> None:
    """Write second_opinion.csv: do two feature networks rank the loops alike?

    Args:
        evaluations: see `tables.evaluations`. spaces: what the two spaces are called.
    """
    folder = Path(root)
    budget = " or ".join(dict.fromkeys(entry["budget"] for entry in evaluations if entry["budget"]))
    found = opinions.table(*tables.opinions(folder, evaluations), spaces, budget)
    with store.new_file(folder / paths.SECOND_OPINION) as file:
        found.to_csv(file, index=False, lineterminator="\n")


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
