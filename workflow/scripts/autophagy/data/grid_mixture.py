"""Points of a grid of equal, round Gaussians in the plane (the paper's Figure 14: 5 × 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from autophagy.data.base import RealPoints
from autophagy.data.points import SOFTWARE, PointOptions, drawn, draws

__all__ = ["SOFTWARE"]

KIND = "points"

Length = Annotated[float, Field(gt=0.0, le=1e6)]


class Dataset(PointOptions):
    """``dataset: {name: grid_mixture, side, spacing, deviation, count, data_seed, splits}``."""

    name: Literal["grid_mixture"]
    side: Annotated[int, Field(ge=1, le=100)]
    spacing: Length
    deviation: Length


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
    rng, modes = draws(dataset), truth(dataset)
    of = rng.integers(len(modes.centres), size=dataset["count"])
    noise = rng.standard_normal((dataset["count"], 2))
    return drawn(dataset, modes.centres[of] + modes.deviation * noise)


@dataclass(frozen=True, eq=False)
class Truth:
    """Equal modes: centres m×2, and the standard deviation of each."""

    centres: np.ndarray
    deviation: float


def truth(dataset: dict[str, Any]) -> Truth:
    """The density that the points are drawn from; see `metrics.truth`."""
    side = dataset["side"]
    ticks = (np.arange(side) - (side - 1) / 2) * dataset["spacing"]
    centres = np.array([(x, y) for x in ticks for y in ticks])
    return Truth(centres, dataset["deviation"])
