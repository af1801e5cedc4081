"""The parts of diffusers that a ddpm model is made of.

diffusers imports optional libraries of its other models wherever it finds them installed, and what
torch has for many processes and for compiling. None of these parts uses one, and importing them
takes a job more time than torch does, so they are hidden from it while it is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from autophagy.models import compiler

_UNUSED = ("accelerate", "peft", "scipy", "transformers")


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Within it, libraries that are not imported yet seem not to be installed.

    Where transformers has been imported, nothing is hidden: it imports what it needs when asked.
    """
    kept = "transformers" in sys.modules
    absent = [name for name in names if not kept and name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


@contextmanager
def _alone() -> Iterator[None]:
    """Within it, torch seems to have been built without what makes many processes one."""
    import torch

    available = torch.distributed.is_available
    torch.distributed.is_available = lambda: False
    try:
        yield
    finally:
        torch.distributed.is_available = available


with _hidden(_UNUSED), _alone(), compiler.deferred():
    from diffusers import (
        DDIMScheduler,
        DDPMScheduler,
        DiffusionPipeline,
        DPMSolverMultistepScheduler,
        UNet2DModel,
    )
    from diffusers.optimization import (
        get_constant_schedule_with_warmup,
        get_cosine_schedule_with_warmup,
    )
    from diffusers.training_utils import EMAModel
    from diffusers.utils import logging


def autoencoder() -> Any:
    """The class `AutoencoderKL`, which one family alone needs."""
    with _hidden(_UNUSED), _alone(), compiler.deferred():
        from diffusers import AutoencoderKL
    return AutoencoderKL


__all__ = [
    "DDIMScheduler",
    "DDPMScheduler",
    "DPMSolverMultistepScheduler",
    "DiffusionPipeline",
    "EMAModel",
    "UNet2DModel",
    "autoencoder",
    "get_constant_schedule_with_warmup",
    "get_cosine_schedule_with_warmup",
    "logging",
]
