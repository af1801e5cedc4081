"""Numerical accidents: a broken training fails its job, broken samples are recorded.

Warnings are errors in this module: none may reach the terminal.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_families
import test_latent
from autophagy import (
    devices,
    layout,
    manifests,
    metrics,
    models,
    paths,
    seeds,
    store,
    summary,
    tables,
    training_sets,
)
from autophagy.audit import audit
from autophagy.errors import UserError
from autophagy.features import lenet
from autophagy.lineage import Archive
from autophagy.metrics import Measured
from autophagy.models import ddpm
from autophagy.models.table import FAMILIES
from autophagy.steps.evaluate import evaluate, evaluate_real
from autophagy.steps.features import train_features
from autophagy.steps.mix import mix
from autophagy.steps.sample import sample
from autophagy.steps.train import train
from conftest import make, plan_of, quiet, tiny_content
from frames import write_index

torch = pytest.importorskip("torch")

pytestmark = [
    pytest.mark.filterwarnings("error"),
    # diffusers 0.42 under numpy 2, as in pyproject.toml.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

FOLDER = "loops/fresh/seed-1/gen-002"
MODEL, SAMPLES = f"{FOLDER}/model", f"{FOLDER}/samples"


@pytest.fixture
def copied(tiny_experiment, tmp_path) -> Path:
    shutil.copytree(tiny_experiment.root, tmp_path / "copy")
    return tmp_path / "copy"


# Training


def without_model(root: Path) -> None:
    shutil.rmtree(root / MODEL)
    (root / manifests.path_of(MODEL)).unlink()


def everything_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def broken_training(root: Path, record: dict[str, Any], scratch: Path, **changes: Any) -> str:
    """The message of a training with other options, which leaves nothing behind."""
    without_model(root)
    before = everything_in(root)
    params = record["params"] | {"train": record["params"]["train"] | changes}
    with pytest.raises(UserError) as raised:
        train(root, [record | {"params": params}], quiet, scratch=scratch)
    assert everything_in(root) == before
    return str(raised.value)


REMEDY = "; lower train.learning_rate or raise train.warmup_steps"


@pytest.mark.parametrize("steps", [5, 60])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_names_its_step(
    bad, steps, copied, tiny_experiment, tmp_path, monkeypatch
) -> None:
    """The very step, though losses are looked at 50 together."""
    loss, count = torch.nn.functional.mse_loss, []

    def spoilt(*args):
        count.append(1)
        return loss(*args) * (bad if len(count) == 4 else 1)

    monkeypatch.setattr(torch.nn.functional, "mse_loss", spoilt)
    record = tiny_experiment.plan.record(MODEL)
    said = broken_training(copied, record, tmp_path / "scratch", steps=steps)
    assert said == f"train: the loss is {bad} at step 4{REMEDY}"


def test_a_learning_rate_that_is_too_high_is_said_to_be_so(
    copied, tiny_experiment, tmp_path
) -> None:
    record = tiny_experiment.plan.record(MODEL)
    said = broken_training(
        copied, record, tmp_path / "scratch", steps=40, learning_rate=1e38, warmup_steps=0
    )
    assert said.startswith("train: the loss is ")
    assert said.endswith(REMEDY)


#: Families that take steps, and of training parts that take one step each: which update of all is
#: the last one of a part whose weights are saved, the optimiser's class, and what is then said.
WEIGHTS = "the weights are not finite after step 1; lower"
LAST_UPDATES = [
    ("ddpm", 1, "AdamW", f"train: {WEIGHTS} train.learning_rate or raise train.warmup_steps"),
    ("flow", 1, "Adam", f"train: {WEIGHTS} train.learning_rate"),
    # The critic has two before it, and is not saved.
    ("gan", 3, "Adam", f"train: {WEIGHTS} train.learning_rate"),
    ("latent", 1, "AdamW", f"train.autoencoder: {WEIGHTS} train.autoencoder.learning_rate"),
    ("latent", 2, "AdamW", f"train: {WEIGHTS} train.learning_rate or raise train.warmup_steps"),
]


def one_step_of(family: str) -> None:
    if family == "ddpm":
        model = tiny_content()["model"]
        train = tiny_content()["train"] | {"steps": 1, "warmup_steps": 0}
        data, module = test_families.pictures(), ddpm
    elif family == "latent":
        model, module = test_latent.MODEL, models.module("latent")
        coder = test_latent.TRAIN["autoencoder"] | {"steps": 1}
        train = test_latent.TRAIN | {"steps": 1, "warmup_steps": 0, "autoencoder": coder}
        data = test_latent.pictures()
    else:
        model, train, _ = test_families.options(family, steps=1)
        data, module = test_families.data_of(family), models.module(family)
    devices.prepare(1, "cpu")
    module.fit(data, model, train, 1, "cpu", quiet)


def test_every_family_that_takes_steps_is_broken() -> None:
    taking = {name for name in FAMILIES if "steps" in models.module(name).Train.model_fields}
    assert {family for family, *_ in LAST_UPDATES} == taking


@pytest.mark.parametrize(("family", "last", "optimizer", "message"), LAST_UPDATES)
def test_weights_that_break_after_the_last_loss_are_noticed(
    family, last, optimizer, message, monkeypatch
) -> None:
    kind, updates = getattr(torch.optim, optimizer), []
    step = kind.step

    def breaking(self, *args):
        step(self, *args)
        updates.append(1)
        if len(updates) == last:
            self.param_groups[0]["params"][0].data.view(-1)[0] = math.nan

    one_step_of(family)
    monkeypatch.setattr(kind, "step", breaking)
    with pytest.raises(UserError) as raised:
        one_step_of(family)
    assert str(raised.value) == message
    assert len(updates) == last


def test_a_state_that_is_not_finite_becomes_no_checkpoint(
    copied, tiny_experiment, tmp_path, monkeypatch
) -> None:
    from autophagy.models.checkpoints import INDEX, Checkpoint

    monkeypatch.setattr(Checkpoint, "due", lambda self: True)
    test_a_loss_that_is_not_finite_names_its_step(
        math.nan, 5, copied, tiny_experiment, tmp_path, monkeypatch
    )
    kept = json.loads((tmp_path / "scratch" / INDEX).read_text())["content"]
    assert kept["step"] == 3


def test_a_feature_network_that_breaks_down_is_said_to(
    copied, tiny_experiment, monkeypatch
) -> None:
    shutil.rmtree(copied / "features")
    monkeypatch.setattr(lenet, "TRAINING", lenet.TRAINING | {"learning_rate": 1e30})
    record = tiny_experiment.plan.record("features/lenet")
    with pytest.raises(UserError, match=r"^evaluate\.features: .* loss is nan after epoch \d"):
        train_features(copied, [record], quiet)
    assert not (copied / "features").exists()


def test_all_equal_images_can_be_trained_on(copied, tiny_experiment) -> None:
    index = layout.training_set_path(tiny_experiment.plan.experiment, "fresh", 1, 2)
    for artifact in training_sets.read(copied / index).frame()["artifact"].unique():
        images = copied / artifact / "images.npy"
        np.save(images, np.full_like(np.load(images), 7))
    train(copied, [tiny_experiment.plan.record(MODEL)], quiet)
    sample(copied, [tiny_experiment.plan.record(SAMPLES)], quiet)
    assert manifests.read(copied, SAMPLES)["facts"]["not_finite"] == 0


# Samples


def nan(pictures: np.ndarray) -> np.ndarray:
    return np.full_like(pictures, math.nan)


def some_nan(pictures: np.ndarray) -> np.ndarray:
    pictures[::3, 0, 0] = math.nan
    return pictures


def infinite(pictures: np.ndarray) -> np.ndarray:
    return np.where(pictures > 0, np.float32(math.inf), np.float32(-math.inf))


def exploded(pictures: np.ndarray) -> np.ndarray:
    return pictures * np.float32(1e35)


def grey(pictures: np.ndarray) -> np.ndarray:
    return np.zeros_like(pictures)


def one_picture(pictures: np.ndarray) -> np.ndarray:
    return np.repeat(pictures[:1], len(pictures), axis=0)


@pytest.mark.parametrize(
    ("accident", "not_finite"),
    [(nan, 1.0), (some_nan, 1 / 3), (infinite, 1.0), (exploded, 0.0), (grey, 0.0),
     (one_picture, 0.0)],
)  # fmt: skip
def test_whatever_is_drawn_the_loop_goes_on_to_its_tables(
    accident, not_finite, tmp_path, monkeypatch
) -> None:
    """Every generation of every loop, through mixing, training, measuring, audit and figures."""
    loops = tiny_content()["loops"]
    content = tiny_content() | {
        "seeds": [1],
        "generations": 2,
        "loops": {name: loops[name] for name in ("fully-synthetic", "biased")},
        "real_only": {"full": 60},
    }
    plan = plan_of(content)
    draw = ddpm.DDPM.sample
    monkeypatch.setattr(ddpm.DDPM, "sample", lambda self, *a: accident(draw(self, *a)))
    make(plan, tmp_path)
    assert audit(Archive(tmp_path)) == []
    table = tables.read(tmp_path)
    assert len(table) == 2 * (1 + 1 + 2 * 2)
    for name in ("fully-synthetic", "biased"):
        made = layout.samples_path(plan.experiment, name, 1, 2)
        facts, n = manifests.read(tmp_path, made)["facts"], 60
        assert facts["not_finite"] == math.ceil(not_finite * n)
        assert math.isfinite(facts["clipped"])
        row = store.read_json(tmp_path / paths.evaluation_path(name, 1, 2))["output"]
        assert row["undefined"].keys() == {"memorisation"}
        values = [
            row[metric] for metric in metrics.names("images") if metric not in row["undefined"]
        ]
        assert np.isfinite(values).all()
        if accident in (nan, grey, one_picture):
            assert row["class_entropy"] == 0
            assert row["recall"] == 0
    assert "biased" in summary.text(tmp_path, plan.experiment)


def test_a_sampler_that_explodes_is_recorded_and_told(copied, tiny_experiment, monkeypatch) -> None:
    """A network whose answers are 1e30 times too large: inf − inf on the way."""
    from autophagy.models.pipeline import ClassConditionalPipeline as Pipeline

    call = Pipeline.__call__

    def steep(self, *args, **others):
        with torch.no_grad():
            self.unet.conv_out.weight.mul_(1e30)
        return call(self, *args, **others)

    monkeypatch.setattr(Pipeline, "__call__", steep)
    heard: list[str] = []
    sample(
        copied,
        [tiny_experiment.plan.record(SAMPLES)],
        lambda done, total, note: done or heard.append(note),
    )
    facts = manifests.read(copied, SAMPLES)["facts"]
    assert facts["not_finite"] > 0
    assert heard == [f"{facts['not_finite']} of 40 images are not finite"]
    assert np.load(copied / SAMPLES / "images.npy").max() <= 16


# Classes


@pytest.mark.parametrize("kept", [range(9), [4]])
def test_a_class_that_vanished_stays_away_and_is_measured(kept, tmp_path, monkeypatch) -> None:
    """Under inherited labels; its share of the others is what the next generation is asked for."""
    content = tiny_content() | {"seeds": [1]}
    content["loops"] = {"biased": content["loops"]["biased"]}
    plan = plan_of(content)
    first = "real-only/full/seed-1/training_set.parquet"
    make(plan, tmp_path, lambda path: path in ("features/lenet", first))
    table = training_sets.read(tmp_path / first).frame()
    table = table[table["label"].isin(kept)].reset_index(drop=True)
    assert len(table) > 0
    with store.new_file(tmp_path / first) as file:
        write_index(file, table)
    steps = {"train": train, "sample": sample, "mix": mix, "evaluate": evaluate}
    for path, node in plan.nodes.items():
        if node.step in steps and path != first:
            steps[node.step](tmp_path, [plan.record(path)], quiet)
    for t in (1, 2, 3):
        made = layout.samples_path(plan.experiment, "biased", 1, t)
        labels = np.load(tmp_path / made / "labels.npy")
        assert set(labels) <= set(kept)
        assert len(manifests.read(tmp_path, made)["facts"]["classes"]) == 10
        row = store.read_json(tmp_path / paths.evaluation_path("biased", 1, t))["output"]
        assert 0 <= row["label_accuracy"] <= 1
        assert 0 <= row["class_entropy"] <= math.log(10)


# Metrics

DRAWS = np.random.default_rng(0)
REFERENCE, TRAINED = DRAWS.normal(size=(60, 8)), DRAWS.normal(size=(40, 8))
DEGENERATE = {
    "all equal": np.ones((30, 8)),
    "all zero": np.zeros((30, 8)),
    "all the same and far away": np.full((30, 8), 1e150),
    "no row": REFERENCE[:0],
    "one row": REFERENCE[:1],
    "two rows": REFERENCE[:2],
    "the reference itself": REFERENCE.copy(),
    "the training set itself": TRAINED.copy(),
    "on a line": np.outer(np.arange(30.0), np.ones(8)),
    "one that differs": np.eye(30, 8) * [1, 0, 0, 0, 0, 0, 0, 0],
    "one at the end of floats": np.eye(30, 8) * 1e308,
    "tiny": REFERENCE * 1e-300,
    "as large as float32": REFERENCE * 1e38,
    **{f"times 1e{e}": REFERENCE * 10.0**e for e in (76, 80, 150, 300)},
    "NaN": np.full((30, 8), math.nan),
    "one NaN": np.where(np.eye(30, 8) > 0, math.nan, 1.0),
    "infinite": np.full((30, 8), math.inf),
}


@pytest.mark.parametrize("reference", ["real", "all equal", "the same"])
@pytest.mark.parametrize("name", DEGENERATE)
def test_every_metric_is_finite_or_says_why_not(name, reference) -> None:
    generated = DEGENERATE[name]
    held_out = {"real": REFERENCE, "all equal": np.ones((60, 8)), "the same": generated}[reference]
    labels = np.arange(len(generated)) % 3
    values, reasons = metrics.measure(
        Measured(generated, held_out, TRAINED, TRAINED, labels, labels * 0, n_classes=3, k=5)
    )
    assert tuple(values) == metrics.names("images")
    for metric, value in values.items():
        assert math.isfinite(value) == (metric not in reasons)
        assert reasons.get(metric) != ""
    if "NaN" in name or name == "infinite":
        # `Measured` was given features alone, no pictures.
        assert reasons.keys() == set(metrics.names("images")) - {"label_accuracy", "class_entropy"}
        assert "generated features are not finite" in reasons["frechet_distance"]


def test_values_of_degenerate_sets_are_the_exact_ones() -> None:
    """Zero covariance: ‖μ − μ'‖² + tr Σ'. A set against itself: 0, and all inside."""

    def of(generated, reference):
        labels = np.zeros(len(generated), np.int64)
        return metrics.measure(
            Measured(generated, reference, TRAINED, TRAINED, labels, labels, n_classes=3, k=5)
        )[0]  # fmt: skip

    collapsed = of(np.ones((30, 8)), REFERENCE)
    shift = ((REFERENCE.mean(axis=0) - 1) ** 2).sum()
    spread = np.trace(np.cov(REFERENCE.T))
    assert collapsed["frechet_distance"] == pytest.approx(shift + spread, rel=1e-12)
    assert collapsed["class_entropy"] == 0
    both = of(np.ones((30, 8)), np.ones((60, 8)))
    assert (both["frechet_distance"], both["precision"], both["recall"]) == (0, 1, 1)
    itself = of(REFERENCE, REFERENCE)
    assert itself["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert (itself["precision"], itself["recall"], itself["coverage"]) == (1, 1, 1)


def test_features_that_are_not_finite_are_null_with_a_reason_down_to_the_report(
    tmp_path, monkeypatch
) -> None:
    """A feature network that answers NaN to what models draw, and to nothing else."""
    content = tiny_content() | {"seeds": [1, 2], "generations": 2, "real_only": {"full": 60}}
    content["loops"] = {"biased": content["loops"]["biased"]}
    plan = plan_of(content)
    real, drawn = lenet.FeatureNetwork.__call__, ddpm.DDPM.sample

    def broken(self, images, *others):
        found, predicted = real(self, images, *others)
        found[(images == 0).all(axis=(1, 2, 3))] = math.nan
        return found, predicted

    monkeypatch.setattr(lenet.FeatureNetwork, "__call__", broken)
    monkeypatch.setattr(ddpm.DDPM, "sample", lambda self, *a: nan(drawn(self, *a)))
    make(plan, tmp_path)
    row = store.read_json(tmp_path / paths.evaluation_path("biased", 1, 2))["output"]
    assert row["undefined"]["recall"] == "40 of 40 generated features are not finite"
    assert row["recall"] is None
    assert row["class_entropy"] is not None
    table = tables.read(tmp_path)
    assert table.loc[table["loop"] == "biased", "recall"].isna().all()
    assert "recall" not in store.read_json(tmp_path / "metrics.json")["biased"]
    assert "nan" in summary.text(tmp_path, plan.experiment)
    assert (tmp_path / "figures/curves.png").stat().st_size > 1000


def test_real_images_that_cannot_be_measured_fail_their_job(
    copied, tiny_experiment, monkeypatch
) -> None:
    def broken(self, images, *_):
        return np.full((len(images), 84), math.nan, np.float32), np.zeros(len(images), np.int64)

    monkeypatch.setattr(lenet.FeatureNetwork, "__call__", broken)
    path = paths.evaluation_path("real", 1, 0)
    before = (copied / path).read_bytes()
    with pytest.raises(UserError, match=r"^real/loop and real/reference: their images cannot be"):
        evaluate_real(copied, [tiny_experiment.plan.record(path)], quiet)
    assert (copied / path).read_bytes() == before


def test_labels_are_drawn_from_what_is_left() -> None:
    from autophagy.regimes import requested_labels

    pool = np.array([2, 2, 7])
    found = requested_labels(200, 10, "inherited", pool, seeds.stream(1))
    assert set(found) == {2, 7}
