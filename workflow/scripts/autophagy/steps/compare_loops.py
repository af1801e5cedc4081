"""Every two loops of a run beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import paths, tables, tabular
from autophagy.verdict import pairs
from autophagy.verdict import tables as verdicts


def compare_loops(root: str, plan: dict[str, Any]) -> None:
    """Write loop_pairs.csv: every two loops beside each other.

    Args:
        plan: see `verdict.plan.asked`.
    """
    folder = Path(root)
    budgets = {name: loop["budget"] for name, loop in plan["loops"].items()}
    found = pairs.table(verdicts.chains_of(tables.metrics(folder), plan), budgets)
    tabular.write_rows(folder / paths.LOOP_PAIRS, pairs.COLUMNS, found)
