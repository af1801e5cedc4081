"""Training sets on disk: their indices as parquet, and the rows that these point at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from autophagy import sets, store
from autophagy.errors import UserError, unreadable
from autophagy.indices import COLUMNS, NAMES, NUMBERS, Index
from autophagy.manifest_shape import is_inside

if TYPE_CHECKING:
    import pyarrow as pa

#: The most rows an index is read with: a few bytes of parquet can promise any number.
MAX_ROWS = 20_000_000


def write_index(path: Path, index: Index) -> None:
    """Write training_set.parquet; the same index gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: _numbers(getattr(index, name)) for name in NUMBERS}
    for name in NAMES:
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
    """The numbers of a column without empty cells: a copy, since arrow's memory is read-only."""
    return np.array(np.from_dlpack(column))


def _text(words: tuple[str, ...]) -> pa.Array:
    """Of the type that sets recorded before have, so that the same index keeps its hash."""
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
    index = _index(path, _table(path, _other_form))
    for name in NUMBERS:
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
    return _index(path, _table(path, _other_columns))


def _other_columns(schema: pa.Schema) -> str:
    """What keeps a table with this schema from being an index in any form; empty for nothing."""
    same = sorted(schema.names) == sorted(COLUMNS)
    return "" if same else f"its columns are {schema.names}"


def _other_form(schema: pa.Schema) -> str:
    """What keeps a table with this schema from being one that `write_index` wrote."""
    import pyarrow as pa

    if tuple(schema.names) != COLUMNS:
        return f"its columns are {schema.names}"
    due = {name: pa.int64() for name in NUMBERS}
    due |= {name: pa.dictionary(pa.int32(), pa.string()) for name in NAMES}
    others = [name for name in COLUMNS if schema.field(name).type != due[name]]
    return f"its column {others[0]} is {schema.field(others[0]).type}" if others else ""


def _table(path: Path, wrong: Callable[[pa.Schema], str]) -> pa.Table:
    """The table of a file without empty cells, whose form is looked at before its content."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with store.opened(path) as content:
            file = pq.ParquetFile(content)
            known = file.metadata
            # Read is what the groups hold, whatever the whole promises.
            held = (known.row_group(group).num_rows for group in range(known.num_row_groups))
            count = max(known.num_rows, sum(held))
            if count > MAX_ROWS:
                raise UserError(f"{path}: promises {count} rows; allowed: {MAX_ROWS}")
            if found := wrong(file.schema_arrow):
                raise UserError(f"{path}: not a training set; {found}")
            table = file.read()
            # Numbers of names that there are not would be followed into foreign memory.
            table.validate(full=True)
    except OSError as error:
        raise unreadable(path, error) from error
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a training set: {error}") from error
    if any(column.null_count for column in table.columns):
        raise UserError(f"{path}: not a training set; it has empty cells")
    return table


def _index(path: Path, table: pa.Table) -> Index:
    import pyarrow as pa

    try:
        columns = {name: _values(table[name].cast(pa.int64()).combine_chunks()) for name in NUMBERS}
        (artifacts, artifact), (origins, origin) = (_encoded(table[name]) for name in NAMES)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a training set: {error}") from error
    return Index(artifacts=artifacts, artifact=artifact, origins=origins, origin=origin, **columns)


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
