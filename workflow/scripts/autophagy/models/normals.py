"""Weighted Gaussians: what a fitted `gaussian` and a fitted `mixture` are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from autophagy import seeds as seeding
from autophagy.errors import UserError
from autophagy.models import saved
from autophagy.models.base import TrainingPoints
from autophagy.progress import Report

_ARRAYS = ("weights", "means", "covariances")


@dataclass(frozen=True, eq=False)
class Normals:
    """m components in d dimensions, float64: weights (m,), means m×d, covariances m×d×d."""

    family: str
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    @cached_property
    def _spectra(self) -> tuple[np.ndarray, np.ndarray]:
        """Variances m×d along the axes of each component, and the axes m×d×d (columns)."""
        variances, axes = np.linalg.eigh(self.covariances)
        # A covariance of few points is singular, and rounding makes its zeros negative.
        return variances.clip(min=0.0), axes

    def sample(
        self,
        labels: np.ndarray,
        seeds: np.ndarray,
        sampling_bias: float,
        options: dict[str, Any],
        report: Report,
    ) -> np.ndarray:
        """See `Model.sample`; every covariance is multiplied by λ."""
        variances, axes = self._spectra
        roots = axes * np.sqrt(sampling_bias * variances)[:, None, :]
        ends = np.cumsum(self.weights)
        drawn = np.empty((len(seeds), self.means.shape[1]))
        for row, seed in enumerate(seeds.tolist()):
            # A row at a time: the rounding of a product of matrices depends on how many there are.
            stream = seeding.stream(seed)
            noise = stream.standard_normal(self.means.shape[1])
            component = int(np.searchsorted(ends[:-1], stream.random() * ends[-1], side="right"))
            drawn[row] = self.means[component] + roots[component] @ noise
        report(len(seeds), len(seeds), "points")
        return drawn.astype(np.float32)

    def log_likelihoods(
        self, rows: np.ndarray, labels: np.ndarray, seeds: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray:
        """See `Family`: the log of the density at λ = 1, exact.

        Raises:
            UserError: a covariance is singular, so that there is no density.
        """
        from scipy.special import logsumexp

        variances, axes = self._spectra
        if (variances <= 0.0).any():
            raise UserError(
                f"model.family: this {self.family} has a singular covariance and no density; "
                "fit it to more points than there are dimensions"
            )
        terms = [
            np.log(weight)
            - 0.5 * (np.square((rows - mean) @ axis) / variance).sum(axis=1)
            - 0.5 * np.log(2.0 * np.pi * variance).sum()
            for weight, mean, variance, axis in zip(
                self.weights, self.means, variances, axes, strict=True
            )
        ]
        return logsumexp(np.stack(terms), axis=0)

    def save(self, folder: Path) -> None:
        """See `saved`."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        saved.write(folder, {"family": self.family}, arrays)


def load(folder: Path, family: str) -> Normals:
    """What `Normals.save` wrote.

    Raises:
        UserError: `folder` holds no such model of that family.
    """
    with saved.reading(folder, family) as (_, found):
        arrays = {name: found[name].astype(np.float64) for name in _ARRAYS}
        m, d = arrays["means"].shape
        shapes = {"weights": (m,), "means": (m, d), "covariances": (m, d, d)}
        if any(arrays[name].shape != shape for name, shape in shapes.items()):
            raise ValueError("its arrays do not fit each other")
    return Normals(family, **arrays)


def require_one_class(data: TrainingPoints, family: str) -> None:
    """Refuse labelled points, whose labels the family would silently ignore.

    Raises:
        UserError: the data have more than one class.
    """
    if data.n_classes > 1:
        raise UserError(
            f"model.family: {family} models points of one class, and the data have {data.n_classes}"
        )


def require_finite(points: np.ndarray, family: str) -> None:
    """Refuse points that are not numbers, which a broken model may have drawn.

    Raises:
        UserError: how many there are.
    """
    bad = int((~np.isfinite(points).all(axis=1)).sum())
    if bad:
        raise UserError(f"train: {bad} of {len(points)} points are not finite; {family} needs all")
