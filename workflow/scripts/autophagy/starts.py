"""Starts of loops that come from outside: a checkpoint as G^1, or a set of pictures as S^1.

`start_from` is the name of a real-only model, or a path, which has a slash in it. What lies there
decides: a folder with a model_index.json is a checkpoint, any other folder and a .npz are pictures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import data
from autophagy.errors import UserError

#: How a path is told from a name in the configuration.
SEPARATOR = "/"
#: What manifests call the start of such a loop, and where it lies: imported/<loop>/.
IMPORTED = "imported"
MODEL, PICTURES = "model", "pictures"
_INDEX = "model_index.json"


def is_outside(start_from: str) -> bool:
    """Is this a path, and no real-only model's name?"""
    return SEPARATOR in start_from


def kind(start_from: str) -> str | None:
    """MODEL or PICTURES, or None for a real-only model."""
    if not is_outside(start_from):
        return None
    return MODEL if (place(start_from) / _INDEX).is_file() else PICTURES


def place(start_from: str) -> Path:
    return Path(start_from).expanduser()


def n_initial(experiment: Any, loop: Any) -> int:
    """Real images that G^1 was trained on and that are counted: none of a start from outside."""
    return 0 if is_outside(loop.start_from) else experiment.real_only[loop.start_from]


def folder(loop: str) -> str:
    """Where the start of a loop lies."""
    return f"{IMPORTED}/{loop}"


def files(start_from: str) -> list[str]:
    """What is read: the files of a checkpoint; a folder of pictures or a .npz as a whole."""
    path = place(start_from)
    if kind(start_from) == PICTURES:
        return [str(path)]
    return sorted(str(file) for file in path.rglob("*") if file.suffix in (".json", ".safetensors"))


def dataset(start_from: str, facts: dict[str, Any]) -> dict[str, Any]:
    """The pictures as a `dataset:` section, read by the data set of their kind.

    Args:
        facts: size and channels of the experiment's own pictures, to which a folder's are brought.
    """
    path = place(start_from)
    if path.suffix == ".npz":
        return {"name": "npz", "path": str(path)}
    channels = "grey" if facts["channels"] == 1 else "rgb"
    return {"name": "imagefolder", "path": str(path), "size": facts["size"], "channels": channels}


def hashes(start_from: str) -> dict[str, str]:
    """{name: SHA-256} of what is read, as the import's manifest states it."""
    path = place(start_from)
    if kind(start_from) == PICTURES and path.is_dir():
        section = dataset(start_from, {"size": 1, "channels": 1})
        return data.module(section["name"]).source_files(section)
    top = path if path.is_dir() else path.parent
    return {
        Path(name).relative_to(top).as_posix(): data.base.sha256_file(Path(name))
        for name in files(start_from)
    }


def check(start_from: str) -> None:
    """Refuse, without decoding, a path where no start lies.

    Raises:
        UserError: what is missing there.
    """
    path = place(start_from)
    if not path.exists():
        raise UserError(f"no folder or .npz {start_from}")
    if kind(start_from) == MODEL:
        if not any(name.endswith(".safetensors") for name in files(start_from)):
            raise UserError(
                f"{start_from} has no .safetensors; weights in other formats run code when they "
                "are read, so save the checkpoint with safe_serialization"
            )
        return
    if path.is_file() and path.suffix != ".npz":
        raise UserError(f"{start_from} is a file and no .npz")
    section = dataset(start_from, {"size": 1, "channels": 1})
    try:
        data.module(section["name"]).check(section)
    except UserError as error:
        raise UserError(str(error).removeprefix("dataset.path: ")) from error
