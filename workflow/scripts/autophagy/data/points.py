"""Point sets that are drawn from a density known in closed form: what every one of them shares."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from autophagy.data.base import DatasetOptions, RealPoints, checked_points
from autophagy.schema import Count
from autophagy.seeds import derive, stream

#: Libraries, besides numpy, that set what is drawn.
SOFTWARE: tuple[str, ...] = ()
#: Coordinates of a point; a covariance of more would not fit into memory.
Dimensions = Annotated[int, Field(ge=1, le=4096)]


class PointOptions(DatasetOptions):
    """The keys of every data set of drawn points; each adds its own."""

    count: Count
    #: Draws the points; neither a run's seed nor that of the splits.
    data_seed: Annotated[int, Field(ge=0, le=2**64 - 1)] = 0


def draws(dataset: dict[str, Any]) -> np.random.Generator:
    """The stream that the points of a ``dataset:`` section are drawn from."""
    return stream(derive("points", dataset["name"], dataset["data_seed"]))


def drawn(dataset: dict[str, Any], points: np.ndarray) -> RealPoints:
    """The points as a data set of one class."""
    source = {"name": dataset["name"], "licence": "CC0 1.0", "files": {}}
    labels = np.zeros(len(points), np.int64)
    return checked_points(points.astype(np.float32), labels, ("all",), source)
