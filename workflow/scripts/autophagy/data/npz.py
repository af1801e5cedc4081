"""The user's own arrays: a ``.npz`` with `images` and, optionally, `labels`."""

from __future__ import annotations

import pathlib
import zipfile
from typing import Literal

import numpy as np

from autophagy.data.base import DatasetOptions, RealSet, checked, numbered_classes, sha256_file
from autophagy.errors import UserError
from autophagy.schema import Path

#: The most bytes its members may unpack to: forty times MNIST.
MAX_BYTES = 2 * 2**30

#: Libraries, besides numpy, that set what is loaded.
SOFTWARE: tuple[str, ...] = ()


class Dataset(DatasetOptions):
    """``dataset: {name: npz, splits, path}``."""

    name: Literal["npz"]
    #: The ``.npz`` file.
    path: Path


def check(dataset: dict) -> None:
    """Refuse a ``path`` that is no file."""
    if not pathlib.Path(dataset["path"]).is_file():
        raise UserError(f"dataset.path: no file {dataset['path']}")


def shape(dataset: dict) -> None:
    """Unknown until loaded."""
    return None


def rows(dataset: dict) -> int | None:
    """Unknown until loaded."""
    return None


def files(dataset: dict) -> list[str]:
    """The file or folder that `load` reads."""
    return [dataset["path"]]


def load(dataset: dict) -> RealSet:
    """The arrays of the file, 256 grey levels.

    ``images`` is uint8, N×H×W or N×H×W×C with H == W and C in {1, 3}; ``labels`` is N integers
    0, 1, …, whose largest tells the number of classes. Without labels all is one class.

    Raises:
        UserError: no such file, not a ``.npz``, or other arrays than these.
    """
    check(dataset)
    path = pathlib.Path(dataset["path"])
    images, labels = _read(path)
    if images.ndim == 3:
        images = images[..., np.newaxis]
    classes = ("all",)
    if labels is None:
        labels = np.zeros(len(images) if images.ndim else 0, dtype=np.int64)
    else:
        classes = numbered_classes(labels, str(path))
    source = {"name": "npz", "licence": "not stated", "files": {path.name: sha256_file(path)}}
    return checked(images, labels, levels=256, classes=classes, source=source)


def _require_plain(archive: zipfile.ZipFile) -> None:
    """Refuse, before anything is unpacked, what no `numpy.savez` writes."""
    names = archive.namelist()
    for name in names:
        if name.startswith(("/", "\\")) or ".." in name:
            raise ValueError(f"its member {name!r} leads outside")
    if len(set(names)) < len(names):
        raise ValueError("two of its members have one name")
    size = sum(member.file_size for member in archive.infolist())
    if size > MAX_BYTES:
        raise ValueError(f"it unpacks to {size} bytes; allowed: {MAX_BYTES}")


def _read(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it is a single array; write it with numpy.savez")
        with archive:
            _require_plain(archive.zip)
            arrays = {key: archive[key] for key in ("images", "labels") if key in archive}
    # What numpy, zipfile and zlib raise on foreign bytes has no common base.
    except Exception as error:
        raise UserError(f"{path}: not a .npz of plain arrays: {error}") from error
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise UserError(f"{path}: {key} is not an array")
    if "images" not in arrays:
        raise UserError(f"{path}: has no array named images")
    return arrays["images"], arrays.get("labels")
