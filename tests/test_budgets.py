"""How long a model is trained: fixed steps, fixed epochs, or until its held-out loss is flat."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from autophagy import costs, devices, in_words, manifest_shape, manifests, models, store
from autophagy.archive import Archive
from autophagy.audit import budgets as law
from autophagy.audit.case import Case
from autophagy.errors import UserError
from autophagy.models import budgets, ddpm, ddpm_training, flow
from autophagy.models.base import TrainingData, TrainingPoints
from autophagy.models.checkpoints import Checkpoint
from autophagy.verdict import changes
from conftest import make, plan_of, quiet, tiny_content
from hypothesis import given, settings
from hypothesis import strategies as st

RULE = {"held_out": 0.25, "interval": 2, "patience": 2, "tolerance": 0.01, "max_steps": 40}
MODEL = tiny_content()["model"]
TRAIN = tiny_content()["train"] | {"batch_size": 5}
del TRAIN["steps"]


@pytest.fixture(autouse=True, scope="module")
def few_draws():
    """A look takes 1024 draws; here as many as pass in two batches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ddpm_training, "LOOK", 10)
        yield


def content(**train) -> dict:
    found = tiny_content()
    del found["train"]["steps"]
    found["train"] |= train
    return found | {"seeds": [1]}


@pytest.mark.parametrize(
    ("train", "rows", "steps"),
    [
        ({"steps": 7, "batch_size": 10}, 100, 7),
        ({"epochs": 3, "batch_size": 10}, 100, 30),
        ({"epochs": 3, "batch_size": 30}, 101, 11),  # 10.1 batches
        ({"epochs": 1, "batch_size": 128}, 5, 1),
        ({"epochs": 10, "batch_size": 10, "n_critic": 5}, 100, 20),
        ({"until_flat": RULE, "batch_size": 10}, 100, 40),
    ],
)
def test_a_family_is_told_steps(train, rows, steps) -> None:
    told = budgets.resolved(train, rows)
    assert told["steps"] == steps
    assert not {"epochs", "until_flat"} & told.keys()


@pytest.mark.parametrize(
    ("losses", "looks"),
    [
        ([3.0, 2.0, 1.0, 0.5], None),
        # Not until two looks in a row have brought less than 1%.
        ([1.0, 0.5, 0.496, 0.4955, 0.1], 4),
        ([1.0, 2.0, 3.0], 3),
        ([1.0, 2.0, 0.5, 0.6, 0.7], 5),
        # A log-likelihood may be negative, and a percent is one of its size.
        ([-1.0, -2.0, -2.01, -2.015], 4),
        ([-1.0, -2.0, -2.01, -2.1], None),
        ([0.0, 0.0, 0.0], 3),
    ],
)
def test_a_loss_is_flat_where_its_lowest_no_longer_falls(losses, looks) -> None:
    found = [budgets.flat(RULE, losses[:k]) for k in range(1, len(losses) + 1)]
    assert (found.index(True) + 1 if True in found else None) == looks


@settings(derandomize=True, max_examples=100)
@given(st.lists(st.floats(-3, 3), min_size=20, max_size=20), st.integers(1, 6))
def test_the_losses_of_a_manifest_lead_to_its_steps_and_no_others_do(losses, patience) -> None:
    rule = RULE | {"patience": patience}
    looks = budgets.Flattening(rule, None)
    done = next((2 * k for k, x in enumerate(losses, 1) if looks.ends(2 * k, x)), 40)
    assert budgets.steps_taken(rule, looks.losses) == done
    assert budgets.steps_taken(rule, losses[: done // 2 - 1]) is None
    assert budgets.steps_taken(rule, [*looks.losses, 0.0]) is None


def test_a_loss_that_is_no_number_ends_the_training_in_one_line() -> None:
    with pytest.raises(UserError, match="train: the held-out loss is nan at step 4"):
        budgets.Flattening(RULE, None).ends(4, float("nan"))


def test_a_change_of_budget_replaces_it_and_leaves_the_rest() -> None:
    section = {"steps": 3, "batch_size": 5}
    assert budgets.merged(section, {"epochs": 2}) == {"epochs": 2, "batch_size": 5}
    assert budgets.merged(section, {"batch_size": 6}) == {"steps": 3, "batch_size": 6}


def pictures(n: int = 24) -> TrainingData:
    images = np.random.default_rng(0).integers(0, 17, (n, 8, 8, 1), dtype=np.uint8)
    return TrainingData(images, np.arange(n) % 3, 17, 3)


@pytest.mark.parametrize(("n", "share", "held"), [(24, 0.25, 6), (10, 0.01, 1), (2, 0.5, 1)])
def test_rows_are_held_out_of_the_training_set_alone(n, share, held) -> None:
    data = TrainingPoints(np.arange(n, dtype=np.float32)[:, None], np.arange(n), n)
    train = {"until_flat": RULE | {"held_out": share}}
    kept, looks = budgets.divided(train, data, 1)
    assert len(looks.rows.labels) == held
    assert sorted([*kept.labels, *looks.rows.labels]) == list(range(n))
    for part in (kept, looks.rows):
        np.testing.assert_array_equal(part.points[:, 0], part.labels)
    again, other = (budgets.divided(train, data, seed)[1].rows for seed in (1, 2))
    np.testing.assert_array_equal(again.labels, looks.rows.labels)
    assert n < 24 or not np.array_equal(other.labels, looks.rows.labels)
    assert budgets.divided({"steps": 3}, data, 1) == (data, None)


# Families


def train_ddpm(rule=None, checkpoint=None, data=None, spoil=False):
    devices.prepare(1, "cpu")
    train = TRAIN | {"until_flat": RULE | (rule or {})}
    kept, looks = budgets.divided(train, data or pictures(), 1)
    if spoil:
        looks.rows = replace(looks.rows, images=16 - looks.rows.images)
    told = budgets.resolved(train, 24)
    model = ddpm.fit(kept, MODEL, told, 1, "cpu", quiet, checkpoint, flattening=looks)
    return model, looks.losses


def train_flow(rule=None, checkpoint=None):
    devices.prepare(1, "cpu")
    points = np.random.default_rng(0).standard_normal((60, 2)).astype(np.float32)
    train = {"until_flat": RULE | (rule or {}), "batch_size": 16, "learning_rate": 0.05}
    kept, looks = budgets.divided(train, TrainingPoints(points, np.zeros(60, int), 1), 1)
    options = {"family": "flow", "couplings": 2, "hidden": 8, "layers": 1}
    told = budgets.resolved(train, 60)
    model = flow.fit(kept, options, told, 1, "cpu", quiet, checkpoint, flattening=looks)
    return model, looks.losses


def hashes(model, folder: Path) -> dict[str, str]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.save(folder)
    return store.hashes(folder)


class Killed(BaseException):
    """What no `except Exception` hears."""


class Script(Checkpoint):
    """Saves every third step, and is killed before a step is saved."""

    def __init__(self, folder: Path, kill: int = 0, forget: str = "") -> None:
        super().__init__(folder, "the work")
        self.kill, self.forget = kill, forget

    def resume(self, parts, device):
        kept = {name: part for name, part in parts.items() if name != self.forget}
        self.done = self.first = super().resume(kept, device)
        return self.first

    def due(self) -> bool:
        self.done += 1
        if self.done == self.kill:
            raise Killed
        return self.done % 3 == 0


@pytest.mark.parametrize("fit", [train_ddpm, train_flow])
def test_a_training_ends_where_the_rule_says_and_killed_too(fit, tmp_path) -> None:
    """Killed, with looks before and after its checkpoint; and without its looks it ends later."""
    rule = {"tolerance": 0.5}
    model, losses = fit(rule)
    steps = budgets.steps_taken(RULE | rule, losses)
    assert 6 <= steps < 40
    whole = hashes(model, tmp_path / "whole")
    with pytest.raises(Killed):
        fit(rule, Script(tmp_path / "scratch", 5))
    shutil.copytree(tmp_path / "scratch", tmp_path / "copy")
    again = Script(tmp_path / "scratch")
    resumed, looks = fit(rule, again)
    assert (again.first, looks) == (3, losses)
    assert hashes(resumed, tmp_path / "resumed") == whole
    forgetful = fit(rule, Script(tmp_path / "copy", forget="flattening"))[1]
    assert len(forgetful) < len(losses) or forgetful != losses


def test_rows_that_are_held_out_train_nothing(tmp_path) -> None:
    """Other pictures there: other losses, and, where these end nothing, the same bytes."""
    never = {"max_steps": 6, "patience": 999}
    (one, losses), (other, others) = (train_ddpm(never, spoil=spoil) for spoil in (False, True))
    assert losses != others
    assert hashes(one, tmp_path / "one") == hashes(other, tmp_path / "other")


# Experiments


def test_a_gan_has_no_loss_that_becomes_flat() -> None:
    assert not models.can("gan", "flatten")
    asked = content(until_flat=RULE)
    del asked["model"], asked["train"], asked["sample"]
    asked |= {
        "model": {"family": "gan", "channels": [4]},
        "train": {"until_flat": RULE, "batch_size": 5, "learning_rate": 0.01},
        "sample": {"batch_size": 8},
    }
    with pytest.raises(UserError, match=r"train\.until_flat: is not allowed; no loss of gan"):
        plan_of(asked)


@pytest.mark.parametrize(
    ("train", "told", "steps"),
    [
        ({"epochs": 5}, "5 epochs in batches of 16", 5 * 60 / 16),
        (
            {"until_flat": RULE},
            "batches of 16 until the loss on 25% of D^t is flat within 0.01 for 2 × 2 steps, at "
            "most 40 steps",
            40,
        ),
    ],
)
def test_plan_and_titles_name_the_budget(train, told, steps) -> None:
    plan = plan_of(content(**train))
    assert told in in_words.budget_line(plan.experiment)
    assert told in in_words.budget_line(plan.experiment, "fresh")
    params = plan.nodes["loops/fresh/seed-1/gen-002/model"].params
    assert params["train"] == {**TRAIN, "batch_size": 16, **train}
    counted = costs.of(plan)["train"]
    # Loops train on 60, 60, 120 and 40 rows, generations 2 and 3, beside two real-only models.
    sizes = [60, 40, 60, 60, 60, 60, 120, 120, 40, 40]
    assert counted.artifacts == len(sizes)
    due = [np.ceil(steps * n / 60) if "epochs" in train else steps for n in sizes]
    assert counted.units == sum(due)


def test_a_loop_may_have_another_kind_of_budget() -> None:
    asked = tiny_content() | {"attribution": "fully-synthetic"}
    asked["loops"]["biased"]["train"] = {"epochs": 2}
    plan = plan_of(asked)
    assert "2 epochs in batches of 16" in in_words.budget_line(plan.experiment, "biased")
    params = plan.nodes["loops/biased/seed-1/gen-002/model"].params["train"]
    assert (params.get("steps"), params["epochs"]) == (None, 2)
    said = changes.changed(plan.experiment, "biased")
    assert "train.steps → train.epochs" in said


def test_settings_are_told_in_words() -> None:
    assert in_words.setting({"kind": "likelihood", "inner": {"k": 4}}) == (
        "(kind likelihood, inner (k 4))"
    )
    train = tiny_content()["train"] | {"until_flat": RULE | {"held_out": 0.125}}
    del train["steps"]
    assert "until the loss on 12.5% of D^t is flat" in budgets.told(train)


START = "real-only/small/seed-1"


@pytest.fixture(scope="module", params=[{"epochs": 1}, {"until_flat": RULE}], ids=str)
def trained(request, tmp_path_factory):
    """One real-only model of an experiment with the budget: its folder."""
    plan = plan_of(content(**request.param))
    root = tmp_path_factory.mktemp("budget")
    make(plan, root, lambda path: path in (f"{START}/training_set.parquet", f"{START}/model"))
    return root


def findings(root: Path) -> list[str]:
    return [said for _, said in law.budgets(Case(Archive(root)))]


def test_the_manifest_says_what_a_budget_came_to(trained) -> None:
    told = manifests.read(trained, f"{START}/model")["facts"]["budget"]
    assert told["rows"] == 40
    if "losses" in told:
        assert told["held_out"] == 10
        assert told["steps"] == budgets.steps_taken(RULE, told["losses"])
    else:
        assert (told["rows_a_step"], told["steps"]) == (16, 3)
    assert findings(trained) == []
    assert manifest_shape.MAX_LOOKS == budgets.MOST_LOOKS


@pytest.mark.parametrize(
    ("key", "value"),
    [("steps", 2), ("rows", 39), ("held_out", 3), ("rows_a_step", 5), ("losses", [1.0, 1.0])],
)
def test_another_budget_than_the_stated_one_is_found(key, value, trained, tmp_path) -> None:
    root = tmp_path / "forged"
    shutil.copytree(trained, root)
    path = root / manifests.path_of(f"{START}/model")
    manifest = json.loads(path.read_text())
    told = manifest["facts"]["budget"]
    told[key] = value
    path.write_text(json.dumps(manifest))
    [said] = findings(root)
    # Other looks lead to another end.
    assert ("steps" if key == "losses" and "held_out" in told else key) in said
    del manifest["facts"]["budget"]
    path.write_text(json.dumps(manifest))
    assert "differ" in findings(root)[0]
