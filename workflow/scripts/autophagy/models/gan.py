"""A Wasserstein GAN with gradient penalty (Gulrajani et al. 2017): the paper's Figure 13.

Conditioned on the class, so that labels mean the same as elsewhere. Its sampling bias narrows the
latent, z ~ N(0, λI): the mildest form of the truncation trick.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from autophagy import seeds as seeding
from autophagy.errors import UserError
from autophagy.models import budgets, finite, memory, saved
from autophagy.models.base import TrainingData
from autophagy.models.budgets import Budgeted
from autophagy.models.checkpoints import Checkpoint
from autophagy.models.noise import rows_of_noise
from autophagy.models.order import Order, whole_pass
from autophagy.progress import Report
from autophagy.schema import LEVELS, Options, Sparse

KINDS = ("images",)
SOFTWARE = ("safetensors", "torch")

#: Adam's β of Gulrajani et al. 2017, section 4.
BETAS = (0.0, 0.9)
_FACTS = ("size", "colours", "n_classes")


class Model(Options):
    """`model:` of a gan experiment; one level of both networks for each entry of `channels`."""

    family: Literal["gan"]
    #: Widths from the coarsest level to the finest; each level doubles the side.
    channels: Annotated[
        list[Annotated[int, Field(ge=1, le=4096)]], Field(min_length=1, max_length=LEVELS)
    ]
    latent: Annotated[int, Field(ge=1, le=4096)] = 64


class Train(Budgeted):
    """`train:`: steps of the generator, those of the critic before each, and the optimiser.

    An epoch is the critic's. No loss of two networks at play falls until it is flat.
    """

    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)]
    n_critic: Annotated[int, Field(ge=1, le=1000)] = 5
    gradient_penalty: Annotated[float, Field(ge=0.0, le=1e6)] = 10.0
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99


class Sample(Sparse):
    """`sample:`: how many pictures at once; part of the result to the last bit.

    exact: what is drawn trains the next generation as it is, neither rounded nor clipped.
    """

    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    exact: bool | None = None


def check(
    model: dict[str, Any], train: dict[str, Any], sample: dict[str, Any], size: int | None
) -> None:
    """Refuse pictures whose side the levels cannot halve.

    Raises:
        UserError: the number of levels, and by what it must divide the side.
    """
    factor = 2 ** len(model["channels"])
    if size is not None and size % factor:
        raise UserError(
            f"model.channels: {len(model['channels'])} levels need a picture side that {factor} "
            f"divides, and the data set's is {size}; use fewer levels"
        )


def budget(train: dict[str, Any]) -> str:
    """What each model is given."""
    return f"{budgets.told(train)}, {train['n_critic']} of the critic in each"


@memory.of_training("lower model.channels")
def fit(
    data: TrainingData,
    model: dict[str, Any],
    train: dict[str, Any],
    seed: int,
    device: str,
    report: Report,
    checkpoint: Checkpoint | None = None,
) -> GAN:
    """Train both networks; the generator that is kept is the running mean of its weights.

    Every draw of step k comes from a stream keyed by (seed, k).

    Raises:
        UserError: a loss or a weight is no longer finite; or the device's memory ran out.
    """
    import torch
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    from autophagy.models.gan_networks import Critic, Generator

    facts = {
        "size": data.images.shape[1],
        "colours": data.images.shape[3],
        "n_classes": data.n_classes,
    }
    scaled = data.images.astype(np.float32) * (2.0 / (data.levels - 1)) - 1.0
    pictures = torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))).to(device)
    labels = torch.from_numpy(data.labels).to(device)

    torch.manual_seed(seeding.derive("weights", seed) % 2**32)
    generator = Generator(**facts, latent=model["latent"], channels=model["channels"]).to(device)
    critic = Critic(**facts, channels=model["channels"]).to(device)
    mean = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(train["ema_decay"]))
    of_generator, of_critic = (
        torch.optim.Adam(network.parameters(), train["learning_rate"], betas=BETAS)
        for network in (generator, critic)
    )
    size, n_critic = train["batch_size"], train["n_critic"]
    order = Order(len(labels), size, seeding.derive("order", seed))
    draw_seed = seeding.derive("draws", seed)
    checkpoint = checkpoint or Checkpoint()
    parts = {
        "generator": generator, "critic": critic, "mean": mean,
        "of_generator": of_generator, "of_critic": of_critic,
    }  # fmt: skip
    first, steps = checkpoint.resume(parts, device), train["steps"]
    if first:
        report(0, steps, f"resumed at step {first} of {steps}")
    for step in range(first, steps):
        draws = seeding.stream(draw_seed, step)

        def drawn(shape: tuple[int, ...], draws: np.random.Generator = draws) -> Any:
            noise = draws.standard_normal(shape, dtype=np.float32)
            return torch.from_numpy(noise).to(device)

        for turn in range(n_critic):
            rows = torch.from_numpy(order.batch(step * n_critic + turn)).to(device)
            real, asked = pictures[rows], labels[rows]
            with torch.no_grad():
                made = generator(drawn((size, model["latent"])), asked)
            share = torch.from_numpy(draws.random((size, 1, 1, 1), dtype=np.float32)).to(device)
            distance = critic(real, asked).mean() - critic(made, asked).mean()
            between = share * real + (1.0 - share) * made
            loss = train["gradient_penalty"] * _penalty(critic, between, asked) - distance
            of_critic.zero_grad(set_to_none=True)
            loss.backward()
            of_critic.step()
        value = -critic(generator(drawn((size, model["latent"])), asked), asked).mean()
        of_generator.zero_grad(set_to_none=True)
        value.backward()
        of_generator.step()
        mean.update_parameters(generator)
        done = step + 1
        tell, save = done % 50 == 0 or done == steps, checkpoint.due()
        if tell or save:
            finite.require_loss(loss.item(), done, name="the critic's loss")
            finite.require_loss(value.item(), done, name="the generator's loss")
        if tell:
            report(done, steps, f"Wasserstein distance {distance.item():.4f}")
        if save:
            checkpoint.save(done, parts)
    finite.require_weights(mean, steps)
    return GAN(mean.module.eval(), {**model, **facts}, device)


def _penalty(critic: Any, pictures: Any, labels: Any) -> Any:
    """(‖∇D(x̂)‖ − 1)², the mean over a batch (Gulrajani et al. 2017, eq. 3)."""
    import torch

    pictures.requires_grad_(True)
    total = critic(pictures, labels).sum()
    [slopes] = torch.autograd.grad(total, pictures, create_graph=True)
    return (slopes.flatten(1).norm(dim=1) - 1.0).square().mean()


def load(folder: Path, device: str) -> GAN:
    """What `GAN.save` wrote.

    Raises:
        UserError: `folder` holds no such model.
    """
    from autophagy.models.gan_networks import Generator

    with saved.reading(folder, "gan") as (config, arrays):
        facts = {name: int(config[name]) for name in _FACTS}
        Model.model_validate({key: config[key] for key in config if key not in _FACTS})
        network = Generator(**facts, latent=config["latent"], channels=config["channels"])
        saved.restore(network, arrays)
    return GAN(network.to(device).eval(), config, device)


@dataclass(frozen=True, eq=False)
class GAN:
    """A trained generator; its critic is not kept."""

    generator: Any
    config: dict[str, Any]
    device: str

    def sample(
        self,
        labels: np.ndarray,
        seeds: np.ndarray,
        sampling_bias: float,
        options: dict[str, Any],
        report: Report,
    ) -> np.ndarray:
        """See `Model.sample`; z ~ N(0, λI)."""
        import torch

        n, size = len(labels), options["batch_size"]
        latent = rows_of_noise(seeds, (self.config["latent"],))
        latent *= np.float32(math.sqrt(sampling_bias))
        batches = []
        with torch.inference_mode():
            for start in range(0, n, size):
                rows = whole_pass(start, size, n)
                z, asked = (torch.from_numpy(a[rows]).to(self.device) for a in (latent, labels))
                made = self.generator(z, asked).permute(0, 2, 3, 1).cpu().numpy()
                batches.append(made[: n - start])
                report(min(start + size, n), n, "pictures")
        return np.concatenate(batches)

    def save(self, folder: Path) -> None:
        """See `saved`: the generator's weights."""
        saved.write(folder, self.config, saved.arrays_of(self.generator))
