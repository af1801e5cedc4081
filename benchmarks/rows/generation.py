"""One generation of the default: train, draw its samples, evaluate; and the distance it reaches."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rows.base import clocked, default_content, shrunk
from rows.line import ERRORS, Found, Line, Sample, median, over_seeds, ratio
from rows.recipe import flattened

REPEATS = 3
FEW = "a turn takes four minutes on two cores; each is a seed of its own"
TOGETHER = True
#: Five to ten minutes for a bound that is far from close.
ONCE = ("example",)
SECONDS = {"ours": 250, "plain": 260, "example": 650}
MODEL = "full"
LEVELS = 17
#: Times our steps that diffusers' example is given, with its own recipe: it has not arrived then.
LONGER = 4
STAGES = ("training", "sampling", "evaluation")
QUALITY = ("frechet_distance", "precision", "recall")


def _prepared(quick: bool, turn: int, folder: str) -> tuple[dict[str, Any], Any, Path]:
    """The real sets and the feature network, which both sides are given."""
    import in_process
    from autophagy import devices, layout

    content = default_content() | {"seeds": [turn + 1], "generations": 1}
    if quick:
        content = shrunk(content)
        content["evaluate"]["features"] = "lenet_random"
    devices.prepare(1, "cpu")
    plan, root = in_process.plan_of(content), Path(folder)
    in_process.splits(plan, root)
    in_process.make(root, plan.record(layout.network_path(plan.experiment)))
    return content, plan, root


def _reader(plan: Any, root: Path) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The feature network that both sides are measured with."""
    from autophagy import features, layout

    place = root / layout.network_path(plan.experiment)
    return features.module(plan.experiment.evaluate.features).load(place, "cpu")


def _drawn(unet: Any, scheduler: Any, content: dict[str, Any]) -> np.ndarray:
    """A model's pictures, all its steps for each, as many as a generation measures."""
    import plain_diffusers
    from autophagy.rows import quantise

    n, size = content["evaluate"]["n"], content["sample"]["batch_size"]
    asked = np.arange(n) % 10
    drawn = [
        plain_diffusers.sample(unet, scheduler, asked[start : start + size], start, "cpu")
        for start in range(0, n, size)
    ]
    return quantise(np.concatenate(drawn), LEVELS)[0]


def ours(quick: bool, turn: int) -> dict[str, Any]:
    """A generation, and its model sampled the plain way too, so that samplers can be compared."""
    import in_process
    import torch
    from autophagy import paths, sets, store
    from autophagy.metrics.frechet import frechet_distance
    from autophagy.models import ddpm, diffusers_parts  # noqa: F401 (no import is timed)

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        content, plan, root = _prepared(quick, turn, folder)
        home = paths.real_only_folder(MODEL, turn + 1)
        metrics = paths.evaluation_path(MODEL, turn + 1, 1)
        made = ([f"{home}/training_set.parquet", f"{home}/model"], [f"{home}/samples"], [metrics])
        for stage, artifacts in zip(STAGES, made, strict=True):
            with clocked(found, stage):
                for path in artifacts:
                    in_process.make(root, plan.record(path))
        output = store.read_json(root / metrics)["output"]
        import plain_diffusers  # noqa: F401 (no import is timed, nor do ours run beside it)

        pipeline = ddpm.load(root / home / "model", "cpu").pipeline
        torch.use_deterministic_algorithms(False)
        with clocked(found, "ancestral"):
            pictures = _drawn(pipeline.unet, pipeline.scheduler, content)
        read = _reader(plan, root)
        held_out = sets.read_array(root, "real/reference", "images")
        (reference, _), (generated, _) = read(held_out), read(pictures)
    found |= {name: output[name] for name in QUALITY}
    found["ancestral_distance"] = frechet_distance(generated, reference)
    return found | {"cpu": sum(found[f"{stage}_cpu"] for stage in STAGES)}


def plain(quick: bool, turn: int) -> dict[str, Any]:
    """The same network, batch, steps and learning rate, in the way of diffusers' examples."""
    import plain_diffusers

    return _plainly(quick, turn, plain_diffusers.our_recipe)


def example(quick: bool, turn: int) -> dict[str, Any]:
    """The same network and batch, with the recipe of diffusers' example, for more steps."""
    import plain_diffusers

    def recipe(train: dict[str, Any]) -> Any:
        return plain_diffusers.example_recipe(LONGER * train["steps"], train["batch_size"])

    return _plainly(quick, turn, recipe, prediction="epsilon")


def _plainly(
    quick: bool, turn: int, recipe: Callable[[dict[str, Any]], Any], **model: str
) -> dict[str, Any]:
    """A generation in the way of diffusers' examples; `model`: what its network has otherwise."""
    import plain_diffusers
    import plain_metrics
    import torch
    from autophagy import sets

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        content, plan, root = _prepared(quick, turn, folder)
        images, labels = (sets.read_array(root, "real/loop", name) for name in ("images", "labels"))
        held_out = sets.read_array(root, "real/reference", "images")
        read = _reader(plan, root)
    torch.use_deterministic_algorithms(False)
    torch.manual_seed(turn)
    given, asked = content["model"] | model, recipe(content["train"])
    pictures = plain_diffusers.Pictures(images, labels, images.shape[1], LEVELS)
    scheduler = plain_diffusers.schedule(given)
    with clocked(found, "training"):
        unet = plain_diffusers.network(given, images.shape[1], 1, 10)
        plain_diffusers.train(unet, scheduler, pictures, asked)
    with clocked(found, "sampling"):
        drawn = _drawn(unet, scheduler, content)
    with clocked(found, "evaluation"):
        (reference, _), (generated, _) = read(held_out), read(drawn)
        values = plain_metrics.measured(reference, generated, content["evaluate"]["k"])
    found |= {name: values[name] for name in QUALITY} | {"steps": asked.steps}
    return found | {"cpu": sum(found[f"{stage}_cpu"] for stage in STAGES)}


SIDES = {"ours": ours, "plain": plain, "example": example}


def _quality(found: Found, side: str) -> str:
    distance, precision, recall = (over_seeds(found, side, name) for name in QUALITY)
    return f"FD {distance}, precision {precision}, recall {recall}"


def lines(found: Found) -> list[Line]:
    reached, theirs = (over_seeds(found, side, "frechet_distance") for side in ("ours", "plain"))
    [alone] = found["example"]
    # Of one seed: as if it were spread as ours.
    untold = Sample(alone["frechet_distance"], reached.deviation, 1)
    ancestral = over_seeds(found, "ours", "ancestral_distance")
    steps, flat = flattened()
    # Both samplers are of one run.
    times = [run["ancestral_cpu"] / run["sampling_cpu"] for run in found["ours"]]
    farther, seeds = untold.above(reached) > ERRORS, len(found["ours"])
    return [
        Line(
            "a generation of the default, to the flattened distance: processor time",
            "diffusers' training example with its own recipe; all its sampling steps, prdc and "
            "torchmetrics",
            f"{median(found, 'ours', 'cpu'):.1f} s",
            f"{'more than ' * farther}{median(found, 'example', 'cpu'):.1f} s",
            ratio(found, "example", "ours", "cpu"),
            reach=3.0,
            quality=f"{_quality(found, 'ours')}; theirs, of one seed, after {alone['steps']} steps "
            f"{_quality(found, 'example')}; flattened, after {steps} steps: FD {flat} "
            "(docs/recipe.md)",
            holds=reached.no_farther(untold) and reached.no_farther(flat),
        ),
        Line(
            "the same: processor time",
            "the same, given our recipe and as many steps",
            f"{median(found, 'ours', 'cpu'):.1f} s",
            f"{median(found, 'plain', 'cpu'):.1f} s",
            ratio(found, "plain", "ours", "cpu"),
            quality=f"theirs {_quality(found, 'plain')}",
            runs=seeds,
            holds=reached.no_farther(theirs),
        ),
        Line(
            "training of it: processor time",
            "diffusers' training example",
            f"{median(found, 'ours', 'training_cpu'):.1f} s",
            f"{median(found, 'plain', 'training_cpu'):.1f} s",
            ratio(found, "plain", "ours", "training_cpu"),
            reach=1.0,
            quality="in the line above",
            runs=seeds,
            holds=reached.no_farther(theirs),
        ),
        Line(
            "sampling of one model: processor time",
            "DDPMPipeline's 500 ancestral steps of the same model",
            f"{median(found, 'ours', 'sampling_cpu'):.1f} s",
            f"{median(found, 'ours', 'ancestral_cpu'):.1f} s",
            statistics.median(times),
            reach=10.0,
            quality=f"FD {reached}; theirs {ancestral}",
            runs=seeds,
            holds=reached.no_farther(ancestral),
        ),
    ]
