"""Points of the Rosenbrock density ∝ exp(−½x₁² − (x₂ − x₁²)²) (the paper's Figure 17).

Drawn exactly: x₁ ~ N(0, 1) and x₂ | x₁ ~ N(x₁², ½).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from autophagy.data.base import RealPoints
from autophagy.data.points import SOFTWARE, PointOptions, drawn, draws

__all__ = ["SOFTWARE"]

KIND = "points"


class Dataset(PointOptions):
    """``dataset: {name: rosenbrock, count, data_seed, splits}``."""

    name: Literal["rosenbrock"]


def check(dataset: dict[str, Any]) -> None:
    """Nothing can be missing: the points are drawn."""


def shape(dataset: dict[str, Any]) -> tuple[int, ...]:
    """The number of coordinates."""
    return (2,)


def rows(dataset: dict[str, Any]) -> int | None:
    """How many points are drawn."""
    return dataset["count"]


def files(dataset: dict[str, Any]) -> list[str]:
    """None of the user's own."""
    return []


def load(dataset: dict[str, Any]) -> RealPoints:
    noise = draws(dataset).standard_normal((dataset["count"], 2))
    return drawn(dataset, np.stack([noise[:, 0], noise[:, 0] ** 2 + noise[:, 1] / 2**0.5], axis=1))


@dataclass(frozen=True)
class Truth:
    """The Rosenbrock density: under it (x₁, √2 (x₂ − x₁²)) is N(0, I), of constant Jacobian."""

    dimensions: int = 2

    def radii(self, points: np.ndarray) -> np.ndarray:
        """x₁² + 2 (x₂ − x₁²)² of each point, χ² of 2 degrees of freedom under the truth: (n,)."""
        x = points.astype(np.float64)
        return x[:, 0] ** 2 + 2.0 * (x[:, 1] - x[:, 0] ** 2) ** 2


def truth(dataset: dict[str, Any]) -> Truth:
    """The density that the points are drawn from; see `metrics.truth`."""
    return Truth()
