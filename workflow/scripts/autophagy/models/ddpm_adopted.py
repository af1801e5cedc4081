"""A diffusers checkpoint from outside as a model of this family."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autophagy.errors import UserError, unreadable
from autophagy.models.ddpm_model import DDPM, INDEX, load
from autophagy.models.ddpm_options import check_sampler

_WEIGHTS = "diffusion_pytorch_model.safetensors"
#: Schedulers of plain pipelines whose settings a DDPM scheduler takes over.
_SCHEDULERS = ("DDPMScheduler", "DDIMScheduler")
#: What a network may predict, of which samplers and likelihoods know what to make.
_PREDICTIONS = ("epsilon", "v_prediction")
#: diffusers' own, where a scheduler's file leaves them out.
_DEFAULTS = {"num_train_timesteps": 1000, "prediction_type": "epsilon"}


def check_adopted(folder: Path, sample: dict[str, Any]) -> None:
    """Refuse, before anything runs, a checkpoint whose timesteps the sampler's steps do not fit.

    Args:
        sample: the experiment's section, of the loop that starts from it.

    Raises:
        UserError: its scheduler's file cannot be read, predicts something else, or has such steps.
    """
    file = folder / "scheduler" / "scheduler_config.json"
    try:
        schedule = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(schedule, dict):
            raise ValueError("holds no mapping")
        timesteps, predicted = (schedule.get(key, other) for key, other in _DEFAULTS.items())
        if type(timesteps) is not int or timesteps < 2:
            raise ValueError(f"num_train_timesteps {timesteps!r} is not a whole number above 1")
        if predicted not in _PREDICTIONS:
            allowed = ", ".join(_PREDICTIONS)
            raise ValueError(f"prediction_type {predicted!r} is not allowed; allowed: {allowed}")
    except OSError as error:
        raise unreadable(file, error) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: {' '.join(str(error).split())[:200]}") from error
    check_sampler(sample, timesteps, of=f"the checkpoint's num_train_timesteps = {timesteps}")


def adopt(folder: Path, facts: dict[str, Any], biased: bool, device: str) -> DDPM:
    """The checkpoint in `folder`: a pipeline of ours, or a plain `UNet2DModel` and its scheduler.

    A network without classes is taken for one class: it gets an embedding of zeros, which leaves
    its function as it is. One with as many embeddings as there are classes has no null class, and
    gets one that is never asked for.

    Args:
        facts: size, channels and classes of the experiment's pictures.
        biased: will it be sampled at λ < 1, which needs a null class?

    Raises:
        UserError: the files are no such checkpoint, or of other pictures or classes.
    """
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        name = index["_class_name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder}: not a diffusers checkpoint: {error}") from error
    if name == INDEX["_class_name"]:
        model = load(folder, device)
    else:
        unet, scheduler = _plain(folder, facts, biased)
        model = DDPM.of(unet, scheduler, unet.config.sample_size)
        model.pipeline.to(device)
    _require(model, facts)
    return model


def _plain(folder: Path, facts: dict[str, Any], biased: bool) -> tuple[Any, Any]:
    """The network with classes and a null class, and its scheduler."""
    import torch
    from safetensors.torch import load_file

    from autophagy.models.diffusers_parts import DDPMScheduler, UNet2DModel

    classes = len(facts["classes"])
    try:
        config = json.loads((folder / "unet" / "config.json").read_text(encoding="utf-8"))
        schedule = json.loads(
            (folder / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8")
        )
        if config.get("_class_name") != "UNet2DModel":
            raise ValueError(f"its unet is a {config.get('_class_name')}, no UNet2DModel")
        if schedule.get("_class_name") not in _SCHEDULERS:
            raise ValueError(
                f"its scheduler is a {schedule.get('_class_name')}; allowed: "
                f"{', '.join(_SCHEDULERS)}"
            )
        weights = load_file(folder / "unet" / _WEIGHTS)
        known = config.get("num_class_embeds")
        if config.get("class_embed_type") is not None or known not in (None, classes, classes + 1):
            raise ValueError(f"it has {known} classes; the data set has {classes}")
        if known is None and classes > 1:
            raise ValueError(f"it has no classes; the data set has {classes}")
        if known == classes and biased:
            raise ValueError("it has no null class, which sampling at λ < 1 needs")
        network = UNet2DModel.from_config({**config, "num_class_embeds": classes + 1})
        embedding = torch.zeros_like(network.class_embedding.weight)
        if (given := weights.get("class_embedding.weight")) is not None:
            embedding[: len(given)] = given
        network.load_state_dict(weights | {"class_embedding.weight": embedding})
        # Clipping feeds back into the next generation; it is done once, when levels are rounded.
        scheduler = DDPMScheduler.from_config({**schedule, "clip_sample": False})
    # What diffusers, torch and safetensors raise on foreign files has no common base.
    except Exception as error:
        told = " ".join(str(error).split())[:200]
        raise UserError(f"{folder}: not a checkpoint that can be adopted: {told}") from error
    return network, scheduler


def _require(model: DDPM, facts: dict[str, Any]) -> None:
    unet = model.pipeline.unet.config
    size = model.pipeline.config["image_size"] or unet.sample_size
    found = {
        "pixels a side": size,
        "channels": unet.in_channels,
        "channels out": unet.out_channels,
        "classes": max(0, (unet.num_class_embeds or 0) - 1),
    }
    due = {
        "pixels a side": facts["size"],
        "channels": facts["channels"],
        "channels out": facts["channels"],
        "classes": len(facts["classes"]),
    }
    for what, count in due.items():
        if found[what] != count:
            raise UserError(f"it has {found[what]} {what}; the data set has {count}")
