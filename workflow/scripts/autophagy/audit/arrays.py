"""Arrays and indices as the laws read them: mapped from disk, checked, without pandas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autophagy import store
from autophagy.archive import Archive
from autophagy.errors import UserError

#: Columns of a training set's index that hold numbers, and those that hold names.
_NUMBERS = ("row", "label", "generation")
_NAMES = ("artifact", "origin")
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


@dataclass(frozen=True)
class Part:
    """The rows of an index that have one artifact, origin and generation; positions in it."""

    artifact: str
    origin: str
    generation: int
    positions: np.ndarray


@dataclass(frozen=True)
class Index:
    """A training set's index: int64 columns, and its rows by where they are from."""

    row: np.ndarray
    label: np.ndarray
    real: np.ndarray
    parts: list[Part]


def read_index(path: Path) -> Index:
    """The index of a training set.

    Raises:
        UserError: it is missing or no training set.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with store.opened(path) as content:
            table = pq.ParquetFile(content).read()
        if set(table.column_names) != {*_NUMBERS, *_NAMES}:
            raise UserError(f"{path}: not a training set; its columns are {table.column_names}")
        if any(column.null_count for column in table.columns):
            raise UserError(f"{path}: not a training set; it has empty cells")
        row, label, generation = (
            table[name].cast(pa.int64()).combine_chunks().to_numpy() for name in _NUMBERS
        )
        (artifacts, of), (origins, by) = (_encoded(table[name]) for name in _NAMES)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except pa.ArrowException as error:
        raise UserError(f"{path}: not a training set: {error}") from error
    generations, at = np.unique(generation, return_inverse=True)
    code = (of.astype(np.int64) * len(origins) + by) * len(generations) + at
    parts = []
    for key in np.unique(code).tolist():
        rest, t = divmod(key, len(generations))
        artifact, origin = divmod(rest, len(origins))
        positions = np.flatnonzero(code == key)
        parts.append(Part(artifacts[artifact], origins[origin], int(generations[t]), positions))
    real = np.array([origin == "real" for origin in origins], bool)
    return Index(row, label, real[by] if len(by) else np.zeros(0, bool), parts)


def _encoded(column) -> tuple[list[str], np.ndarray]:
    """The names of a column, and the number of each row's."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    chunk = column.combine_chunks()
    chunk = chunk.chunk(0) if isinstance(chunk, pa.ChunkedArray) else chunk
    return [str(name) for name in chunk.dictionary.to_pylist()], chunk.indices.to_numpy()
