"""Fitting a ddpm model: the training loop, top to bottom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from autophagy import seeds as seeding
from autophagy.models import acceleration, finite, memory
from autophagy.models.base import TrainingData
from autophagy.models.budgets import Flattening
from autophagy.models.checkpoints import Checkpoint
from autophagy.models.ddpm_model import DDPM
from autophagy.models.ddpm_network import Network
from autophagy.models.ddpm_options import network_size
from autophagy.models.group import join
from autophagy.models.order import Order
from autophagy.models.pictures import Pictures
from autophagy.progress import Report

#: Draws of a held-out row, a timestep and noise in each look: few rows are drawn often.
LOOK = 1024

#: What helps a training that breaks down, besides a lower rate.
_REMEDY = "raise train.warmup_steps"


@memory.of_training(
    "raise train.accumulate", "set model.checkpointing: true", "lower model.channels"
)
def fit(
    data: TrainingData,
    model: dict[str, Any],
    train: dict[str, Any],
    seed: int,
    device: str,
    report: Report,
    checkpoint: Checkpoint | None = None,
    initial: DDPM | None = None,
    flattening: Flattening | None = None,
    encode: Callable[[TrainingData], Any] | None = None,
) -> DDPM:
    """Train G^t for `train["steps"]` steps, from scratch or from the weights of `initial`.

    With `flattening`, at most: it looks at the loss of the mean weights on its rows.

    Every draw of step k comes from a stream keyed by (seed, k): data order, timesteps, noise,
    dropped conditions. Timesteps are stratified over the batch, which lowers the variance of the
    loss and leaves its mean. A checkpoint therefore holds no stream, only weights, their running
    mean, optimiser and schedule.

    Args:
        encode: what the network works on, float32 N×C×side×side, in the place of `Pictures`.

    Raises:
        UserError: the loss or the weights are no longer finite; or the device's memory ran out.
    """
    import torch

    from autophagy.models.diffusers_parts import (
        DDPMScheduler,
        EMAModel,
        get_constant_schedule_with_warmup,
        get_cosine_schedule_with_warmup,
    )

    execution, processes = acceleration.of(device), join(train.get("processes", 1), device)
    if encode is None:
        size = data.images.shape[1]
        padded = network_size(model, size)
        if padded != size:
            report(0, train["steps"], f"pictures padded from {size} to {padded}")
        encode = partial(Pictures, side=padded, device=device)
        pictures = encode(data)
    else:
        pictures = encode(data)
        size = pictures.shape[2]
    channels, side = pictures.shape[1:3]
    labels = torch.from_numpy(data.labels).to(device)
    null = data.n_classes
    parts_of_batch = train.get("accumulate", 1)

    torch.manual_seed(seeding.derive("weights", seed) % 2**32)
    unet = Network.of(model, side, channels, data.n_classes).build().to(device)
    if model.get("checkpointing"):
        unet.enable_gradient_checkpointing(acceleration.recomputed)
    if initial is not None:
        unet.load_state_dict(initial.pipeline.unet.state_dict())
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
    if flattening is None:
        rate = get_cosine_schedule_with_warmup(optimizer, train["warmup_steps"], train["steps"])
    else:
        rate = get_constant_schedule_with_warmup(optimizer, train["warmup_steps"])
    ema = EMAModel(unet.parameters(), decay=train["ema_decay"], foreach=True)

    computed = execution.computed(unet)

    def gradients(rows: Any, noise: Any, t: Any, dropped: Any) -> Any:
        """Put the gradients of a batch's loss beside the weights; the loss."""
        optimizer.zero_grad(set_to_none=True)
        batch = (rows, noise, t, dropped)
        losses = []
        # One graph on a card holds all parts, and the memory of one.
        for part in zip(*(whole.chunk(parts_of_batch) for whole in batch), strict=True):
            loss = error(*part) / parts_of_batch
            loss.backward()
            computed.collect()
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    def error(rows: Any, noise: Any, t: Any, dropped: Any) -> Any:
        return missed(pictures[rows], torch.where(dropped, null, labels[rows]), noise, t)

    def missed(clean: Any, condition: Any, noise: Any, t: Any) -> Any:
        noisy = scheduler.add_noise(clean, noise, t)
        if model["prediction"] == "v_prediction":
            target = scheduler.get_velocity(clean, noise, t)
        else:
            target = noise
        module = computed.current()
        predicted = module(noisy.to(module.dtype), t, condition).sample
        return torch.nn.functional.mse_loss(predicted.float(), target)

    draws = _Draws(
        Order(len(data.labels), train["batch_size"], seeding.derive("order", seed)),
        (train["batch_size"], channels, side, side),
        model["timesteps"],
        model["condition_dropout"],
        seeding.derive("draws", seed),
    )
    checkpoint = checkpoint or Checkpoint()
    parts = {"unet": unet, "ema": ema, "optimizer": optimizer, "rate": rate}
    if flattening is not None:
        parts["flattening"] = flattening
        held_out = encode(flattening.rows), torch.from_numpy(flattening.rows.labels).to(device)
        look = _look(held_out, train["batch_size"] // parts_of_batch, model["timesteps"], seed)
    first = processes.in_turn(lambda: checkpoint.resume(parts, device))
    if first:
        report(0, train["steps"], f"resumed at step {first} of {train['steps']}")
    losses, done = [], first
    unet.train()
    compute = execution.repeated(gradients, lambda note: report(0, train["steps"], note))

    def drawn(step: int) -> list[Any]:
        return [execution.from_host(array) for array in processes.share(draws.of(step))]

    steps = range(first, train["steps"])
    for step, batch in zip(steps, execution.prepared(drawn, steps), strict=True):
        loss = compute(*map(execution.to_device, batch))
        loss = processes.average(loss, unet.parameters())
        optimizer.step()
        rate.step()
        ema.step(unet.parameters())
        done = step + 1
        losses.append(loss)
        if flattening is not None and flattening.due(done):
            ema.store(unet.parameters())
            ema.copy_to(unet.parameters())
            # All must stop together.
            looked = processes.of_main(look(missed))
            ema.restore(unet.parameters())
            report(done, train["steps"], f"held-out loss {looked:.4f}")
            if flattening.ends(done, looked):
                break
        tell, save = done % 50 == 0 or done == train["steps"], processes.main and checkpoint.due()
        if tell or save:
            # Looked at together: reading each would make a GPU wait at every step.
            finite.require_losses(torch.stack(losses).tolist(), done, other=_REMEDY)
            losses.clear()
        if tell:
            report(done, train["steps"], f"loss {loss.item():.4f}")
        if save:
            checkpoint.save(done, parts)

    ema.copy_to(unet.parameters())
    finite.require_weights(unet, done, other=_REMEDY)
    return DDPM.of(unet, scheduler, size)


@dataclass(frozen=True)
class _Draws:
    """Every draw of a step, on the host, from a stream keyed by (seed, step)."""

    order: Order
    shape: tuple[int, ...]
    timesteps: int
    dropout: float
    seed: int

    def of(self, step: int) -> tuple[np.ndarray, ...]:
        """Rows int64 (n,), noise float32 (n, C, side, side), t int64 (n,), dropped bool (n,)."""
        draws, n = seeding.stream(self.seed, step), self.shape[0]
        noise = draws.standard_normal(self.shape, dtype=np.float32)
        times = (draws.permutation(n) + draws.random(n)) / n
        t = (times * self.timesteps).astype(np.int64)
        return self.order.batch(step), noise, t, draws.random(n) < self.dropout


def _look(
    data: tuple[Any, Any], batch_size: int, timesteps: int, seed: int
) -> Callable[[Callable[..., Any]], float]:
    """Takes an error and gives its mean over `LOOK` draws of held-out rows, the same each time.

    Args:
        data: what the network works on, and labels.
    """
    import torch

    pictures, labels = data
    device = pictures.device
    draws = _Draws(
        Order(len(labels), LOOK, seeding.derive("held out, order", seed)),
        (LOOK, *pictures.shape[1:]),
        timesteps,
        0.0,
        seeding.derive("held out, draws", seed),
    )
    rows, noise, t, _ = (torch.from_numpy(array) for array in draws.of(0))

    def look(error: Callable[..., Any]) -> float:
        total = 0.0
        with torch.no_grad():
            for start in range(0, LOOK, batch_size):
                part = slice(start, start + batch_size)
                chosen = rows[part].to(device)
                arguments = (noise[part].to(device), t[part].to(device))
                loss = error(pictures[chosen], labels[chosen], *arguments)
                total += loss.item() * len(chosen)
        return total / LOOK

    return look
