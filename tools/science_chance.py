"""How likely two feature networks are to order loops as much alike by chance."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from autophagy import seeds
from autophagy.verdict.opinions import FEWEST_OF_INTERVAL
from scipy.stats import permutation_test

#: Orders drawn where there are more, of 9 loops or more.
DRAWN = 99_999


def by_chance(rows: pd.DataFrame) -> tuple[float, float] | None:
    """Chances that two orders of the loops are as much alike as theirs, and as much unlike.

    Of the orders by means over seeds, by Spearman's correlation, over all orders. That seeds agree
    on a correlation shows that it repeats for these loops; which loops there are is another chance.

    Args:
        rows: of one metric in second_opinion.csv.

    Returns:
        None of fewer than 5 loops, whose orders are too few, or where one has no place.
    """
    orders = rows.loc[rows["ranked"] == "loops", ["ranking_first", "ranking_second"]]
    if orders.empty or orders.isna().any(axis=None):
        return None
    one, other = (order.split(" < ") for order in orders.iloc[0])
    if len(one) < FEWEST_OF_INTERVAL or set(one) != set(other):
        return None
    return _chances(tuple(other.index(loop) for loop in one))


# A page tells an answer and its word several times over.
@cache
def _chances(places: tuple[int, ...]) -> tuple[float, float]:
    """See `by_chance`; places: in the second order, of the first one's loops in turn."""

    def alike(ranks: np.ndarray, axis: int) -> np.ndarray:
        return -np.square(ranks - np.arange(len(places))).sum(axis=axis)

    tested = permutation_test(
        (np.array(places),), alike, permutation_type="pairings", vectorized=True, n_resamples=DRAWN,
        rng=seeds.stream(seeds.derive("science", 3)),
    )  # fmt: skip
    found, seen = tested.null_distribution, tested.statistic
    # Among orders that are drawn, theirs is one.
    itself = int(len(found) == DRAWN)
    above, below = ((side.sum() + itself) / (len(found) + itself) for side in
                    (found >= seen, found <= seen))  # fmt: skip
    return float(above), float(below)
