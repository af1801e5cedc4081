"""The order in which training sees its rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autophagy import seeds as seeding


@dataclass(frozen=True)
class Order:
    """Rows of batch k when epochs, each a fresh permutation of n rows, follow one another.

    Batch k is a function of (seed, k): a training that goes on at step k needs no memory of it.
    """

    n: int
    batch_size: int
    seed: int

    def batch(self, step: int) -> np.ndarray:
        places = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        epochs, within = np.divmod(places, self.n)
        rows = np.empty_like(places)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            rows[here] = seeding.stream(self.seed, int(epoch)).permutation(self.n)[within[here]]
        return rows
