"""Which image serves which purpose: content hashes, distinct images, disjoint splits. Pure."""

from __future__ import annotations

import hashlib

import numpy as np

from autophagy.errors import UserError
from autophagy.seeds import stream

#: The order in which the permutation is cut.
SPLITS = ("loop", "reference", "features")


def content_hashes(images: np.ndarray) -> list[str]:
    """SHA-256, in hexadecimal, of every image's shape and bytes.

    Args:
        images: uint8 of shape (N, …); the shape that counts is one image's.
    """
    shape = repr(tuple(images.shape[1:])).encode()
    return [hashlib.sha256(shape + image.tobytes()).hexdigest() for image in images]


def unique_rows(images: np.ndarray) -> np.ndarray:
    """Rows of the first occurrence of every distinct image, int64, in source order.

    Equal images may carry different labels; the first one's stands.
    """
    first: dict[str, int] = {}
    for row, digest in enumerate(content_hashes(images)):
        first.setdefault(digest, row)
    return np.fromiter(first.values(), dtype=np.int64, count=len(first))


def split(
    n_source_rows_unique: np.ndarray, sizes: dict[str, int], seed: int
) -> dict[str, np.ndarray]:
    """Cut one permutation of the distinct images into loop, reference and features.

    A split does not depend on the sizes of those after it: more features leave the loop alone.

    Args:
        n_source_rows_unique: rows of the distinct images, from `unique_rows`.
        sizes: how many images each of loop, reference and features gets.
        seed: keys the Philox stream, in [0, 2**64).

    Returns:
        Name → int64 source rows, pairwise disjoint, in permuted order.

    Raises:
        UserError: more images are asked for than there are distinct ones.
    """
    asked = sum(sizes[name] for name in SPLITS)
    distinct = len(n_source_rows_unique)
    if asked > distinct:
        parts = " + ".join(f"{name} {sizes[name]}" for name in SPLITS)
        raise UserError(
            f"dataset.splits: {parts} = {asked} images are asked for, the data set has "
            f"{distinct} distinct ones: {asked - distinct} are missing"
        )
    permuted = stream(seed).permutation(n_source_rows_unique.astype(np.int64))
    ends = np.cumsum([sizes[name] for name in SPLITS])
    return {name: permuted[end - sizes[name] : end] for name, end in zip(SPLITS, ends, strict=True)}
