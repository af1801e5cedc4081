"""The parts of diffusers that a ddpm model is made of.

diffusers imports optional libraries of its other models wherever it finds them installed, what
torch has for many processes and for compiling, and asks for the packages of every installed
distribution. None of these parts uses one, and importing them takes a job more time than torch
does, so they are hidden from it while it is imported.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from autophagy import deferred

#: Some of these take parts of torch for granted that are deferred here.
_UNUSED = (
    "accelerate", "bitsandbytes", "flash_attn", "flashinfer", "gguf", "peft", "sageattention",
    "scipy", "torchao", "torchvision", "transformers", "xformers",
)  # fmt: skip


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
def _answering(module: Any, question: str, answer: Any) -> Iterator[None]:
    """Within it, a function of a module that takes no argument gives this answer."""
    asked = getattr(module, question)
    setattr(module, question, lambda: answer)
    try:
        yield
    finally:
        setattr(module, question, asked)


@contextmanager
def _lean() -> Iterator[None]:
    """For an import of diffusers: nothing that no job here uses comes with it.

    torch seems to have been built without what makes many processes one, and no package to have a
    distribution of another name: none of those needed here has.
    """
    torch = deferred.torch()
    with (
        _hidden(_UNUSED),
        _answering(torch.distributed, "is_available", False),
        _answering(importlib.metadata, "packages_distributions", {}),
        deferred.compiler(),
    ):
        yield


def saved_by_one_process() -> Any:
    """A context for `save_pretrained`: no tensor is one part of many, so none is asked."""
    return _hidden(("torch.distributed.tensor",))


with _lean():
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
    with _lean():
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
    "saved_by_one_process",
]
