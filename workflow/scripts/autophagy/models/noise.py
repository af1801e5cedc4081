"""Noise of samples: one stream a row, so that a row's does not depend on which rows go with it."""

from __future__ import annotations

import numpy as np

from autophagy import seeds as seeding


def rows_of_noise(
    seeds: np.ndarray, shape: tuple[int, ...], dtype: type = np.float32
) -> np.ndarray:
    """Standard normal numbers, n×shape: row i is the beginning of the stream of seeds[i].

    They are drawn on the host, and so the same on every device.
    """
    noise = np.empty((len(seeds), *shape), dtype)
    for row, seed in enumerate(seeds.tolist()):
        noise[row] = seeding.stream(seed).standard_normal(shape, dtype=dtype)
    return noise
