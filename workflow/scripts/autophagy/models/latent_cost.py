"""What a latent model costs: operations of its U-Net on latents, and of its autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autophagy import deferred
from autophagy.models import autoencoder, autoencoder_adopted, ddpm_cost, latent


@dataclass(frozen=True)
class Counted:
    """Both networks of a model.

    encoding, decoding: operations for one picture. weights: of both.
    """

    unet: ddpm_cost.Counted
    encoding: float
    decoding: float
    weights: int

    def training(self, params: dict[str, Any], steps: int, rows: int) -> float:
        """Of both networks, and of encoding the training set.

        An autoencoder of ours encodes it twice: for the deviation of its latents, and for the
        U-Net; every process encodes all of it.
        """
        train = params["train"]
        first = train.get("autoencoder")
        shown = first["steps"] * first["batch_size"] if first else 0
        fitting = ddpm_cost.training_passes(params) * shown * (self.encoding + self.decoding)
        encoded = rows * (2 if first else 1) * train.get("processes", 1) * self.encoding
        return fitting + encoded + self.unet.training(params, steps, rows)

    def sampling(self, params: dict[str, Any], drawn: int) -> float:
        """Of latents, and of their pictures."""
        pictures = ddpm_cost.whole(params, drawn)
        return self.unet.sampling(params, drawn) + pictures * self.decoding


def of(model: dict[str, Any], shape: tuple[int, int], n_classes: int) -> Counted:
    """The networks of `model`, counted as `ddpm_cost.network` does.

    Args:
        model: the configuration's section, as plain values.
        shape: side and channels of the pictures.

    Raises:
        UserError: the networks cannot halve such pictures often enough, or a given autoencoder is
            of others.
    """
    torch = deferred.whole()
    from torch.utils.flop_counter import FlopCounterMode

    side = latent.side(model, shape[0])
    with torch.device("meta"):
        coder = _coder(model, shape)
        latents = torch.zeros(1, coder.config.latent_channels, side, side)
        with torch.no_grad():
            with FlopCounterMode(display=False) as encoding:
                coder.encode(torch.zeros(1, shape[1], shape[0], shape[0]))
            with FlopCounterMode(display=False) as decoding:
                coder.decode(latents)
    unet = ddpm_cost.of(model | {"pad": False}, (side, latents.shape[1]), n_classes)
    weights = unet.weights + sum(p.numel() for p in coder.parameters())
    spent = (float(counter.get_total_flops()) for counter in (encoding, decoding))
    return Counted(unet, *spent, weights)


def _coder(model: dict[str, Any], shape: tuple[int, int]) -> Any:
    folder = latent.source(model)
    if folder is None:
        return autoencoder.build(model, *shape)
    config = autoencoder_adopted.config(folder)
    autoencoder_adopted.require_channels(folder, config, shape[1])
    return autoencoder_adopted.build(folder, config)
