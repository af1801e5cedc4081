"""A metric over the generations of a loop: its mean and spread over run seeds."""

from __future__ import annotations

import math
from typing import NamedTuple

from autophagy.tabular import Rows


class Spread(NamedTuple):
    """Of several seeds, those without a value left out.

    mean: NaN where no seed has a value. sd: the sample standard deviation; NaN of fewer than two.
    """

    mean: float
    sd: float


def over_generations(rows: Rows, metric: str) -> dict[int, Spread]:
    """Generation -> spread of a metric, in the order of generations.

    Args:
        rows: of metrics.csv, those of one loop in one view.
    """
    by_generation: dict[int, list[float]] = {}
    for row in rows:
        by_generation.setdefault(row["generation"], []).append(row[metric])
    return {t: spread(by_generation[t]) for t in sorted(by_generation)}


def spread(values: list[float]) -> Spread:
    """Mean and standard deviation; values that are NaN count as none."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return Spread(math.nan, math.nan)
    mean = math.fsum(known) / len(known)
    if len(known) < 2:
        return Spread(mean, math.nan)
    squares = math.fsum((value - mean) ** 2 for value in known)
    return Spread(mean, math.sqrt(squares / (len(known) - 1)))
