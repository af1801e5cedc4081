"""What a loop's drift comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import figures, paths, tables, tabular
from autophagy.verdict import attribution, drawing
from autophagy.verdict import tables as verdicts


def attribute_drift(root: str, asked: dict[str, Any], title: str, space: str, stem: str) -> None:
    """Compare the drift of loops: write attribution.csv and draw it.

    Args:
        asked: see `verdict.plan.attributed`. space: what the space of the distance is called.
        stem: output path without its suffix.
    """
    folder = Path(root)
    chains = verdicts.chains_of(tables.metrics(folder), asked["plan"])
    distances = {name: chains[name].distances for name in asked["changes"]}
    found = attribution.table(distances, asked["changes"], asked["budgets"], asked["otherwise"])
    tabular.write_rows(folder / paths.ATTRIBUTION, attribution.COLUMNS, found)
    figures.save(
        drawing.attribution(found, title, space), drawing.attribution_caption(found, title, space),
        Path(stem),
    )  # fmt: skip
