"""A training set's pictures on the device: levels, a byte each, until a batch asks for numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from autophagy.models.base import TrainingData


class Pictures:
    """float32 N×C×side×side in [-1, 1], whose rows are read by indexing.

    Stored as they come: 60 000 pictures of 128×128×3 are 3 GB as levels, and 12 as numbers.
    """

    def __init__(self, data: TrainingData, side: int, device: str) -> None:
        """
        Args:
            side: of the result; pictures are padded with the darkest level.
        """
        import torch

        images, whole = data.images, data.images.dtype == np.uint8
        before = (side - images.shape[1]) // 2
        after = side - images.shape[1] - before
        padding = ((0, 0), (before, after), (before, after), (0, 0))
        stored = images if whole else _scaled(images, data.levels)
        padded = np.pad(stored, padding, constant_values=0 if whole else -1.0)
        planes = np.ascontiguousarray(padded.transpose(0, 3, 1, 2))
        self._stored = torch.from_numpy(planes).to(device)
        self._numbers = (
            torch.from_numpy(_scaled(np.arange(data.levels), data.levels)).to(device)
            if whole
            else None
        )

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._stored.shape)

    @property
    def device(self) -> Any:
        return self._stored.device

    def __getitem__(self, rows: Any) -> Any:
        """A tensor of the rows, a slice or a tensor of indices on the device."""
        stored = self._stored[rows]
        return stored if self._numbers is None else self._numbers[stored.long()]


def _scaled(values: np.ndarray, levels: int) -> np.ndarray:
    """0..levels-1 as float32 in [-1, 1]."""
    return values.astype(np.float32) * (2.0 / (levels - 1)) - 1.0
