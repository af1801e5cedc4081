"""Curves over generations, all loops."""

from __future__ import annotations

from pathlib import Path

from autophagy import evaluated, figures, tables
from autophagy.figures import curves


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
    table = tables.metrics(folder)
    floor = evaluated.resplits(folder, seed)
    asked = (table, loops, floor, title, space, classes)
    figures.save(curves.draw(*asked), curves.caption(*asked), Path(stem))
