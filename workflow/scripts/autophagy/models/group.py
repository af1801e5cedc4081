"""The processes that fit one model together: each passes its share of every batch.

Each starts from the same weights and draws the same numbers. After the backward pass they average
their gradients, outside what a card has captured as a graph, and take the same step.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from autophagy.errors import UserError

#: Set for its processes by who launches them: other launchers leave a RANK behind as well.
VARIABLE = "AUTOPHAGY_TOGETHER"


def is_launched() -> bool:
    """Is this process one of several that fit a model?"""
    return VARIABLE in os.environ


def rank() -> int:
    """Which of them it is; 0, the main one, tells, keeps and writes."""
    return int(os.environ["RANK"]) if is_launched() else 0


def require_launcher() -> None:
    """
    Raises:
        UserError: the library that starts the processes is not installed.
    """
    if importlib.util.find_spec("accelerate") is None:
        raise UserError(
            "train.processes: needs the package accelerate; pip install -e '.[accelerate]'"
        )


@dataclass(frozen=True)
class Group:
    """One of `size` processes."""

    rank: int = 0
    size: int = 1

    @property
    def main(self) -> bool:
        return self.rank == 0

    def share(self, arrays: Iterable[Any]) -> list[Any]:
        """Of arrays with a row for each of a batch, this process's rows; the size divides them."""
        found = []
        for array in arrays:
            rows = len(array) // self.size
            found.append(array[self.rank * rows : (self.rank + 1) * rows])
        return found

    def of_main(self, value: float) -> float:
        """The main process's value."""
        if self.size == 1:
            return value
        import torch

        told = torch.tensor(value, dtype=torch.float64)
        torch.distributed.broadcast(told, 0)
        return told.item()

    def in_turn(self, resume: Callable[[], int]) -> int:
        """resume() of the main process, then, if that is not 0, of the others, who must agree."""
        done = int(self.of_main(resume() if self.main else 0))
        if not self.main and done and resume() != done:
            raise RuntimeError(f"process {self.rank} cannot go on at step {done}")
        return done

    def average(self, loss: Any, parameters: Iterable[Any]) -> Any:
        """Let gradients be their mean over all processes; that of the loss."""
        if self.size == 1:
            return loss
        import torch

        parts = [p.grad for p in parameters if p.grad is not None]
        whole = torch.cat([*(part.flatten() for part in parts), loss.reshape(1)])
        torch.distributed.all_reduce(whole)
        whole /= self.size
        *means, mean = whole.split([*(part.numel() for part in parts), 1])
        torch._foreach_copy_(
            parts, [found.view_as(part) for found, part in zip(means, parts, strict=True)]
        )
        return mean.reshape(())


def join(size: int, device: str) -> Group:
    """The processes of this training; blocks until all are there.

    Raises:
        RuntimeError: there are others than `size` of them.
    """
    if size == 1:
        return Group()
    if not is_launched():
        raise RuntimeError(f"train.processes: {size} processes are started by the step `train`")
    import torch

    if not torch.distributed.is_initialized():
        # One backend a kind of tensor: what is agreed on lies in the host's memory.
        backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
        torch.distributed.init_process_group(backend)
    found = torch.distributed.get_world_size()
    if found != size:
        raise RuntimeError(f"train.processes: {size} were asked for and {found} launched")
    return Group(torch.distributed.get_rank(), size)
