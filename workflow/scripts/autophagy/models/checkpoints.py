"""Training checkpoints: where a killed training goes on, to the same bytes.

A checkpoint is scratch: it lies outside the results, enters no hash and vanishes when the model
stands. Two files: `step-<k>.safetensors` and, written after it, `checkpoint.json`, which names it
and holds its hash, so that a kill at any moment leaves the previous checkpoint or the new one.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from autophagy import store
from autophagy.errors import UserError, unreadable

#: Seconds of training between two checkpoints: what a kill costs at most.
EVERY = 15.0
#: Training time to saving time, at least: large models save less often, and lose 2% by it.
TRAINING_PER_SAVING = 50

INDEX = "checkpoint.json"


class Part(Protocol):
    """What a checkpoint keeps of a training: torch's modules, optimisers and schedules are such.

    The state is made of dicts, lists, tuples, tensors, numbers, strings and None.
    """

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state: Any) -> Any: ...


class Checkpoint:
    """The checkpoint of one training; without a folder it keeps nothing.

    The clock decides when to save and never what is computed.
    """

    def __init__(
        self,
        folder: Path | None = None,
        key: str = "",
        say: Callable[[str], None] = lambda note: None,
    ) -> None:
        """
        Args:
            folder: scratch of this training alone.
            key: names the work; a checkpoint of other work is never continued.
            say: hears what happens to the checkpoint.
        """
        self.folder, self.key, self.say = folder, key, say
        self._next = time.monotonic() + EVERY

    def of(self, part: str) -> Checkpoint:
        """That of one part of a training whose parts follow one another; it goes with this one."""
        folder = None if self.folder is None else self.folder / part
        return Checkpoint(folder, self.key, self.say)

    def resume(self, parts: dict[str, Part], device: str) -> int:
        """Give the parts their state back and return how many steps are done; 0: none was kept.

        A checkpoint that is torn or of other work is said to be so, and removed.
        """
        if self.folder is None or not self.folder.is_dir():
            return 0
        try:
            content = self._read()
            if content.get("key") == self.key:
                tensors = _read_tensors(self.folder, content, device)
                for name, part in parts.items():
                    part.load_state_dict(_unpack(content["state"][name], tensors))
                return content["step"]
            self.say("checkpoint of other work removed, starting from step 0")
        except UserError as error:
            self.say(f"checkpoint unreadable, starting from step 0: {error}")
        self.clear()
        return 0

    def due(self) -> bool:
        """Is it time to save?"""
        return self.folder is not None and time.monotonic() >= self._next

    def save(self, step: int, parts: dict[str, Part]) -> None:
        """Keep the state of the parts after `step` steps.

        A full disk costs the checkpoint and not the training: that is said, and the previous
        checkpoint stays.
        """
        from safetensors.torch import save_file

        if self.folder is None:
            return
        began = time.monotonic()
        tensors: dict[str, Any] = {}
        state = {name: _pack(part.state_dict(), tensors) for name, part in parts.items()}
        file = self.folder / f"step-{step}.safetensors"
        try:
            with store.new_file(file) as aside:
                save_file(tensors, aside)
            content = {
                "key": self.key,
                "step": step,
                "tensors": file.name,
                "sha256": store.sha256(file),
                "state": state,
            }
            store.write_json(
                self.folder / INDEX, {"sha256": store.content_hash(content), "content": content}
            )
        except (UserError, OSError) as error:
            self.say(f"no checkpoint at step {step}, training goes on: {error}")
            with suppress(OSError):
                file.unlink(missing_ok=True)
        else:
            self._remove_all_but(file.name)
        ended = time.monotonic()
        self._next = ended + max(EVERY, TRAINING_PER_SAVING * (ended - began))

    def clear(self) -> None:
        """Remove the checkpoint and its folder."""
        if self.folder is not None and self.folder.exists():
            try:
                shutil.rmtree(self.folder)
            except OSError as error:
                self.say(f"{self.folder}: cannot be removed: {error.strerror or error}")

    def _read(self) -> dict[str, Any]:
        path = self.folder / INDEX
        kept = store.read_json(path)
        try:
            content = kept["content"]
            whole = kept["sha256"] == store.content_hash(content)
        except (KeyError, TypeError) as error:
            raise UserError(f"{path}: no checkpoint") from error
        if not whole:
            raise UserError(f"{path}: not what was written")
        return content

    def _remove_all_but(self, tensors: str) -> None:
        with suppress(OSError):
            for file in self.folder.iterdir():
                if file.name not in (INDEX, tensors):
                    file.unlink()


def _read_tensors(folder: Path, content: dict[str, Any], device: str) -> dict[str, Any]:
    from safetensors.torch import load_file

    path = folder / content["tensors"]
    try:
        if store.sha256(path) != content["sha256"]:
            raise UserError(f"{path}: not what was written")
        # Copies, for what is loaded is a view of the file, which is about to be replaced.
        return {name: tensor.clone() for name, tensor in load_file(path, device=device).items()}
    except OSError as error:
        raise unreadable(path, error) from error


def _pack(value: Any, tensors: dict[str, Any]) -> Any:
    """A state as JSON, its tensors put aside under numbers. Undone by `_unpack`."""
    import torch

    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous()
        return {"tensor": name}
    if isinstance(value, dict):
        # Pairs, since an optimiser's keys are integers.
        return {"dict": [[key, _pack(inner, tensors)] for key, inner in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_pack(inner, tensors) for inner in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a checkpoint cannot keep a {type(value).__name__}")


def _unpack(packed: Any, tensors: dict[str, Any]) -> Any:
    if not isinstance(packed, dict):
        return packed
    [(kind, inner)] = packed.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "dict":
        return {key: _unpack(value, tensors) for key, value in inner}
    return {"list": list, "tuple": tuple}[kind](_unpack(value, tensors) for value in inner)
