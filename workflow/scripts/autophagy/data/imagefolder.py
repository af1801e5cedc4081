"""A folder of pictures, flat (unlabelled) or with one subfolder a class."""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Iterator
from typing import Literal

import numpy as np

from autophagy.data import pictures
from autophagy.data.base import DatasetOptions, RealSet, checked
from autophagy.data.pictures import Channels, Size
from autophagy.errors import UserError, unreadable
from autophagy.schema import Path

#: File names that count as pictures, in whatever case.
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif")

#: Libraries, besides numpy, that set what is loaded.
SOFTWARE: tuple[str, ...] = ("pillow",)


class Dataset(DatasetOptions):
    """``dataset: {name: imagefolder, splits, path, size, channels}``."""

    name: Literal["imagefolder"]
    #: The folder.
    path: Path
    #: Pictures are cropped to their central square and resized to this side.
    size: Size
    channels: Channels


def check(dataset: dict) -> None:
    """Refuse a ``path`` that is no folder or holds no picture; stops at the first one."""
    next(_found(pathlib.Path(dataset["path"])))


def shape(dataset: dict) -> tuple[int, int]:
    """Side in pixels, and channels."""
    return dataset["size"], pictures.MODES[dataset["channels"]][1]


def rows(dataset: dict) -> int | None:
    """Unknown until loaded."""
    return None


def files(dataset: dict) -> list[str]:
    """The file or folder that `load` reads."""
    return [dataset["path"]]


def source_files(dataset: dict) -> dict[str, str]:
    """What `load` states as ``source.files``, without decoding a picture."""
    root = pathlib.Path(dataset["path"])
    digest = hashlib.sha256()
    for name in sorted(_found(root)):
        with pictures.reading(str(root / name)):
            digest.update(_line(name, (root / name).read_bytes()))
    return {"pictures": digest.hexdigest()}


def load(dataset: dict) -> RealSet:
    """All pictures, sorted by their path within the folder, 256 grey levels.

    Pictures at the top of the folder are one class, ``all``; otherwise every subfolder is a
    class, in the order of their names, with all that lies below it. Names that begin with a dot
    and files that are no pictures by their suffix are passed over. A link to a picture within
    the folder counts as a picture; all other links are refused.

    ``source.files`` has one entry: SHA-256 over the sorted lines ``<path>\\0<sha256>\\n``.

    Raises:
        UserError: no pictures, pictures both at the top and in subfolders, a subfolder without
            any, a link that is refused, or a file that cannot be decoded.
    """
    root = pathlib.Path(dataset["path"])
    names = sorted(_found(root))
    classes, labels = _labelled(root, names)
    images = np.empty((len(names), *_array_shape(dataset)), dtype=np.uint8)
    digest = hashlib.sha256()
    for row, name in enumerate(names):
        with pictures.reading(str(root / name)):
            data = (root / name).read_bytes()
            digest.update(_line(name, data))
            images[row] = pictures.to_array(
                pictures.decode(data), dataset["size"], dataset["channels"]
            )
    source = {
        "name": "imagefolder",
        "licence": "not stated",
        "files": {"pictures": digest.hexdigest()},
        "count": len(names),
    }
    return checked(images, labels, levels=256, classes=classes, source=source)


def _line(name: str, data: bytes) -> bytes:
    return os.fsencode(f"{name}\0{hashlib.sha256(data).hexdigest()}\n")


def _array_shape(dataset: dict) -> tuple[int, int, int]:
    size, count = shape(dataset)
    return size, size, count


def _found(root: pathlib.Path) -> Iterator[str]:
    """Paths of the pictures relative to `root`, with slashes; at least one, or UserError."""
    if not root.is_dir():
        raise UserError(f"dataset.path: no folder {root}")
    real_root = os.path.realpath(root)
    empty = True
    for folder, subfolders, files in os.walk(root, onerror=_refuse):
        # Sorted, so that the same folder is refused for the same reason on every file system.
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in subfolders:
            if os.path.islink(os.path.join(folder, name)):
                raise UserError(f"{os.path.join(folder, name)}: links to folders are refused")
        for name in sorted(files):
            path = pathlib.Path(folder, name)
            if name.startswith(".") or path.suffix.lower() not in SUFFIXES:
                continue
            if not pathlib.Path(os.path.realpath(path)).is_relative_to(real_root):
                raise UserError(f"{path}: is a link that leaves dataset.path")
            empty = False
            yield path.relative_to(root).as_posix()
    if empty:
        raise UserError(f"dataset.path: {root} holds no pictures ({', '.join(SUFFIXES)})")


def _refuse(error: OSError) -> None:
    raise unreadable(error.filename, error) from error


def _labelled(root: pathlib.Path, names: list[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Class names, and the class of every picture."""
    tops = [name.partition("/")[0] for name in names if "/" in name]
    if not tops:
        return ("all",), np.zeros(len(names), dtype=np.int64)
    if len(tops) < len(names):
        raise UserError(
            f"dataset.path: {root} holds pictures both at its top and in subfolders; "
            "either all are labelled by subfolder or none"
        )
    classes = sorted(set(tops))
    folders = {entry.name for entry in os.scandir(root) if entry.is_dir()}
    bare = sorted(name for name in folders - set(classes) if not name.startswith("."))
    if bare:
        raise UserError(f"dataset.path: {root / bare[0]} is a class without pictures")
    number = {name: index for index, name in enumerate(classes)}
    return tuple(classes), np.array([number[top] for top in tops], dtype=np.int64)
