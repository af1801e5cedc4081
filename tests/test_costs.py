"""What `autophagy plan` foretells is what a run leaves behind."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from autophagy import cli, costs
from autophagy.errors import UserError
from autophagy.models import ddpm_cost
from autophagy.schema import plain
from conftest import REPOSITORY, Made, changed, plan_of, tiny_content

sys.path.insert(0, str(REPOSITORY / "tools"))

from transcripts import BLOCK, commands

SHARED = REPOSITORY / "benchmarks" / "scale"
[PLANS] = BLOCK.findall((REPOSITORY / "docs" / "scale.md").read_text(encoding="utf-8"))


def bytes_of(root: Path, names: tuple[str, ...]) -> int:
    return sum(file.stat().st_size for name in names for file in root.rglob(name))


def test_bytes_are_those_of_a_finished_run(tiny_experiment: Made) -> None:
    found = costs.of(tiny_experiment.plan)
    weights = bytes_of(tiny_experiment.root, ("diffusion_pytorch_model.safetensors",))
    assert found["train"].written == pytest.approx(weights, rel=0.2)  # names of its many tensors
    arrays = [
        file
        for name in ("images.npy", "labels.npy", "seeds.npy")
        for folder in ("loops", "real-only")
        for file in (tiny_experiment.root / folder).rglob(name)
    ]
    header = 128
    assert found["sample"].written == sum(file.stat().st_size - header for file in arrays)
    indices = list(tiny_experiment.root.rglob("training_set.parquet"))
    assert found["mix"].artifacts == len(indices)


def test_steps_and_samples_are_counted(tiny_experiment: Made) -> None:
    experiment = tiny_experiment.plan.experiment
    found = costs.of(tiny_experiment.plan)
    models = list(tiny_experiment.root.rglob("model"))
    assert found["train"].artifacts == len(models)
    assert found["train"].units == len(models) * experiment.train.steps
    operations, _ = ddpm_cost.network(plain(experiment.model), (8, 1), costs.CLASSES)
    batch = experiment.train.batch_size
    assert found["train"].operations == 3 * found["train"].units * batch * operations


def test_operations_are_those_of_the_network_that_is_trained(tiny_experiment: Made) -> None:
    import torch
    from autophagy.models import ddpm_model
    from torch.utils.flop_counter import FlopCounterMode

    experiment = tiny_experiment.plan.experiment
    unet = ddpm_model.load(next(tiny_experiment.root.rglob("model")), "cpu").pipeline.unet
    classes = unet.config.num_class_embeds - 1
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        unet(torch.zeros(1, 1, 8, 8), 1, torch.zeros(1, dtype=torch.long))
    found = ddpm_cost.network(plain(experiment.model), (8, 1), classes)
    assert found == (counter.get_total_flops(), sum(p.numel() for p in unet.parameters()))


@pytest.mark.parametrize(
    ("bias", "guidance", "networks"),
    [(1.0, None, 1), (0.5, None, 2), (1.0, "sims", 2), (0.5, "sims", 4), (1.0, "neon", 1)],
)
def test_guidance_asks_more_networks(bias, guidance, networks) -> None:
    params = {"sampling_bias": bias, "sample": {"steps": 7}}
    params |= {"guidance": {"kind": guidance}} if guidance else {}
    assert ddpm_cost.evaluations(params) == 7 * networks


def test_a_filter_draws_more_than_it_keeps() -> None:
    chosen = {"kind": "confidence", "candidates": 4}
    plain_one = costs.of(plan_of(tiny_content()))["sample"]
    filtered = costs.of(plan_of(changed(("loops.biased.filter", chosen))))["sample"]
    assert filtered.units > plain_one.units
    # What the view of the model alone has besides, it draws once.
    assert filtered.operations > plain_one.operations


def test_what_is_computed_again_costs_another_pass() -> None:
    once, again = (
        costs.of(plan_of(content))["train"].operations
        for content in (tiny_content(), changed(("model.checkpointing", True)))
    )
    assert again == pytest.approx(once * 4 / 3)


def test_what_keep_drops_is_not_counted_as_kept() -> None:
    found = costs.of(plan_of(changed(("keep", "last"))))
    assert found["train"].kept < found["train"].written
    assert costs.of(plan_of(tiny_content()))["train"].kept == found["train"].written


def test_hours_are_operations_over_the_rate() -> None:
    assert costs.hours(3.6e15, tflops=1.0) == 1.0
    assert costs.size_in_words(4_200_000) == "4.2 MB"


def test_pictures_of_another_size_cost_more(tiny_plan) -> None:
    small, large = costs.of(tiny_plan)["train"], costs.of(tiny_plan, (16, 1))["train"]
    assert large.operations == pytest.approx(4 * small.operations, rel=0.05)


@pytest.mark.parametrize("file", sorted(SHARED.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_experiments_of_the_docs_are_counted_without_their_data(file, capsys) -> None:
    assert cli.main(["plan", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["train"]["operations"] > (1e17 if file.stem == "mnist" else 1e18)
    assert found["train"]["artifacts"] == 48


def test_the_docs_show_every_experiment_of_theirs() -> None:
    shown = [re.search(r"plan (\S+)", command)[1] for command in commands(PLANS)]
    assert sorted(shown) == [f"benchmarks/scale/{file.name}" for file in sorted(SHARED.glob("*"))]


@pytest.mark.parametrize("command", commands(PLANS), ids=lambda command: command.split()[2])
def test_the_docs_show_what_the_command_prints(command, capsys, monkeypatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert cli.main(command.split()[1:]) == 0
    shown = PLANS.partition(f"$ {command}\n")[2].partition("$ ")[0]
    assert capsys.readouterr().out.split("\n") == shown.split("\n")


def test_what_is_not_counted_says_so() -> None:
    points = plan_of(tiny_content())
    object.__setattr__(points.experiment, "kind", "points")
    with pytest.raises(UserError, match="kind: points is not counted"):
        costs.of(points)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tflops", "0"], "--tflops: 0 is not allowed"),
        (["--tflops", "nan"], "--tflops: nan is not allowed"),
        (["--watts", "300"], "--watts: needs --tflops"),
        (["--watts", "-1"], "--watts: -1 is not allowed"),
        (["--shape", "64"], "--shape: '64' is not allowed"),
        (["--shape", "64x2"], "--shape: '64x2' is not allowed"),
        (["--shape", "0x3"], "--shape: '0x3' is not allowed"),
        (["--shape", "7x1"], "model.channels: "),
    ],
)
def test_wrong_use_is_one_line(arguments, said, capsys) -> None:
    file = REPOSITORY / "tests" / "configs" / "tiny.yaml"
    assert cli.main(["plan", str(file), *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line
