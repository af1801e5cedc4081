"""The four IDX files of MNIST and of the data sets made to replace it."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np

from autophagy.data import download, idx
from autophagy.data.base import RealSet, checked, sha256_file
from autophagy.errors import UserError

#: Images and labels of the training part, then of the test part.
PARTS = (
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)


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
            without one the published files are downloaded once.
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
        np.concatenate(images)[..., np.newaxis],
        np.concatenate(labels),
        levels=256,
        classes=classes,
        source={"name": dataset["name"], "licence": licence, "files": digests},
    )
