"""The plain way to train and sample the same network: what gpu.py and bench.py compare with.

As diffusers' unconditional training example and DDPMPipeline do it, class labels added: a
DataLoader that transforms PIL pictures, float32, AdamW and EMAModel with their defaults; all T
ancestral steps with clipping, one network call each.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DModel
from diffusers.optimization import get_cosine_schedule_with_warmup
from diffusers.training_utils import EMAModel
from PIL import Image, ImageOps


@dataclass(frozen=True)
class Recipe:
    """How the plain way trains; `ema` is what diffusers' EMAModel is given."""

    steps: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    betas: tuple[float, float] = (0.9, 0.999)
    ema: dict[str, Any] = field(default_factory=dict)


def our_recipe(train: dict[str, Any]) -> Recipe:
    """That of a configuration's section `train`."""
    asked = ("steps", "batch_size", "learning_rate", "warmup_steps", "weight_decay")
    return Recipe(**{key: train[key] for key in asked}, ema={"decay": train["ema_decay"]})


def example_recipe(steps: int, batch_size: int) -> Recipe:
    """What diffusers' examples/unconditional_image_generation trains with when it is not told."""
    ema = {"decay": 0.9999, "use_ema_warmup": True, "inv_gamma": 1.0, "power": 0.75}
    return Recipe(steps, batch_size, 1e-4, 500, 1e-6, (0.95, 0.999), ema)


def network(model: dict[str, Any], side: int, channels: int, n_classes: int) -> UNet2DModel:
    depth = len(model["channels"])
    return UNet2DModel(
        sample_size=side,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=tuple(model["channels"]),
        down_block_types=("DownBlock2D",) * depth,
        up_block_types=("UpBlock2D",) * depth,
        layers_per_block=model["layers_per_block"],
        norm_num_groups=model["norm_groups"],
        add_attention=model["attention"],
        num_class_embeds=n_classes + 1,
    )


def schedule(model: dict[str, Any]) -> DDPMScheduler:
    """Noise as in a configuration's section `model`."""
    # By name: from_config takes a value given by place for a default, and forgets it.
    return DDPMScheduler(
        num_train_timesteps=model["timesteps"],
        beta_schedule=model["beta_schedule"],
        prediction_type=model["prediction"],
    )


class Pictures(torch.utils.data.Dataset):
    """Grey pictures, each padded, scaled and made a tensor when it is asked for."""

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, side: int, levels: int = 256
    ) -> None:
        self.pictures = [Image.fromarray(image[..., 0]) for image in images]
        self.brightest = levels - 1
        self.labels, self.margin = labels, (side - images.shape[1]) // 2

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        padded = ImageOps.expand(self.pictures[row], self.margin)
        tensor = torch.from_numpy(np.array(padded, np.uint8))[None].float().div(self.brightest)
        return (tensor - 0.5) / 0.5, int(self.labels[row])


def seconds_per_step(
    unet: UNet2DModel,
    scheduler: DDPMScheduler,
    data: Pictures,
    batch_size: int,
    device: str,
    workers: int,
    steps: int,
    warm_up: int,
) -> tuple[float, float]:
    """Seconds of a training step with its data, and without them (one batch again and again)."""
    loader = torch.utils.data.DataLoader(
        data, batch_size, shuffle=True, num_workers=workers, drop_last=True
    )
    optimizer = torch.optim.AdamW(unet.parameters(), 1e-4)
    step = stepping(unet, scheduler, optimizer, EMAModel(unet.parameters(), decay=0.999), device)
    batches, done, started = iter(loader), 0, 0.0
    while done < steps + warm_up:
        if done == warm_up:
            started = _now(device)
        for clean, labels in batches:
            step(clean, labels)
            done += 1
            if done in (warm_up, steps + warm_up):
                break
        else:
            batches = iter(loader)
    with_data = (_now(device) - started) / steps
    started = _now(device)
    for _ in range(steps):
        step(clean, labels)
    return with_data, (_now(device) - started) / steps


def stepping(
    unet: UNet2DModel,
    scheduler: DDPMScheduler,
    optimizer: torch.optim.Optimizer,
    ema: EMAModel,
    device: str,
) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """One training step, to be called with pictures and labels."""
    unet.train()

    def step(clean: torch.Tensor, labels: torch.Tensor) -> None:
        clean, labels = clean.to(device), labels.to(device)
        noise = torch.randn_like(clean)
        t = torch.randint(0, scheduler.config.num_train_timesteps, (len(clean),), device=device)
        dropped = torch.rand(len(clean), device=device) < 0.1
        labels = torch.where(dropped, unet.config.num_class_embeds - 1, labels)
        velocity = scheduler.config.prediction_type == "v_prediction"
        target = scheduler.get_velocity(clean, noise, t) if velocity else noise
        predicted = unet(scheduler.add_noise(clean, noise, t), t, labels).sample
        torch.nn.functional.mse_loss(predicted, target).backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        ema.step(unet.parameters())

    return step


def train(
    unet: UNet2DModel,
    scheduler: DDPMScheduler,
    data: Pictures,
    recipe: Recipe,
    report: Callable[[int], None] = lambda done: None,
) -> UNet2DModel:
    """`unet`, trained on the CPU, then with its running mean as weights.

    `report` hears of the steps done.
    """
    loader = torch.utils.data.DataLoader(data, recipe.batch_size, shuffle=True, drop_last=True)
    optimizer = torch.optim.AdamW(
        unet.parameters(), recipe.learning_rate, recipe.betas, weight_decay=recipe.weight_decay
    )
    rate = get_cosine_schedule_with_warmup(optimizer, recipe.warmup_steps, recipe.steps)
    ema = EMAModel(unet.parameters(), **recipe.ema)
    step, done = stepping(unet, scheduler, optimizer, ema, "cpu"), 0
    while True:
        for clean, labels in loader:
            if done == recipe.steps:
                ema.copy_to(unet.parameters())
                return unet.eval()
            step(clean, labels)
            rate.step()
            done += 1
            report(done)


@torch.inference_mode()
def sample(
    unet: UNet2DModel, scheduler: DDPMScheduler, labels: np.ndarray, seed: int, device: str
) -> np.ndarray:
    """float32 n×H×W×C in [-1, 1]: one batch through all T steps, as DDPMPipeline goes them."""
    scheduler = DDPMScheduler.from_config(scheduler.config, clip_sample=True)
    scheduler.set_timesteps(scheduler.config.num_train_timesteps)
    draws = torch.Generator(device).manual_seed(seed)
    side, classes = unet.config.sample_size, torch.from_numpy(labels).to(device)
    shape = (len(labels), unet.config.in_channels, side, side)
    x = torch.randn(shape, generator=draws, device=device)
    for t in scheduler.timesteps:
        output = unet(x, t, classes).sample
        x = scheduler.step(output, t, x, generator=draws).prev_sample
    return x.clamp(-1, 1).permute(0, 2, 3, 1).cpu().numpy()


def _now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
