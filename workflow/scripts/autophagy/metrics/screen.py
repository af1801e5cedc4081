"""Which pairs of rows must be looked at: squared distances by a matrix product, and their error.

|x|² − 2x·y + |y|² takes a tenth of the time of a sum of squared differences, and leaves duplicates
a rounding error apart, which would split the ties that a collapsed set consists of. So the product
only tells which pairs are surely nearer, or surely farther, than what they are compared with; the
distances of the others are computed from differences, and no result has a bit of the product's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autophagy.metrics import blocks

#: Rows of a block at least, also of one that is wider than the budget: fewer make a slow product.
ROWS = 64


def squares_in_blocks(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray, float]]:
    """Blocks of rows of a (n×d), their squared distances to all of b (m×d), and the error of these.

    Each is within the error of the square of the distance that `exact` gives. Where squares
    overflow the error is infinite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        centre = b.mean(axis=0)
        left, right = a - centre, b - centre
        lengths = [np.einsum("ij,ij->i", rows, rows) for rows in (left, right)]
        widest = sum(length.max(initial=0.0) for length in lengths)
        # Twice the bound of a product of d + 2 terms, with that of centring and of the root.
        error = 4.0 * (a.shape[1] + 8) * np.finfo(np.float64).eps * widest
        left = np.column_stack([-2.0 * left, lengths[0], np.ones(len(a))])
        right = np.column_stack([right, np.ones(len(b)), lengths[1]]).T
        error = error if np.isfinite(error) else np.inf
        budget = max(blocks.BLOCK_BYTES, 8 * ROWS * len(b))
        for rows in blocks.row_blocks(len(a), len(b), budget):
            yield rows, left[rows] @ right, error


def kth_smallest(squares: np.ndarray, k: int) -> np.ndarray:
    """At least the k-th smallest of each row, and not much more: (n,)."""
    # Selecting among half the bytes takes a third of the time; the next float32 is not below.
    narrow = squares.astype(np.float32)
    narrow.partition(k - 1, axis=1)
    return np.nextafter(narrow[:, k - 1], np.float32(np.inf)).astype(np.float64)


def exact(row: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distances of a row (d) to others (n×d), summed from differences: 0 to its duplicates."""
    from scipy.spatial.distance import cdist

    return cdist(row[None], others)[0]
