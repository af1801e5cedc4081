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
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))

import gpu_checks  # noqa: E402
import gpu_page  # noqa: E402
import gpu_speed  # noqa: E402
from autophagy import config as configuration  # noqa: E402
from autophagy import devices, layout, paths, store  # noqa: E402
from autophagy import plan as planning  # noqa: E402
from autophagy.models import acceleration, ddpm  # noqa: E402
from autophagy.models.ddpm_network import Network  # noqa: E402
from autophagy.models.ddpm_options import network_size  # noqa: E402
from autophagy.steps import features as features_step  # noqa: E402
from gpu_loops import MADE, Maker, remarks  # noqa: E402
from gpu_page import SHOWN  # noqa: E402
from in_process import make  # noqa: E402
from rows.base import shrunk  # noqa: E402

#: What is done besides the forward passes.
PARTS = ("training", "sampling", "loops", "digits")
SEEDS = (1, 2, 3)
#: Seconds kept for the digits' three trainings.
DIGITS = 30.0
#: Seconds after the end asked for that the CPU's digits are waited for.
PATIENCE = 45.0


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
            found["training"] = gpu_speed.training(content, root, options)
            _write(options.out, found)
        # The CPU's share of the comparison runs beside what the card does, but for steps that are
        # timed: the plain way waits for its host.
        others = [_started(seed, options.quick) for seed in SEEDS] if compared else []
        if {"sampling", "loops"} & {*options.parts}:
            made.first_generation()
        if "sampling" in options.parts:
            found["sampling"] = gpu_speed.sampling(content, plan, root, options)
            _write(options.out, found)
        if "loops" in options.parts:
            found["loops"] = made.generations_until(
                ends - DIGITS * compared, found["card"], options.out
            )
            _write(options.out, found)
        found["agreement"]["digits"] = _digits_compared(options, others, ends)
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
        network = plan.record(layout.network_path(plan.experiment)) | {"device": "cpu"}
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
    options: argparse.Namespace, others: list[subprocess.Popen[str]], ends: float
) -> dict[str, Any]:
    """Per metric both sides over seeds and whether they agree; nothing where there is one side."""
    if not others:
        return {}
    here, told = _digits(options.device, list(SEEDS), options.quick), []
    for other in others:
        try:
            said, _ = other.communicate(timeout=max(1.0, ends + PATIENCE - time.monotonic()))
        except subprocess.TimeoutExpired:
            for late in others:
                late.kill()
            print("gpu.py: the CPU's digits are not made in time, and not compared", flush=True)
            return {}
        told.append(json.loads(said.splitlines()[-1]))
    return gpu_checks.digits_compared(here, [metrics for [metrics] in told])


def _card(device: str) -> str:
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else platform.machine()


def _torch_version() -> str:
    import torch

    return torch.__version__


def _write(out: Path, found: dict[str, Any]) -> None:
    found["checks"] = gpu_checks.judged(found)
    (out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")
    (out / "gpu.md").write_text("\n".join(gpu_page.lines_of(found)) + "\n")


if __name__ == "__main__":
    main()
