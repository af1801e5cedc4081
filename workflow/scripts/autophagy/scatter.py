"""Figures of points: a cloud a generation, in one frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from autophagy.figures import COLOURS, WIDTH, drawing

#: Panels at most, and in one row; of a longer loop some generations are shown, evenly.
PANELS, COLUMNS = 12, 6


def clouds(rows: dict[str, np.ndarray], title: str) -> Any:
    """Points of each generation, those of the first entry (real ones) grey behind every other.

    Of more than two dimensions the first two are shown; of one, its histogram.

    Args:
        rows: label -> float32 n×d, real points first.
    """
    shown = _shown(rows)
    first, real = shown[0]
    lines = -(-len(shown) // COLUMNS)
    across = min(len(shown), COLUMNS)
    draw = _cloud if real.shape[1] > 1 else _histogram
    with drawing() as Figure:
        figure = Figure(figsize=(WIDTH * across / COLUMNS, 1.2 * lines + 0.4), layout="constrained")
        panels = figure.subplots(lines, across, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, (label, points) in zip(panels, shown, strict=False):
            draw(axes, real, points if label != first else None)
            axes.set_title(label, fontsize="medium")
        for axes in panels[len(shown) :]:
            axes.set_visible(False)
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def caption(loop: str, seed: int, rows: dict[str, np.ndarray], title: str) -> str:
    """What a figure of clouds shows, in words; arguments as in `clouds`."""
    (_, real), *others = shown = _shown(rows)
    how = {1: "as a histogram", 2: "as points in the plane"}.get(
        real.shape[1], f"in the first two of {real.shape[1]} dimensions"
    )
    left_out = f" (of {len(rows) - 1}, evenly)" if len(shown) < len(rows) else ""
    return (
        f"Loop {loop}, run seed {seed}: {len(others[0][1]) if others else 0} points from the same "
        f"sample seeds in {len(others)} generations{left_out}, {how}; grey: {len(real)} held-out "
        f"real points. {title}."
    )


def _shown(rows: dict[str, np.ndarray]) -> list[tuple[str, np.ndarray]]:
    """Real points, and the generations that have a panel."""
    first, *others = rows.items()
    kept = np.unique(np.linspace(0, len(others) - 1, min(len(others), PANELS - 1)).astype(int))
    return [first, *(others[place] for place in kept)]


def _cloud(axes: Any, real: np.ndarray, points: np.ndarray | None) -> None:
    axes.scatter(real[:, 0], real[:, 1], s=2, color="0.75", lw=0, rasterized=True)
    if points is not None:
        axes.scatter(points[:, 0], points[:, 1], s=2, color=COLOURS[0], lw=0, rasterized=True)
    # What has flown far away must not shrink the rest to a dot.
    for bounds, coordinates in ((axes.set_xlim, real[:, 0]), (axes.set_ylim, real[:, 1])):
        bounds(*_frame(coordinates))


def _histogram(axes: Any, real: np.ndarray, points: np.ndarray | None) -> None:
    low, high = _frame(real[:, 0])
    bins = np.linspace(low, high, 41)
    axes.hist(real[:, 0], bins, density=True, color="0.85")
    if points is not None:
        axes.hist(
            points[np.isfinite(points)], bins, density=True, histtype="step", color=COLOURS[0]
        )
    axes.set_xlim(low, high)


def _frame(coordinates: np.ndarray) -> tuple[float, float]:
    low, high = float(coordinates.min()), float(coordinates.max())
    margin = 0.1 * (high - low) or 1.0
    return low - margin, high + margin
