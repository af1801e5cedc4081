"""A feature network that learns nothing: a picture's mean brightness by row and by column."""

from pathlib import Path
from typing import Any

import numpy as np
from autophagy.features import pretrained

SPACE = "profiles"
SOFTWARE = ()
TRAINING: dict[str, Any] = {}
DIMENSION = None


def check(shape: tuple[int, ...]) -> None:
    pretrained.require_pictures(shape)


def fit(rows, labels, facts, seed, device, report) -> pretrained.Pretrained:
    """The space, and the mean of each class of the features split in it."""
    return pretrained.fitted(_embed(facts["levels"]), _keep, rows, labels, facts, {})


def load(folder: Path, device: str) -> pretrained.Pretrained:
    return pretrained.loaded(folder, lambda config: _embed(config["levels"]), _keep)


def _embed(levels: int):
    def embed(images: np.ndarray) -> np.ndarray:
        unit = images.mean(axis=3, dtype=np.float32) / (levels - 1)
        return np.concatenate([unit.mean(axis=1), unit.mean(axis=2)], axis=1)

    return embed


def _keep(folder: Path) -> None:
    """No files of its own."""
