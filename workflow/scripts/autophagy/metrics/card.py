"""The pairwise metrics on a CUDA card: the sums of `neighbours` and `kernel`, in the same float64.

Distances are summed from differences here too, so duplicates are exactly 0 apart. Other values may
differ from the CPU's in the last bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autophagy.metrics.blocks import row_blocks

#: Bytes of one float64 block: enough work for a card at once.
BLOCK_BYTES = 256 * 2**20


def kth_neighbour_distances(x: np.ndarray, k: int, device: str) -> np.ndarray:
    """See `neighbours.kth_neighbour_distances`; x is float64 n×d."""
    return _radii(_moved(x, device), k).cpu().numpy()


def nearest_distances(a: np.ndarray, b: np.ndarray, device: str) -> np.ndarray:
    """See `neighbours.nearest_distances`; a and b are float64."""
    import torch

    blocks = _distance_blocks(_moved(a, device), _moved(b, device))
    return torch.cat([distances.amin(dim=1) for _, distances in blocks]).cpu().numpy()


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
    precise = inside = 0
    recalled = torch.zeros(len(balls), dtype=torch.bool, device=device)
    covered = torch.zeros_like(recalled)
    for rows, distances in _distance_blocks(_moved(generated, device), _moved(reference, device)):
        in_ball = distances <= balls
        precise += int(in_ball.any(dim=1).sum())
        inside += int(in_ball.sum())
        covered |= in_ball.any(dim=0)
        recalled |= (distances <= own[rows, None]).any(dim=0)
    return precise, inside, recalled.cpu().numpy(), covered.cpu().numpy()


def kernel_sum(a: np.ndarray, b: np.ndarray, device: str) -> float:
    """The sum of (x·y/d + 1)³ over all pairs of rows; a and b are float64."""
    x, y = _moved(a, device), _moved(b, device)
    blocks = row_blocks(len(x), len(y), BLOCK_BYTES)
    return sum(float((x[rows] @ y.T).div_(x.shape[1]).add_(1).pow_(3).sum()) for rows in blocks)


def _radii(x: Any, k: int) -> Any:
    import torch

    found = []
    for rows, distances in _distance_blocks(x, x):
        own = torch.arange(rows.start, rows.stop, device=x.device)
        distances[own - rows.start, own] = torch.inf
        found.append(distances.topk(k, dim=1, largest=False).values.amax(dim=1))
    return torch.cat(found)


def _distance_blocks(a: Any, b: Any) -> Iterator[tuple[slice, Any]]:
    import torch

    for rows in row_blocks(len(a), len(b), BLOCK_BYTES):
        yield rows, torch.cdist(a[rows], b, compute_mode="donot_use_mm_for_euclid_dist")


def _moved(x: np.ndarray, device: str) -> Any:
    import torch

    return torch.from_numpy(x).to(device)
