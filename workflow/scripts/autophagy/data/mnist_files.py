"""The four IDX files of MNIST and of the data sets made to replace it."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from autophagy.data import download, idx, pictures
from autophagy.data.base import DatasetOptions, RealSet, checked, sha256_file
from autophagy.errors import UserError
from autophagy.schema import Path

#: Images and labels of the training part, then of the test part.
PARTS = (
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)


class FileOptions(DatasetOptions):
    """The keys of a data set that comes in these four files."""

    #: A folder with the four IDX files, gzipped or not; without one they are downloaded.
    path: Path | None = None
    #: Pictures are resized to this side. Where it is not given, no manifest speaks of it.
    size: Annotated[pictures.Size | None, Field(exclude_if=lambda size: size is None)] = None


def locate(folder: pathlib.Path) -> list[tuple[pathlib.Path, pathlib.Path]]:
    """The (images, labels) files of both parts, as ``<file>.gz`` or, failing that, ``<file>``.

    The packed file wins because its checksum is the published one.

    Raises:
        UserError: the folder or some of its files are missing.
    """
    if not folder.is_dir():
        raise UserError(f"dataset.path: no folder {folder}")
    missing, parts = [], []
    for part in PARTS:
        found = []
        for name in part:
            candidates = [folder / f"{name}.gz", folder / name]
            there = [path for path in candidates if path.is_file()]
            found.extend(there[:1])
            missing.extend([] if there else [name])
        parts.append(tuple(found))
    if missing:
        raise UserError(f"dataset.path: {folder} lacks {', '.join(missing)} (or the same with .gz)")
    return parts


def check(dataset: dict) -> None:
    """Refuse a given ``path`` that lacks files; what is to be downloaded is not tried."""
    if dataset.get("path") is not None:
        locate(pathlib.Path(dataset["path"]))


def files(dataset: dict) -> list[str]:
    """The files of a given ``path``, none where they are downloaded."""
    if dataset.get("path") is None:
        return []
    return [str(path) for part in locate(pathlib.Path(dataset["path"])) for path in part]


def shape(dataset: dict) -> tuple[int, int] | None:
    """Side in pixels, and channels; None for the user's own files as they are."""
    if dataset.get("size") is not None:
        return dataset["size"], 1
    return (28, 1) if dataset.get("path") is None else None


def load(
    dataset: dict,
    *,
    licence: str,
    classes: tuple[str, ...],
    published: dict[str, str],
    mirrors: Sequence[str],
) -> RealSet:
    """The training part's rows, then the test part's.

    Args:
        dataset: with a ``path`` the files there are read, whatever their counts and sizes;
            without one the published files are downloaded once. With a ``size`` pictures are
            resized to it (`pictures.to_array`), cropped to their central square if need be.
        licence: of the data.
        classes: one name a class.
        published: file name → checksum, as `download.fetch` wants it.
        mirrors: addresses of folders, as `download.fetch` wants them.
    """
    if dataset.get("path") is not None:
        folder = pathlib.Path(dataset["path"])
    else:
        folder = download.cache_folder() / dataset["name"]
        download.fetch(folder, published, mirrors)
    images, labels, digests = [], [], {}
    for image_file, label_file in locate(folder):
        images.append(idx.read(image_file, dimensions=3))
        labels.append(idx.read(label_file, dimensions=1))
        if len(images[-1]) != len(labels[-1]):
            raise UserError(
                f"{label_file}: {len(labels[-1])} labels, but {image_file.name} holds "
                f"{len(images[-1])} images"
            )
        if images[-1].shape[1:] != images[0].shape[1:]:
            raise UserError(
                f"{image_file}: images of shape {images[-1].shape[1:]}, "
                f"but the training part's are {images[0].shape[1:]}"
            )
        digests |= {path.name: sha256_file(path) for path in (image_file, label_file)}
    return checked(
        _resized(np.concatenate(images)[..., np.newaxis], dataset.get("size")),
        np.concatenate(labels),
        levels=256,
        classes=classes,
        source={"name": dataset["name"], "licence": licence, "files": digests},
    )


def _resized(images: np.ndarray, size: int | None) -> np.ndarray:
    """Grey pictures N×H×W×1 as N×size×size×1; as they are without a size or without pixels."""
    if size is None or images.size == 0:
        return images
    from PIL import Image

    result = np.empty((len(images), size, size, 1), dtype=np.uint8)
    for row, image in enumerate(images):
        result[row] = pictures.to_array(Image.fromarray(image[..., 0]), size, "grey")
    return result
