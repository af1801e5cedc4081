"""The ledger: dvc.yaml says what the plan says."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from autophagy import config as configuration
from autophagy import ledger
from autophagy import plan as planning

REPOSITORY = Path(__file__).resolve().parent.parent
CONFIGS = sorted(
    path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "config").rglob("config.yaml")
)


def plan_of(config: str) -> planning.Plan:
    return planning.build(configuration.load(REPOSITORY / config))


def test_the_default_ledger_is_the_one_its_configuration_gives() -> None:
    config = "config/config.yaml"
    assert (REPOSITORY / "dvc.yaml").read_text() == ledger.text(plan_of(config), config), (
        f"run `autophagy ledger {config}`"
    )


@pytest.mark.parametrize("config", CONFIGS)
def test_code_deps_are_the_fingerprinted_files(config: str) -> None:
    plan = plan_of(config)
    stages = yaml.safe_load(ledger.text(plan, config))["stages"]
    for stage in ledger.STAGES:
        body = stages[stage.name].get("do", stages[stage.name])
        code = {dep for dep in body["deps"] if dep.endswith(".py")}
        files = {f"workflow/scripts/{file}" for step in stage.steps for file in plan.files(step)}
        assert code == files
        assert all((REPOSITORY / file).is_file() for file in files)


def test_every_artifact_belongs_to_one_stage() -> None:
    plan = plan_of("tests/configs/tiny.yaml")
    stages = ledger.stage_nodes(plan)
    listed = [path for paths in stages.values() for path in paths]
    assert sorted(listed) == sorted(plan.nodes)
    bases = {name.partition("@")[0] for name in stages}
    assert bases == {stage.name for stage in ledger.STAGES}


def test_every_step_of_a_stage_is_one_that_its_artifacts_need() -> None:
    """A step that a stage does not list would change its results without DVC seeing it."""
    plan = plan_of("tests/configs/tiny.yaml")
    listed = {stage.name: set(stage.steps) for stage in ledger.STAGES}
    for name, paths in ledger.stage_nodes(plan).items():
        assert {plan.nodes[path].step for path in paths} <= listed[name.partition("@")[0]]


def test_every_target_lies_inside_its_outs() -> None:
    for stage in ledger.STAGES:
        assert any(stage.target.startswith(f"{out}/") for out in stage.outs)


def test_the_default_ledger_stands_at_the_top_and_others_beside_their_configuration() -> None:
    assert ledger.ledger_folder("config/config.yaml") == "."
    assert ledger.ledger_folder("config/digits-long/config.yaml") == "config/digits-long"
