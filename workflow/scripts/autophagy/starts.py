"""Starts of loops: from a real-only model, from another loop, or from outside.

`start_from` is the name of a real-only model; or a path, which has a slash in it: a folder with a
model_index.json is a checkpoint (G^1), any other folder and a .npz are pictures (S^1); or a loop of
the same experiment and a generation of it, up to which the history is that loop's: a fork.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import data, presets, regimes
from autophagy.errors import UserError
from autophagy.schema import place

#: How a path is told from a name in the configuration.
SEPARATOR = "/"
#: What manifests call the start of such a loop, and where it lies: imported/<loop>/.
IMPORTED = "imported"
MODEL, PICTURES = "model", "pictures"
_INDEX = "model_index.json"


def is_fork(start_from: Any) -> bool:
    """Is this a generation of another loop?"""
    return not isinstance(start_from, str)


def owner(experiment: Any, name: str, generation: int) -> str:
    """The loop whose generation t it is: another one where a fork shares its history."""
    while is_fork(fork := experiment.loops[name].start_from) and generation <= fork.generation:
        name = fork.loop
    return name


def shared(experiment: Any, name: str) -> int:
    """How many generations of a loop are another's; 0 of a loop whose history is its own."""
    start = experiment.loops[name].start_from
    return start.generation if is_fork(start) else 0


def first(experiment: Any, name: str) -> str:
    """What the first generation of a loop, or of the history that it shares, starts from."""
    return experiment.loops[owner(experiment, name, 1)].start_from


def fork(experiment: Any, name: str) -> regimes.Fork | None:
    """Where a loop leaves another's history, as `regimes` counts; None where it has its own."""
    n, chain = n_initial(experiment, name), []
    while generations := shared(experiment, name):
        name = experiment.loops[name].start_from.loop
        chain.append((generations, experiment.loops[name]))
    found = None
    for generations, loop in reversed(chain):
        used = regimes.real_rows_needed(
            presets.regime_of(loop), generations, n, loop.n_real, loop.n_synthetic, found
        )
        found = regimes.Fork(generations, used)
    return found


def is_outside(start_from: Any) -> bool:
    """Is this a path, and neither a real-only model's name nor a fork?"""
    return not is_fork(start_from) and SEPARATOR in start_from


def kind(start_from: Any) -> str | None:
    """MODEL or PICTURES of a path; None for a real-only model and a fork."""
    if not is_outside(start_from):
        return None
    return MODEL if (place(start_from) / _INDEX).is_file() else PICTURES


def n_initial(experiment: Any, name: str) -> int:
    """Real images that G^1 was trained on and that are counted: none of a start from outside."""
    start = first(experiment, name)
    return 0 if is_outside(start) else experiment.real_only[start]


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
