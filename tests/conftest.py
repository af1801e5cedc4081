"""What many tests share: the tiny configuration, its plan, and the experiment it makes."""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from autophagy import config as configuration
from autophagy import evaluations, in_words, layout, ledger, lineage_figure, models, paths, presets
from autophagy import features as features_package
from autophagy import plan as planning
from autophagy.models import acceleration
from autophagy.schema import plain
from autophagy.verdict import plan as verdict_plan
from hypothesis import HealthCheck, settings
from project import make_project

TESTS = Path(__file__).resolve().parent
REPOSITORY = TESTS.parent
SCRIPTS = REPOSITORY / "workflow" / "scripts"
# How fast examples are drawn is a matter of the machine, not of what is promised.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")
#: Files whose tests share the fixture `project`, which takes as long to make as many tests.
PROJECT_FILES = ("test_compare.py", "test_stale.py", "test_workflow.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Under `--dist loadfile`: all files of `PROJECT_FILES` go to one worker, too.

    `--dist loadgroup`, made for this, groups nothing under pytest 9.2 (xdist 3.8).
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "project" if Path(file).name in PROJECT_FILES else file

    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def shipped_configurations() -> list[Path]:
    """Every configuration of config/ whose data come by themselves, not from the user's folder."""
    found = sorted((REPOSITORY / "config").rglob("config.yaml"))
    return [file for file in found if _read(file).get("dataset", {}).get("path") is None]


def _read(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@cache
def _tiny() -> dict[str, Any]:
    return _read(TESTS / "configs" / "tiny.yaml")


def tiny_content() -> dict[str, Any]:
    """The configuration tests/configs/tiny.yaml, a new copy at each call."""
    return copy.deepcopy(_tiny())


def changed(*edits: tuple[str, Any]) -> dict[str, Any]:
    """`tiny_content` with some keys set: changed(("loops.fresh.n_real", 3), …)."""
    content = tiny_content()
    for path, value in edits:
        *sections, key = path.split(".")
        section = content
        for name in sections:
            section = section[name]
        section[key] = value
    return content


def plan_of(content: dict[str, Any]) -> planning.Plan:
    """The plan of a configuration's content."""
    return planning.build(configuration.parse(content, "config.yaml"))


@pytest.fixture(scope="session")
def tiny_plan() -> planning.Plan:
    """The plan of tests/configs/tiny.yaml."""
    return plan_of(tiny_content())


def child_environment() -> dict[str, str]:
    """For child processes: this repository's library, one thread."""
    return os.environ | {"PYTHONPATH": str(SCRIPTS), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def coarse_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings on the CPU compute by a bfloat16 copy, as on a card."""
    there = dataclasses.replace(acceleration.of("cpu"), coarse="bfloat16")
    monkeypatch.setitem(acceleration.TABLE, "cpu", there)


def quiet(done: int, total: int, note: str) -> None:
    """Progress nobody watches."""


def make(
    plan: planning.Plan, root: Path, chosen: Callable[[str], bool] = lambda path: True
) -> None:
    """Make the artifacts of a plan, in its order, in this process.

    Args:
        root: the experiment's folder.
        chosen: of a path, whether to make it; the real sets are always made.
    """
    from autophagy.steps import (
        evaluate,
        features,
        import_start,
        mix,
        real,
        record_root,
        sample,
        train,
    )
    from autophagy.steps.audit import audit_experiment
    from autophagy.steps.judge_loops import judge_loops
    from autophagy.steps.tabulate_metrics import tabulate_metrics

    experiment = plan.experiment
    family = experiment.model.family

    def brought(step: Callable[..., None]) -> Callable[..., None]:
        def run(root: Path, records: list[dict[str, Any]], report: Callable[..., None]) -> None:
            loop = records[0]["path"].split("/")[1]
            step(root, records, report, experiment.loops[loop].start_from)

        return run

    splits = [plan.record(f"real/{split}") for split in ("loop", "reference", "features")]
    real.real(root, splits, quiet, dataset=plain(experiment.dataset))
    steps = {
        "features": features.train_features,
        "features_second": features.train_features,
        "mix": mix.mix,
        "train": partial(train.train, source=models.source(family, plain(experiment.model))),
        "sample": sample.sample,
        "import_model": brought(import_start.import_model),
        "import_pictures": brought(import_start.import_pictures),
        "evaluate": evaluate.evaluate,
        "evaluate_real": evaluate.evaluate_real,
        "record_root": record_root.record_root,
        "report": record_root.record_root,
    }
    for path, node in plan.nodes.items():
        if node.step == "real" or not chosen(path):
            continue
        if node.step == "report":
            audit_experiment(str(root), plan.audited())
            tabulate_metrics(str(root), evaluations.of(experiment))
            judge_loops(str(root), verdict_plan.asked(experiment))
            _draw(plan, root)
            write_page(plan, root)
        # A filter has a step of its own: sample_reward and its like.
        of_step = "sample" if node.step.startswith("sample_") else node.step
        steps[of_step](root, [plan.record(path)], quiet)


def write_page(plan: planning.Plan, root: Path) -> None:
    """Write report.html beside the tables of an experiment."""
    from autophagy.page import asked
    from autophagy.steps import write_page as step
    from autophagy.steps.map_features import map_features

    wanted = asked.of_images(plan)
    title, stem = in_words.budget_line(plan.experiment), str(root / "figures/features")
    map_features(str(root), wanted["features"], asked.previews(plan), title, stem, threads=1)
    step.write_page(str(root), wanted)


def make_theory(plan: planning.Plan, root: Path) -> None:
    """Make every artifact of a plan of kind theory, in its order, in this process."""
    from autophagy.page.asked import of_theory
    from autophagy.steps.audit import audit_experiment
    from autophagy.steps.draw_theory import draw_theory
    from autophagy.steps.record_root import record_root
    from autophagy.steps.theory_part import theory_part
    from autophagy.steps.theory_table import theory_table
    from autophagy.steps.write_theory_page import write_theory_page
    from autophagy.theory import plan as theory_plan

    steps = {
        "theory_part": theory_part,
        "theory_table": theory_table,
        "record_root": record_root,
        "report": record_root,
    }
    experiment = plan.experiment
    for path, node in plan.nodes.items():
        if node.step == "report":
            audit_experiment(str(root), plan.audited())
            tables = {run: theory_plan.table_path(run) for run in experiment.runs}
            stem, table = root / "figures" / experiment.figure, root / paths.THEORY_CSV
            draw_theory(
                str(root), tables, experiment.figure, experiment.title, str(stem), str(table)
            )
            write_theory_page(str(root), of_theory(plan))
        steps[node.step](root, [plan.record(path)], quiet)


def _draw(plan: planning.Plan, root: Path) -> None:
    from autophagy.steps.draw_curves import draw_curves
    from autophagy.steps.draw_effective_size import draw_effective_size
    from autophagy.steps.draw_grid import draw_grid
    from autophagy.steps.draw_lineage import draw_lineage

    experiment, first = plan.experiment, plan.experiment.seeds[0]
    for loop in experiment.loops:
        for seed in experiment.seeds:
            previews = {
                f"generation {t}": layout.preview_path(experiment, loop, seed, t)
                for t in range(1, experiment.generations + 1)
            }
            title = in_words.budget_line(experiment, loop)
            stem = str(root / f"figures/grid-{loop}-seed-{seed}")
            draw_grid(str(root), loop, seed, previews, title, stem)
    stem, title = str(root / "figures/curves"), in_words.budget_line(experiment)
    space = features_package.space(features_package.name_of(experiment.evaluate.features))
    inherited = presets.inherit_labels(experiment.loops.values())
    draw_curves(str(root), list(experiment.loops), first, title, space, stem, inherited)
    chains = layout.training_sets(experiment, first)
    title = lineage_figure.title(experiment.experiment, first)
    draw_lineage(str(root), chains, title, str(root / "figures/lineage"))

    if layout.has_learning_curve(experiment):
        stem = str(root / "figures/effective-size")
        draw_effective_size(
            str(root), verdict_plan.asked(experiment), experiment.experiment, space, stem
        )


@pytest.fixture(scope="session")
def slurm_library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """PYTHONPATH of programs that know Slurm: our library and, in a folder of its own, the extra.

    Beside the other packages its plugin would cost every start of Snakemake an import of pandas.
    """
    if importlib.util.find_spec("snakemake_executor_plugin_slurm"):
        return str(SCRIPTS)
    folder = tmp_path_factory.mktemp("slurm-plugin")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    asked = [*project["optional-dependencies"]["slurm"], "snakemake-executor-plugin-slurm-jobstep"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
    done = subprocess.run([*pip, *asked], capture_output=True, text=True, check=False)
    if done.returncode:
        why = done.stderr.strip().splitlines()[-1]
        pytest.skip(f"the extra `slurm` cannot be installed: {why}")
    return os.pathsep.join([str(SCRIPTS), str(folder)])


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose default experiment is a tiny one, run to the end by `snakemake`.

    One run serves all: a test that changes something there undoes it.
    """
    folder = tmp_path_factory.mktemp("project")
    make_project(folder)
    return folder


@dataclass(frozen=True)
class Made:
    """A finished experiment: its plan, its folder and, for commands, where to call them."""

    plan: planning.Plan
    root: Path
    folder: Path


@pytest.fixture(scope="session")
def tiny_experiment(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """tests/configs/tiny.yaml with one seed, whole: config/config.yaml, dvc.yaml, results/tiny.

    Read it only; copy what a test means to break.
    """
    folder = tmp_path_factory.mktemp("tiny")
    plan = make_tiny(folder)
    return Made(plan, folder / plan.root, folder)


def make_tiny(folder: Path) -> planning.Plan:
    """tests/configs/tiny.yaml with one seed, whole, in an empty folder."""
    content = tiny_content() | {"seeds": [1]}
    (folder / "config").mkdir()
    (folder / "config/config.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    plan = plan_of(content)
    (folder / "dvc.yaml").write_text(ledger.text(plan, "config/config.yaml"), encoding="utf-8")
    make(plan, folder / plan.root)
    return plan
