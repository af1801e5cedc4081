"""A LeNet that was never trained: features that no class and no picture has shaped.

A ranking that holds in it does not come from what a trained network looks at. Its weights are
torch's initialisation, drawn from the seed of its manifest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autophagy.features import lenet
from autophagy.features.base import Shape
from autophagy.features.lenet import DIMENSION, SOFTWARE, FeatureNetwork, load
from autophagy.progress import Report

__all__ = ["DIMENSION", "SOFTWARE", "SPACE", "TRAINING", "check", "fit", "load"]

SPACE = "random LeNet"
TRAINING: dict[str, Any] = {}


def check(shape: Shape) -> None:
    """Refuse what a LeNet cannot take; see `lenet.check`."""
    lenet.check(shape, "lenet_random")


def fit(
    images: np.ndarray,
    labels: np.ndarray,
    facts: dict[str, Any],
    seed: int,
    device: str,
    report: Report,
) -> FeatureNetwork:
    """The network as it is drawn; of the split only the shape of its pictures plays a part.

    Raises:
        UserError: see `check`.
    """
    check(images.shape[1:])
    found = lenet.untrained(images.shape[1:], facts, seed, device)
    report(1, 1, "drawn, not trained")
    return found
