"""Pictures as places in feature space: a plane to draw them in, and their nearest real images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plane:
    """The two directions along which real features vary most; of two dimensions, these.

    centre: (d,). axes: (d, 2), orthonormal; the entry of largest size of each is positive, so
    that the same features always give the same plane. explained: share of the variance of each.
    """

    centre: np.ndarray
    axes: np.ndarray
    explained: tuple[float, float]

    def places(self, features: np.ndarray) -> np.ndarray:
        """Features (n, d) as places (n, 2)."""
        return (features - self.centre) @ self.axes


def of_features(features: np.ndarray) -> Plane:
    """The plane of the first two principal components of features (n, d).

    Of two dimensions it is their plane as it is; of one the second coordinate is 0 everywhere.
    """
    features = features.astype(np.float64)
    d = features.shape[1]
    centre = features.mean(axis=0)
    if d <= 2:
        variances = features.var(axis=0)
        shares = variances / variances.sum() if variances.any() else np.zeros(d)
        first, second = [*shares.tolist(), 0.0][:2]
        return Plane(np.zeros(d), np.eye(d, 2), (first, second))
    centred = features - centre
    variances, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    axes, explained = np.zeros((d, 2)), [0.0, 0.0]
    for axis in range(2):
        vector = vectors[:, -1 - axis]
        axes[:, axis] = vector * (1.0 if vector[np.abs(vector).argmax()] > 0 else -1.0)
        explained[axis] = float(variances[-1 - axis] / variances.sum()) if variances.any() else 0.0
    return Plane(centre, axes, (explained[0], explained[1]))


def nearest(rows: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index int64 (n,) of the nearest of `among` (m, d) to each of `rows` (n, d), and how far."""
    among = among.astype(np.float64)
    distances = np.stack([np.sqrt(((among - row) ** 2).sum(axis=1)) for row in rows])
    found = distances.argmin(axis=1)
    return found, distances[np.arange(len(rows)), found]


def axes_in_words(explained: list[float], dimensions: int) -> list[str]:
    """What the two axes of a plane are; see `of_features`.

    Args:
        explained: share of variance along each. dimensions: of the features.
    """
    if dimensions <= 2:
        return ["first coordinate", "second coordinate"]
    first, second = explained
    return [f"first component ({first:.1%} of variance)", f"second ({second:.1%})"]
