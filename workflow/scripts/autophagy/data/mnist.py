"""MNIST: 70000 handwritten digits, 28×28, 256 grey levels.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document
recognition, Proc. IEEE 86 (1998).
"""

from __future__ import annotations

from typing import Literal

from autophagy.data import mnist_files
from autophagy.data.base import RealSet

#: Libraries, besides numpy, that set what is loaded.
SOFTWARE: tuple[str, ...] = ("pillow",)

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
PUBLISHED = {
    "train-images-idx3-ubyte.gz": (
        "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}


class Dataset(mnist_files.FileOptions):
    """``dataset: {name: mnist, splits, path?, size?}``; without a path the files are downloaded."""

    name: Literal["mnist"]


def check(dataset: dict) -> None:
    """Refuse a given ``path`` that lacks one of the four files."""
    mnist_files.check(dataset)


def shape(dataset: dict) -> tuple[int, int] | None:
    """Side in pixels, and channels; None for the user's own files as they are."""
    return mnist_files.shape(dataset)


def rows(dataset: dict) -> int | None:
    """How many images the source holds; None for the user's own files."""
    return 70_000 if dataset.get("path") is None else None


def files(dataset: dict) -> list[str]:
    """The files in the user's own folder that `load` reads."""
    return mnist_files.files(dataset)


def load(dataset: dict) -> RealSet:
    """The 60000 training images, then the 10000 test images."""
    return mnist_files.load(
        dataset,
        licence="CC BY-SA 3.0",
        classes=tuple("0123456789"),
        published=PUBLISHED,
        mirrors=MIRRORS,
    )
