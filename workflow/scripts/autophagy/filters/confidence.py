"""Of K candidates the one that a classifier is surest shows what was asked for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from autophagy.filters.base import Judged
from autophagy.schema import Options

NEEDS = "probabilities"


class Filter(Options):
    """``filter: {kind: confidence, candidates}``."""

    kind: Literal["confidence"]
    candidates: Annotated[int, Field(ge=2, le=1000)]


def check(options: dict[str, Any]) -> None:
    """Nothing can be wrong that the types allow."""


def candidates(options: dict[str, Any]) -> int:
    return options["candidates"]


def choose(judged: Judged, options: dict[str, Any], uniform: np.ndarray) -> np.ndarray:
    """The largest probability of the requested class; of equal ones the first."""
    of_label = np.take_along_axis(judged.probabilities, judged.labels[..., None], axis=2)[..., 0]
    return of_label.argmax(axis=1)
