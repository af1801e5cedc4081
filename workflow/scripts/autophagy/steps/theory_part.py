"""Compute one part of a run of the exact loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import manifests, tabular
from autophagy.progress import Report


def theory_part(root: Path, records: list[dict[str, Any]], report: Report) -> None:
    """Write one part of a run: rows of numbers with standard errors."""
    import pandas as pd
    from threadpoolctl import threadpool_limits

    from autophagy.theory import studies

    [record] = records
    params = record["params"]
    with threadpool_limits(params["threads"]):
        study = studies.module(params["study"])
        rows = study.compute(params["part"], params["effort"], record["seed"], report)
    tabular.write(root / record["path"], pd.DataFrame(rows))
    manifests.write(root, record, rows=len(rows))
