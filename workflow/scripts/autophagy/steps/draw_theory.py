"""Draw the figure of a theory experiment."""

from __future__ import annotations

from pathlib import Path


def draw_theory(
    root: str, runs: dict[str, str], figure: str, title: str, stem: str, table: str
) -> None:
    """Draw the experiment's figure, and write the runs' tables as one.

    Args:
        runs: name -> its table, relative to root.
        stem: output path without its suffix. table: path of the joint table.
    """
    import pandas as pd

    from autophagy import figures, tabular
    from autophagy.theory import drawing

    read = [pd.read_csv(Path(root) / path).assign(run=name) for name, path in runs.items()]
    whole = pd.concat(read, ignore_index=True)
    said = drawing.caption(figure, whole, title)
    figures.save(drawing.draw(figure, whole, title), said, Path(stem))
    columns = ["run", *(name for name in whole if name not in ("run", "points"))]
    tabular.write(Path(table), whole[columns])
