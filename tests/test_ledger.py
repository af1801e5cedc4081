"""The ledger: dvc.yaml says what the plan says."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from autophagy import config as configuration
from autophagy import ledger
from autophagy import plan as planning
from autophagy.errors import UserError
from conftest import changed, make, shipped_configurations, tiny_content
from conftest import plan_of as plan_of_content
from PIL import Image

REPOSITORY = Path(__file__).resolve().parent.parent
CONFIGS = [path.relative_to(REPOSITORY).as_posix() for path in shipped_configurations()]


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
    assert set(stages) == {stage.name for stage in ledger.stages_of(plan)}
    made: dict[str, list[str]] = {}
    for name, paths in ledger.stage_nodes(plan).items():
        made.setdefault(name.partition("@")[0], []).extend(paths)
    for stage in ledger.stages_of(plan):
        body = stages[stage.name].get("do", stages[stage.name])
        code = {dep for dep in body["deps"] if dep.startswith("workflow/scripts/")}
        steps = {*stage.steps, *(plan.nodes[path].step for path in made.get(stage.name, ()))}
        files = {f"workflow/scripts/{file}" for step in steps for file in plan.files(step)}
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
        inside = [stage.target.startswith(f"{out}/") for out in stage.outs]
        assert any(inside) or stage.target in stage.outs


def test_the_default_ledger_stands_at_the_top_and_others_beside_their_configuration() -> None:
    assert ledger.ledger_folder("config/config.yaml") == "."
    assert ledger.ledger_folder("config/digits-long/config.yaml") == "config/digits-long"
    assert ledger.ledger_folder("./config/config.yaml") == "."
    assert ledger.ledger_folder("config/mine/../config.yaml") == "."


@pytest.mark.parametrize(
    "config",
    [
        "config.yaml", "mine/config.yaml", "config/a/b/config.yaml", "config/mine.yaml",
        "config/mine/other.yaml", "../config/config.yaml", "/config/config.yaml",
        "config/../config.yaml", "configs/mine/config.yaml", "tests/configs/tiny.yaml", "",
    ],
)  # fmt: skip
def test_any_other_place_has_no_ledger(config) -> None:
    plan = plan_of_content(tiny_content())
    for call in (
        lambda: ledger.ledger_folder(config),
        lambda: ledger.text(plan, config),
        lambda: ledger.require_current(plan, config),
    ):
        with pytest.raises(UserError) as raised:
            call()
        assert str(raised.value) == (
            f"{config}: has no ledger; DVC records config/config.yaml and config/NAME/config.yaml"
        )


@pytest.mark.parametrize("config", ["config/config.yaml", "config/mine/config.yaml"])
def test_a_ledger_is_current_only_if_it_is_the_one_that_would_be_written(
    config, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = plan_of_content(tiny_content())
    file = Path(ledger.ledger_folder(config)) / "dvc.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)

    def refused(plan: planning.Plan) -> None:
        with pytest.raises(UserError) as raised:
            ledger.require_current(plan, config)
        assert str(raised.value) == (
            f"{file}: is missing or out of date; write it with `autophagy ledger {config}`"
        )

    refused(plan)
    file.write_text(ledger.text(plan, config), encoding="utf-8")
    assert ledger.require_current(plan, config) is None
    another = tiny_content()
    another["loops"]["another"] = another["loops"]["fresh"]
    refused(plan_of_content(another))
    refused(plan_of_content(changed(("experiment", "renamed"))))
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    refused(plan)
    shutil.copy(REPOSITORY / "dvc.yaml", file)
    refused(plan)
    file.write_bytes(b"# caf\xe9\n")
    refused(plan)


def deps(plan: planning.Plan, stage: str) -> set[str]:
    """What a stage depends on besides code."""
    body = yaml.safe_load(ledger.text(plan, "config/config.yaml"))["stages"][stage]
    return {dep for dep in body.get("do", body)["deps"] if not dep.startswith("workflow/")}


def test_the_report_depends_on_everything_it_shows_by_name() -> None:
    """Other folders may lie beside them, of loops that are no longer configured."""
    loops = ("fully-synthetic", "biased", "augmentation", "fresh")
    expected = {f"loops/{name}" for name in loops}
    expected |= {f"real-only/{name}" for name in ("full", "small")}
    expected |= {f"evaluation/{name}" for name in ("real", "full", "small", *loops)}
    expected.add("features")
    splits = [f"real/{split}" for split in ("loop", "reference", "features")]
    real = {path for split in splits for path in (split, f"{split}.manifest.json")}
    found = deps(plan_of_content(tiny_content()), "report")
    assert found == {f"results/${{experiment}}/{path}" for path in expected | real}


def test_the_real_stage_depends_on_the_users_data(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", images=np.zeros((300, 8, 8), np.uint8))
    splits = tiny_content()["dataset"]["splits"]
    for path in ("own.npz", str(tmp_path / "own.npz")):
        own = {"name": "npz", "path": path, "splits": splits, "split_seed": 0}
        plan = plan_of_content(changed(("dataset", own)))
        assert deps(plan, "real") == {path}
        for stage in ledger.STAGES:
            if stage.name != "real" and not stage.foreach:
                assert path not in deps(plan, stage.name)
    assert deps(plan_of_content(tiny_content()), "real") == set()


@pytest.mark.parametrize("edit", ["in place", "another picture", "none"])
def test_a_folder_of_pictures_that_changed_after_a_run_is_not_recorded(tmp_path, edit: str) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    pictures = np.random.default_rng(0).integers(0, 255, (300, 8, 8), dtype=np.uint8)
    for row, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{row:03}.bmp")
    section = {"name": "imagefolder", "path": str(folder), "size": 8, "channels": "grey"}
    content = tiny_content()
    content["dataset"] |= section
    plan = plan_of_content(content)
    make(plan, tmp_path / "results", lambda path: False)
    if edit == "in place":
        Image.fromarray(255 - pictures[0]).save(folder / "000.bmp")
    elif edit == "another picture":
        Image.fromarray(255 - pictures[0]).save(folder / "more.bmp")
    finding = f"{folder}: does not hold what the real images were read from"
    expected = None if edit == "none" else finding
    assert ledger.findings(plan, tmp_path / "results")["real@loop"] == expected
