"""The Fréchet distance between two sets of features."""

from __future__ import annotations

import numpy as np

from autophagy.metrics.base import Undefined, as_features


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Fréchet distance of the Gaussians fitted to a and b (Heusel et al. 2017, eq. 6).

    ‖μa − μb‖² + tr Σa + tr Σb − 2 tr (Σa Σb)^½, with unbiased covariances, in float64.

    a is n×d, b is m×d; the result lies in [0, ∞), in squared units of the features. Estimates
    from few rows are too large, see `frechet_is_biased`. Collapsed sets (singular or zero
    covariances) are fine. Raises Undefined for fewer than 2 rows and for overflow.
    """
    mean_a, cov_a = _moments(as_features(a))
    mean_b, cov_b = _moments(as_features(b))
    shift = mean_a - mean_b
    squared = shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * _trace_of_root(cov_a, cov_b)
    return max(0.0, float(squared))


def frechet_is_biased(n: int, d: int) -> bool:
    """Whether n rows are too few for a d×d covariance (n ≤ d), so that the bias dominates."""
    return n <= d


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(x) < 2:
        raise Undefined(f"a covariance needs 2 rows or more, not {len(x)}")
    mean = x.mean(axis=0)
    centred = x - mean
    cov = centred.T @ centred / (len(x) - 1)
    if not np.isfinite(cov).all():
        raise Undefined("a covariance is not finite")
    return mean, cov


def _trace_of_root(cov_a: np.ndarray, cov_b: np.ndarray) -> float:
    """tr (Σa Σb)^½ = Σ √ eig(Lᵀ Σb L) where L Lᵀ = Σa: symmetric, so no complex roots.

    L is √Σa without the directions in which Σa vanishes. There the product has zeros that
    rounding makes about 1e-16, and their square roots, 1e-8 each, would add up.
    """
    variances, axes = np.linalg.eigh(cov_a)
    kept = variances > variances[-1] * len(variances) * np.finfo(np.float64).eps
    root = axes[:, kept] * np.sqrt(variances[kept])
    product = root.T @ cov_b @ root
    if not np.isfinite(product).all():
        raise Undefined("a product of covariances is not finite")
    eigenvalues = np.linalg.eigvalsh(product)
    return float(np.sqrt(eigenvalues.clip(min=0)).sum())
