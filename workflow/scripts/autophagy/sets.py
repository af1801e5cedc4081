"""Sets of images or points on disk: arrays without pickle."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from autophagy import rows, store
from autophagy.errors import UserError, unreadable

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
        raise unreadable(path, error) from error
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
