"""A small `AutoencoderKL` of diffusers, fitted to D^t: the latent space that diffusion works in.

Rombach et al. 2022 (Latent Diffusion Models, 2112.10752), section 3.1, with the squared error in
the place of their perceptual and adversarial losses: the former's network has seen other pictures,
which would enter every generation.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from autophagy import devices
from autophagy import seeds as seeding
from autophagy.models import acceleration, autoencoder_adopted, finite, memory
from autophagy.models.base import TrainingData
from autophagy.models.checkpoints import Checkpoint
from autophagy.models.group import join
from autophagy.models.order import Order, whole_pass
from autophagy.models.pictures import Pictures
from autophagy.progress import Report
from autophagy.schema import LEVELS, Count, Options

FOLDER = "vae"
#: Pictures that are encoded at once.
BATCH = 64


class Autoencoder(Options):
    """`model.autoencoder:`; every level after the first halves the picture."""

    channels: Annotated[
        list[Annotated[int, Field(ge=4, le=4096)]], Field(min_length=2, max_length=LEVELS)
    ]
    layers_per_block: Annotated[int, Field(ge=1, le=8)] = 1
    latent_channels: Annotated[int, Field(ge=1, le=64)] = 4


class Autoencoding(Options):
    """`train.autoencoder:`: its budget, AdamW with cosine decay to 0, and the weight of its KL."""

    steps: Count
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)]
    kl_weight: Annotated[float, Field(ge=0.0, le=1.0)] = 1e-6


def factor(model: dict[str, Any] | str) -> int:
    """How many pixels a side one latent stands for.

    Args:
        model: `Autoencoder` as plain values, or the folder of one of the user's.
    """
    if isinstance(model, str):
        return 2 ** (len(autoencoder_adopted.config(model)["block_out_channels"]) - 1)
    return 2 ** (len(model["channels"]) - 1)


@dataclass(frozen=True)
class Coder:
    """An `AutoencoderKL`, whose config holds the mean and 1/deviation of its latents.

    Of those of D^t where it was fitted to that; one of the user's says its own.
    """

    network: Any

    def encode(self, data: TrainingData) -> Any:
        """float32 N×c×h×w on the network's device: posterior means, shifted and scaled.

        To mean 0 and deviation 1 over the pictures that the network was fitted to.

        Raises:
            UserError: the device's memory ran out.
        """
        import torch

        network, parts = self.network.eval(), []
        asked = f"{autoencoder_adopted.KEY}: encoding {BATCH} pictures at once"
        enough = devices.memory_needed(asked, "free memory, or use a smaller one")
        with enough, torch.inference_mode():
            for start in range(0, len(data.images), BATCH):
                rows = slice(start, start + BATCH)
                part = TrainingData(data.images[rows], data.labels[rows], data.levels, 0)
                pictures = Pictures(part, data.images.shape[1], network.device)
                parts.append(network.encode(pictures[:]).latent_dist.mean)
        # Outside, so that it may stand in what is differentiated.
        latents = torch.cat(parts)
        return (latents - network.config.shift_factor) * network.config.scaling_factor

    def decode(self, latents: np.ndarray, batch_size: int) -> np.ndarray:
        """float32 n×H×W×C of n×h×w×c; every pass has the full size, as in sampling."""
        import torch

        network, n = self.network.eval(), len(latents)
        planes = latents.transpose(0, 3, 1, 2) / network.config.scaling_factor
        planes = (planes + network.config.shift_factor).astype(np.float32)
        parts = []
        with torch.inference_mode():
            for start in range(0, n, batch_size):
                z = torch.from_numpy(planes[whole_pass(start, batch_size, n)]).to(network.device)
                pictures = network.decode(z).sample.permute(0, 2, 3, 1)
                parts.append(pictures.float().cpu().numpy()[: n - start])
        return np.concatenate(parts)

    def save(self, folder: Path) -> None:
        from autophagy.models.diffusers_parts import saved_by_one_process

        with saved_by_one_process():
            self.network.save_pretrained(folder / FOLDER, safe_serialization=True)


def load(folder: Path, device: str) -> Coder:
    """What `Coder.save` wrote; raises whatever diffusers does where it is none."""
    from autophagy.models.diffusers_parts import autoencoder

    network = autoencoder().from_pretrained(
        folder / FOLDER, local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False
    )
    return Coder(network.to(device))


@memory.of_training(
    "set model.checkpointing: true",
    "lower model.autoencoder.channels",
    section="train.autoencoder",
    what="autoencoder",
)
def fit(
    data: TrainingData,
    model: dict[str, Any],
    train: dict[str, Any],
    seed: int,
    device: str,
    report: Report,
    checkpoint: Checkpoint,
) -> Coder:
    """An autoencoder of the pictures.

    Args:
        model, train: those of the family `latent`, whole.

    Raises:
        UserError: a loss or a weight is no longer finite; or the device's memory ran out.
    """
    import torch

    from autophagy.models.diffusers_parts import get_cosine_schedule_with_warmup

    execution, processes = acceleration.of(device), join(train.get("processes", 1), device)
    budget = train["autoencoder"]
    size, steps, batch = data.images.shape[1], budget["steps"], budget["batch_size"]
    pictures = Pictures(data, size, device)
    torch.manual_seed(seeding.derive("weights of the autoencoder", seed) % 2**32)
    network = build(model, size, data.images.shape[3]).to(device)
    if model.get("checkpointing"):
        network.enable_gradient_checkpointing(acceleration.recomputed)
    optimizer = torch.optim.AdamW(
        network.parameters(), budget["learning_rate"], weight_decay=0.0, fused=True
    )
    rate = get_cosine_schedule_with_warmup(optimizer, 0, steps)
    order = Order(len(data.labels), batch, seeding.derive("order of the autoencoder", seed))
    noises = seeding.derive("draws of the autoencoder", seed)
    side = size // factor(model["autoencoder"])
    shape = (batch, model["autoencoder"]["latent_channels"], side, side)

    computed = execution.computed(network)

    def gradients(rows: Any, noise: Any) -> Any:
        """Put the gradients of a batch's loss beside the weights; the loss."""
        optimizer.zero_grad(set_to_none=True)
        clean = pictures[rows]
        module = computed.current()
        latent = module.encode(clean.to(module.dtype)).latent_dist
        z = latent.mean + latent.std * noise.to(module.dtype)
        decoded = module.decode(z).sample
        mean, logvar = latent.mean.float(), latent.logvar.float()
        divergence = 0.5 * (mean.square() + logvar.exp() - 1.0 - logvar).mean()
        missed = torch.nn.functional.mse_loss(decoded.float(), clean)
        loss = missed + budget["kl_weight"] * divergence
        loss.backward()
        computed.collect()
        return loss.detach()

    def drawn(step: int) -> list[Any]:
        noise = seeding.stream(noises, step).standard_normal(shape, dtype=np.float32)
        return [execution.from_host(a) for a in processes.share((order.batch(step), noise))]

    parts = {"network": network, "optimizer": optimizer, "rate": rate}
    first = processes.in_turn(lambda: checkpoint.resume(parts, device))
    network.train()
    compute = execution.repeated(gradients, lambda note: report(0, steps, note))
    todo = range(first, steps)
    for step, arguments in zip(todo, execution.prepared(drawn, todo), strict=True):
        loss = compute(*map(execution.to_device, arguments))
        loss = processes.average(loss, network.parameters())
        optimizer.step()
        rate.step()
        done = step + 1
        tell, save = done % 50 == 0 or done == steps, processes.main and checkpoint.due()
        if tell or save:
            finite.require_loss(loss.item(), done, "train.autoencoder")
        if done == steps:
            finite.require_weights(network, done, "train.autoencoder")
        if tell:
            report(done, steps, f"autoencoder, loss {loss.item():.4f}")
        # Its last state stays for what is trained after it.
        if save or (processes.main and done == steps):
            checkpoint.save(done, parts)
    coder = Coder(network)
    latents = coder.encode(data).double()
    network.register_to_config(
        shift_factor=latents.mean().item(), scaling_factor=1.0 / latents.std().item()
    )
    return coder


def build(model: dict[str, Any], size: int, colours: int) -> Any:
    """A fresh network for pictures of that side, with weights from torch's stream."""
    from autophagy.models.diffusers_parts import autoencoder

    options = model["autoencoder"]
    levels = len(options["channels"])
    return autoencoder()(
        in_channels=colours,
        out_channels=colours,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=tuple(options["channels"]),
        layers_per_block=options["layers_per_block"],
        latent_channels=options["latent_channels"],
        norm_num_groups=model["norm_groups"],
        sample_size=size,
        mid_block_add_attention=False,
        # Until the latents' own are known.
        scaling_factor=1.0,
        shift_factor=0.0,
    )
