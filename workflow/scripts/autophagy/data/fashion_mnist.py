"""Fashion-MNIST: 70000 pictures of clothes, 28×28, 256 grey levels.

H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine
learning algorithms, arXiv:1708.07747. The publisher states MD5 sums only.
"""

from __future__ import annotations

from typing import Literal

from autophagy.data import mnist_files
from autophagy.data.base import RealSet

#: Libraries, besides numpy, that set what is loaded.
SOFTWARE: tuple[str, ...] = ("pillow",)

MIRRORS = (
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
PUBLISHED = {
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


class Dataset(mnist_files.FileOptions):
    """``dataset: {name: fashion_mnist, splits, path?, size?}``; no path: downloaded."""

    name: Literal["fashion_mnist"]


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
        dataset, licence="MIT", classes=CLASSES, published=PUBLISHED, mirrors=MIRRORS
    )
