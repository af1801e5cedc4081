"""The learning curve inverted at every loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import evaluated, figures, paths, tables, tabular
from autophagy.verdict import drawing
from autophagy.verdict import tables as verdicts


def draw_effective_size(root: str, plan: dict[str, Any], title: str, space: str, stem: str) -> None:
    """Invert the learning curve at every loop: write effective_size.csv and draw it.

    Args:
        plan: see `verdict.plan.asked`.
        space: what the space of the distance is called.
        stem: output path without its suffix.
    """
    folder = Path(root)
    table = tables.metrics(folder)
    margin = evaluated.resplits(folder, plan["seeds"][0])[verdicts.METRIC]["sd"]
    sizes = verdicts.effective_sizes(table, plan, margin)
    tabular.write_rows(folder / paths.EFFECTIVE_SIZE, verdicts.SIZES, sizes)
    asked = (verdicts.curve_of(table, plan), sizes, title, space)
    figures.save(drawing.effective_size(*asked), drawing.caption(*asked), Path(stem))
