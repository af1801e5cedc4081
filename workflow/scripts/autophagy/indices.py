"""Training sets on disk: an index as parquet, which row of which artifact each row is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autophagy import sets, store
from autophagy.errors import UserError, unreadable
from autophagy.manifest_shape import is_inside
from autophagy.regimes import Draw, chosen
from autophagy.regimes import Part as Asked

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: The most rows an index is read with: a few bytes of parquet can promise any number.
MAX_ROWS = 20_000_000
#: Columns: which row of which artifact, its label and where it is from.
COLUMNS = ("artifact", "row", "label", "origin", "generation")
#: Those of numbers, and those of names.
_NUMBERS, _NAMES = ("row", "label", "generation"), ("artifact", "origin")


@dataclass(frozen=True)
class Part:
    """The rows of an index that have one artifact, origin and generation; positions in it."""

    artifact: str
    origin: str
    generation: int
    positions: np.ndarray


@dataclass(frozen=True)
class Index:
    """A training set of n rows.

    row, label, generation: int64 (n,). artifact, origin: int32 (n,), each a place in the tuple of
    names.
    """

    artifacts: tuple[str, ...]
    artifact: np.ndarray
    row: np.ndarray
    label: np.ndarray
    origins: tuple[str, ...]
    origin: np.ndarray
    generation: np.ndarray

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def real(self) -> np.ndarray:
        """bool (n,): is a row real?"""
        known = np.array([name == "real" for name in self.origins], bool)
        return known[self.origin] if len(self) else np.zeros(0, bool)

    @cached_property
    def parts(self) -> list[Part]:
        """The rows by where they are from."""
        generations, at = np.unique(self.generation, return_inverse=True)
        code = self.artifact.astype(np.int64) * len(self.origins) + self.origin
        code = code * len(generations) + at
        found = []
        for key in np.unique(code).tolist():
            rest, t = divmod(key, len(generations))
            artifact, origin = divmod(rest, len(self.origins))
            names = (self.artifacts[artifact], self.origins[origin])
            found.append(Part(*names, int(generations[t]), np.flatnonzero(code == key)))
        return found

    def by_artifact(self) -> Iterator[tuple[str, np.ndarray]]:
        """Artifact -> the positions of its rows, int64 and ascending; none without rows."""
        for place, name in enumerate(self.artifacts):
            positions = np.flatnonzero(self.artifact == place)
            if len(positions):
                yield name, positions

    def frame(self) -> pd.DataFrame:
        """The same with the columns of `COLUMNS`, `artifact` and `origin` as categories."""
        import pandas as pd

        columns = {name: getattr(self, name) for name in _NUMBERS}
        for name, names in (("artifact", self.artifacts), ("origin", self.origins)):
            columns[name] = pd.Categorical.from_codes(getattr(self, name), names)
        return pd.DataFrame(columns)[list(COLUMNS)]


@dataclass(frozen=True)
class Source:
    """What a mix needs to know of a set: its labels, not its pictures."""

    artifact: str
    labels: np.ndarray


def compose(
    parts: Iterable[Asked], sources: dict[int, Source], order: np.ndarray, drawn: Draw | None = None
) -> Index:
    """The training set that `parts` describe, one row a picture.

    Args:
        sources: generation -> set (0 = the real loop split).
        order: a permutation of the loop split's rows; real parts are cut from it.
        drawn: which rows of the parts are taken; None for all.

    Raises:
        UserError: a source has fewer rows than a part asks for.
    """
    artifacts, origins = dict[str, int](), dict[str, int]()
    columns: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}
    parts = list(parts)
    for part, rows in zip(parts, chosen(parts, drawn), strict=True):
        if not len(rows):
            continue
        source = sources[part.generation]
        end = part.start + part.count
        if end > len(source.labels):
            raise UserError(
                f"{source.artifact}: has {len(source.labels)} rows and row {end} is asked for"
            )
        rows = order[rows] if part.origin == "real" else rows
        columns["row"].append(rows)
        columns["label"].append(source.labels[rows])
        for name, value in (
            ("artifact", artifacts.setdefault(source.artifact, len(artifacts))),
            ("origin", origins.setdefault(part.origin, len(origins))),
            ("generation", part.generation),
        ):
            columns[name].append(np.full(len(rows), value))
    whole = {name: np.concatenate(of_parts).astype(np.int64) for name, of_parts in columns.items()}
    whole |= {name: whole[name].astype(np.int32) for name in _NAMES}
    return Index(artifacts=tuple(artifacts), origins=tuple(origins), **whole)


def write_index(path: Path, index: Index) -> None:
    """Write training_set.parquet; the same index gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: _numbers(getattr(index, name)) for name in _NUMBERS}
    for name in _NAMES:
        columns[name] = pa.DictionaryArray.from_arrays(
            _numbers(getattr(index, name)), _text(getattr(index, f"{name}s"))
        )
    pq.write_table(pa.table({name: columns[name] for name in COLUMNS}), path)


# Neither by pa.array nor by to_numpy, which ask pandas first: to import it takes longer than all
# else that a mix does.
def _numbers(values: np.ndarray) -> pa.Array:
    import pyarrow as pa

    values = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def _values(column: pa.Array) -> np.ndarray:
    """The numbers of a column without empty cells: a copy, since arrow's memory is read alone."""
    return np.array(np.from_dlpack(column))


def _text(words: tuple[str, ...]) -> pa.Array:
    """Of the type that pandas has for text, so that its tables and ours are the same bytes."""
    import pyarrow as pa

    encoded = [word.encode() for word in words]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    content = (pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))
    return pa.LargeStringArray.from_buffers(len(words), *content)


def read(path: Path) -> Index:
    """The index of a training set, for those who follow it.

    Raises:
        UserError: it is missing or no training set, or points out of the experiment's folder.
    """
    import pyarrow as pa

    table = _table(path)
    if tuple(table.column_names) != COLUMNS:
        raise UserError(f"{path}: not a training set; its columns are {table.column_names}")
    text = pa.dictionary(pa.int32(), pa.string())
    for name in COLUMNS:
        column = table[name]
        if column.type != (text if name in _NAMES else pa.int64()) or column.null_count:
            raise UserError(f"{path}: not a training set; its column {name} is {column.type}")
    index = _index(path, table)
    for name in _NUMBERS:
        if len(index) and (least := getattr(index, name).min()) < 0:
            raise UserError(f"{path}: its column {name} holds {least}, below 0")
    for artifact in index.artifacts:
        if not is_inside(artifact):
            raise UserError(
                f"{path}: points at {artifact!r}, no path below the experiment's folder"
            )
    return index


def as_it_is(path: Path) -> Index:
    """The index of a training set whatever it holds, for the laws that say what is wrong with it.

    Raises:
        UserError: it is missing, or no table of these columns.
    """
    table = _table(path)
    if set(table.column_names) != set(COLUMNS):
        raise UserError(f"{path}: not a training set; its columns are {table.column_names}")
    if any(column.null_count for column in table.columns):
        raise UserError(f"{path}: not a training set; it has empty cells")
    return _index(path, table)


def _table(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with store.opened(path) as content:
            file = pq.ParquetFile(content)
            count = file.metadata.num_rows
            if count > MAX_ROWS:
                raise UserError(f"{path}: promises {count} rows; allowed: {MAX_ROWS}")
            return file.read()
    except OSError as error:
        raise unreadable(path, error) from error
    except pa.ArrowException as error:
        raise UserError(f"{path}: not a training set: {error}") from error


def _index(path: Path, table: pa.Table) -> Index:
    import pyarrow as pa

    try:
        columns: dict[str, Any] = {
            name: _values(table[name].cast(pa.int64()).combine_chunks()) for name in _NUMBERS
        }
        for name in _NAMES:
            columns[f"{name}s"], columns[name] = _encoded(table[name])
    except pa.ArrowException as error:
        raise UserError(f"{path}: not a training set: {error}") from error
    return Index(**columns)


def _encoded(column: pa.ChunkedArray) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of a column, and the place among them of each row's."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    chunk = column.combine_chunks()
    chunk = chunk.chunk(0) if isinstance(chunk, pa.ChunkedArray) else chunk
    places = _values(chunk.indices.cast(pa.int32()))
    return tuple(str(name) for name in chunk.dictionary.to_pylist()), places


def gather(root: Path, index: Index, name: str = "images") -> np.ndarray:
    """The images or points (or another array) that an index points at, in its order.

    Raises:
        UserError: the index is empty, or a set is missing or has fewer rows than it says.
    """
    gathered = None
    for artifact, positions in index.by_artifact():
        array = sets.read_array(root, artifact, name)
        if gathered is None:
            gathered = np.empty((len(index), *array.shape[1:]), array.dtype)
        asked = index.row[positions]
        if asked.max() >= len(array):
            raise UserError(
                f"{root / artifact}: has {len(array)} rows and row {asked.max()} is asked for"
            )
        gathered[positions] = array[asked]
    if gathered is None:
        raise UserError("a training set is empty")
    return gathered


def gather_exact(root: Path, index: Index) -> np.ndarray:
    """The images that an index points at, those of sets that hold `exact` ones unrounded.

    uint8 where there are no such sets, else float32 on the scale of grey levels.
    """
    gathered = gather(root, index)
    for artifact, positions in index.by_artifact():
        if (root / artifact / "exact.npy").is_file():
            gathered = gathered.astype(np.float32)
            exact = sets.read_array(root, artifact, "exact")
            gathered[positions] = exact[index.row[positions]]
    return gathered
