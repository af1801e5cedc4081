"""Of K candidates one is drawn with probability proportional to e^reward.

Ferbach et al., Self-Consuming Generative Models with Curated Data Provably Optimize Human
Preferences, NeurIPS 2024: K candidates and a choice by the Bradley-Terry (softmax) rule.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from autophagy.errors import UserError
from autophagy.filters.base import Judged
from autophagy.schema import Options

NEEDS = "probabilities"


class Filter(Options):
    """``filter: {kind: reward, candidates, classes, weight}``.

    The reward is `weight` where the classifier sees one of `classes`, else 0.
    """

    kind: Literal["reward"]
    candidates: Annotated[int, Field(ge=2, le=1000)]
    classes: Annotated[list[Annotated[int, Field(ge=0, lt=100_000)]], Field(min_length=1)]
    weight: Annotated[float, Field(ge=-50.0, le=50.0)]


def check(options: dict[str, Any]) -> None:
    """Nothing can be wrong that the types allow."""


def candidates(options: dict[str, Any]) -> int:
    return options["candidates"]


def choose(judged: Judged, options: dict[str, Any], uniform: np.ndarray) -> np.ndarray:
    """Inverts the distribution function of each picture's candidates at its uniform number.

    Raises:
        UserError: a class that the data have not.
    """
    n_classes = judged.probabilities.shape[2]
    if max(options["classes"]) >= n_classes:
        raise UserError(
            f"filter.classes: {max(options['classes'])} is not allowed; classes are 0 to "
            f"{n_classes - 1}"
        )
    seen = np.isin(judged.probabilities.argmax(axis=2), options["classes"])
    weights = np.exp(options["weight"] * seen)
    cumulative = weights.cumsum(axis=1)
    return (uniform[:, None] * cumulative[:, -1:] >= cumulative).sum(axis=1)
