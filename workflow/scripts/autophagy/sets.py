"""Picture sets and training sets on disk: arrays without pickle, indices as parquet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from autophagy.errors import UserError
from autophagy.regimes import Part

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
        UserError: it is missing or not an array file.
    """
    path = root / artifact / f"{name}.npy"
    try:
        return np.load(path, allow_pickle=False)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError) as error:
        raise UserError(f"{path}: not an array file: {error}") from error


def index(parts: Iterable[Part], sources: dict[int, Source], order: np.ndarray) -> pd.DataFrame:
    """The training set that `parts` describe, one row a picture.

    Args:
        sources: generation -> set (0 = the real loop split).
        order: a permutation of the loop split's rows; real parts are cut from it.

    Raises:
        UserError: a source has fewer rows than a part asks for.
    """
    frames = []
    for part in parts:
        source = sources[part.generation]
        end = part.start + part.count
        if end > len(source.labels):
            raise UserError(
                f"{source.artifact}: has {len(source.labels)} rows and row {end} is asked for"
            )
        rows = np.arange(part.start, end, dtype=np.int64)
        rows = order[rows] if part.origin == "real" else rows
        frames.append(
            pd.DataFrame(
                {
                    "artifact": source.artifact,
                    "row": rows,
                    "label": source.labels[rows],
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
        UserError: it is missing or no training set.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except pa.ArrowException as error:
        raise UserError(f"{path}: not a training set: {error}") from error
    if tuple(table.column_names) != COLUMNS:
        raise UserError(f"{path}: not a training set; its columns are {table.column_names}")
    return table.to_pandas()


def gather(root: Path, table: pd.DataFrame, name: str = "images") -> np.ndarray:
    """The pictures (or another array) that an index points at, in its order."""
    gathered = None
    for artifact, group in table.groupby("artifact", observed=True, sort=False):
        array = read_array(root, str(artifact), name)
        if gathered is None:
            gathered = np.empty((len(table), *array.shape[1:]), array.dtype)
        gathered[group.index] = array[group["row"].to_numpy()]
    if gathered is None:
        raise UserError("a training set is empty")
    return gathered


def picture_facts(manifest: dict[str, Any]) -> dict[str, Any]:
    """The facts of a set that its descendants share: picture shape, grey levels, classes."""
    return {key: manifest["facts"][key] for key in ("size", "channels", "levels", "classes")}
