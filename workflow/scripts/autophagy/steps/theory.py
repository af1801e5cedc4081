"""The steps of a theory experiment: compute a part, join a run's parts, draw the figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import manifests
from autophagy.progress import Report


def theory_part(root: Path, records: list[dict[str, Any]], report: Report) -> None:
    """Write one part of a run: rows of numbers with standard errors."""
    import pandas as pd
    from threadpoolctl import threadpool_limits

    from autophagy.theory import studies, tables

    [record] = records
    params = record["params"]
    with threadpool_limits(params["threads"]):
        study = studies.module(params["study"])
        rows = study.compute(params["part"], params["effort"], record["seed"], report)
    tables.write(root / record["path"], pd.DataFrame(rows))
    manifests.write(root, record, rows=len(rows))


def theory_table(root: Path, records: list[dict[str, Any]], report: Report) -> None:
    """Write a run's table.csv from its parts, with n_e where a real-only curve gives it."""
    import pandas as pd

    from autophagy.theory import tables

    [record] = records
    own = Path(record["path"]).parent
    frames = {path: pd.read_csv(root / path) for path in record["materials"]}
    parts = [frame for path, frame in frames.items() if Path(path).parent == own]
    curves = [frame for path, frame in frames.items() if Path(path).parent != own]
    table = tables.joined(parts, curves[0] if curves else None)
    tables.write(root / record["path"], table)
    manifests.write(root, record, rows=len(table))
    report(len(parts), len(parts), "parts joined")


def draw_theory(
    root: str, runs: dict[str, str], figure: str, title: str, stem: str, table: str
) -> None:
    """Draw the experiment's figure, and write the runs' tables as one.

    Args:
        runs: name -> its table, relative to root.
        stem: output path without its suffix. table: path of the joint table.
    """
    import pandas as pd

    from autophagy import figures
    from autophagy.theory import drawing, tables

    frames = [pd.read_csv(Path(root) / path).assign(run=name) for name, path in runs.items()]
    whole = pd.concat(frames, ignore_index=True)
    figures.save(drawing.draw(figure, whole, title), Path(stem))
    columns = ["run", *(name for name in whole if name not in ("run", "points"))]
    tables.write(Path(table), whole[columns])
