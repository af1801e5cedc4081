"""Class-conditional denoising diffusion (Ho et al. 2020) with classifier-free guidance.

The paper's MNIST model: T = 500, 10% of the conditions dropped in training, λ = 1/(1 + w).
Network, noise schedule, EMA, learning-rate schedule and file format are diffusers'.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from autophagy import seeds as seeding
from autophagy.errors import UserError
from autophagy.models.base import TrainingData
from autophagy.models.checkpoints import Checkpoint
from autophagy.progress import Report
from autophagy.schema import Count, Options

#: The libraries that set this family's numbers.
SOFTWARE = ("diffusers", "safetensors", "torch")

#: What the index of a saved model names.
INDEX = {
    "_class_name": "ClassConditionalPipeline",
    "unet": ["diffusers", "UNet2DModel"],
    "scheduler": ["diffusers", "DDPMScheduler"],
}

#: diffusers' width of one attention head.
ATTENTION_HEAD = 8

_REMEDY = "lower train.learning_rate or raise train.warmup_steps"

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]


class Model(Options):
    """`model:` of a ddpm experiment; one level of the U-Net for each entry of `channels`."""

    family: Literal["ddpm"]
    channels: Annotated[list[Annotated[int, Field(ge=4, le=4096)]], Field(min_length=1)]
    layers_per_block: Annotated[int, Field(ge=1, le=8)] = 1
    norm_groups: Annotated[int, Field(ge=1, le=64)] = 8
    attention: bool = False
    timesteps: Annotated[int, Field(ge=2, le=10_000)] = 500
    beta_schedule: Literal["linear", "scaled_linear", "squaredcos_cap_v2"] = "linear"
    prediction: Literal["v_prediction", "epsilon"] = "v_prediction"
    condition_dropout: Fraction = 0.1
    pad: bool = False


class Train(Options):
    """`train:`: the budget and the optimiser (AdamW, linear warm-up, cosine decay, EMA)."""

    steps: Count
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)]
    warmup_steps: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    weight_decay: Fraction = 0.0
    ema_decay: Fraction = 0.99


class Sample(Options):
    """`sample:`: how trajectories are followed, and how many at once."""

    scheduler: Literal["dpm-solver++", "ddim", "ancestral"]
    steps: Annotated[int, Field(ge=1, le=10_000)]
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]


def check(
    model: dict[str, Any], train: dict[str, Any], sample: dict[str, Any], size: int | None
) -> None:
    """Refuse before anything runs what pydantic's types cannot see.

    Raises:
        UserError: widths that groups or attention heads do not divide, a warm-up as long as the
            training, sampler steps that do not fit the timesteps, a prediction that explodes at
            t = T, or pictures whose side (if known) the U-Net cannot halve often enough.
    """
    groups = model["norm_groups"]
    for width in model["channels"]:
        if width % groups:
            raise UserError(
                f"model.channels: {width} is not a multiple of model.norm_groups = {groups}"
            )
    if model["attention"] and model["channels"][-1] % ATTENTION_HEAD:
        raise UserError(
            f"model.attention: needs a last width in model.channels that {ATTENTION_HEAD} divides, "
            f"not {model['channels'][-1]}"
        )
    if (model["prediction"], model["beta_schedule"]) == ("epsilon", "squaredcos_cap_v2"):
        raise UserError(
            "model.prediction: epsilon explodes at t = T under model.beta_schedule = "
            "squaredcos_cap_v2, which leaves no signal there; use v_prediction"
        )
    if train["warmup_steps"] >= train["steps"]:
        raise UserError(
            f"train.warmup_steps: {train['warmup_steps']} must be below train.steps = "
            f"{train['steps']}"
        )
    _check_sampler(sample, model["timesteps"])
    if size is not None:
        network_size(model, size)


def _check_sampler(sample: dict[str, Any], timesteps: int) -> None:
    """Refuse numbers of steps for which diffusers' schedulers go astray."""
    steps, scheduler = sample["steps"], sample["scheduler"]
    if scheduler == "dpm-solver++" and steps >= timesteps:
        # T points between T and 0 on T timesteps: one repeats, and its step has no length.
        raise UserError(
            f"sample.steps: {steps} must be below model.timesteps = {timesteps} for dpm-solver++"
        )
    if scheduler != "dpm-solver++" and timesteps % steps:
        # Their steps have the length T // steps, whatever lies between two timesteps.
        raise UserError(
            f"sample.steps: {steps} does not divide model.timesteps = {timesteps}, which "
            f"{scheduler} needs"
        )


def network_size(model: dict[str, Any], size: int) -> int:
    """The side the network works at: `size`, or with `pad: true` the next one it can halve.

    Raises:
        UserError: the U-Net's depth does not divide `size` and `pad` is off.
    """
    factor = 2 ** (len(model["channels"]) - 1)
    padded = -(-size // factor) * factor
    if padded != size and not model["pad"]:
        raise UserError(
            f"model.channels: {len(model['channels'])} levels need a picture side that {factor} "
            f"divides, and the data set's is {size}; use fewer levels, or model.pad: true to pad "
            f"to {padded}"
        )
    return padded


def fit(
    data: TrainingData,
    model: dict[str, Any],
    train: dict[str, Any],
    seed: int,
    device: str,
    report: Report,
    checkpoint: Checkpoint | None = None,
) -> DDPM:
    """Train G^t from scratch for `train["steps"]` steps.

    Every draw of step k comes from a stream keyed by (seed, k): data order, timesteps, noise,
    dropped conditions. Timesteps are stratified over the batch, which lowers the variance of the
    loss and leaves its mean. A checkpoint therefore holds no stream, only weights, their running
    mean, optimiser and schedule.

    Raises:
        UserError: the loss or the weights are no longer finite.
    """
    import torch
    from diffusers import DDPMScheduler, UNet2DModel
    from diffusers.optimization import get_cosine_schedule_with_warmup
    from diffusers.training_utils import EMAModel

    size, channels = data.images.shape[1], data.images.shape[3]
    side = network_size(model, size)
    if side != size:
        report(0, train["steps"], f"pictures padded from {size} to {side}")
    pictures = _to_network(data, side, device)
    labels = torch.from_numpy(data.labels).to(device)
    null = data.n_classes

    torch.manual_seed(seeding.derive("weights", seed) % 2**32)
    unet = UNet2DModel(
        sample_size=side,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=tuple(model["channels"]),
        down_block_types=("DownBlock2D",) * len(model["channels"]),
        up_block_types=("UpBlock2D",) * len(model["channels"]),
        layers_per_block=model["layers_per_block"],
        norm_num_groups=model["norm_groups"],
        add_attention=model["attention"],
        num_class_embeds=data.n_classes + 1,
    ).to(device)
    scheduler = DDPMScheduler(
        num_train_timesteps=model["timesteps"],
        beta_schedule=model["beta_schedule"],
        prediction_type=model["prediction"],
        # Clipping feeds back into the next generation; it is done once, when levels are rounded.
        clip_sample=False,
    )
    optimizer = torch.optim.AdamW(
        unet.parameters(), train["learning_rate"], weight_decay=train["weight_decay"], fused=True
    )
    rate = get_cosine_schedule_with_warmup(optimizer, train["warmup_steps"], train["steps"])
    ema = EMAModel(unet.parameters(), decay=train["ema_decay"], foreach=True)

    order = _Order(len(data.labels), train["batch_size"], seeding.derive("order", seed))
    draw_seed = seeding.derive("draws", seed)
    checkpoint = checkpoint or Checkpoint()
    parts = {"unet": unet, "ema": ema, "optimizer": optimizer, "rate": rate}
    first = checkpoint.resume(parts, device)
    if first:
        report(0, train["steps"], f"resumed at step {first} of {train['steps']}")
    losses = []
    unet.train()
    for step in range(first, train["steps"]):
        rows = torch.from_numpy(order.batch(step)).to(device)
        draws = seeding.stream(draw_seed, step)
        batch = (train["batch_size"], channels, side, side)
        noise = torch.from_numpy(draws.standard_normal(batch, dtype=np.float32)).to(device)
        times = (draws.permutation(batch[0]) + draws.random(batch[0])) / batch[0]
        t = torch.from_numpy((times * model["timesteps"]).astype(np.int64)).to(device)
        dropped = torch.from_numpy(draws.random(batch[0]) < model["condition_dropout"]).to(device)

        clean = pictures[rows]
        condition = torch.where(dropped, null, labels[rows])
        noisy = scheduler.add_noise(clean, noise, t)
        if model["prediction"] == "v_prediction":
            target = scheduler.get_velocity(clean, noise, t)
        else:
            target = noise
        loss = torch.nn.functional.mse_loss(unet(noisy, t, condition).sample, target)
        loss.backward()
        optimizer.step()
        rate.step()
        optimizer.zero_grad(set_to_none=True)
        ema.step(unet.parameters())
        done = step + 1
        losses.append(loss.detach())
        tell, save = done % 50 == 0 or done == train["steps"], checkpoint.due()
        if tell or save:
            # Looked at together: reading each would make a GPU wait at every step.
            _require_finite_losses(torch.stack(losses).tolist(), done)
            losses.clear()
        if tell:
            report(done, train["steps"], f"loss {loss.item():.4f}")
        if save:
            checkpoint.save(done, parts)

    ema.copy_to(unet.parameters())
    _require_finite_weights(unet, train["steps"])
    return DDPM.of(unet, scheduler, size)


def load(folder: Path, device: str) -> DDPM:
    """A saved model, ready to sample.

    Raises:
        UserError: `folder` holds no such pipeline.
    """
    from diffusers.utils import logging

    from autophagy.models.pipeline import ClassConditionalPipeline

    logging.disable_progress_bar()
    # Of a folder that is not there diffusers believes that it names a model on a hub.
    if not (folder / "model_index.json").is_file():
        raise UserError(f"{folder}: not a saved ddpm model: it has no model_index.json")
    try:
        _require_index(json.loads((folder / "model_index.json").read_text(encoding="utf-8")))
        pipeline = ClassConditionalPipeline.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False
        )
        _require_size(pipeline.config["image_size"], pipeline.unet.config.sample_size)
    # What diffusers and torch raise on foreign files has no common base.
    except Exception as error:
        raise UserError(f"{folder}: not a saved ddpm model: {error}") from error
    return DDPM(pipeline.to(device))


def _require_index(index: Any) -> None:
    """Refuse an index of other parts than ours: diffusers imports whatever library it names."""
    named = {key: index[key] for key in index if key not in ("_diffusers_version", "image_size")}
    if named != INDEX:
        raise ValueError(f"model_index.json names {json.dumps(named)[:200]}")


def _require_size(size: Any, side: int) -> None:
    if size is not None and not (type(size) is int and 1 <= size <= side):
        raise ValueError(f"image_size {size!r} of a network of {side} pixels")


@dataclass(frozen=True)
class DDPM:
    """A fitted class-conditional diffusion model; `pipeline` is a `ClassConditionalPipeline`."""

    pipeline: Any

    @classmethod
    def of(cls, unet: Any, scheduler: Any, size: int) -> DDPM:
        from autophagy.models.pipeline import ClassConditionalPipeline

        pipeline = ClassConditionalPipeline(unet, scheduler, image_size=size)
        pipeline.set_progress_bar_config(disable=True)
        return cls(pipeline)

    def sample(
        self,
        labels: np.ndarray,
        seeds: np.ndarray,
        sampling_bias: float,
        options: dict[str, Any],
        report: Report,
    ) -> np.ndarray:
        """See `Model.sample`; guidance_scale = 1/λ.

        Every forward pass has the full batch size, the last one padded by repeating its last
        row: a picture's bits depend on the batch size, but not on its neighbours or its place.
        """
        self.pipeline.unet.eval()
        n, size = len(labels), options["batch_size"]
        batches = []
        for start in range(0, n, size):
            rows = np.minimum(np.arange(start, start + size), n - 1)

            def progress(done: int, steps: int, start: int = start) -> None:
                share = done / steps
                reached = min(start + size, n) * share + start * (1 - share)
                report(max(1, round(reached)), n, "pictures")

            pictures = self.pipeline(
                labels[rows],
                seeds[rows],
                guidance_scale=1.0 / sampling_bias,
                sampler=options["scheduler"],
                steps=options["steps"],
                report=progress,
            )
            batches.append(pictures[: n - start])
        return np.concatenate(batches)

    def save(self, folder: Path) -> None:
        """A diffusers pipeline folder; plain diffusers loads its `unet` and `scheduler`."""
        self.pipeline.save_pretrained(folder, safe_serialization=True)
        for config in sorted(folder.rglob("*.json")):
            content = json.loads(config.read_text())
            # diffusers notes where a loaded part came from: an absolute path of this machine.
            content.pop("_name_or_path", None)
            config.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


@dataclass(frozen=True)
class _Order:
    """Rows of batch k when epochs, each a fresh permutation of n rows, follow one another."""

    n: int
    batch_size: int
    seed: int

    def batch(self, step: int) -> np.ndarray:
        places = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        epochs, within = np.divmod(places, self.n)
        rows = np.empty_like(places)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            rows[here] = seeding.stream(self.seed, int(epoch)).permutation(self.n)[within[here]]
        return rows


def _to_network(data: TrainingData, side: int, device: str) -> Any:
    """float32 N×C×side×side in [-1, 1], padded with the darkest level."""
    import torch

    scaled = data.images.astype(np.float32) * (2.0 / (data.levels - 1)) - 1.0
    before = (side - data.images.shape[1]) // 2
    after = side - data.images.shape[1] - before
    padding = ((0, 0), (before, after), (before, after), (0, 0))
    padded = np.pad(scaled, padding, constant_values=-1.0)
    return torch.from_numpy(np.ascontiguousarray(padded.transpose(0, 3, 1, 2))).to(device)


def _require_finite_losses(losses: list[float], done: int) -> None:
    """Refuse to go on if one of the last losses, up to that of step `done`, is not finite."""
    for step, loss in enumerate(losses, start=done - len(losses) + 1):
        if not np.isfinite(loss):
            raise UserError(f"train: the loss is {loss} at step {step}; {_REMEDY}")


def _require_finite_weights(unet: Any, steps: int) -> None:
    import torch

    if not all(torch.isfinite(weights).all() for weights in unet.parameters()):
        raise UserError(f"train: the weights are not finite after step {steps}; {_REMEDY}")
