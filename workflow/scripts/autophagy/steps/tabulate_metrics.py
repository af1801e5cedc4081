"""The tidy table of a finished experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import tables


def tabulate_metrics(root: str, evaluations: list[dict[str, Any]]) -> None:
    """Write metrics.csv."""
    tables.write_csv(Path(root), evaluations)
