"""The configurations of docs/paper.md: the paper's sizes, and how they start on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from autophagy import config as configuration
from autophagy import plan as planning
from conftest import plan_of
from project import run
from snakemake.utils import update_config

REPOSITORY = Path(__file__).resolve().parent.parent
CONFIG = REPOSITORY / "config"
FEW_STEPS = CONFIG / "few-steps.yaml"
#: Experiment -> generations, λ of its loops, n_real and n_synthetic: PAPER's figures 4-10 and 27.
PAPER_SIZES = {
    "mnist-fully-synthetic": (10, {1.0, 0.8, 0.66, 0.5}, 0, 60_000),
    "mnist-augmentation": (12, {1.0, 0.8, 0.66, 0.5}, 60_000, 60_000),
    "mnist-fresh": (15, {1.0}, 2000, 2000),
}


def content_of(*files: Path) -> dict[str, Any]:
    """Files one over the other, as Snakemake lays them."""
    content: dict[str, Any] = {}
    for file in files:
        update_config(content, yaml.safe_load(file.read_text(encoding="utf-8")))
    return content


@pytest.mark.parametrize("name", PAPER_SIZES)
def test_mnist_stands_at_the_paper_s_sizes(name: str) -> None:
    generations, biases, n_real, n_synthetic = PAPER_SIZES[name]
    plan = planning.build(configuration.load(CONFIG / name / "config.yaml"))
    experiment = plan.experiment
    assert (experiment.dataset.name, experiment.model.timesteps) == ("mnist", 500)
    assert experiment.generations == generations
    assert {loop.sampling_bias for loop in experiment.loops.values()} == biases
    sizes = {(loop.n_real, loop.n_synthetic) for loop in experiment.loops.values()}
    assert sizes == {(n_real, n_synthetic)}
    last = {f"loops/{loop}/seed-1/gen-{generations:03d}/model" for loop in experiment.loops}
    assert last <= set(plan.nodes)


@pytest.mark.parametrize("name", PAPER_SIZES)
def test_few_steps_over_it_keep_its_counts(name: str) -> None:
    whole = plan_of(content_of(CONFIG / name / "config.yaml")).experiment
    few = plan_of(content_of(CONFIG / name / "config.yaml", FEW_STEPS)).experiment
    assert (few.real_only, few.loops) == (whole.real_only, whole.loops)
    assert few.train.steps <= 5
    assert few.experiment != whole.experiment, "it would write over the real run"


def test_the_documented_command_starts_it(tmp_path: Path) -> None:
    done = run(
        tmp_path, "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "-n", "--quiet",
        "host", "--cores", "1", "--configfile", str(CONFIG / "mnist-fresh" / "config.yaml"),
        str(FEW_STEPS), PYTHONPATH=str(REPOSITORY / "workflow" / "scripts"),
    )  # fmt: skip
    assert "results/few-steps/loops/initial-3000/seed-1/gen-002/model" in done.stdout + done.stderr
