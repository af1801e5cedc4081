"""What benchmarks/gpu.py times: training steps and samplings, the library's and the plain way's."""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gpu_checks
import numpy as np
from autophagy import features, layout, paths, seeds, sets
from autophagy import plan as planning
from autophagy.metrics.frechet import frechet_distance
from autophagy.models import acceleration, ddpm
from autophagy.models.base import TrainingData
from autophagy.models.ddpm_options import network_size
from autophagy.rows import quantise
from gpu_loops import remarks

#: What a training step takes without some of the choices in `models.acceleration`.
VARIANTS = {
    "without CUDA graphs": {"graphs": False},
    "in float32": {"coarse": None},
}
#: Pictures whose Fréchet distances compare the samplers, and how often ours draws as many.
MEASURED, DRAWS = 2000, 5
#: How many times the configuration's steps ours takes, until its distance is the plain way's.
MORE_STEPS = (1, 2, 4)


def training(content: dict[str, Any], root: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of a training step: the library's, and the plain way's."""
    import torch
    from plain_diffusers import Pictures, network, schedule, seconds_per_step

    images = sets.read_array(root, "real/loop", "images")
    labels = sets.read_array(root, "real/loop", "labels")
    model, budget = content["model"], content["train"]
    n = budget["batch_size"]
    data = TrainingData(images, labels, 256, 10)
    # What the library pads them to: both ways train the same network.
    side = network_size(model, images.shape[1])
    _forget_peak(options.device)
    ours = _fit_seconds(data, model, budget, options.device, 60 if options.quick else 500)
    peak = _peak(options.device)
    found: dict[str, Any] = {
        "seconds": ours, "peak_bytes": peak, "batch_size": n, "side": side, "plain": {},
    }  # fmt: skip
    chosen = acceleration.TABLE[options.device]
    found["variants"] = {}
    for name, change in VARIANTS.items():
        acceleration.TABLE[options.device] = dataclasses.replace(chosen, **change)
        found["variants"][name] = _fit_seconds(
            data, model, budget, options.device, 60 if options.quick else 100
        )
    acceleration.TABLE[options.device] = chosen
    # One epoch holds all that is timed: its workers start once.
    pictures = Pictures(images[: 80 * n], labels[: 80 * n], side)
    torch.use_deterministic_algorithms(False)
    for workers in (0, 4):
        unet = network(model, side, 1, 10).to(options.device)
        _forget_peak(options.device)
        asked = (n, options.device, workers, *((3, 1) if options.quick else (60, 10)))
        with_data, without = seconds_per_step(unet, schedule(model), pictures, *asked)
        found["plain"][workers] = {"seconds": with_data, "without_data": without}
        found["plain_peak_bytes"] = _peak(options.device)
    torch.use_deterministic_algorithms(True)
    flops = 3 * n * _flops(network(model, side, 1, 10), side)
    ceiling = _ceiling(options)
    found |= {
        "flops": flops,
        "ceiling": ceiling,
        "utilisation": flops / ours / ceiling,
        "plain_utilisation": flops / min(p["seconds"] for p in found["plain"].values()) / ceiling,
    }
    return found


def _fit_seconds(
    data: TrainingData, model: dict[str, Any], budget: dict[str, Any], device: str, steps: int
) -> float:
    """Seconds of one of the library's training steps, the first 50 left out."""
    times: dict[int, float] = {}
    fitted = ddpm.fit(
        data,
        model,
        budget | {"steps": steps, "warmup_steps": 1},
        1,
        device,
        lambda done, total, note: times.setdefault(done, time.perf_counter()),
    )
    if fitted.pipeline.unet.config.sample_size != network_size(model, data.images.shape[1]):
        sys.exit("gpu.py: the library trains a network of another size than is counted")
    return (times[steps] - times[50]) / (steps - 50)


def sampling(
    content: dict[str, Any], plan: planning.Plan, root: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Seconds and distance of samples: the library's sampler, the plain way, of one model."""
    import torch
    from plain_diffusers import sample as plain_sample

    network = features.module(content["evaluate"]["features"]).load(
        root / layout.network_path(plan.experiment), options.device
    )
    reference, _ = network(sets.read_array(root, "real/reference", "images"))
    model = ddpm.load(root / paths.real_only_folder("full", 1) / "model", options.device)
    n = 40 if options.quick else MEASURED
    labels, batch = np.arange(n) % 10, content["sample"]["batch_size"]
    found: dict[str, Any] = {"pictures": n, "batch_size": batch}

    def timed(draw: Callable[[], np.ndarray]) -> dict[str, Any]:
        _forget_peak(options.device)
        began = time.perf_counter()
        pictures, _ = quantise(draw(), 256)
        took, peak = time.perf_counter() - began, _peak(options.device)
        drawn, _ = network(pictures)
        distance = frechet_distance(drawn, reference)
        return {"seconds": took, "frechet_distance": distance, "peak_bytes": peak}

    asked = content["sample"]["steps"]

    def ours(bias: float, steps: int, again: int = 0) -> np.ndarray:
        rows = seeds.derive_rows(n, "benchmark", again)
        return model.sample(labels, rows, bias, content["sample"] | {"steps": steps}, remarks)

    def plainly() -> np.ndarray:
        unet, scheduler = model.pipeline.unet, model.pipeline.scheduler
        drawn = [
            plain_sample(unet, scheduler, labels[start : start + batch], start, options.device)
            for start in range(0, n, batch)
        ]
        margin = (drawn[0].shape[1] - 28) // 2
        return np.concatenate(drawn)[:, margin : margin + 28, margin : margin + 28]

    torch.use_deterministic_algorithms(False)
    found["plain"] = timed(plainly)
    torch.use_deterministic_algorithms(True)
    ours(1.0, asked)
    found["ours"] = {}
    for steps in (asked * times for times in MORE_STEPS):
        drawn = [timed(partial(ours, 1.0, steps, again)) for again in range(DRAWS)]
        distances = [draw["frechet_distance"] for draw in drawn]
        took = statistics.median(draw["seconds"] for draw in drawn)
        found["ours"][steps] = drawn[0] | {"draws": distances, "seconds": took}
        if gpu_checks.not_farther(distances, found["plain"]["frechet_distance"]):
            break
    found["guided"] = timed(partial(ours, 0.5, asked))
    return found


def _flops(unet: Any, side: int) -> float:
    """Floating-point operations of one picture's forward pass, an addition and a product each 1."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        unet(torch.zeros(1, 1, side, side), 1, torch.zeros(1, dtype=torch.long))
    return counter.get_total_flops()


def _ceiling(options: argparse.Namespace) -> float:
    """Operations a second of a large bf16 matrix product: what utilisation is a share of."""
    import torch

    n = 256 if options.quick else 8192
    a, b = (torch.randn(n, n, device=options.device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        a @ b
    _wait(options.device)
    began = time.perf_counter()
    for _ in range(10):
        a @ b
    _wait(options.device)
    return 10 * 2 * n**3 / (time.perf_counter() - began)


def _wait(device: str) -> None:
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def _forget_peak(device: str) -> None:
    import torch

    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _peak(device: str) -> int:
    import torch

    return torch.cuda.max_memory_allocated() if device == "cuda" else 0
