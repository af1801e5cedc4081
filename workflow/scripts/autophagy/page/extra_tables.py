"""Tables that only some experiments have, as rows of words for the page."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autophagy import tabular
from autophagy.paths import ATTRIBUTION, EFFECTIVE_SIZE, LOOP_PAIRS, SECOND_OPINION
from autophagy.verdict import attribution, opinions, pairs, tables

#: A row of a table -> one cell.
Cell = Callable[[dict[str, Any]], str]


@dataclass(frozen=True)
class Shown:
    """How a table of the results stands on the page.

    of: the columns of its file. hint: how to read it.
    """

    of: tuple[str, ...]
    title: str
    hint: str
    columns: dict[str, Cell]


def gather(folder: Path, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Those tables that the experiment has: {title, hint, head, rows}; first what a row is of."""
    found = []
    for name in (name for name in asked["tables"] if name in TABLES):
        shown = TABLES[name]
        read = tabular.rows(folder / name, shown.of, empty=True)
        rows = [[cell(row) for cell in shown.columns.values()] for row in read]
        found.append(
            {"title": shown.title, "hint": shown.hint, "head": list(shown.columns), "rows": rows}
        )
    return found


def _text(column: str) -> Cell:
    return lambda row: row[column]


def _number(column: str, low: str, high: str) -> Cell:
    """A value with its interval, where it has one."""

    def cell(row: dict[str, Any]) -> str:
        if math.isnan(row[column]):
            return ""
        value = f"{row[column]:+.3g}"
        return value if math.isnan(row[low]) else f"{value} [{row[low]:+.3g}, {row[high]:+.3g}]"

    return cell


def _ranked(row: dict[str, Any]) -> str:
    return f"{row['items']} {row['ranked']}"


def _generations(row: dict[str, Any]) -> str:
    first, last = row["first_generation"], row["last_generation"]
    return f"{first}" if first == last else f"{first}–{last}"


def _limit(row: dict[str, Any]) -> str:
    return "a limit" if row["limit"] else "not converged"


#: File of the results -> how it stands on the page.
TABLES = {
    EFFECTIVE_SIZE: Shown(
        tables.SIZES,
        "Effective sample size",
        "How many real rows alone would reach the loop's distance: its learning curve, inverted.",
        {
            "loop": _text("loop"),
            "generations": _generations,
            "n_e": _text("told"),
            "is it": _limit,
        },
    ),
    LOOP_PAIRS: Shown(
        pairs.COLUMNS,
        "Loops beside each other",
        "The first loop's slope (a generation) and level of the distance at λ = 1 less the "
        "other's, after burn-in, paired by seed. Intervals: 95%; what is told is corrected for all "
        "pairs.",
        {
            "loop": _text("loop"),
            "beside": _text("other"),
            "slope": _number("slope", "slope_low", "slope_high"),
            "level": _number("level", "level_low", "level_high"),
            "told": _text("told"),
        },
    ),
    ATTRIBUTION: Shown(
        attribution.COLUMNS,
        "What the drift comes from",
        "Drift: the slope of the distance at λ = 1, a generation. The first loop is the reference; "
        "each other starts where it does and differs in what is changed; where that is more than "
        "one thing, the difference is that of all. Intervals: 95%, seeds as units.",
        {
            "loop": _text("loop"),
            "changed": _text("changed"),
            "budget": _text("budget"),
            "drift": _number("drift", "drift_low", "drift_high"),
            "difference": _number("difference", "difference_low", "difference_high"),
            "told": _text("told"),
        },
    ),
    SECOND_OPINION: Shown(
        opinions.COLUMNS,
        "A second opinion",
        "Spearman's rank correlation of what two feature networks say at λ = 1: near 1, they rank "
        "loops alike. Rankings: last generation, smallest value first. Intervals: 95%, seeds as "
        "units.",
        {
            "metric": _text("metric"),
            "of": _ranked,
            "correlation": _number("correlation", "low", "high"),
            "ranking of the first": _text("ranking_first"),
            "ranking of the second": _text("ranking_second"),
        },
    ),
}
