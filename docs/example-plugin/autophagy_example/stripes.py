"""A data set: 8×8 pictures of one stripe, lying (class 0) or standing (class 1), with noise."""

from typing import Literal

import numpy as np
from autophagy.data.base import DatasetOptions, RealSet, checked

SOFTWARE = ()
ROWS = 600


class Dataset(DatasetOptions):
    """``dataset: {name: stripes, splits}``."""

    name: Literal["stripes"]


def check(dataset: dict) -> None:
    """Nothing can be missing: the pictures are computed."""


def shape(dataset: dict) -> tuple[int, int]:
    return 8, 1


def rows(dataset: dict) -> int:
    return ROWS


def files(dataset: dict) -> list[str]:
    return []


def load(dataset: dict) -> RealSet:
    draws = np.random.Generator(np.random.Philox(key=0))
    images = draws.integers(0, 6, (ROWS, 8, 8, 1), dtype=np.uint8)
    places, labels = draws.integers(0, 8, ROWS), np.arange(ROWS) % 2
    for image, place, label in zip(images, places, labels, strict=True):
        image[(place, slice(None)) if label == 0 else (slice(None), place)] += 11
    source = {"name": "stripes", "licence": "CC0-1.0", "files": {}}
    return checked(images, labels, levels=17, classes=("lying", "standing"), source=source)
