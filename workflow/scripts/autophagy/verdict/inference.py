"""Small-sample inference over seeds: t-intervals, Holm's correction, seeds that would decide.

The seed is the unit: each is its own draw of real images and its own training, so one number a
seed is an independent value, whatever the correlation between the generations behind it. Student's
interval is exact for normal values at any number of seeds, where a percentile bootstrap over 3 to 5
of them covers .74 to .84.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

#: With fewer seeds there is no verdict: a t-interval of two has 12.7 standard errors on each side.
FEWEST_SEEDS = 3
#: Seeds beyond which nobody is told to go.
MOST_SEEDS = 1000
#: Probability with which the seeds that are asked for would decide.
POWER = 0.8


@dataclass(frozen=True)
class Mean:
    """The mean of independent values, one a seed, and its two-sided t-interval."""

    value: float
    low: float
    high: float
    sd: float
    n: int

    def p_above(self, cut: float) -> float:
        """One-sided p of the null hypothesis that the mean is `cut` or less."""
        from scipy.special import stdtr

        if self.sd == 0.0:
            return 0.0 if self.value > cut else 1.0
        return float(stdtr(self.n - 1, (cut - self.value) / (self.sd / math.sqrt(self.n))))

    def p_below(self, cut: float) -> float:
        """One-sided p of the null hypothesis that the mean is `cut` or more."""
        from scipy.special import stdtr

        if self.sd == 0.0:
            return 0.0 if self.value < cut else 1.0
        return float(stdtr(self.n - 1, (self.value - cut) / (self.sd / math.sqrt(self.n))))

    def p_apart(self, cut: float) -> float:
        """Two-sided p of the null hypothesis that the mean is `cut`."""
        return min(1.0, 2 * min(self.p_above(cut), self.p_below(cut)))

    def times(self, factor: float) -> Mean:
        """The mean of the values times a positive factor."""
        scaled = (factor * x for x in (self.value, self.low, self.high, self.sd))
        return Mean(*scaled, self.n)


def mean(values: np.ndarray, level: float = 0.05) -> Mean:
    """Mean and interval of coverage 1 - level of at least two finite values."""
    n = len(values)
    centre, sd = float(values.mean()), float(values.std(ddof=1))
    reach = critical(n, level / 2) * sd / math.sqrt(n)
    return Mean(centre, centre - reach, centre + reach, sd, n)


def critical(n: int, level: float) -> float:
    """What Student's t of n values exceeds with probability `level`."""
    from scipy.special import stdtrit

    return float(-stdtrit(n - 1, level))


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's (1979) adjusted p values: rejecting those <= α keeps the family-wise error <= α.

    The k-th smallest of m is multiplied by m - k + 1, and none is less than a smaller one's.
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def seeds_needed(effect: float, sd: float, level: float) -> int | None:
    """The fewest seeds with which a one-sided t-test would tell `effect` from 0.

    The smallest n >= 3 with P(T > t_{n-1; 1-level}) >= `POWER`, T noncentral t with n - 1 degrees
    of freedom and noncentrality effect √n / sd: that the effect and sd seen are the true ones is
    assumed.

    Returns:
        None where the effect is not positive or takes more than `MOST_SEEDS`.
    """
    if not effect > 0.0:
        return None
    if sd == 0.0:
        return FEWEST_SEEDS
    candidates = range(FEWEST_SEEDS, MOST_SEEDS + 1)
    # Power grows with n.
    place = bisect_left(candidates, POWER, key=lambda n: power(effect / sd, n, level))
    return candidates[place] if place < len(candidates) else None


def power(effect: float, n: int, level: float) -> float:
    """Probability that a one-sided t-test of n values finds a mean of `effect` sd."""
    from scipy.special import nctdtr

    limit = critical(n, level)
    # Beyond, the test finds it for certain, and the distribution's series gives out.
    shift = min(effect * math.sqrt(n), limit + 100.0 * max(1.0, limit))
    found = 1.0 - float(nctdtr(n - 1, shift, limit))
    return found if math.isfinite(found) else float(shift > limit)
