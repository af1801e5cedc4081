"""A verifier keeps right samples with one probability and wrong ones with another.

Feng et al., Beyond Model Collapse: Scaling Up with Synthesized Data Requires Verification, ICLR
2025: φ and ψ. A sample is right where the classifier sees what was asked for.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from autophagy.errors import UserError
from autophagy.filters.base import Judged
from autophagy.schema import Options

NEEDS = "probabilities"

_Rate = Annotated[float, Field(ge=0.0, le=1.0)]


class Filter(Options):
    """``filter: {kind: verifier, keep_right, keep_wrong}``: φ and ψ."""

    kind: Literal["verifier"]
    keep_right: _Rate
    keep_wrong: _Rate


def check(options: dict[str, Any]) -> None:
    """Refuse a verifier that keeps nothing.

    Raises:
        UserError: both rates are 0.
    """
    if options["keep_right"] == options["keep_wrong"] == 0.0:
        raise UserError("keep_right: 0 is not allowed with keep_wrong: 0; nothing would be kept")


def candidates(options: dict[str, Any]) -> int:
    return 1


def choose(judged: Judged, options: dict[str, Any], uniform: np.ndarray) -> np.ndarray:
    """The only candidate, or none."""
    right = judged.probabilities[:, 0].argmax(axis=1) == judged.labels[:, 0]
    rate = np.where(right, options["keep_right"], options["keep_wrong"])
    return np.where(uniform < rate, 0, -1)
