"""Nearest-neighbour metrics: precision and recall, density and coverage.

Every distance that decides something is summed from differences, so duplicates are exactly 0 apart;
`screen` spares the others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autophagy.metrics import card, screen
from autophagy.metrics.base import Undefined, as_features

#: Hears of rows done and rows in all.
Tell = Callable[[int, int], None]


def quiet(done: int, total: int) -> None:
    """Nobody listens."""


def kth_neighbour_distances(
    x: np.ndarray, k: int, device: str = "cpu", tell: Tell = quiet
) -> np.ndarray:
    """Distance of each row of x (n×d) to its k-th nearest other row, k ≥ 1: (n,).

    A row is no neighbour of itself; a duplicate of it is one, at distance 0. Raises Undefined
    if k ≥ n.
    """
    x = as_features(x)
    _check(k, len(x))
    if device != "cpu":
        return _finite(card.kth_neighbour_distances(x, k, device))
    radii = np.empty(len(x))
    for rows, squares, error in screen.squares_in_blocks(x, x):
        own = np.arange(rows.start, rows.stop)
        squares[own - rows.start, own] = np.inf
        bound = screen.kth_smallest(squares, k)
        for row, near in zip(own, _not_above(squares, bound + 2 * error), strict=True):
            distances = screen.exact(x[row], x[near[near != row]])
            radii[row] = np.partition(distances, k - 1)[k - 1]
        tell(rows.stop, len(x))
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
    for rows, squares, error in screen.squares_in_blocks(a, b):
        near = _not_above(squares, squares.min(axis=1) + 2 * error)
        for row, columns in zip(range(rows.start, rows.stop), near, strict=True):
            nearest[row] = screen.exact(a[row], b[columns]).min()
    return _finite(nearest)


def prdc(
    reference: np.ndarray, generated: np.ndarray, k: int, device: str = "cpu", tell: Tell = quiet
) -> dict[str, float]:
    """Precision, recall, density and coverage, from one pass over the distances.

    tell: hears how many rows of both sets have been met, in each of the two passes over them.

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
    n, m = len(reference), len(generated)
    total = n + 2 * m
    radii = [
        kth_neighbour_distances(rows, k, device, lambda done, _, met=met: tell(met + done, total))
        for rows, met in ((reference, 0), (generated, n))
    ]
    if device == "cpu":
        counted = ball_counts(
            reference, generated, *radii, lambda done, _: tell(n + m + done, total)
        )
    else:
        counted = card.ball_counts(reference, generated, *radii, device)
    precise, inside, recalled, covered = counted
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
    tell: Tell = quiet,
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
    for rows, squares, error in screen.squares_in_blocks(generated, reference):
        pairs = generated[rows], reference, squares, error
        in_reference_ball = _inside(*pairs, reference_radii)
        precise += int(in_reference_ball.any(axis=1).sum())
        inside += int(np.count_nonzero(in_reference_ball))
        covered |= in_reference_ball.any(axis=0)
        recalled |= _inside(*pairs, generated_radii[rows, None]).any(axis=0)
        tell(rows.stop, len(generated))
    return precise, inside, recalled, covered


def precision_recall(reference: np.ndarray, generated: np.ndarray, k: int) -> tuple[float, float]:
    """(precision, recall) of Kynkäänniemi et al. 2019; see `prdc`, also on why inside means ≤."""
    values = prdc(reference, generated, k)
    return values["precision"], values["recall"]


def density_coverage(reference: np.ndarray, generated: np.ndarray, k: int) -> tuple[float, float]:
    """(density, coverage) of Naeem et al. 2020; see `prdc`."""
    values = prdc(reference, generated, k)
    return values["density"], values["coverage"]


def _not_above(squares: np.ndarray, bounds: np.ndarray) -> list[np.ndarray]:
    """Of each row the columns whose value is not above its bound; NaN is not."""
    found = ~(squares > bounds[:, None])
    return np.split(np.nonzero(found)[1], np.cumsum(found.sum(axis=1))[:-1])


def _inside(
    a: np.ndarray, b: np.ndarray, squares: np.ndarray, error: float, radii: np.ndarray
) -> np.ndarray:
    """Whether the distance of a row of a to one of b is at most the radius: bool n×m.

    Args:
        squares, error: of all pairs, from `screen.squares_in_blocks`.
        radii: of shape (m,) or n×1.
    """
    found = ~(squares > radii**2 + error)
    sure = squares <= radii**2 - error
    # Nothing is sure that is not found, so that equal counts leave nothing open.
    if np.count_nonzero(found) != np.count_nonzero(sure):
        radii = np.broadcast_to(radii, squares.shape)
        for row in np.flatnonzero((found != sure).any(axis=1)):
            open_ = np.flatnonzero(found[row] & ~sure[row])
            found[row, open_] = screen.exact(a[row], b[open_]) <= radii[row, open_]
    return found


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
