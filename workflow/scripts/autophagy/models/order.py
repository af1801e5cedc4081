"""Which rows go together: in a batch of training, and in a pass of sampling."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

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
            rows[here] = _permutation(self.n, self.seed, int(epoch))[within[here]]
        return rows


def whole_pass(start: int, size: int, n: int) -> np.ndarray:
    """Rows start … start + size − 1 of n, the last one repeated where there are no more.

    Every pass has the full size: a sample's bits depend on it, but not on its neighbours or place.
    """
    return np.minimum(np.arange(start, start + size), n - 1)


# An epoch has many batches; of the two that meet in one batch none is drawn again.
@lru_cache(maxsize=2)
def _permutation(n: int, seed: int, epoch: int) -> np.ndarray:
    return seeding.stream(seed, epoch).permutation(n)
