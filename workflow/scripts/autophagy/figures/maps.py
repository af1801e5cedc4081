"""Feature space over generations: a row of clouds for each loop (as the paper's Fig. 16)."""

from __future__ import annotations

from typing import Any

import numpy as np

from autophagy.figures import COLOURS, WIDTH, drawing

#: Generations of a loop that are shown at most, evenly chosen, the first and the last among them.
COLUMNS = 6

#: n×2 places, some of them None.
Places = list[list[float | None]]


def draw(real: Places, loops: dict[str, list[Places]], axes: list[str], title: str) -> Any:
    """Each loop's previews in the plane, generation by generation; real rows grey behind.

    Args:
        real: n×2. loops: name -> one n×2 a generation. axes: what the two axes are.
    """
    generations = _shown(loops)
    ground = _points(real)
    with drawing() as Figure:
        size = (WIDTH, 1.25 * len(loops) + 0.6)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(loops), len(generations), sharex=True, sharey=True,
                                 squeeze=False)  # fmt: skip
        for row, (place, (name, clouds)) in zip(panels, enumerate(loops.items()), strict=True):
            colour = COLOURS[place % len(COLOURS)]
            for panel, t in zip(row, generations, strict=True):
                points = _points(clouds[t - 1])
                panel.scatter(*ground.T, s=2, color="0.78", lw=0, rasterized=True)
                panel.scatter(*points.T, s=3, color=colour, lw=0, rasterized=True)
                panel.set_xticks([])
                panel.set_yticks([])
            row[0].set_ylabel(name, color=colour)
        for panel, t in zip(panels[0], generations, strict=True):
            panel.set_title(f"generation {t}")
        # What has flown far away must not shrink the rest to a dot.
        panels[0, 0].set_xlim(*_frame(ground[:, 0]))
        panels[0, 0].set_ylim(*_frame(ground[:, 1]))
        figure.supxlabel(f"→ {axes[0]}; ↑ {axes[1]}", fontsize="medium")
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def caption(
    real: Places, loops: dict[str, list[Places]], axes: list[str], title: str, space: str
) -> str:
    """What the figure shows, in words; arguments as in `draw`; space: of the features."""
    first = next(iter(loops.values()))
    shown, all_of = len(_shown(loops)), len(first)
    several = "" if shown == 1 else "s"
    left_out = f" (of {all_of}, evenly)" if shown < all_of else ""
    return (
        f"The same {len(first[0])} sample seeds in {shown} generation{several}{left_out} of "
        f"{', '.join(loops)}, in the plane of {axes[0]} and {axes[1]} of {len(real)} held-out real "
        f"rows (grey); features: {space}. {title}. After Fig. 16 of Alemohammad et al. (2023)."
    )


def _shown(loops: dict[str, list[Places]]) -> list[int]:
    last = len(next(iter(loops.values())))
    return np.unique(np.linspace(1, last, min(last, COLUMNS)).astype(int)).tolist()


def _points(places: Places) -> np.ndarray:
    """float64 n×2, without those that have no place."""
    points = np.array(places, np.float64).reshape(-1, 2)
    return points[np.isfinite(points).all(axis=1)]


def _frame(coordinates: np.ndarray) -> tuple[float, float]:
    low, high = float(coordinates.min()), float(coordinates.max())
    margin = 0.25 * (high - low) or 1.0
    return low - margin, high + margin
