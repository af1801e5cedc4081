"""Where a step computes, and how torch is told to be deterministic there."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable

from autophagy.errors import UserError


def resolve(device: str) -> str:
    """`auto` as cpu or cuda, without importing torch: cuda where a card is there and visible."""
    if device != "auto":
        return device
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    return "cuda" if glob.glob("/dev/nvidia[0-9]*") and visible not in ("", "-1") else "cpu"


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
    import torch

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "device: cuda is not usable here: no card, no driver for it, or a torch built without "
            "CUDA; set device: cpu"
        )
