"""Metrics in the space of the data itself, of points whose true density is known.

A truth is what a data set's ``truth`` returns: it has `radii` (squared distance of each point
from the centre, χ² of `dimensions` degrees of freedom under the truth), or `centres` and
`deviation` of equal, round modes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autophagy.metrics.base import Undefined
from autophagy.metrics.blocks import row_blocks

#: A point belongs to a mode within this many standard deviations of its centre.
REACH = 4.0
#: Share of the truth's mass that lies beyond the region that `tail_mass` looks behind.
TAIL = 0.05


def modes_recovered(points: np.ndarray, truth: Any) -> float:
    """Share of the truth's modes that at least one point lies within `REACH` deviations of: 0 to 1.

    points is n×2. Raises Undefined where the truth has no modes.
    """
    return float(_near(points, truth).any(axis=0).mean())


def on_modes(points: np.ndarray, truth: Any) -> float:
    """Share of points within `REACH` deviations of a mode's centre, 0 to 1; .9997 for the truth.

    points is n×2. Raises Undefined where the truth has no modes.
    """
    return float(_near(points, truth).any(axis=1).mean())


def tail_mass(points: np.ndarray, truth: Any) -> float:
    """Share of points beyond the truth's 95% region of highest density, over the truth's 5%.

    In [0, 20]; 1 on average for draws of the truth, 0 where the tails are lost. Under the truth
    the standard deviation over sets of n points is √(19/n). points is n×d. Raises Undefined where
    the region is not known in closed form.
    """
    from scipy.stats import chi2

    if not hasattr(truth, "radii"):
        raise Undefined("the truth's 95% region has no closed form")
    edge = chi2.ppf(1.0 - TAIL, truth.dimensions)
    return float((truth.radii(points) > edge).mean() / TAIL)


def _near(points: np.ndarray, truth: Any) -> np.ndarray:
    """Which points lie within reach of which modes, bool n×m."""
    from scipy.spatial.distance import cdist

    if not hasattr(truth, "centres"):
        raise Undefined("the truth has no modes")
    reach = REACH * truth.deviation
    blocks = [
        cdist(points[rows].astype(np.float64), truth.centres) <= reach
        for rows in row_blocks(len(points), len(truth.centres))
    ]
    return np.concatenate(blocks)
