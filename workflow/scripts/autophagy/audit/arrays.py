"""Arrays as the laws read them: mapped from disk, and checked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autophagy import store
from autophagy.archive import Archive
from autophagy.errors import UserError

#: Bytes of pictures looked at at once: memory does not grow with the length of a chain.
_BLOCK = 1 << 24


def opened(archive: Archive, artifact: str, name: str) -> np.ndarray:
    """One array of a set, mapped rather than read where it is large.

    Raises:
        UserError: it is missing or not an array file.
    """
    path = archive.root / artifact / f"{name}.npy"
    try:
        with store.opened(path) as file:
            # np.load does the same at three times the cost, which thousands of arrays feel.
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                return np.load(path, mmap_mode="r", allow_pickle=False)
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            if dtype.hasobject:
                raise ValueError("it holds objects")
            if np.prod(shape, dtype=object) * dtype.itemsize > _BLOCK:
                order = "F" if fortran else "C"
                return np.memmap(path, dtype, "r", file.tell(), shape, order)
            flat = np.fromfile(file, dtype, int(np.prod(shape, dtype=object)))
            return flat.reshape(shape, order="F" if fortran else "C")
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: not an array file: {error}") from error


def blocks(images: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of an array, some at a time."""
    step = max(1, _BLOCK // max(1, images[:1].nbytes))
    for start in range(0, len(images), step):
        yield images[start : start + step]
