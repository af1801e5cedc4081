"""A training step of the default experiment, and its share of what the core can do."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from rows.base import default_content
from rows.line import Found, Line, median, ratio

REPEATS = 5
SECONDS = {"ours": 27, "plain": 30}
SIDE, LEVELS, CLASSES = 8, 17, 10
#: Steps that are timed, after 50 that are not: a training tells how far it is every 50.
STEPS, FIRST = 150, 50


def _content(quick: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    content = default_content()
    if quick:
        content["model"] |= {"channels": [8, 8], "norm_groups": 4}
        content["train"] |= {"batch_size": 2}
    train = content["train"]
    return content["model"], train | {"steps": FIRST + STEPS, "warmup_steps": 1}


def _pictures() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, LEVELS, (1000, SIDE, SIDE, 1), dtype=np.uint8), np.arange(1000) % CLASSES


class Clock:
    """Processor time when a training had done so many steps."""

    def __init__(self) -> None:
        self.at: dict[int, float] = {}

    def __call__(self, done: int) -> None:
        self.at.setdefault(done, time.process_time())

    def step(self) -> float:
        """Seconds of a step, the first ones left out."""
        return (self.at[FIRST + STEPS] - self.at[FIRST]) / STEPS


def product_rate(quick: bool) -> float:
    """Operations a second of a large float32 matrix product, the best of a few."""
    import torch

    n = 128 if quick else 1536
    a, b = torch.randn(n, n), torch.randn(n, n)
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        a @ b
        best = min(best, time.process_time() - began)
    return 2 * n**3 / max(best, 1e-9)


def ours(quick: bool, turn: int) -> dict[str, Any]:
    from autophagy import devices
    from autophagy.models import ddpm, ddpm_cost
    from autophagy.models.base import TrainingData

    model, train = _content(quick)
    devices.prepare(1, "cpu")
    before = product_rate(quick)
    data, clock = TrainingData(*_pictures(), LEVELS, CLASSES), Clock()
    ddpm.fit(data, model, train, 1, "cpu", lambda done, total, note: clock(done))
    operations, _ = ddpm_cost.network(model, (SIDE, 1), CLASSES)
    return {
        "cpu": clock.step(),
        # A backward pass counts two forward ones.
        "operations": 3 * operations * train["batch_size"],
        "rate": max(before, product_rate(quick)),
    }


def plain(quick: bool, turn: int) -> dict[str, Any]:
    import plain_diffusers
    import torch

    torch.set_num_threads(1)
    model, train = _content(quick)
    unet = plain_diffusers.network(model, SIDE, 1, CLASSES)
    scheduler = plain_diffusers.schedule(model)
    clock, pictures = Clock(), plain_diffusers.Pictures(*_pictures(), SIDE, LEVELS)
    recipe = plain_diffusers.our_recipe(train)
    plain_diffusers.train(unet, scheduler, pictures, recipe, clock)
    return {"cpu": clock.step()}


SIDES = {"ours": ours, "plain": plain}


def lines(found: Found) -> list[Line]:
    step, rate = median(found, "ours", "cpu"), median(found, "ours", "rate")
    operations = found["ours"][0]["operations"]
    return [
        Line(
            "training step of the default, processor time",
            "plain diffusers: DataLoader of PIL pictures, clipping, EMA",
            f"{1000 * step:.1f} ms",
            f"{1000 * median(found, 'plain', 'cpu'):.1f} ms",
            ratio(found, "plain", "ours", "cpu"),
            reach=1.0,
            quality="the same network and batch",
        ),
        Line(
            "training step of the default: share of the core's float32 matrix product",
            "a product of 1536 × 1536",
            f"{operations / 1e9:.2f} GFLOP at {operations / step / 1e9:.0f} GFLOP/s",
            f"{rate / 1e9:.0f} GFLOP/s",
            100 * operations / step / rate,
            unit="%",
        ),
    ]
