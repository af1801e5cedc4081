"""What every data set comes to, and the configuration keys that all of them share."""

from __future__ import annotations

import hashlib
import pathlib
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from autophagy.errors import UserError, unreadable
from autophagy.schema import Count, Options

#: A label above this is taken for a mistake (a hash, an id), not for a class.
MAX_CLASSES = 65_536


class Splits(Options):
    """How many distinct images each purpose gets. No image serves two."""

    loop: Count
    reference: Count
    features: Count


class DatasetOptions(Options):
    """The keys of every ``dataset:`` section; each data set adds its own."""

    name: str
    splits: Splits
    #: Draws which images go to which split; not a run's seed.
    split_seed: Annotated[int, Field(ge=0, le=2**64 - 1)] = 0


# eq=False: a generated == would ask an array for its truth value and raise.
@dataclass(frozen=True, eq=False)
class RealSet:
    """Real images in source order. Build it with `checked`."""

    images: np.ndarray  # uint8 N×H×W×C, values 0..levels-1, H == W, C in {1, 3}
    labels: np.ndarray  # int64 N, 0..len(classes)-1
    levels: int  # grey levels per channel: 17 for digits, 256 else
    classes: tuple[str, ...]  # one name a class; ("all",) for unlabelled data
    source: dict  # JSON-able {"name", "licence", "files": {file name: sha256}}, no absolute paths

    @property
    def rows(self) -> np.ndarray:
        return self.images

    @property
    def facts(self) -> dict[str, int]:
        """What a row is, as manifests tell it; see `rows.Kind.facts`."""
        size, channels = self.images.shape[1], self.images.shape[3]
        return {"size": size, "channels": channels, "levels": self.levels}


@dataclass(frozen=True, eq=False)
class RealPoints:
    """Real points in source order. Build it with `checked_points`."""

    points: np.ndarray  # float32 N×d
    labels: np.ndarray  # as in `RealSet`
    classes: tuple[str, ...]
    source: dict

    @property
    def rows(self) -> np.ndarray:
        return self.points

    @property
    def facts(self) -> dict[str, int]:
        """What a row is, as manifests tell it; see `rows.Kind.facts`."""
        return {"dimensions": self.points.shape[1]}


def checked(
    images: np.ndarray,
    labels: np.ndarray,
    levels: int,
    classes: tuple[str, ...],
    source: dict,
) -> RealSet:
    """A `RealSet` that keeps its promises, with C-contiguous images and int64 labels.

    Args:
        images: uint8, N×H×W×C with N ≥ 1, H == W, C in {1, 3} and values below `levels`.
        labels: integers of shape (N,) in 0..len(classes)-1.
        levels: grey levels per channel, 2..256.
        classes: one name a class.
        source: see `RealSet`; its name and files tell the user where an error lies.

    Raises:
        UserError: one of the above does not hold.
    """
    where = f"dataset {source['name']} ({', '.join(source['files'])})"
    if images.dtype != np.uint8:
        raise UserError(f"{where}: images are {images.dtype}; only uint8 is allowed")
    if images.ndim != 4:
        raise UserError(f"{where}: images have shape {images.shape}; N×H×W×C is needed")
    count, height, width, channels = images.shape
    if count == 0:
        raise UserError(f"{where}: holds no images")
    if height != width or height == 0:
        raise UserError(f"{where}: images are {height}×{width}; only squares are allowed")
    if channels not in (1, 3):
        raise UserError(f"{where}: images have {channels} channels; allowed: 1, 3")
    if int(images.max()) >= levels:
        raise UserError(
            f"{where}: the largest pixel is {images.max()}; allowed: 0..{levels - 1} "
            f"({levels} grey levels)"
        )
    labels = _checked_labels(labels, count, classes, where, "image")
    return RealSet(np.ascontiguousarray(images), labels, levels, tuple(classes), source)


def checked_points(
    points: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], source: dict
) -> RealPoints:
    """A `RealPoints` that keeps its promises.

    Args:
        points: float32 N×d with N, d ≥ 1, all finite.
        labels, classes, source: as for `checked`.

    Raises:
        UserError: one of the above does not hold.
    """
    where = f"dataset {source['name']}"
    if points.dtype != np.float32:
        raise UserError(f"{where}: points are {points.dtype}; only float32 is allowed")
    if points.ndim != 2 or 0 in points.shape:
        raise UserError(f"{where}: points have shape {points.shape}; N×d is needed, none of them 0")
    if not np.isfinite(points).all():
        raise UserError(f"{where}: holds points that are not finite")
    labels = _checked_labels(labels, len(points), classes, where, "point")
    return RealPoints(np.ascontiguousarray(points), labels, tuple(classes), source)


def _checked_labels(
    labels: np.ndarray, count: int, classes: tuple[str, ...], where: str, row: str
) -> np.ndarray:
    for name in classes:
        if not str(name).isprintable():
            raise UserError(f"{where}: the class name {name!r} holds characters that do not print")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise UserError(
            f"{where}: labels are {labels.dtype} of shape {labels.shape}; "
            f"one integer {'an' if row == 'image' else 'a'} {row} is needed"
        )
    if len(labels) != count:
        raise UserError(f"{where}: {count} {row}s but {len(labels)} labels")
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= len(classes):
        raise UserError(
            f"{where}: labels lie in {lowest}..{highest}; allowed: 0..{len(classes) - 1}"
        )
    return labels.astype(np.int64)


def numbered_classes(labels: np.ndarray, where: str) -> tuple[str, ...]:
    """Class names "0", "1", … up to the largest of `labels`, where the source names none.

    Raises:
        UserError: labels that are no integers, negative, or above `MAX_CLASSES` - 1.
    """
    if labels.dtype.kind not in "iu":
        raise UserError(f"{where}: labels are {labels.dtype}; only integers are allowed")
    lowest, highest = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if lowest < 0 or highest >= MAX_CLASSES:
        raise UserError(
            f"{where}: labels lie in {lowest}..{highest}; allowed: 0..{MAX_CLASSES - 1}"
        )
    return tuple(str(label) for label in range(highest + 1))


def sha256_file(path: pathlib.Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal; UserError if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error
