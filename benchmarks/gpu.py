"""What a CUDA card gives: agreement with the CPU, speed against plain diffusers, a loop on MNIST.

    python benchmarks/gpu.py --mnist FOLDER --out FOLDER

FOLDER holds MNIST's four IDX files. One call of less than --seconds (default 440) in which

1. forward passes, called and as training and sampling call them, are compared with the CPU's, and
   the digits recipe's metrics over three seeds;
2. a training step and a sampling of the network of config/mnist-fully-synthetic are timed against
   the plain way (benchmarks/plain_diffusers.py) on the same card;
3. the real steps of that experiment run for as many generations of --loops as fit, with --steps
   training steps and --pictures pictures a generation, 5000 of them measured.

--parts asks for some of it.

It writes gpu.json (every number), gpu.md (tables), metrics.csv and a picture grid a loop. What must
hold and which speeds are aimed at stands in gpu_checks.py; where something that must hold does not,
it is named and the exit status is 1. `--quick` and `--device cpu` try the script itself in seconds:
their numbers mean nothing, `--quick` demands no more than the forward passes, and the digits of a
CPU are not compared with themselves.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))

import gpu_checks  # noqa: E402
import gpu_page  # noqa: E402
from autophagy import config as configuration  # noqa: E402
from autophagy import devices, features, paths, seeds, sets, store, tables  # noqa: E402
from autophagy import plan as planning  # noqa: E402
from autophagy.metrics.frechet import frechet_distance  # noqa: E402
from autophagy.models import acceleration, ddpm  # noqa: E402
from autophagy.models.base import TrainingData  # noqa: E402
from autophagy.models.ddpm_network import Network  # noqa: E402
from autophagy.models.ddpm_options import network_size  # noqa: E402
from autophagy.rows import quantise  # noqa: E402
from autophagy.schema import plain  # noqa: E402
from autophagy.steps import features as features_step  # noqa: E402
from autophagy.steps import report  # noqa: E402
from gpu_page import SHOWN  # noqa: E402
from in_process import make, splits  # noqa: E402
from rows.base import shrunk  # noqa: E402

#: What is done besides the forward passes.
PARTS = ("training", "sampling", "loops", "digits")
SEEDS = (1, 2, 3)
#: Seconds kept for the digits' three trainings.
DIGITS = 30.0
MADE = ("training_set.parquet", "model", "samples")
#: What a training step takes without some of the choices in `models.acceleration`.
VARIANTS = {
    "without CUDA graphs": {"graphs": False},
    "in float32": {"coarse": None},
}
#: Pictures whose Fréchet distances compare the samplers, and how often ours draws as many.
MEASURED, DRAWS = 2000, 5
#: How many times the configuration's steps ours takes, until its distance is the plain way's.
MORE_STEPS = (1, 2, 4)


def main() -> None:
    options = _options()
    if options.digits:
        print(json.dumps(_digits(options.device, [options.digits], options.quick)))
        return
    ends = time.monotonic() + options.seconds
    options.out.mkdir(parents=True, exist_ok=True)
    compared = "digits" in options.parts and options.device != "cpu"
    devices.prepare(1, options.device)
    found: dict[str, Any] = {"card": _card(options.device), "torch": _torch_version()}
    content = _content(options)
    with tempfile.TemporaryDirectory() as folder:
        plan = planning.build(configuration.parse(content, "config/mnist-fully-synthetic"))
        root = Path(folder)
        made = Maker(plan, root)
        made.splits()
        found["agreement"] = _forward(content["model"], options)
        if "training" in options.parts:
            found["training"] = _training(content, root, options)
            _write(options.out, found)
        # The CPU's share of the comparison runs beside what the card does, but for steps that are
        # timed: the plain way waits for its host.
        others = [_started(seed, options.quick) for seed in SEEDS] if compared else []
        if {"sampling", "loops"} & {*options.parts}:
            made.first_generation()
        if "sampling" in options.parts:
            found["sampling"] = _sampling(content, plan, root, options)
            _write(options.out, found)
        if "loops" in options.parts:
            found["loops"] = made.generations_until(
                ends - DIGITS * compared, found["card"], options.out
            )
            _write(options.out, found)
        found["agreement"]["digits"] = _digits_compared(options, others)
        _write(options.out, found)
    print((options.out / "gpu.md").read_text())
    demanded = gpu_checks.failed(found["checks"])
    if options.quick:
        demanded = [name for name in demanded if name.startswith("forward pass")]
    if demanded:
        sys.exit(f"gpu.py: does not hold: {'; '.join(demanded)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mnist", type=Path, help="folder with the four IDX files")
    parser.add_argument("--out", type=Path, default=Path("gpu"))
    parser.add_argument("--seconds", type=float, default=440.0)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--steps", type=int, default=1500, help="training steps a generation")
    parser.add_argument("--pictures", type=int, default=8000, help="real, then synthetic ones")
    parser.add_argument("--loops", nargs="+", default=["lambda-100", "lambda-050"])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS])
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try the script")
    parser.add_argument("--digits", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.digits and options.mnist is None:
        parser.error("--mnist FOLDER is needed")
    return options


def _content(options: argparse.Namespace) -> dict[str, Any]:
    """config/mnist-fully-synthetic with the budget and the loops asked for."""
    config = REPOSITORY / "config/mnist-fully-synthetic/config.yaml"
    content = yaml.safe_load(config.read_text())
    content["dataset"]["path"] = str(options.mnist.resolve())
    # A feature network of fewer pictures trains in seconds.
    content["dataset"]["splits"]["features"] = 2000
    content |= {"device": options.device, "generations": 30}
    content["train"] |= {"steps": options.steps, "warmup_steps": options.steps // 10}
    content["evaluate"]["n"] = 5000
    content["real_only"] = {"full": options.pictures}
    content["loops"] = {name: content["loops"][name] for name in options.loops}
    for loop in content["loops"].values():
        loop["n_synthetic"] = options.pictures
    if options.quick:
        content["generations"] = 2
        content["dataset"]["splits"] = {"loop": 200, "reference": 100, "features": 100}
        content["model"] |= {"channels": [8, 8], "norm_groups": 4, "timesteps": 20}
        content["train"] |= {"steps": 4, "warmup_steps": 2, "batch_size": 8}
        content["sample"] |= {"steps": 2, "batch_size": 20}
        content["evaluate"] |= {"n": 50, "features": "lenet_random"}
        content["real_only"] = {"full": 200}
        for loop in content["loops"].values():
            loop["n_synthetic"] = 60
    return content


class Maker:
    """Makes the artifacts of a plan with the library's steps, generation by generation."""

    def __init__(self, plan: planning.Plan, root: Path) -> None:
        self.plan, self.root = plan, root
        self.seconds: dict[str, list[float]] = {}

    def splits(self) -> None:
        splits(self.plan, self.root)

    def first_generation(self) -> None:
        """What every loop shares: feature network, real against real, the real-only model."""
        self._make(paths.network_path(self.plan.experiment))
        self._make(paths.evaluation_path("real", 1, 0))
        folder = paths.real_only_folder("full", 1)
        for name in (*MADE, "preview"):
            self._make(f"{folder}/{name}")
        self._make(paths.evaluation_path("full", 1, 1))

    def generations_until(self, ends: float, card: str, out: Path) -> dict[str, Any]:
        """Generation after generation of every loop, as long as the next is expected to fit."""
        experiment = self.plan.experiment
        done, longest = 0, 0.0
        for t in range(1, experiment.generations + 1):
            if time.monotonic() + 1.15 * longest > ends:
                break
            began = time.monotonic()
            for loop in experiment.loops:
                home = f"loops/{loop}/seed-1/gen-{t:03d}/"
                for path in self.plan.nodes:
                    if path.startswith(home) or path == paths.evaluation_path(loop, 1, t):
                        self._make(path)
            done = t
            self._drawn(done, card, out)
            if t > 1:
                longest = max(longest, time.monotonic() - began)
        rows = self._rows(done)
        resplits = tables.resplits(self.root, 1)
        return {
            "generations": done,
            "train": plain(experiment.train),
            "rows": rows,
            "real_against_real": {name: resplits[name] for name in SHOWN},
            "seconds": {step: statistics.median(took) for step, took in self.seconds.items()},
            "pictures": next(iter(experiment.loops.values())).n_synthetic,
        }

    def _make(self, path: str) -> None:
        record = self.plan.record(path)
        began = time.monotonic()
        make(self.root, record, remarks)
        took = time.monotonic() - began
        self.seconds.setdefault(record["kind"], []).append(took)
        print(f"{time.strftime('%X')} {path}: {took:.1f} s", flush=True)

    def _rows(self, done: int) -> list[dict[str, Any]]:
        listed = tables.evaluations(self.plan.experiment)
        made = [entry for entry in listed if (self.root / entry["path"]).is_file()]
        table = tables.tidy(self.root, made)
        return json.loads(table.to_json(orient="records", double_precision=6))

    def _drawn(self, done: int, card: str, out: Path) -> None:
        import pandas as pd

        experiment = self.plan.experiment
        for loop in experiment.loops:
            previews = {
                f"generation {t}": paths.preview_path(experiment, loop, 1, t)
                for t in range(1, done + 1)
            }
            stem = self.root / f"grid-{loop}"
            title = f"{loop} on {card}"
            report.draw_grid(str(self.root), loop, 1, previews, title, str(stem))
            shutil.copy(stem.with_suffix(".png"), out / f"grid-{loop}.png")
        pd.DataFrame(self._rows(done)).to_csv(out / "metrics.csv", index=False)


def _forward(model: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """‖device − CPU‖ / ‖CPU‖ of one forward pass of the library's network, by how it is called.

    `float32`: called; `sampled`: as sampling calls it, on a card a replayed CUDA graph;
    `as_trained`: in a training step's precision.
    """
    import torch
    from autophagy.models.diffusers_parts import DDPMScheduler

    torch.manual_seed(0)
    side = network_size(model, 28)
    unet = Network.of(model, side, 1, 10).build().eval()
    x, classes, t = torch.randn(16, 1, side, side), torch.arange(16) % 11, torch.tensor(248)
    with torch.inference_mode():
        expected = unet(x, t, classes).sample
        pipeline = ddpm.DDPM.of(unet, DDPMScheduler(500), side).to(options.device).pipeline
        place = [tensor.to(options.device) for tensor in (x, t, classes)]
        sampling = pipeline.networks()(pipeline.unet)
        # The first call of a graph captures it, from other numbers; the second replays it.
        sampling(torch.zeros_like(place[0]), *place[1:])
        answers = {"float32": pipeline.unet(*place).sample, "sampled": sampling(*place)}
        trained = acceleration.of(options.device).computed(pipeline.unet).current()
        answers["as_trained"] = trained(place[0].to(trained.dtype), *place[1:]).sample
    return {
        name: float((answer.float().cpu() - expected).norm() / expected.norm())
        for name, answer in answers.items()
    }


def _training(content: dict[str, Any], root: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of a training step: the library's, and the plain way's."""
    import torch
    from plain_diffusers import Pictures, network, seconds_per_step

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
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(
        model["timesteps"],
        beta_schedule=model["beta_schedule"],
        prediction_type=model["prediction"],
    )
    # One epoch holds all that is timed: its workers start once.
    pictures = Pictures(images[: 80 * n], labels[: 80 * n], side)
    torch.use_deterministic_algorithms(False)
    for workers in (0, 4):
        unet = network(model, side, 1, 10).to(options.device)
        _forget_peak(options.device)
        asked = (n, options.device, workers, *((3, 1) if options.quick else (60, 10)))
        with_data, without = seconds_per_step(unet, scheduler, pictures, *asked)
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


def _sampling(
    content: dict[str, Any], plan: planning.Plan, root: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Seconds and distance of samples: the library's sampler, the plain way, of one model."""
    import torch
    from plain_diffusers import sample as plain_sample

    network = features.module(content["evaluate"]["features"]).load(
        root / paths.network_path(plan.experiment), options.device
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


def _digits(device: str, asked: list[int], quick: bool) -> list[dict[str, float]]:
    """By seed: metrics of the default experiment's real-only `full` model, made on a device."""
    content = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    content |= {"seeds": asked, "device": device, "generations": 1}
    content = shrunk(content) if quick else content
    plan = planning.build(configuration.parse(content, "config/config.yaml"))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        made = Maker(plan, Path(folder))
        made.splits()
        # One feature space for both devices: the CPU's.
        network = plan.record(paths.network_path(plan.experiment)) | {"device": "cpu"}
        features_step.train_features(made.root, [network], remarks)
        for seed in asked:
            home = paths.real_only_folder("full", seed)
            metrics = paths.evaluation_path("full", seed, 1)
            for path in (*(f"{home}/{name}" for name in MADE), metrics):
                record = plan.record(path)
                make(made.root, record, remarks)
            output = store.read_json(made.root / metrics)["output"]
            found.append({name: output[name] for name in SHOWN})
    return found


def _started(seed: int, quick: bool) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--device", "cpu", "--digits", str(seed)]
    return subprocess.Popen(command + ["--quick"] * quick, stdout=subprocess.PIPE, text=True)


def _digits_compared(
    options: argparse.Namespace, others: list[subprocess.Popen[str]]
) -> dict[str, Any]:
    """Per metric both sides over seeds and whether they agree; nothing where there is one side."""
    if not others:
        return {}
    here = _digits(options.device, list(SEEDS), options.quick)
    told = [json.loads(other.communicate()[0].splitlines()[-1]) for other in others]
    return gpu_checks.digits_compared(here, [metrics for [metrics] in told])


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


def _card(device: str) -> str:
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else platform.machine()


def _torch_version() -> str:
    import torch

    return torch.__version__


def remarks(done: int, total: int, note: str) -> None:
    """Progress nobody watches; remarks are printed."""
    if not done:
        print(note, flush=True)


def _write(out: Path, found: dict[str, Any]) -> None:
    found["checks"] = gpu_checks.judged(found)
    (out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")
    (out / "gpu.md").write_text("\n".join(gpu_page.lines_of(found)) + "\n")


if __name__ == "__main__":
    main()
