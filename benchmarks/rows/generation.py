"""One generation of the default: train, draw its samples, evaluate; and the distance it reaches."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from rows.base import Found, Line, clocked, default_content, median, plan_of, ratio, shrunk, spread

#: Of two and a half minutes for the plain side; each turn is a seed of its own.
REPEATS = 3
MODEL = "full"


def _prepared(quick: bool, turn: int, folder: str) -> tuple[dict[str, Any], Any, Path]:
    """The real sets and the feature network, which both sides are given."""
    import in_process
    from autophagy import devices, paths

    content = default_content() | {"seeds": [turn + 1], "generations": 1}
    content = shrunk(content) if quick else content
    devices.prepare(1, "cpu")
    plan, root = plan_of(content), Path(folder)
    in_process.splits(plan, root)
    in_process.make(root, plan.record(paths.network_path(plan.experiment)))
    return content, plan, root


def ours(quick: bool, turn: int) -> dict[str, Any]:
    import in_process
    from autophagy import paths, store

    with tempfile.TemporaryDirectory() as folder:
        _, plan, root = _prepared(quick, turn, folder)
        home = paths.real_only_folder(MODEL, turn + 1)
        metrics = paths.evaluation_path(MODEL, turn + 1, 1)
        found: dict[str, Any] = {}
        stages = {
            "training": [f"{home}/training_set.parquet", f"{home}/model"],
            "sampling": [f"{home}/samples"],
            "evaluation": [metrics],
        }
        for stage, artifacts in stages.items():
            with clocked(found, stage):
                for path in artifacts:
                    in_process.make(root, plan.record(path))
        output = store.read_json(root / metrics)["output"]
    found |= {name: output[name] for name in ("frechet_distance", "precision", "recall")}
    return found | {"cpu": sum(found[f"{stage}_cpu"] for stage in stages)}


def plain(quick: bool, turn: int) -> dict[str, Any]:
    import plain_diffusers
    import plain_metrics
    import torch
    from autophagy import features, paths, sets
    from autophagy.rows import quantise
    from diffusers import DDPMScheduler

    with tempfile.TemporaryDirectory() as folder:
        content, plan, root = _prepared(quick, turn, folder)
        torch.use_deterministic_algorithms(False)
        torch.manual_seed(turn)
        images, labels = (sets.read_array(root, "real/loop", name) for name in ("images", "labels"))
        held_out = sets.read_array(root, "real/reference", "images")
        place = root / paths.network_path(plan.experiment)
        network = features.module("lenet").load(place, "cpu")
    model, n, levels = content["model"], content["evaluate"]["n"], 17
    pictures = plain_diffusers.Pictures(images, labels, images.shape[1], levels)
    scheduler = DDPMScheduler(
        model["timesteps"],
        beta_schedule=model["beta_schedule"],
        prediction_type=model["prediction"],
    )
    asked, found = np.arange(n) % 10, {}
    with clocked(found, "training"):
        unet = plain_diffusers.network(model, images.shape[1], 1, 10)
        plain_diffusers.train(unet, scheduler, pictures, content["train"])
    with clocked(found, "sampling"):
        size = content["sample"]["batch_size"]
        drawn = [
            plain_diffusers.sample(unet, scheduler, asked[start : start + size], start, "cpu")
            for start in range(0, n, size)
        ]
    with clocked(found, "evaluation"):
        generated, _ = network(quantise(np.concatenate(drawn), levels)[0])
        reference, _ = network(held_out)
        values = plain_metrics.measured(reference, generated, content["evaluate"]["k"])
    found |= {name: values[name] for name in ("frechet_distance", "precision", "recall")}
    stages = ("training", "sampling", "evaluation")
    return found | {"cpu": sum(found[f"{stage}_cpu"] for stage in stages)}


SIDES = {"ours": ours, "plain": plain}


def lines(found: Found) -> list[Line]:
    told = {
        side: f"FD {spread(found, side, 'frechet_distance')}, precision "
        f"{spread(found, side, 'precision')}, recall {spread(found, side, 'recall')}"
        for side in found
    }
    quality = f"{told['ours']}; theirs {told['plain']}"
    against = "diffusers' training example, all its steps, prdc and torchmetrics; as many steps"
    table = []
    for what, key, reach in (
        ("a generation of the default: train, sample, evaluate", "cpu", 3.0),
        ("sampling of it", "sampling_cpu", 10.0),
    ):
        table.append(
            Line(
                f"{what}: processor time",
                against if key == "cpu" else "DDPMPipeline's 500 ancestral steps",
                f"{median(found, 'ours', key):.1f} s",
                f"{median(found, 'plain', key):.1f} s",
                ratio(found, "plain", "ours", key),
                reach=reach,
                quality=quality,
            )
        )
    return table
