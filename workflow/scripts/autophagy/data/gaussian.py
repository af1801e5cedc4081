"""Points of the standard Gaussian N(0, I) in any number of dimensions (the paper's d = 100)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from autophagy.data.base import RealPoints
from autophagy.data.points import SOFTWARE, Dimensions, PointOptions, drawn, draws

__all__ = ["SOFTWARE"]

KIND = "points"


class Dataset(PointOptions):
    """``dataset: {name: gaussian, dimensions, count, data_seed, splits}``."""

    name: Literal["gaussian"]
    dimensions: Dimensions


def check(dataset: dict[str, Any]) -> None:
    """Nothing can be missing: the points are drawn."""


def shape(dataset: dict[str, Any]) -> tuple[int, ...]:
    """The number of coordinates."""
    return (dataset["dimensions"],)


def rows(dataset: dict[str, Any]) -> int | None:
    """How many points are drawn."""
    return dataset["count"]


def files(dataset: dict[str, Any]) -> list[str]:
    """None of the user's own."""
    return []


def load(dataset: dict[str, Any]) -> RealPoints:
    size = (dataset["count"], dataset["dimensions"])
    return drawn(dataset, draws(dataset).standard_normal(size))


@dataclass(frozen=True)
class Truth:
    """N(0, I) in d dimensions."""

    dimensions: int

    def radii(self, points: np.ndarray) -> np.ndarray:
        """‖x‖² of each point, χ² of d degrees of freedom under the truth: (n,)."""
        return np.square(points.astype(np.float64)).sum(axis=1)


def truth(dataset: dict[str, Any]) -> Truth:
    """The density that the points are drawn from; see `metrics.truth`."""
    return Truth(dataset["dimensions"])
