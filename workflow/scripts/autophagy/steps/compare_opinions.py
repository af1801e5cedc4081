"""What two feature networks make of the same loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import paths, tables, tabular
from autophagy.verdict import opinions


def compare_opinions(root: str, evaluations: list[dict[str, Any]], spaces: list[str]) -> None:
    """Write second_opinion.csv: do two feature networks rank the loops alike?

    Args:
        evaluations: see `evaluations.of`. spaces: what the two spaces are called.
    """
    folder = Path(root)
    # G^1 of a loop that starts from outside was trained by nobody here.
    budgets = dict.fromkeys(
        entry["budget"] for entry in tables.of_loops(evaluations) if entry["budget"]
    )
    found = opinions.table(*tables.opinions(folder, evaluations), spaces, " or ".join(budgets))
    tabular.write_rows(folder / paths.SECOND_OPINION, opinions.COLUMNS, found)
