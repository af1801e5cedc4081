"""Gaussians fitted to samples, many chains at once, drawn by their sufficient statistics.

A Gaussian's samples enter its refit only through their mean and scatter, and these have known laws:
the mean is Gaussian and the scatter Wishart, drawn by Bartlett's decomposition. So a generation
costs the same whether n is a thousand or ten million. Everywhere C chains come first, d is the
dimension, and a matrix stands as a root: M = root rootᵀ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np


@dataclass(frozen=True)
class Gaussians:
    """C Gaussians N(mean, root rootᵀ): mean C×d, root C×d×k with k <= d, the rank."""

    mean: np.ndarray
    root: np.ndarray


@dataclass(frozen=True)
class Statistics:
    """Of C samples of n points: mean C×d, and a root C×d×k of the scatter Σ (x - x̄)(x - x̄)ᵀ."""

    n: int
    mean: np.ndarray
    root: np.ndarray


def truth(chains: int, dimensions: int) -> Gaussians:
    """The real distribution N(0, I), C times."""
    identity = np.broadcast_to(np.eye(dimensions), (chains, dimensions, dimensions))
    return Gaussians(np.zeros((chains, dimensions)), identity)


def draw(source: Gaussians, n: int, bias: float, rng: np.random.Generator) -> Statistics:
    """The statistics of n points from N(μ, λΣ), each chain from its own; n >= 1, λ in (0, 1]."""
    chains, _, rank = source.root.shape
    scale = np.sqrt(bias)
    noise = rng.standard_normal((chains, rank, 1)) * (scale / np.sqrt(n))
    mean = source.mean + (source.root @ noise)[..., 0]
    return Statistics(n, mean, scale * (source.root @ bartlett(rng, chains, rank, n - 1)))


def draw_real(n: int, chains: int, dimensions: int, rng: np.random.Generator) -> Statistics:
    """The statistics of n points from N(0, I)."""
    mean = rng.standard_normal((chains, dimensions)) / np.sqrt(n)
    return Statistics(n, mean, bartlett(rng, chains, dimensions, n - 1))


def bartlett(rng: np.random.Generator, chains: int, dimensions: int, freedom: int) -> np.ndarray:
    """Roots A of C Wishart matrices W(I, freedom), lower triangular.

    Bartlett 1933: A_ii² ~ χ²(freedom - i), A_ij ~ N(0, 1) below. With fewer degrees of freedom than
    dimensions the matrix is singular and A has as many columns as degrees of freedom.

    Returns:
        C×d×min(d, freedom); no columns where freedom is 0.
    """
    rank = min(dimensions, freedom)
    below, diagonal = _places(dimensions, rank)
    root = np.zeros((chains, dimensions * rank))
    root[:, below] = rng.standard_normal((chains, len(below)))
    root[:, diagonal] = np.sqrt(rng.chisquare(freedom - np.arange(rank), (chains, rank)))
    return root.reshape(chains, dimensions, rank)


@cache
def _places(dimensions: int, rank: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.tril_indices(dimensions, -1, rank)
    return rows * rank + columns, np.arange(rank) * (rank + 1)


def pool(*parts: Statistics) -> Statistics:
    """The statistics of all points together: the scatter has a share between the parts' means."""
    if len(parts) == 1:
        return parts[0]
    n = sum(part.n for part in parts)
    mean = sum(part.mean * (part.n / n) for part in parts)
    between = [np.sqrt(part.n) * (part.mean - mean)[..., None] for part in parts]
    return Statistics(n, mean, _narrow([part.root for part in parts] + between))


def _narrow(roots: list[np.ndarray]) -> np.ndarray:
    """A root with at most d columns of the sum of what the roots stand for."""
    dimensions = roots[0].shape[1]
    if sum(root.shape[2] for root in roots) <= dimensions:
        return np.concatenate(roots, axis=2)
    total = sum(root @ root.transpose(0, 2, 1) for root in roots)
    try:
        return np.linalg.cholesky(total)
    except np.linalg.LinAlgError:
        # Singular, or nearly: QR needs no positive pivot, and does not square the condition.
        side_by_side = np.concatenate(roots, axis=2).transpose(0, 2, 1)
        return np.linalg.qr(side_by_side, mode="r").transpose(0, 2, 1)


def fit(statistics: Statistics) -> Gaussians:
    """The paper's estimator: the mean, and the scatter over n - 1 (unbiased); n >= 2."""
    return Gaussians(statistics.mean, statistics.root / np.sqrt(statistics.n - 1))


def eigenvalues(models: Gaussians) -> np.ndarray:
    """Of every covariance, C×d, those that its rank leaves at 0 included."""
    chains, dimensions, rank = models.root.shape
    transposed = models.root.transpose(0, 2, 1)
    gram = transposed @ models.root if rank < dimensions else models.root @ transposed
    found = np.zeros((chains, dimensions))
    if rank:
        found[:, dimensions - rank :] = np.maximum(np.linalg.eigvalsh(gram), 0.0)
    return found


def mean_square(models: Gaussians) -> np.ndarray:
    """‖μ‖², shape (C,)."""
    return np.einsum("cd,cd->c", models.mean, models.mean)


def trace(models: Gaussians) -> np.ndarray:
    """tr Σ, shape (C,)."""
    return np.einsum("cdk,cdk->c", models.root, models.root)


def log_det(models: Gaussians) -> np.ndarray:
    """log det Σ, shape (C,); -inf where the rank is below d."""
    chains, dimensions, rank = models.root.shape
    if rank < dimensions:
        return np.full(chains, -np.inf)
    return 2.0 * np.linalg.slogdet(models.root)[1]


def distance(models: Gaussians) -> np.ndarray:
    """Squared Wasserstein-2 distance to N(0, I), shape (C,): ‖μ‖² + Σ (√l - 1)², l eigenvalues."""
    return mean_square(models) + np.sum((np.sqrt(eigenvalues(models)) - 1.0) ** 2, axis=1)
