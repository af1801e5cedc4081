"""What every filter gives, and what it judges by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Judged:
    """Candidates for m pictures, K for each.

    labels: int64 m×K, the labels asked of the generator.
    probabilities: float m×K×C, a classifier's probability of each class; None where the filter
        does not ask for it.
    likelihoods: float m×K, the family's log-likelihood (or an estimate) of each candidate, up to a
        constant; None where the filter does not ask for it.
    """

    labels: np.ndarray
    probabilities: np.ndarray | None = None
    likelihoods: np.ndarray | None = None


class Filter(Protocol):
    """A module of this package: the options `Filter` of a loop's `filter:` beside these.

    NEEDS: "probabilities" or "likelihoods", what `choose` reads of its candidates.
    """

    NEEDS: str

    def check(self, options: dict[str, Any]) -> None:
        """Refuse options that can keep nothing.

        Raises:
            UserError: the key within `filter`, what is wrong, what is allowed.
        """
        ...

    def candidates(self, options: dict[str, Any]) -> int:
        """K, the candidates a picture that are drawn at once."""
        ...

    def choose(self, judged: Judged, options: dict[str, Any], uniform: np.ndarray) -> np.ndarray:
        """Which candidate is kept for each picture, int64 (m,); -1: none, draw others.

        Args:
            uniform: float (m,) in [0, 1), the randomness of the choice.
        """
        ...
