"""A data set of the Hugging Face hub, or one saved by the `datasets` package."""

from __future__ import annotations

import hashlib
import importlib.metadata
import pathlib
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from autophagy.data import pictures
from autophagy.data.base import DatasetOptions, RealSet, checked, numbered_classes
from autophagy.data.pictures import Channels, Size
from autophagy.errors import UserError
from autophagy.schema import Path

if TYPE_CHECKING:
    from datasets import Dataset as Rows

#: The name of a split or of a column.
Name = Annotated[str, Field(min_length=1)]
#: From here on `datasets` cannot run code that comes with a data set.
MIN_MAJOR = 4
#: Files that mark a folder as written by `save_to_disk`.
SAVED = ("state.json", "dataset_dict.json")

#: Libraries, besides numpy, that set what is loaded.
SOFTWARE: tuple[str, ...] = ("datasets", "pillow")


class Dataset(DatasetOptions):
    """``dataset: {name: hf, splits, path, split, image_column, label_column?, size, channels}``."""

    name: Literal["hf"]
    #: A name on the hub, or a local folder.
    path: Path
    #: The source's split, such as ``train``.
    split: Name
    image_column: Name
    #: Absent: the data are unlabelled.
    label_column: Name | None = None
    #: Pictures are cropped to their central square and resized to this side.
    size: Size
    channels: Channels


def check(dataset: dict) -> None:
    """Refuse a missing or too old package, and a local path (./…, ../…, /…) that is not there."""
    try:
        version = importlib.metadata.version("datasets")
    except importlib.metadata.PackageNotFoundError:
        raise UserError(
            "dataset.name: hf needs the optional package `datasets`: pip install -e '.[hf]'"
        ) from None
    if int(version.partition(".")[0]) < MIN_MAJOR:
        raise UserError(
            f"dataset.name: hf needs `datasets` {MIN_MAJOR} or newer, found {version}: older ones "
            "can run code that comes with a data set"
        )
    path = dataset["path"]
    if path.startswith(("/", "./", "../")) and not pathlib.Path(path).exists():
        raise UserError(f"dataset.path: no folder {path}")


def shape(dataset: dict) -> tuple[int, int]:
    """Side in pixels, and channels."""
    return dataset["size"], pictures.MODES[dataset["channels"]][1]


def rows(dataset: dict) -> int | None:
    """Unknown until loaded."""
    return None


def files(dataset: dict) -> list[str]:
    """The local folder that `load` reads, if it is one."""
    return [dataset["path"]] if pathlib.Path(dataset["path"]).exists() else []


def load(dataset: dict) -> RealSet:
    """All rows of the split, in their order, 256 grey levels; no code of the data set is run.

    Classes are the names of a ``ClassLabel`` column; a column of plain integers is numbered.
    ``source.files`` has one entry, the split: SHA-256 over the decoded pictures (mode, size,
    pixels), so that the same pictures give the same digest however they are stored.

    Raises:
        UserError: see `check`; or the data set, the split or a column is missing, a row holds no
            picture, or labels are no integers.
    """
    check(dataset)
    rows = _rows(dataset)
    for key in ("image_column", "label_column"):
        column = dataset.get(key)
        if column is not None and column not in rows.column_names:
            raise UserError(
                f"dataset.{key}: no {column!r}; there are {', '.join(rows.column_names)}"
            )
    images, digest = _images(rows, dataset)
    labels, classes = _labels(rows, dataset)
    source = {
        "name": "hf",
        "licence": str(getattr(rows, "license", None) or "not stated"),
        "files": {dataset["split"]: digest},
        "count": len(images),
    }
    return checked(images, labels, levels=256, classes=classes, source=source)


def _rows(dataset: dict) -> Rows:
    path, split = dataset["path"], dataset["split"]
    where = f"dataset.path: cannot load {path}"
    try:
        import datasets

        if not any((pathlib.Path(path) / name).is_file() for name in SAVED):
            return datasets.load_dataset(path, split=split)
        saved = datasets.load_from_disk(path)
    # The hub, the network, the file system and every file format have errors of their own.
    except Exception as error:
        raise UserError(f"{where}, split {split}: {type(error).__name__}: {error}") from error
    if isinstance(saved, dict):
        if split not in saved:
            raise UserError(f"dataset.split: no {split!r} in {path}; there are {', '.join(saved)}")
        return saved[split]
    if saved.split is not None and str(saved.split) != split:
        raise UserError(f"dataset.split: no {split!r} in {path}; there is {saved.split}")
    return saved


def _images(rows: Rows, dataset: dict) -> tuple[np.ndarray, str]:
    column, size = dataset["image_column"], dataset["size"]
    images = np.empty((len(rows), size, size, shape(dataset)[1]), dtype=np.uint8)
    digest = hashlib.sha256()
    # Alone, so that no other column is decoded.
    only_images = rows.select_columns([column])
    for row in range(len(rows)):
        with pictures.reading(f"dataset.image_column: {column}, row {row}"):
            picture = only_images[row][column]
            images[row] = pictures.to_array(picture, size, dataset["channels"])
            digest.update(f"{picture.mode} {picture.size}\n".encode() + picture.tobytes())
    return images, digest.hexdigest()


def _labels(rows: Rows, dataset: dict) -> tuple[np.ndarray, tuple[str, ...]]:
    column = dataset.get("label_column")
    if column is None:
        return np.zeros(len(rows), dtype=np.int64), ("all",)
    labels = list(rows[column])
    where = f"dataset.label_column: {column}"
    if not all(type(label) is int for label in labels):
        raise UserError(f"{where} holds other things than integers; cast it to ClassLabel")
    # No dtype: integers beyond 64 bits become objects, which are refused, instead of overflowing.
    array = np.array(labels) if labels else np.zeros(0, dtype=np.int64)
    names = getattr(rows.features[column], "names", None)
    return array, tuple(names) if names else numbered_classes(array, where)
