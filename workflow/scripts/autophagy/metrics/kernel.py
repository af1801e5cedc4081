"""The kernel distance between two sets of features."""

from __future__ import annotations

import numpy as np

from autophagy.metrics import card
from autophagy.metrics.base import Undefined, as_features
from autophagy.metrics.blocks import row_blocks


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
    within_a = (_kernel_sum(a, a, device) - _kernel_diagonal(a)) / (n * (n - 1))
    within_b = (_kernel_sum(b, b, device) - _kernel_diagonal(b)) / (m * (m - 1))
    return within_a + within_b - 2 * _kernel_sum(a, b, device) / (n * m)


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
