"""The picture grid of one loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autophagy import figures, manifests, rows, scatter, sets
from autophagy.figures import grid


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
