"""What a metric may look at, and how it says that it has no value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


class Undefined(Exception):
    """The metric has no value for these data. The message is the reason."""


def as_features(x: np.ndarray) -> np.ndarray:
    """`x` as float64 n×d. Raises ValueError unless it is two-dimensional."""
    x = np.ascontiguousarray(x, dtype=np.float64)
    if x.ndim != 2:
        raise ValueError(f"features are n×d, not of shape {x.shape}")
    return x


@dataclass(frozen=True, eq=False)
class Measured:
    """One sample set and what it is compared with. Features are float n×d, one d for all."""

    generated: np.ndarray
    """Features of the samples, n×d."""
    reference: np.ndarray
    """Features of held-out real rows."""
    train: np.ndarray
    """Features of the whole training set D^t; may be 0×d."""
    train_real: np.ndarray
    """Features of its real rows, shuffled; may be 0×d."""
    requested: np.ndarray
    """int64, n labels asked of the generator."""
    predicted: np.ndarray
    """int64, n labels that the feature network sees."""
    n_classes: int
    k: int
    """Which nearest neighbour sets the radius of a ball."""
    rows: np.ndarray | None = None
    """The samples as they are stored: unsigned n×H×W×C pictures, or float n×d points."""
    reference_rows: np.ndarray | None = None
    """The held-out real rows as they are stored."""
    levels: int | None = None
    """Grey levels of pictures; None for points."""
    truth: Any = None
    """The density they should have, where it is known; see `metrics.truth`."""
    device: str = "cpu"
    """Where pairwise metrics are computed: cpu or cuda."""
    tell: Callable[[int, int], None] = lambda done, total: None
    """Hears how far the longest of the metrics is: rows done and rows in all."""

    @cached_property
    def spectra(self) -> tuple[np.ndarray, np.ndarray]:
        """`spectral.ring_power` of samples and reference; raises Undefined for points."""
        from autophagy.metrics.spectral import ring_power

        if self.rows is None or self.reference_rows is None or self.levels is None:
            raise Undefined("only pictures have a spectrum")
        return ring_power(self.rows, self.levels), ring_power(self.reference_rows, self.levels)

    def known_points(self) -> tuple[np.ndarray, Any]:
        """The points and their truth; raises Undefined where there are none or none is known."""
        if self.rows is None or self.truth is None:
            raise Undefined("the true density is not known")
        bad = int((~np.isfinite(self.rows).all(axis=1)).sum())
        if bad:
            raise Undefined(f"{bad} of {len(self.rows)} points are not finite")
        return self.rows, self.truth

    def finite(self, name: str) -> np.ndarray:
        """The features in field `name`; raises Undefined if a row of them is not finite."""
        features = getattr(self, name)
        bad = int((~np.isfinite(features).all(axis=1)).sum())
        if bad:
            raise Undefined(f"{bad} of {len(features)} {name} features are not finite")
        return features

    @cached_property
    def prdc(self) -> dict[str, float]:
        """`neighbours.prdc` of reference and generated: one pass for four metrics."""
        from autophagy.metrics.neighbours import prdc

        return prdc(
            self.finite("reference"), self.finite("generated"), self.k, self.device, self.tell
        )
