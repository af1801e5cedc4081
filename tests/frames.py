"""Training sets' indices as tables of pandas, which are easier to change, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from autophagy import indices, training_sets


def index_of(table: pd.DataFrame) -> indices.Index:
    """A table with the columns of an index."""
    codes, names = {}, {}
    for name in ("artifact", "origin"):
        places, found = pd.factorize(table[name].astype(str))
        codes[name] = places.astype(np.int32)
        names[f"{name}s"] = tuple(found)
    numbers = {name: table[name].to_numpy(np.int64) for name in ("row", "label", "generation")}
    return indices.Index(**numbers, **codes, **names)


def write_index(path: Path, table: pd.DataFrame) -> None:
    """Write a table as a training set, whatever it holds."""
    columns = {name: table[name].to_numpy() for name in ("row", "label", "generation")}
    columns |= {
        name: pa.array(table[name].astype(str)).dictionary_encode()
        for name in ("artifact", "origin")
    }
    pq.write_table(pa.table({name: columns[name] for name in indices.COLUMNS}), path)


def gather(root: Path, table: pd.DataFrame, name: str = "images") -> np.ndarray:
    return training_sets.gather(root, index_of(table), name)
