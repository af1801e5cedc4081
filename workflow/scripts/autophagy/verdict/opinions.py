"""A second opinion: do two feature networks rank the loops alike?

Every metric of feature space ranks the loops once in each network. Agreement is Spearman's rank
correlation, one a seed: of the loops by their last generation, and of all generations of all loops.
Few things have few orders, and seeds that all give one correlation have no spread: neither has an
interval, since Student's would be of no width where nothing is certain.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autophagy.metrics import OF_FEATURES
from autophagy.series import spread
from autophagy.tabular import Rows, filled, grouped
from autophagy.verdict.inference import FEWEST_SEEDS, mean

#: Columns of second_opinion.csv. ranking: loops by their mean over seeds, in the last generation,
#: from the smallest value on.
COLUMNS = (
    "metric", "ranked", "budget", "items", "seeds", "correlation", "low", "high", "first", "second",
    "ranking_first", "ranking_second",
)  # fmt: skip
#: What is ranked -> the generations that are compared, given the last one.
RANKED = {"loops": lambda t, last: t == last, "generations": lambda t, last: t > 0}
#: With fewer things to rank, a correlation says nothing.
FEWEST = 3
#: With fewer, of 24 orders at most, the correlations of seeds are too coarse for an interval.
FEWEST_OF_INTERVAL = 5


def table(first: Rows, second: Rows, spaces: list[str], budget: str) -> Rows:
    """The table, columns as in `COLUMNS`.

    Args:
        first, second: see `tables.opinions`. spaces: what the two are called.
        budget: the training budget of the loops.
    """
    last = max(row["generation"] for row in first)
    rows: Rows = []
    for metric in OF_FEATURES:
        for ranked, chosen in RANKED.items():
            pair = [
                [row for row in rows_of if chosen(row["generation"], last)]
                for rows_of in (first, second)
            ]
            of_seed = [grouped(rows_of, "seed") for rows_of in pair]
            found = [
                _correlation(*(_values(rows_of[seed], metric) for rows_of in of_seed))
                for seed in of_seed[0]
            ]
            items = len(pair[0]) // len(of_seed[0])
            told = _told(np.array(found), items) | {
                "metric": metric, "ranked": ranked, "first": spaces[0], "second": spaces[1],
                "items": items, "budget": budget,
            }  # fmt: skip
            orders = [_order(rows_of, metric) if ranked == "loops" else "" for rows_of in pair]
            told |= dict(zip(("ranking_first", "ranking_second"), orders, strict=True))
            rows.append(told)
    return filled(rows, COLUMNS)


def _values(rows: Rows, metric: str) -> np.ndarray:
    return np.array([row[metric] for row in rows])


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's, of pairs that are both defined; NaN of fewer than `FEWEST`, or of constants."""
    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() < FEWEST:
        return np.nan
    ranks = np.stack([_ranks(one[known]), _ranks(other[known])])
    if (np.ptp(ranks, axis=1) == 0).any():
        return np.nan
    return float(np.corrcoef(ranks)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """1 for the smallest; equal values share the mean of their ranks.

    As `scipy.stats.rankdata`, whose import takes longer than a job's tables take to write.
    """
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]


def _told(found: np.ndarray, items: int) -> dict[str, Any]:
    """Mean over seeds, and its interval within [-1, 1] but for the cases of `why_no_interval`."""
    found = found[np.isfinite(found)]
    told: dict[str, Any] = {"seeds": len(found)}
    if not len(found):
        return told
    told["correlation"] = float(found.mean())
    # Equal ranks give equal correlations but for rounding.
    if len(found) >= FEWEST_SEEDS and items >= FEWEST_OF_INTERVAL and np.ptp(found) > 1e-9:
        of = mean(found)
        told |= {"low": max(of.low, -1.0), "high": min(of.high, 1.0)}
    return told


def _order(rows: Rows, metric: str) -> str:
    of_loop = grouped(rows, "loop").items()
    means = {loop: spread([row[metric] for row in found]).mean for (loop,), found in of_loop}
    known = [loop for loop, mean in means.items() if not math.isnan(mean)]
    return " < ".join(sorted(known, key=means.__getitem__))


def why_no_interval(row: dict[str, Any]) -> str:
    """Why a row of the table has no interval; empty where it has one, or no correlation either."""
    if not row["seeds"] or row["low"] == row["low"]:
        return ""
    if row["seeds"] < FEWEST_SEEDS:
        return f"fewer than {FEWEST_SEEDS} seeds"
    if row["items"] < FEWEST_OF_INTERVAL:
        return f"fewer than {FEWEST_OF_INTERVAL} {row['ranked']}"
    return "the same in every seed"


def lines(found: Rows) -> list[str]:
    """The table as text for the end of a run."""
    first, second = found[0]["first"], found[0]["second"]
    told = [f"Second opinion: rank correlation of {first} and {second}, λ = 1"]
    for (metric,), rows in grouped(found, "metric").items():
        parts = []
        for row in rows:
            value = f"{row['correlation']:.2f}" if row["seeds"] else "undefined"
            if row["low"] == row["low"]:
                value += f" [{row['low']:.2f}, {row['high']:.2f}]"
            elif why := why_no_interval(row):
                value += f" (no interval: {why})"
            parts.append(f"{value} over {row['items']} {row['ranked']}")
        told.append(f"  {metric}: {', '.join(parts)}")
    return told
