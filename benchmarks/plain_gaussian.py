"""The plain simulation of an autophagous loop of Gaussians: it draws every sample."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def chain(d: int, n: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(mean, covariance) of G^1, G^2, …: each fitted to n samples of the last, G^0 = N(0, I)."""
    points = rng.standard_normal((n, d))
    while True:
        mean, covariance = points.mean(axis=0), np.cov(points, rowvar=False)
        yield mean, covariance
        points = mean + rng.standard_normal((n, d)) @ np.linalg.cholesky(covariance).T


def distance(mean: np.ndarray, covariance: np.ndarray) -> float:
    """Squared Wasserstein-2 distance to N(0, I)."""
    eigenvalues = np.linalg.eigvalsh(covariance).clip(min=0)
    return float(mean @ mean + np.sum((np.sqrt(eigenvalues) - 1) ** 2))
