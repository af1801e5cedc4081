"""The pairwise metrics on a CUDA card: the sums of `neighbours` and `kernel`, in the same float64.

Distances are summed from differences here too, so duplicates are exactly 0 apart. Other values may
differ from the CPU's in the last bits.

A block that the device's memory has no room for is halved. Distances, and what is counted of them,
are the same in blocks of any size; the kernel's sum is rounded in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from autophagy import devices

T = TypeVar("T")

#: Bytes of one float64 block: enough work for a card at once.
BLOCK_BYTES = 256 * 2**20


@dataclass
class Blocks:
    """How large blocks are, in bytes; less than BLOCK_BYTES once memory has asked for it."""

    bytes: int
    say: Callable[[str], None]


_blocks: ContextVar[Blocks | None] = ContextVar("blocks", default=None)


@contextmanager
def blocks(say: Callable[[str], None] = lambda note: None) -> Iterator[Blocks]:
    """The blocks of all that is computed within: once halved, they stay so.

    Args:
        say: hears that blocks become smaller.
    """
    made = Blocks(BLOCK_BYTES, say)
    token = _blocks.set(made)
    try:
        yield made
    finally:
        _blocks.reset(token)


def kth_neighbour_distances(x: np.ndarray, k: int, device: str) -> np.ndarray:
    """See `neighbours.kth_neighbour_distances`; x is float64 n×d."""
    return _radii(_moved(x, device), k).cpu().numpy()


def nearest_distances(a: np.ndarray, b: np.ndarray, device: str) -> np.ndarray:
    """See `neighbours.nearest_distances`; a and b are float64."""
    import torch

    x, y = _moved(a, device), _moved(b, device)
    nearest = _by_block(len(x), len(y), lambda rows: _distances(x[rows], y).amin(dim=1))
    return torch.cat(list(nearest)).cpu().numpy()


def ball_counts(
    reference: np.ndarray,
    generated: np.ndarray,
    reference_radii: np.ndarray,
    generated_radii: np.ndarray,
    device: str,
) -> tuple[int, int, np.ndarray, np.ndarray]:
    """See `neighbours.ball_counts`; all are float64."""
    import torch

    balls, own = _moved(reference_radii, device), _moved(generated_radii, device)
    x, y = _moved(generated, device), _moved(reference, device)

    def counted(rows: slice) -> tuple[int, int, Any, Any]:
        distances = _distances(x[rows], y)
        in_ball = distances <= balls
        found = (distances <= own[rows, None]).any(dim=0), in_ball.any(dim=0)
        return int(in_ball.any(dim=1).sum()), int(in_ball.sum()), *found

    precise = inside = 0
    recalled = torch.zeros(len(balls), dtype=torch.bool, device=device)
    covered = torch.zeros_like(recalled)
    for rows_in, pairs_in, reached, holding in _by_block(len(x), len(y), counted):
        precise += rows_in
        inside += pairs_in
        recalled |= reached
        covered |= holding
    return precise, inside, recalled.cpu().numpy(), covered.cpu().numpy()


def kernel_sum(a: np.ndarray, b: np.ndarray, device: str) -> float:
    """The sum of (x·y/d + 1)³ over all pairs of rows; a and b are float64."""
    x, y = _moved(a, device), _moved(b, device)

    def summed(rows: slice) -> float:
        return float((x[rows] @ y.T).div_(x.shape[1]).add_(1).pow_(3).sum())

    return sum(_by_block(len(x), len(y), summed))


def _radii(x: Any, k: int) -> Any:
    import torch

    def of(rows: slice) -> Any:
        distances = _distances(x[rows], x)
        own = torch.arange(rows.start, rows.stop, device=x.device)
        distances[own - rows.start, own] = torch.inf
        return distances.topk(k, dim=1, largest=False).values.amax(dim=1)

    return torch.cat(list(_by_block(len(x), len(x), of)))


def _distances(a: Any, b: Any) -> Any:
    import torch

    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def _by_block(n_rows: int, n_columns: int, compute: Callable[[slice], T]) -> Iterator[T]:
    """compute(rows) for each block of rows, in order, with as many rows as memory allows.

    A block that does not fit is computed again in smaller ones: `compute` must leave nothing behind
    but its result.

    Raises:
        UserError: there is too little memory for a block of one row.
    """
    held = _blocks.get() or Blocks(BLOCK_BYTES, lambda note: None)
    row = 8 * max(1, n_columns)
    start = 0
    while start < n_rows:

        def attempt(size: int, first: int = start) -> T:
            return compute(slice(first, first + size))

        asked = min(max(1, held.bytes // row), n_rows - start)
        words = "{} rows of distances at once".format
        found, size = devices.within_memory(attempt, asked, held.say, words)
        if size < asked:
            held.bytes = size * row
        yield found
        start += size


def _moved(x: np.ndarray, device: str) -> Any:
    import torch

    needed = "evaluate: comparing the features"
    with devices.memory_needed(needed, "free memory, lower evaluate.n, or set device: cpu"):
        return torch.from_numpy(x).to(device)
