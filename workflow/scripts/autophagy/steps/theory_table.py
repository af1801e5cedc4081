"""Join the parts of a run of the exact loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import manifests, tabular
from autophagy.progress import Report


def theory_table(root: Path, records: list[dict[str, Any]], report: Report) -> None:
    """Write a run's table.csv from its parts, with n_e where a real-only curve gives it."""
    import pandas as pd

    from autophagy.theory import tables

    [record] = records
    own = Path(record["path"]).parent
    read = {path: pd.read_csv(root / path) for path in record["materials"]}
    parts = [frame for path, frame in read.items() if Path(path).parent == own]
    curves = [frame for path, frame in read.items() if Path(path).parent != own]
    table = tables.joined(parts, curves[0] if curves else None)
    tabular.write(root / record["path"], table)
    manifests.write(root, record, rows=len(table))
    report(len(parts), len(parts), "parts joined")
