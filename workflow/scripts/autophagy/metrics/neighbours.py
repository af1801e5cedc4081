"""Nearest-neighbour metrics: precision and recall, density and coverage.

Distances are summed from differences, so duplicates are exactly 0 apart. The faster expansion
|x|² − 2x·y + |y|² leaves them a rounding error of about 1e-8 |x| apart, and splits the ties that
a collapsed set consists of.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autophagy.metrics import card
from autophagy.metrics.base import Undefined, as_features
from autophagy.metrics.blocks import row_blocks


def kth_neighbour_distances(x: np.ndarray, k: int, device: str = "cpu") -> np.ndarray:
    """Distance of each row of x (n×d) to its k-th nearest other row, k ≥ 1: (n,).

    A row is no neighbour of itself; a duplicate of it is one, at distance 0. Raises Undefined
    if k ≥ n.
    """
    x = as_features(x)
    _check(k, len(x))
    if device != "cpu":
        return _finite(card.kth_neighbour_distances(x, k, device))
    radii = np.empty(len(x))
    for rows, distances in _distance_blocks(x, x):
        own = np.arange(rows.start, rows.stop)
        distances[own - rows.start, own] = np.inf
        distances.partition(k - 1, axis=1)
        radii[rows] = distances[:, k - 1]
    return _finite(radii)


def nearest_distances(a: np.ndarray, b: np.ndarray, device: str = "cpu") -> np.ndarray:
    """Distance of each row of a (n×d) to the nearest row of b (m×d): (n,).

    Raises Undefined if b is empty.
    """
    a, b = as_features(a), as_features(b)
    if len(b) == 0:
        raise Undefined("no rows to be near to")
    if device != "cpu":
        return _finite(card.nearest_distances(a, b, device))
    nearest = np.empty(len(a))
    for rows, distances in _distance_blocks(a, b):
        nearest[rows] = distances.min(axis=1)
    return _finite(nearest)


def prdc(
    reference: np.ndarray, generated: np.ndarray, k: int, device: str = "cpu"
) -> dict[str, float]:
    """Precision, recall, density and coverage, from one pass over the distances.

    The ball of a row reaches to its k-th nearest other row of its own set.

    precision: share of generated rows inside some reference ball, in [0, 1].
    recall: share of reference rows inside some generated ball, in [0, 1].
      Both Kynkäänniemi et al. 2019, section 2.
    density: mean number of reference balls around a generated row, over k; in [0, n_reference/k],
      with mean 1 where both sets are draws of one distribution.
    coverage: share of reference balls that hold a generated row, in [0, 1].
      Both Naeem et al. 2020, section 3.

    Inside means distance ≤ radius, as in Kynkäänniemi's eq. 1. Naeem's code takes <, which is
    the same on distinct distances and wrong on ties: k + 1 copies of one image have radius 0,
    and with < they would not even hold themselves.

    reference is n×d, generated is m×d. Raises Undefined if k ≥ n or k ≥ m.
    """
    reference, generated = as_features(reference), as_features(generated)
    _check(k, min(len(reference), len(generated)))
    radii = [kth_neighbour_distances(rows, k, device) for rows in (reference, generated)]
    if device == "cpu":
        precise, inside, recalled, covered = ball_counts(reference, generated, *radii)
    else:
        precise, inside, recalled, covered = card.ball_counts(reference, generated, *radii, device)
    return {
        "precision": precise / len(generated),
        "recall": float(recalled.mean()),
        "density": inside / (k * len(generated)),
        "coverage": float(covered.mean()),
    }


def ball_counts(
    reference: np.ndarray,
    generated: np.ndarray,
    reference_radii: np.ndarray,
    generated_radii: np.ndarray,
) -> tuple[int, int, np.ndarray, np.ndarray]:
    """What `prdc` counts, given the radii of the rows' balls.

    Returns:
        Generated rows in some ball of the reference; pairs of a generated row and a reference ball
        that holds it; by reference row, whether some generated ball holds it, and whether its own
        ball holds some generated row.
    """
    precise = inside = 0
    recalled = np.zeros(len(reference), dtype=bool)
    covered = np.zeros(len(reference), dtype=bool)
    for rows, distances in _distance_blocks(generated, reference):
        in_reference_ball = distances <= reference_radii
        precise += int(in_reference_ball.any(axis=1).sum())
        inside += int(np.count_nonzero(in_reference_ball))
        covered |= in_reference_ball.any(axis=0)
        recalled |= (distances <= generated_radii[rows, None]).any(axis=0)
    return precise, inside, recalled, covered


def precision_recall(reference: np.ndarray, generated: np.ndarray, k: int) -> tuple[float, float]:
    """(precision, recall) of Kynkäänniemi et al. 2019; see `prdc`, also on why inside means ≤."""
    values = prdc(reference, generated, k)
    return values["precision"], values["recall"]


def density_coverage(reference: np.ndarray, generated: np.ndarray, k: int) -> tuple[float, float]:
    """(density, coverage) of Naeem et al. 2020; see `prdc`."""
    values = prdc(reference, generated, k)
    return values["density"], values["coverage"]


def _distance_blocks(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of rows of a, each with its distances to all of b."""
    from scipy.spatial.distance import cdist

    for rows in row_blocks(len(a), len(b)):
        yield rows, cdist(a[rows], b)


def _check(k: int, n: int) -> None:
    if k < 1:
        raise ValueError(f"k = {k}, but neighbours count from 1")
    if k >= n:
        raise Undefined(f"k = {k} neighbours need more than {k} rows, not {n}")


def _finite(distances: np.ndarray) -> np.ndarray:
    # An overflow would count as a tie with every other overflow.
    if not np.isfinite(distances).all():
        raise Undefined("a distance is not finite")
    return distances
