"""The lineage graph of an experiment."""

from __future__ import annotations

from pathlib import Path

from autophagy import figures, lineage_figure
from autophagy.archive import Archive


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
