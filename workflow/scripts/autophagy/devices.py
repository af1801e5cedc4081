"""Where a step computes, and how torch is told to be deterministic there."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from autophagy import cards, deferred
from autophagy.errors import UserError

T = TypeVar("T")


def resolve(device: str) -> str:
    """`auto` as cpu or cuda, without importing torch: cuda where a card is there and visible."""
    if device != "auto":
        return device
    return "cuda" if cards.present() else "cpu"


def prepare(threads: int, device: str, software: Iterable[str] = ("torch",)) -> None:
    """Fix the thread count of torch and BLAS, and turn nondeterministic kernels into errors.

    Sums over threads are rounded in an order that depends on their number, so the number is part
    of what a result is.

    Args:
        software: the libraries of the job; one without torch is spared seconds of importing it.

    Raises:
        UserError: the device is cuda and torch cannot use one here.
    """
    # cuBLAS reads it when it starts; without it its reductions are not deterministic.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)
    if "torch" not in software:
        return
    if device == "cuda":
        cards.take()
    torch = deferred.torch()
    torch.set_num_threads(threads)
    # As `use_deterministic_algorithms`, without importing the compiler to tell it, too.
    torch.set_deterministic_debug_mode("error")
    # That also fills new memory, for programs that read what nobody wrote; the filling takes a
    # twentieth of a training step, and a kernel each on a card.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # Parts of a product in bfloat16 are not rounded before they are added up.
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "device: cuda is not usable here: no card, no driver for it, or a torch built without "
            "CUDA; set device: cpu"
        )


def within_memory(
    function: Callable[[int], T],
    size: int,
    say: Callable[[str], None],
    told: Callable[[int], str] = "batches of {}".format,
) -> tuple[T, int]:
    """function(size), or with a half of it, a quarter, … as far as the device's memory asks.

    Args:
        told: a size in words.

    Returns:
        The result, and the size it was computed with.

    Raises:
        UserError: there is too little memory for size 1.
    """
    while True:
        try:
            return function(size), size
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if size == 1:
                raise UserError(
                    f"the device's memory is too small for {told(1)}; free it, or set device: cpu"
                ) from error
        # Outside the handler, whose traceback holds what filled the memory.
        size //= 2
        say(f"out of memory: going on with {told(size)}")
        release()


@contextmanager
def memory_needed(by: str, remedy: str) -> Iterator[None]:
    """Around work, or above a function as its decorator, that must fit as it is.

    Args:
        by: `key: what needs the memory`.
        remedy: what the user may do.

    Raises:
        UserError: the device's memory ran out.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(f"{by} needs more memory than the device has free; {remedy}") from error


def is_out_of_memory(error: BaseException | None) -> bool:
    """Is this torch's error of a device whose memory ran out?

    Of a job without torch, which alone has such an error, nothing is imported.
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(error, RuntimeError):
        return False
    # Only torch's own allocator has an error of its own; CUDA's and its libraries' have words.
    return isinstance(error, torch.OutOfMemoryError) or any(
        words in str(error) for words in ("CUDA error: out of memory", "STATUS_ALLOC_FAILED")
    )


def release() -> None:
    """Give back to the card what torch keeps for later, reference cycles' too."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        gc.collect()
        # torch 2.11 believes in a capture that ran out of memory to the end of the process, and
        # refuses; what it has kept is then used again, not given back.
        with suppress(RuntimeError):
            torch.cuda.empty_cache()
