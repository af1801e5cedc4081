"""Sets of images or points and training sets on disk: arrays without pickle, indices as parquet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from autophagy import rows, store
from autophagy.errors import UserError
from autophagy.manifest_shape import is_inside
from autophagy.regimes import Draw, Part, chosen

if TYPE_CHECKING:
    import pandas as pd

#: Array -> the kinds of number and of how many dimensions it may hold.
KINDS = {
    "images": ("u", 4),
    "points": ("f", 2),
    "exact": ("f", 4),
    "labels": ("iu", 1),
    "seeds": ("u", 1),
    "source_rows": ("i", 1),
}
_KIND_NAMES = {"u": "unsigned integers", "i": "integers", "f": "floats"}
#: The most rows an index is read with: a few bytes of parquet can promise any number.
MAX_ROWS = 20_000_000
#: Columns of a training set's index: which row of which artifact, its label and where it is from.
COLUMNS = ("artifact", "row", "label", "origin", "generation")


@dataclass(frozen=True)
class Source:
    """What a mix needs to know of a set: its labels, not its pictures."""

    artifact: str
    labels: np.ndarray


def write_arrays(folder: Path, **arrays: np.ndarray) -> None:
    """One `<name>.npy` an array."""
    for name, array in arrays.items():
        with (folder / f"{name}.npy").open("wb") as file:
            # Not the file itself: into files numpy writes past Python, and of a full disk it then
            # says only how many values were written.
            stream = SimpleNamespace(write=file.write)
            np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)


def read_array(root: Path, artifact: str, name: str) -> np.ndarray:
    """One array of a set.

    Raises:
        UserError: it is missing, not an array file, or of other numbers or dimensions than
            `KINDS` says.
    """
    path = root / artifact / f"{name}.npy"
    try:
        with store.opened(path) as file:
            array = np.load(file, allow_pickle=False)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    # What numpy raises on foreign bytes has no common base: a header may ask for all memory.
    except Exception as error:
        # Of foreign bytes and of objects numpy says how to load pickles, which nobody should.
        told = "it would have to be unpickled" if "allow_pickle" in str(error) else error
        raise UserError(f"{path}: not an array file: {told}") from error
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path}: not an array file but an archive")
    kinds, dimensions = KINDS.get(name, (array.dtype.kind, array.ndim))
    if array.dtype.kind not in kinds or array.ndim != dimensions:
        raise UserError(
            f"{path}: holds {array.dtype} of shape {array.shape}; {name} have {dimensions} "
            f"dimensions of {' or '.join(_KIND_NAMES[kind] for kind in kinds)}"
        )
    return array


def index(
    parts: Iterable[Part], sources: dict[int, Source], order: np.ndarray, drawn: Draw | None = None
) -> pd.DataFrame:
    """The training set that `parts` describe, one row a picture.

    Args:
        sources: generation -> set (0 = the real loop split).
        order: a permutation of the loop split's rows; real parts are cut from it.
        drawn: which rows of the parts are taken; None for all.

    Raises:
        UserError: a source has fewer rows than a part asks for.
    """
    import pandas as pd

    frames, parts = [], list(parts)
    for part, places in zip(parts, chosen(parts, drawn), strict=True):
        if not len(places):
            continue
        source = sources[part.generation]
        end = part.start + part.count
        if end > len(source.labels):
            raise UserError(
                f"{source.artifact}: has {len(source.labels)} rows and row {end} is asked for"
            )
        places = order[places] if part.origin == "real" else places
        frames.append(
            pd.DataFrame(
                {
                    "artifact": source.artifact,
                    "row": places,
                    "label": source.labels[places],
                    "origin": part.origin,
                    "generation": np.int64(part.generation),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)[list(COLUMNS)]


def write_index(path: Path, table: pd.DataFrame) -> None:
    """Write a training set's index; the same table gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: table[name].to_numpy() for name in ("row", "label", "generation")}
    columns |= {
        name: pa.array(table[name].astype(str)).dictionary_encode()
        for name in ("artifact", "origin")
    }
    pq.write_table(pa.table({name: columns[name] for name in COLUMNS}), path)


def read_index(path: Path) -> pd.DataFrame:
    """The index of a training set; `artifact` and `origin` are categories.

    Raises:
        UserError: it is missing or no training set, or points out of the experiment's folder.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with store.opened(path) as content:
            file = pq.ParquetFile(content)
            count = file.metadata.num_rows
            if count > MAX_ROWS:
                raise UserError(f"{path}: promises {count} rows; allowed: {MAX_ROWS}")
            table = file.read()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except pa.ArrowException as error:
        raise UserError(f"{path}: not a training set: {error}") from error
    if tuple(table.column_names) != COLUMNS:
        raise UserError(f"{path}: not a training set; its columns are {table.column_names}")
    text = pa.dictionary(pa.int32(), pa.string())
    for name in COLUMNS:
        expected = text if name in ("artifact", "origin") else pa.int64()
        column = table[name]
        if column.type != expected or column.null_count:
            raise UserError(f"{path}: not a training set; its column {name} is {column.type}")
    index = table.to_pandas()
    for name in ("row", "label", "generation"):
        if len(index) and index[name].min() < 0:
            raise UserError(f"{path}: its column {name} holds {index[name].min()}, below 0")
    for artifact in index["artifact"].cat.categories:
        if not is_inside(artifact):
            raise UserError(
                f"{path}: points at {artifact!r}, no path below the experiment's folder"
            )
    return index


def gather(root: Path, table: pd.DataFrame, name: str = "images") -> np.ndarray:
    """The images or points (or another array) that an index points at, in its order."""
    gathered = None
    for artifact, group in table.groupby("artifact", observed=True, sort=False):
        array = read_array(root, str(artifact), name)
        if gathered is None:
            gathered = np.empty((len(table), *array.shape[1:]), array.dtype)
        asked = group["row"].to_numpy()
        if asked.max() >= len(array):
            raise UserError(
                f"{root / str(artifact)}: has {len(array)} rows and row {asked.max()} is asked for"
            )
        gathered[group.index] = array[asked]
    if gathered is None:
        raise UserError("a training set is empty")
    return gathered


def gather_exact(root: Path, table: pd.DataFrame) -> np.ndarray:
    """The images that an index points at, those of sets that hold `exact` ones unrounded.

    uint8 where there are no such sets, else float32 on the scale of grey levels.
    """
    gathered = gather(root, table)
    for artifact, group in table.groupby("artifact", observed=True, sort=False):
        if (root / str(artifact) / "exact.npy").is_file():
            gathered = gathered.astype(np.float32)
            exact = read_array(root, str(artifact), "exact")
            gathered[group.index] = exact[group["row"].to_numpy()]
    return gathered


def row_facts(manifest: dict[str, Any]) -> dict[str, Any]:
    """The facts of a set that its descendants share: what a row is (`rows`), and the classes."""
    facts = manifest["facts"]
    return {key: facts[key] for key in (*rows.of(facts).facts, "classes")}


def read_rows(root: Path, artifact: str, facts: dict[str, Any]) -> np.ndarray:
    """The images or points of a set.

    Args:
        facts: of the set's manifest, or of any of its relatives'.
    """
    return read_array(root, artifact, rows.of(facts).name)
