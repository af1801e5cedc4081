"""Mixtures of Gaussians in the plane: a grid of modes, sampling, and fits by EM."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np

#: A mode is recovered where a point lies within this many standard deviations of its centre.
REACH = 4.0
#: Added to covariances by EM, relative to a mode's variance: keeps a mode of few points invertible.
_FLOOR = 1e-6
_TOLERANCE = 1e-3
_ITERATIONS = 100


@dataclass(frozen=True)
class Mixture:
    """m components: weights (m,), means m×2, covariances m×2×2."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


def grid(side: int, spacing: float, deviation: float) -> Mixture:
    """side × side equal, round modes, centred on the origin."""
    ticks = (np.arange(side) - (side - 1) / 2) * spacing
    means = np.array([(x, y) for x in ticks for y in ticks])
    round_ = np.tile(np.eye(2) * deviation**2, (side**2, 1, 1))
    return Mixture(np.full(side**2, side**-2.0), means, round_)


def sample(mixture: Mixture, n: int, rng: np.random.Generator) -> np.ndarray:
    """n points, n×2."""
    component = rng.choice(len(mixture.weights), n, p=mixture.weights)
    roots = np.linalg.cholesky(mixture.covariances)
    noise = rng.standard_normal((n, 2))
    return mixture.means[component] + np.einsum("nij,nj->ni", roots[component], noise)


def fit(
    points: np.ndarray, start: Mixture, how: Literal["previous", "scratch"],
    rng: np.random.Generator,
) -> Mixture:  # fmt: skip
    """Maximum likelihood by EM (scikit-learn), as many components as `start` has.

    previous: EM begins at `start`. scratch: at k-means++ centres, which may miss modes.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    begin = {
        "weights_init": start.weights,
        "means_init": start.means,
        "precisions_init": np.linalg.inv(start.covariances),
    }
    floor = _FLOOR * float(np.median(np.linalg.eigvalsh(start.covariances)))
    model = GaussianMixture(
        len(start.weights), tol=_TOLERANCE, max_iter=_ITERATIONS, reg_covar=max(floor, 1e-12),
        init_params="k-means++", random_state=int(rng.integers(2**32)),
        **(begin if how == "previous" else {}),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(points)
    return Mixture(model.weights_ / model.weights_.sum(), model.means_, model.covariances_)


def modes_recovered(points: np.ndarray, truth: Mixture) -> int:
    """Modes of the truth that at least one point lies within `REACH` standard deviations of."""
    distances = np.linalg.norm(points[:, None] - truth.means, axis=2)
    deviations = np.sqrt(truth.covariances[:, 0, 0])
    return int(np.count_nonzero((distances <= REACH * deviations).any(axis=0)))


def total_variance(points: np.ndarray) -> float:
    """The trace of the points' covariance."""
    return float(points.var(axis=0, ddof=1).sum())
