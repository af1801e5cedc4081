"""A metric over the generations of a loop: its mean and spread over run seeds."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from autophagy.tabular import Rows, grouped


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
    by_generation = grouped(rows, "generation")
    return {
        t: spread([row[metric] for row in found]) for (t,), found in sorted(by_generation.items())
    }


def spread(values: list[float]) -> Spread:
    """Mean and standard deviation; values that are NaN count as none."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return Spread(math.nan, math.nan)
    # Of infinite values the deviation is undefined.
    with np.errstate(invalid="ignore", over="ignore"):
        deviation = np.std(known, ddof=1) if len(known) > 1 else math.nan
        return Spread(float(np.mean(known)), float(deviation))
