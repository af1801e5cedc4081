"""Of K candidates the one that the model itself finds most likely."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from autophagy.filters.base import Judged
from autophagy.schema import Options

NEEDS = "likelihoods"


class Filter(Options):
    """``filter: {kind: likelihood, candidates}``."""

    kind: Literal["likelihood"]
    candidates: Annotated[int, Field(ge=2, le=1000)]


def check(options: dict[str, Any]) -> None:
    """Nothing can be wrong that the types allow."""


def candidates(options: dict[str, Any]) -> int:
    return options["candidates"]


def choose(judged: Judged, options: dict[str, Any], uniform: np.ndarray) -> np.ndarray:
    """The largest log-likelihood; of equal ones the first, and none that is not a number."""
    return np.where(np.isnan(judged.likelihoods), -np.inf, judged.likelihoods).argmax(axis=1)
