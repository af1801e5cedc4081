"""The kernel distance between two sets of features."""

from __future__ import annotations

import numpy as np

from autophagy.metrics import card
from autophagy.metrics.base import Undefined, as_features
from autophagy.metrics.blocks import row_blocks

#: Pairs up to which they are taken one by one: a moment's work.
PAIRS = 10_000_000
#: Third moments that may stand in memory: 64 MB of them.
MOMENTS = 8_000_000


def kernel_distance(a: np.ndarray, b: np.ndarray, device: str = "cpu") -> float:
    """KID: unbiased MMD² with the kernel (x·y/d + 1)³ (Bińkowski et al. 2018).

    Over the whole sets, not over random subsets, so it needs no seed. a is n×d, b is m×d. The
    mean is 0 where both are draws of one distribution, whatever n and m; single values may then
    be negative. Raises Undefined for fewer than 2 rows.
    """
    a, b = as_features(a), as_features(b)
    n, m = len(a), len(b)
    if min(n, m) < 2:
        raise Undefined(f"an unbiased MMD needs 2 rows or more, not {min(n, m)}")
    if device == "cpu" and _by_moments(n, m, a.shape[1]):
        x, y = _third_moments(a), _third_moments(b)
        of_a, of_b, across = (float(np.vdot(*pair)) for pair in ((x, x), (y, y), (x, y)))
    else:
        of_a, of_b, across = (_kernel_sum(*pair, device) for pair in ((a, a), (b, b), (a, b)))
    within_a = (of_a - _kernel_diagonal(a)) / (n * (n - 1))
    within_b = (of_b - _kernel_diagonal(b)) / (m * (m - 1))
    return within_a + within_b - 2 * across / (n * m)


def _by_moments(n: int, m: int, d: int) -> bool:
    """Whether the moments cost less than the pairs, and fit."""
    moments = (d + 1) ** 2 * (d + 2) // 2
    pairs = n * n + n * m + m * m
    return pairs > PAIRS and moments <= MOMENTS and 2 * (n + m) * moments < pairs * d


def _third_moments(x: np.ndarray) -> np.ndarray:
    """Σ z ⊗ z ⊗ z over the rows of x, with z = (x/√d, 1): (x·y/d + 1)³ = ⟨z⊗z⊗z, z'⊗z'⊗z'⟩.

    So a sum over n·m pairs is one inner product of two sums over n and over m rows. z ⊗ z is
    symmetric: one half of it is kept, times √2 off the diagonal.
    """
    n, d = x.shape
    first, second = np.triu_indices(d + 1)
    weights = np.where(first == second, 1.0, np.sqrt(2.0))
    found = np.zeros((len(first), d + 1))
    for rows in row_blocks(n, len(first)):
        z = np.column_stack([x[rows] / np.sqrt(d), np.ones(rows.stop - rows.start)])
        found += (z[:, first] * z[:, second] * weights).T @ z
    return found


def _kernel_sum(a: np.ndarray, b: np.ndarray, device: str) -> float:
    if device != "cpu":
        return card.kernel_sum(a, b, device)
    return sum(
        float(_kernel(a[rows] @ b.T, a.shape[1]).sum()) for rows in row_blocks(len(a), len(b))
    )


def _kernel_diagonal(x: np.ndarray) -> float:
    return float(_kernel(np.einsum("ij,ij->i", x, x), x.shape[1]).sum())


def _kernel(products: np.ndarray, d: int) -> np.ndarray:
    base = products / d + 1
    return base * base * base
