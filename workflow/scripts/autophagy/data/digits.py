"""The 8×8 handwritten digits that come with scikit-learn: 1797 images of 17 grey levels.

E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository, 1998 (its test part), doi:10.24432/C50P49.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np

from autophagy.data.base import DatasetOptions, RealSet, checked, sha256_file

#: Libraries, besides numpy, that set what is loaded.
SOFTWARE: tuple[str, ...] = ("scikit-learn",)


class Dataset(DatasetOptions):
    """``dataset: {name: digits, splits}``."""

    name: Literal["digits"]


def check(dataset: dict) -> None:
    """Nothing can be missing: the images are part of a required package."""


def shape(dataset: dict) -> tuple[int, int]:
    """Side in pixels, and channels."""
    return 8, 1


def rows(dataset: dict) -> int | None:
    """How many images the source holds."""
    return 1797


def files(dataset: dict) -> list[str]:
    """None of the user's own."""
    return []


def load(dataset: dict) -> RealSet:
    """The 1797 images, in scikit-learn's order, with values 0..16."""
    # sklearn.datasets.load_digits reads the same file, but takes a second to import.
    [package] = find_spec("sklearn").submodule_search_locations
    path = Path(package) / "datasets" / "data" / "digits.csv.gz"
    # A row is 64 pixels and a label.
    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    return checked(
        table[:, :-1].reshape(-1, 8, 8, 1),
        table[:, -1],
        levels=17,
        classes=tuple("0123456789"),
        source={
            "name": "digits",
            "licence": "CC BY 4.0",
            "files": {"digits.csv.gz": sha256_file(path)},
        },
    )
