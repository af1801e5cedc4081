"""Latent diffusion (Rombach et al. 2022): the family `ddpm` in the latents of an autoencoder.

For pictures of 64 to 256 pixels a side. Both networks are fitted to D^t, first the autoencoder,
then the U-Net to its latents, so that G^t depends on D^t alone; or the autoencoder is one of the
user's, which stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Discriminator, Tag

from autophagy import devices
from autophagy.errors import UserError
from autophagy.models import (
    autoencoder,
    autoencoder_adopted,
    budgets,
    ddpm_model,
    ddpm_options,
    ddpm_training,
)
from autophagy.models.autoencoder import Autoencoder, Autoencoding, Coder
from autophagy.models.base import TrainingData
from autophagy.models.budgets import Flattening
from autophagy.models.checkpoints import Checkpoint
from autophagy.models.ddpm_model import DDPM
from autophagy.models.ddpm_options import Sample, check_biased
from autophagy.progress import Report
from autophagy.schema import Path as Source

__all__ = [
    "ABILITIES", "SOFTWARE", "Model", "Sample", "Train", "check", "check_biased", "fit", "load",
    "recipe", "require", "source",
]  # fmt: skip

ABILITIES = ("flatten",)
SOFTWARE = ("diffusers", "safetensors", "torch")


def _form(said: Any) -> str:
    """The tag of an autoencoder's form: a mapping, or a text whatever else is wrong with it."""
    return "mapping" if isinstance(said, dict | Autoencoder) else "text"


class Model(ddpm_options.Denoiser):
    """`model:` of a latent experiment: the U-Net's keys, and the autoencoder or its folder."""

    family: Literal["latent"]
    autoencoder: Annotated[
        Annotated[Autoencoder, Tag("mapping")] | Annotated[Source, Tag("text")],
        Discriminator(_form),
    ]


class Train(ddpm_options.Train):
    """`train:` of the U-Net, and of the autoencoder before it, where that is not the user's."""

    autoencoder: Autoencoding | None = None


def source(model: dict[str, Any]) -> str | None:
    """The folder of the user's that a training reads; model: the configuration's section."""
    said = model["autoencoder"]
    return said if isinstance(said, str) else None


def recipe(model: dict[str, Any]) -> dict[str, Any]:
    """The section as manifests hold it: what the user's files hold, not where they lie.

    Raises:
        UserError: they cannot be read.
    """
    folder = source(model)
    if folder is None:
        return model
    return model | {"autoencoder": {"files": autoencoder_adopted.hashes(folder)}}


def require(model: dict[str, Any], shape: tuple[int, ...] | None) -> None:
    """Refuse, before anything runs, an autoencoder of the user's that does not fit the pictures.

    Raises:
        UserError: naming `model.autoencoder`.
    """
    if (folder := source(model)) is not None:
        autoencoder_adopted.require(folder, shape)


def check(
    model: dict[str, Any], train: dict[str, Any], sample: dict[str, Any], size: int | None
) -> None:
    """As `ddpm_options.check`, and what the autoencoder asks for.

    Raises:
        UserError: the keys that do not fit each other.
    """
    if source(model) is None:
        _check_autoencoder(model, train)
    elif "autoencoder" in train:
        raise UserError(
            "train.autoencoder: is not allowed; model.autoencoder is a path, and what lies there "
            "is used as it is"
        )
    ddpm_options.check(model, train, sample, None)
    if size is not None:
        side(model, size)


def side(model: dict[str, Any], size: int) -> int:
    """Latents a side of pictures of `size` pixels a side.

    Raises:
        UserError: the networks cannot halve them often enough.
    """
    coded = autoencoder.factor(model["autoencoder"])
    halved = 2 ** (len(model["channels"]) - 1)
    if size % (coded * halved):
        raise UserError(
            f"model.channels: {len(model['channels'])} levels on latents of {coded} pixels a side "
            f"need a picture side that {coded * halved} divides, and the data set's is {size}"
        )
    return size // coded


def _check_autoencoder(model: dict[str, Any], train: dict[str, Any]) -> None:
    if "autoencoder" not in train:
        raise UserError("train.autoencoder: is missing; see workflow/schemas/config.schema.json")
    groups, batch = model["norm_groups"], train["autoencoder"]["batch_size"]
    for width in model["autoencoder"]["channels"]:
        if width % groups:
            raise UserError(
                f"model.autoencoder.channels: {width} is not a multiple of model.norm_groups = "
                f"{groups}"
            )
    if batch % train.get("processes", 1):
        raise UserError(
            f"train.processes: {train['processes']} does not divide train.autoencoder.batch_size "
            f"= {batch}"
        )


def budget(train: dict[str, Any]) -> str:
    """What each model is given."""
    if "autoencoder" not in train:
        return f"{budgets.told(train)}, behind a given autoencoder"
    first = budgets.told(train["autoencoder"])
    return f"{budgets.told(train)}, after {first} of the autoencoder"


@dataclass(frozen=True)
class Latent:
    """A model: `ddpm` draws latents, `coder` makes pictures of them."""

    ddpm: DDPM
    coder: Coder

    def sample(
        self,
        labels: np.ndarray,
        seeds: np.ndarray,
        sampling_bias: float,
        options: dict[str, Any],
        report: Report,
    ) -> np.ndarray:
        """See `Model.sample`; guidance_scale = 1/λ, of the latents."""
        latents = self.ddpm.sample(labels, seeds, sampling_bias, options, report)
        return self.coder.decode(latents, options["batch_size"])

    def save(self, folder: Path) -> None:
        """`vae`, and as a ddpm model `unet` and `scheduler`; plain diffusers loads each."""
        self.coder.save(folder)
        self.ddpm.save(folder)


def fit(
    data: TrainingData,
    model: dict[str, Any],
    train: dict[str, Any],
    seed: int,
    device: str,
    report: Report,
    checkpoint: Checkpoint | None = None,
    flattening: Flattening | None = None,
    source: str | None = None,
) -> Latent:
    """Both networks, one after the other; `flattening` looks at the U-Net's loss.

    Args:
        model: the section as `recipe` gives it.
        source: the folder of an autoencoder of the user's, in the place of a fitted one.

    Raises:
        UserError: a loss is no longer finite; `source` holds other files than `model` says; or the
            device's memory ran out, in the words of the network that it ran out for.
    """
    checkpoint = checkpoint or Checkpoint()
    if source is None:
        first = checkpoint.of("autoencoder")
        coder = autoencoder.fit(data, model, train, seed, device, report, first)
    else:
        files, channels = model["autoencoder"]["files"], data.images.shape[3]
        with devices.memory_needed(
            f"{autoencoder_adopted.KEY}: loading it", "free memory, or name a smaller one"
        ):
            coder = Coder(autoencoder_adopted.load(source, files, channels, device))
    denoiser = ddpm_training.fit(
        data, model, train, seed, device, report, checkpoint.of("unet"),
        flattening=flattening, encode=coder.encode,
    )  # fmt: skip
    return Latent(denoiser, coder)


def load(folder: Path, device: str) -> Latent:
    """A saved model, ready to sample.

    Raises:
        UserError: `folder` holds no such model.
    """
    ddpm = ddpm_model.load(folder, device)
    try:
        coder = autoencoder.load(folder, device)
        if coder.network.config.latent_channels != ddpm.pipeline.unet.config.in_channels:
            raise ValueError("its autoencoder has other latents than its U-Net")
    # What diffusers and torch raise on foreign files has no common base.
    except Exception as error:
        if devices.is_out_of_memory(error):
            raise
        raise UserError(f"{folder}: not a saved latent model: {error}") from error
    return Latent(ddpm, coder)
