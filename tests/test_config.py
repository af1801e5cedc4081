"""The configuration: what is valid loads, anything else is one line that says what to mend."""

from __future__ import annotations

import copy
import datetime
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from autophagy import config as configuration
from autophagy import config_file, config_overrides
from autophagy.errors import UserError
from autophagy.schema import plain
from conftest import REPOSITORY, changed, shipped_configurations, tiny_content
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake.utils import update_config

SHIPPED = [
    *shipped_configurations(),
    REPOSITORY / "tests" / "configs" / "tiny.yaml",
]
SCHEMA = REPOSITORY / "workflow" / "schemas" / "config.schema.json"
#: pydantic's own words, which a user cannot act on.
JARGON = re.compile(
    r"\btag\b|discriminator|instance of|validation|union|Experiment_|\[key\]|Input|pydantic|"
    r"dictionary|literal|function-",
    re.IGNORECASE,
)
FLAT = {"held_out": 0.1, "interval": 2, "patience": 2, "tolerance": 0.01, "max_steps": 40}
GONE = object()
LOOP = {
    "regime": "fully_synthetic", "start_from": "full", "sampling_bias": 1.0, "n_real": 0,
    "n_synthetic": 60,
}  # fmt: skip
SPLITS = {"loop": 120, "reference": 60, "features": 100}
NAMES = "letters, digits, '-' and '_', beginning with a letter or digit, at most 64"
DATASETS = "digits, mnist, fashion_mnist, npz, imagefolder, hf, gaussian, grid_mixture, rosenbrock"


def edited(edits: dict[str, Any]) -> dict[str, Any]:
    """The tiny configuration with keys set, or removed where the value is `GONE`."""
    content = changed(*((path, value) for path, value in edits.items()))
    for path, value in edits.items():
        if value is GONE:
            *sections, key = path.split(".")
            section = content
            for name in sections:
                section = section[name]
            del section[key]
    return content


def parse(edits: dict[str, Any]) -> configuration.Experiment:
    return configuration.parse(edited(edits), "my.yaml")


def refusal(content: Any) -> str:
    """The message that a configuration is refused with, without the file's name."""
    with pytest.raises(UserError) as raised:
        configuration.parse(content, "my.yaml")
    message = str(raised.value)
    assert message.startswith("my.yaml: ")
    assert "\n" not in message
    assert not JARGON.search(message), message
    return message.removeprefix("my.yaml: ")


#: edits of the tiny configuration -> how the message begins (key, value) and what it allows.
MALFORMED: list[tuple[dict[str, Any], str, str]] = [
    # the loop
    ({"loops.fresh.regime": "fresh"}, 'loops.fresh.regime: "fresh"',
     "allowed: fully_synthetic, synthetic_augmentation, fresh_data, "),
    ({"loops.biased.sampling_bias": 0.0}, "loops.biased.sampling_bias: 0.0", "greater than 0"),
    ({"loops.biased.sampling_bias": -0.5}, "loops.biased.sampling_bias: -0.5", "greater than 0"),
    ({"loops.biased.sampling_bias": 1.01}, "loops.biased.sampling_bias: 1.01",
     "less than or equal to 1"),
    ({"loops.biased.sampling_bias": float("nan")}, "loops.biased.sampling_bias: NaN",
     "finite number"),
    ({"loops.biased.sampling_bias": float("inf")}, "loops.biased.sampling_bias: Infinity",
     "finite number"),
    ({"loops.biased.sampling_bias": "0.5"}, 'loops.biased.sampling_bias: "0.5"', "valid number"),
    ({"loops.biased.sampling_bias": True}, "loops.biased.sampling_bias: true", "valid number"),
    ({"loops.biased.sampling_bias": None}, "loops.biased.sampling_bias: null", "valid number"),
    ({"model.condition_dropout": 0.0},
     "loops.biased.sampling_bias: model.condition_dropout: 0 trains no null class", "above 0"),
    ({"loops.fresh.regime": "accumulate_subsample", "loops.fresh.n_real": 100,
      "loops.fresh.train": {"epochs": 1}, "train.warmup_steps": 3, "train.steps": 4},
     "loops.fresh.train.warmup_steps: 3 must be below train.steps = 3", "epochs gives on 40 rows"),
    ({"loops.fresh.n_real": 50}, "loops.fresh: 3 generations of fresh_data need 140 real images",
     "dataset.splits.loop holds 120: 20 are missing"),
    ({"loops.augmentation.n_real": 121},
     "loops.augmentation: 3 generations of synthetic_augmentation need 121 real images",
     "holds 120: 1 are missing"),
    ({"loops.biased.n_real": 1}, "loops.biased.n_real: 1", "must be 0"),
    ({"loops.fresh.n_real": 0}, "loops.fresh.n_real: 0", "at least 1"),
    ({"loops.augmentation.n_real": 0}, "loops.augmentation.n_real: 0", "at least 1"),
    ({"loops.fresh.n_real": -1}, "loops.fresh.n_real: -1", "greater than or equal to 0"),
    ({"loops.fresh.n_synthetic": 0}, "loops.fresh.n_synthetic: 0", "needs at least 1"),
    ({"loops.fresh.n_synthetic": 10**12}, "loops.fresh.n_synthetic: 1000000000000",
     "less than or equal to 1000000000"),
    ({"loops.fresh.n_synthetic": 20.0}, "loops.fresh.n_synthetic: 20.0", "valid integer"),
    ({"loops.fresh.labels": "random"}, 'loops.fresh.labels: "random"',
     "'balanced', 'real' or 'inherited'"),
    ({"loops.fresh.start_from": "smal"}, "loops.fresh.start_from: 'smal'", "allowed: full, small"),
    ({"loops.fresh.start_from": GONE}, "loops.fresh.start_from: is missing", "schema.json"),
    ({"loops.fresh.lambda": 0.5}, "loops.fresh.lambda: unknown key",
     "allowed: regime, start_from, sampling_bias, n_real, n_synthetic, labels"),
    ({"loops.fresh": None}, "loops.fresh: null", "a mapping of keys to values"),
    ({"loops": {}}, "loops: {}", "at least 1 item"),
    ({"loops": GONE}, "loops: is missing", "schema.json"),
    ({"loops": [LOOP]}, "loops: [", "a mapping of keys to values"),
    # names
    ({"loops": {"../x": LOOP}}, 'loops."../x": "../x"', NAMES),
    ({"loops": {"a/b": LOOP}}, 'loops."a/b": "a/b"', NAMES),
    ({"loops": {"": LOOP}}, 'loops."": ""', NAMES),
    ({"loops": {"schön": LOOP}}, "loops.schön:", NAMES),
    ({"loops": {"a.b": LOOP}}, 'loops."a.b": "a.b"', NAMES),
    ({"loops": {"..": LOOP}}, 'loops."..": ".."', NAMES),
    ({"loops": {".hidden": LOOP}}, 'loops.".hidden": ".hidden"', NAMES),
    ({"loops": {"-rf": LOOP}}, 'loops.-rf: "-rf"', NAMES),
    ({"loops": {"a b": LOOP}}, 'loops."a b": "a b"', NAMES),
    ({"loops": {"a\n": LOOP}}, 'loops."a\\n": "a\\n"', NAMES),
    ({"loops": {"x" * 65: LOOP}}, f"loops.{'x' * 65}: \"xxx", NAMES),
    ({"loops": {7: LOOP}}, "loops: YAML does not take the name 7 for text", "quote it"),
    ({"loops": {7.5: LOOP}}, "loops: YAML does not take the name 7.5 for text", "quote it"),
    ({"loops": {datetime.date(2024, 1, 2): LOOP}}, "loops: YAML does not", "quote it"),
    ({"loops": {None: LOOP}}, "loops: YAML does not take the name null for text", "quote it"),
    ({"real_only": {True: 5}}, "real_only: YAML does not take the name true", "quote it"),
    ({"loops": {"real": LOOP}}, "loops.real: the name 'real' is taken", "rename it"),
    ({"real_only": {"full": 60, "small": 40, "real": 3}}, "real_only.real: the name 'real'",
     "rename it"),
    ({"loops": {"small": LOOP}}, "loops.small: real_only has this name too",
     "every name may stand once"),
    ({"experiment": "../up"}, 'experiment: "../up"', NAMES),
    ({"experiment": ""}, 'experiment: ""', NAMES),
    ({"experiment": 3}, "experiment: 3", "valid string"),
    ({"experiment": datetime.date(2024, 1, 2)}, 'experiment: "2024-01-02"', "valid string"),
    # real images
    ({"real_only": {}}, "real_only: {}", "at least 1 item"),
    ({"real_only": [60]}, "real_only: [60]", "a mapping of keys to values"),
    ({"real_only.full": 0}, "real_only.full: 0", "greater than or equal to 1"),
    ({"real_only.spare": 125}, "real_only.spare: 125 real images exceed dataset.splits.loop = 120",
     "5 are missing"),
    ({"dataset.splits.features": 1618},
     "dataset.splits: loop + reference + features ask for 1798 images and digits has 1797",
     "are 1 short"),
    ({"dataset": {"name": "mnist", "splits": SPLITS | {"loop": 70_000}}},
     "dataset.splits: loop + reference + features ask for 70160 images and mnist has 70000",
     "160 short"),
    ({"dataset.splits.loop": 0}, "dataset.splits.loop: 0", "greater than or equal to 1"),
    ({"dataset.splits.test": 5}, "dataset.splits.test: unknown key",
     "allowed: loop, reference, features"),
    ({"dataset.splits.reference": GONE}, "dataset.splits.reference: is missing", "schema.json"),
    ({"dataset.splits": 280}, "dataset.splits: 280", "a mapping of keys to values"),
    ({"dataset.split_seed": -1}, "dataset.split_seed: -1", "greater than or equal to 0"),
    ({"dataset.split_seed": 2**64}, "dataset.split_seed: 18446744073709551616",
     "less than or equal to 18446744073709551615"),
    ({"dataset.name": "cifar"}, 'dataset.name: "cifar"', f"allowed: {DATASETS}"),
    ({"dataset.name": ["digits"]}, 'dataset.name: ["digits"]', f"allowed: {DATASETS}"),
    ({"dataset.name": GONE}, "dataset.name: is missing", f"allowed: {DATASETS}"),
    ({"dataset": "digits"}, 'dataset: "digits"', "a mapping of keys to values"),
    ({"dataset": GONE}, "dataset: is missing", "a mapping of keys to values"),
    ({"dataset.path": "x"}, "dataset.path: unknown key", "allowed: name, splits, split_seed"),
    ({"dataset": {"name": "npz", "splits": SPLITS}}, "dataset.path: is missing", "schema.json"),
    ({"dataset": {"name": "npz", "splits": SPLITS, "path": ""}}, 'dataset.path: ""',
     "at least 1 character"),
    ({"dataset": {"name": "npz", "splits": SPLITS, "path": "/no/such.npz"}},
     "dataset.path: no file", "/no/such.npz"),
    ({"dataset": {"name": "imagefolder", "splits": SPLITS, "path": "/no/such", "size": 8,
                  "channels": "grey"}}, "dataset.path: no folder", "/no/such"),
    ({"dataset": {"name": "imagefolder", "splits": SPLITS, "path": "/no/such", "size": 8,
                  "channels": "cmyk"}}, 'dataset.channels: "cmyk"', "'grey' or 'rgb'"),
    ({"dataset": {"name": "imagefolder", "splits": SPLITS, "path": "/no/such", "size": 4096,
                  "channels": "rgb"}}, "dataset.size: 4096", "less than or equal to 1024"),
    ({"dataset": {"name": "mnist", "splits": SPLITS, "path": "/no/such"}}, "dataset.path: ",
     "/no/such"),
    # model and training
    ({"model.family": "vae"}, 'model.family: "vae"',
     "allowed: ddpm, flow, gan, gaussian, latent, mixture"),
    ({"model.family": GONE}, "model.family: is missing", "allowed: ddpm"),
    ({"model.family": None}, "model.family: null", "allowed: ddpm"),
    ({"model": "ddpm"}, 'model: "ddpm"', "a mapping of keys to values"),
    ({"model.depth": 2}, "model.depth: unknown key", "allowed: family, channels,"),
    ({"model.channels": [8, 8, 8, 8, 8]},
     "model.channels: 5 levels need a picture side that 16 divides, and the data set's is 8",
     "model.pad: true to pad to 16"),
    ({"model.channels": [8, 6]}, "model.channels: 6", "multiple of model.norm_groups = 4"),
    ({"model.channels": []}, "model.channels: []", "at least 1 item"),
    ({"model.channels": [8] * 13, "model.pad": True}, "model.channels: [", "at most 12 items"),
    ({"model.channels": 8}, "model.channels: 8", "valid list"),
    ({"model.channels": [8, "8"]}, 'model.channels.1: "8"', "valid integer"),
    ({"model.channels": [8, 2]}, "model.channels.1: 2", "greater than or equal to 4"),
    ({"model.timesteps": 1}, "model.timesteps: 1", "greater than or equal to 2"),
    ({"model.beta_schedule": "cosine"}, 'model.beta_schedule: "cosine"',
     "'linear', 'scaled_linear' or 'squaredcos_cap_v2'"),
    ({"model.prediction": "x0"}, 'model.prediction: "x0"', "'v_prediction' or 'epsilon'"),
    ({"model.condition_dropout": 1.0}, "model.condition_dropout: 1.0", "less than 1"),
    ({"model.pad": "yes"}, 'model.pad: "yes"', "valid boolean"),
    ({"model.attention": 1}, "model.attention: 1", "valid boolean"),
    ({"model.attention": True, "model.channels": [8, 12]},
     "model.attention: needs a last width in model.channels that 8 divides", "not 12"),
    ({"model.prediction": "epsilon"},
     "model.prediction: epsilon explodes at t = T under model.beta_schedule = squaredcos_cap_v2",
     "use v_prediction"),
    ({"train.warmup_steps": 3}, "train.warmup_steps: 3", "must be below train.steps = 3"),
    ({"train.warmup_steps": 4}, "train.warmup_steps: 4", "must be below train.steps = 3"),
    ({"train.steps": 0}, "train.steps: 0", "greater than or equal to 1"),
    ({"train.steps": 1e3}, "train.steps: 1000.0", "valid integer"),
    ({"train.steps": 10**5000}, "train.steps: this int", "less than or equal to 1000000000"),
    ({"train.batch_size": True}, "train.batch_size: true", "valid integer"),
    ({"train.learning_rate": 0}, "train.learning_rate: 0", "greater than 0"),
    ({"train.learning_rate": "1e-3"}, 'train.learning_rate: "1e-3"', "write 0.001"),
    ({"train.learning_rate": "5e-7"}, 'train.learning_rate: "5e-7"', "write 5.0e-07"),
    ({"train.learning_rate": "small"}, 'train.learning_rate: "small"', "valid number"),
    ({"train.ema_decay": 1.0}, "train.ema_decay: 1.0", "less than 1"),
    ({"train.epoch": 5}, "train.epoch: unknown key; did you mean epochs? allowed: steps, epochs,",
     "until_flat, batch_size,"),
    ({"train.epochs": 5}, "train: steps and epochs are stated of steps, epochs, until_flat",
     "state exactly one budget"),
    ({"train.steps": GONE}, "train: none is stated of steps, epochs, until_flat", "exactly one"),
    ({"train.steps": GONE, "train.epochs": 0}, "train.epochs: 0", "greater than or equal to 1"),
    ({"train.steps": GONE, "train.epochs": 1, "train.warmup_steps": 3},
     "train.warmup_steps: 3 must be below train.steps = 3",
     "which train.epochs gives on 40 rows"),
    ({"train.steps": GONE, "train.until_flat": {"held_out": 0.1}},
     "train.until_flat.interval: is missing", "(and 3 more)"),
    ({"train.steps": GONE, "train.until_flat": FLAT | {"intervall": 3}},
     "train.until_flat.intervall: unknown key; did you mean interval?", "patience"),
    ({"train.steps": GONE, "train.until_flat": FLAT | {"held_out": 1.0}},
     "train.until_flat.held_out: 1.0", "less than 1"),
    ({"train.steps": GONE, "train.until_flat": FLAT | {"held_out": 0.99}},
     "train.until_flat.held_out: 0.99 of 40 rows leaves none to train on", ""),
    ({"train.steps": GONE, "train.until_flat": FLAT | {"max_steps": 5}},
     "train.until_flat: 5 max_steps are 2 looks, one each 2 steps", "more than patience = 2"),
    ({"train.steps": GONE, "train.until_flat": FLAT | {"max_steps": 2004}},
     "train.until_flat: 2004 max_steps are 1002 looks", "at most 1000"),
    ({"train.steps": GONE, "train.epochs": 3,
      "loops.fresh.guidance": {"kind": "neon", "weight": 1.0, "n": 20, "steps": 2}},
     "loops.fresh: guidance is not allowed without train.steps", "of one length"),
    ({"train.steps": GONE, "train.epochs": 3, "loops.fresh.start": "previous"},
     "loops.fresh: start: previous is not allowed without train.steps", "of one length"),
    ({"loops.fresh.train": {"until_flat": FLAT | {"steps": 3}}},
     "loops.fresh.train.until_flat.steps: unknown key", "allowed: held_out"),
    ({"loops.fresh.train": {"steps": 3, "epochs": 3}},
     "loops.fresh.train: steps and epochs are stated", "exactly one"),
    ({"train": None}, "train: null", "a mapping of keys to values"),
    # sampling
    ({"sample.scheduler": "euler"}, 'sample.scheduler: "euler"',
     "'dpm-solver++', 'ddim' or 'ancestral'"),
    ({"sample.steps": 51}, "sample.steps: 51", "must be below model.timesteps = 50"),
    ({"sample.steps": 50}, "sample.steps: 50", "must be below model.timesteps = 50"),
    (
        {"sample.steps": 26, "sample.scheduler": "ddim"},
        "sample.steps: 26",
        "does not divide model.timesteps = 50",
    ),
    (
        {"sample.steps": 51, "sample.scheduler": "ancestral"},
        "sample.steps: 51",
        "does not divide model.timesteps = 50",
    ),
    ({"sample.eta": 1}, "sample.eta: unknown key", "allowed: scheduler, steps, batch_size"),
    ({"sample.batch_size": 0}, "sample.batch_size: 0", "greater than or equal to 1"),
    # evaluation
    ({"evaluate.n": 121}, "evaluate.n: 121", "exceeds dataset.splits.loop = 120"),
    ({"evaluate.k": 40}, "evaluate.k: 40", "below 40"),
    ({"evaluate.k": 60, "evaluate.n": 100}, "evaluate.k: 60", "below 60"),
    ({"evaluate.k": 0}, "evaluate.k: 0", "greater than or equal to 1"),
    ({"evaluate.features": "vgg"}, "evaluate.features: 'vgg' is not allowed", "lenet, identity"),
    ({"evaluate.metric": "fid"}, "evaluate.metric: unknown key", "allowed: n, k, features"),
    # the top
    ({"schema": 2}, "schema: 2", "it should be less than or equal to 1"),
    ({"schema": 0}, "schema: 0", "it should be greater than or equal to 1"),
    ({"schema": "1"}, 'schema: "1"', "it should be a valid integer"),
    ({"schema": True}, "schema: true", "it should be a valid integer"),
    ({"schema": 1.0}, "schema: 1.0", "it should be a valid integer"),
    ({"schema": GONE}, "schema: is missing", "schema.json"),
    ({"kind": "theory"}, "study: is missing", "allowed: limits, trajectories,"),
    ({"kind": "movies"}, 'kind: "movies"', "allowed: images, points, theory"),
    ({"generations": 0}, "generations: 0", "greater than or equal to 1"),
    ({"generations": 1000}, "generations: 1000", "less than or equal to 999"),
    ({"seeds": []}, "seeds: []", "at least 1 item"),
    ({"seeds": 1}, "seeds: 1", "valid list"),
    ({"seeds": [1, 2, 1]}, "seeds: [1, 2, 1] holds a seed twice", "each may stand once"),
    ({"seeds": [1, -2]}, "seeds.1: -2", "greater than or equal to 0"),
    ({"seeds": [2**32]}, "seeds.0: 4294967296", "less than 4294967296"),
    ({"device": "gpu"}, 'device: "gpu"', "'auto', 'cpu' or 'cuda'"),
    ({"threads": 0}, "threads: 0", "greater than or equal to 1"),
    ({"treads": 1}, "treads: unknown key; did you mean threads? ",
     "allowed: schema, experiment, kind, generations,"),
    ({3: 1}, "3: unknown key", "allowed: schema, experiment, kind, generations,"),
    ({"treads": 1, "seed": 1}, "treads: unknown key", "(and 1 more)"),
    # a misspelt key, not the one that is missing for it
    ({"train.steps": GONE, "train.setps": 9}, "train.setps: unknown key; did you mean steps? ",
     "ema_decay"),
    ({"loops.fresh.sampling_bias": GONE, "loops.fresh.sampling_bais": 1.0},
     "loops.fresh.sampling_bais: unknown key; did you mean sampling_bias? ", "labels"),
    ({"dataset": {"name": "npz", "splits": SPLITS, "pth": "x.npz"}},
     "dataset.pth: unknown key; did you mean path? ", "allowed: "),
    ({"train.steps": GONE, "train.setps": 9, "seeds": GONE},
     "train.setps: unknown key; did you mean steps? ", "(and 1 more)"),
    ({"model": GONE, "modle": {"family": "ddpm"}}, "modle: unknown key; did you mean model?", ""),
    ({"model.family": GONE, "model.familly": "ddpm"},
     "model.familly: unknown key; did you mean family?", ""),
    ({"dataset.name": GONE, "dataset.nmae": "digits"},
     "dataset.nmae: unknown key; did you mean name?", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("edits", "begins", "allowed"), MALFORMED, ids=[row[1][:50] for row in MALFORMED]
)
def test_a_malformed_configuration_is_one_line_on_what_to_mend(edits, begins, allowed) -> None:
    message = refusal({**edited({}), **edits} if 3 in edits else edited(edits))
    assert message.startswith(begins)
    assert allowed in message[len(begins) :]


def test_a_misspelt_key_is_the_whole_finding() -> None:
    message = refusal(edited({"train.steps": GONE, "train.setps": 9}))
    assert "more)" not in message
    assert "missing" not in message
    message = refusal(edited({"train.zzz": 9}))
    assert "did you mean" not in message


def test_values_that_have_no_end_are_refused_by_name() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert refusal(edited({"seeds": endless})).startswith("seeds: holds more than 100000")
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    assert refusal(edited({"train.steps": deep})).startswith("train.steps: this list")


def test_long_values_are_cut() -> None:
    message = refusal(edited({"kind": "x" * 1000}))
    assert message.startswith('kind: "xxx')
    assert len(message) < 150


@pytest.mark.parametrize("content", [None, [], [1], "text", 3, datetime.date(2024, 1, 1), {1, 2}])
def test_a_configuration_is_a_mapping(content) -> None:
    assert refusal(content).startswith("must be a mapping of keys, not ")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder that passes for a data set before anything is read."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"never decoded")
    return tmp_path / "pictures"


def folder_of(path: Path, size: int) -> dict[str, Any]:
    return {
        "name": "imagefolder", "splits": SPLITS, "path": str(path), "size": size,
        "channels": "grey",
    }  # fmt: skip


@pytest.mark.parametrize(("size", "padded"), [(27, 28), (5, 6)])
def test_odd_pictures_need_padding(size, padded, pictures) -> None:
    dataset = folder_of(pictures, size)
    message = refusal(edited({"dataset": dataset}))
    assert message == (
        f"model.channels: 2 levels need a picture side that 2 divides, and the data set's is "
        f"{size}; use fewer levels, or model.pad: true to pad to {padded}"
    )
    assert parse({"dataset": dataset, "model.pad": True}).dataset.size == size
    assert parse({"dataset": dataset, "model.channels": [8]}).dataset.size == size
    assert parse({"dataset": dataset | {"size": 28}}).model.pad is False


@pytest.mark.parametrize("size", [1, 2, 3])
def test_pictures_too_small_for_the_feature_network_are_refused_at_once(size, pictures) -> None:
    edits = {"dataset": folder_of(pictures, size), "model.channels": [8]}
    message = refusal(edited(edits))
    assert message.startswith("evaluate.features: lenet needs pictures of at least 4 pixels")
    assert parse(edits | {"dataset": folder_of(pictures, 4)}).dataset.size == 4


def test_an_empty_picture_folder_is_named(tmp_path) -> None:
    message = refusal(edited({"dataset": folder_of(tmp_path, 8)}))
    assert message.startswith(f"dataset.path: {tmp_path} holds no pictures")


def test_limits_themselves_are_allowed() -> None:
    fits = {
        "loops.fresh.n_real": 40,  # 40 + 2·40 = 120
        "loops.biased.sampling_bias": 1e-9,
        "real_only.spare": 120,
        "evaluate.n": 120,
        "evaluate.k": 59,
        "sample.steps": 49,
        "train.warmup_steps": 2,
        "model.attention": True,
        "model.channels": [12, 8],  # attention is at the last width alone
        "dataset.splits.features": 1797 - 180,
        "dataset.split_seed": 2**64 - 1,
        "seeds": [0, 2**32 - 1],
        "experiment": "x" * 64,
    }
    experiment = parse(fits)
    assert experiment.loops["fresh"].n_real == 40
    assert refusal(edited(fits | {"generations": 4})).endswith(": 40 are missing")
    assert parse({"generations": 1, "loops.fresh.n_real": 10**9}).generations == 1
    assert parse({"model.channels": [8, 12]}).model.attention is False
    for schedule in ("linear", "scaled_linear"):
        epsilon = {"model.prediction": "epsilon", "model.beta_schedule": schedule}
        assert parse(epsilon).model.prediction == "epsilon"


def test_whole_numbers_do_for_fractions_and_mean_the_same() -> None:
    whole = parse({"loops.fresh.sampling_bias": 1, "train.weight_decay": 0})
    assert plain(whole) == plain(parse({}))
    assert isinstance(whole.loops["fresh"].sampling_bias, float)


def test_nothing_can_be_changed_after_validation() -> None:
    experiment = parse({})
    with pytest.raises(ValueError, match="frozen"):
        experiment.train.steps = 4


def without_none(value):
    """A configuration's content without the keys that ask for nothing."""
    if not isinstance(value, dict):
        return value
    return {key: without_none(inner) for key, inner in value.items() if inner is not None}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_shipped_configurations_load_and_say_every_key(path) -> None:
    """DVC tracks what stands in the file, so a default must stand there too."""
    experiment = configuration.load(path)
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert without_none(plain(experiment)) == without_none(content)
    # What an experiment may do without has no default to state.
    optional = {"attribution"}
    stated = type(experiment).model_fields.keys() - {"version"} - optional
    assert stated == content.keys() - {"schema"} - optional


def test_what_the_command_line_sets_below_a_key_has_yaml_s_types() -> None:
    # As Snakemake holds generations=2 'train={steps: 5, learning_rate: 0.001}' 'seeds=[3, 4]' …
    given = {
        "generations": 2,
        "train": {"steps": "5", "learning_rate": "0.001"},
        "seeds": ["3", "4"],
        "dataset": {"path": "a: b: c"},
        "model": {"pad": "true"},
    }
    content = tiny_content()
    update_config(content, given)
    found = config_overrides.typed(content, given)
    assert found["train"] == tiny_content()["train"] | {"steps": 5, "learning_rate": 0.001}
    assert (found["generations"], found["seeds"]) == (2, [3, 4])
    assert found["dataset"] == tiny_content()["dataset"] | {"path": "a: b: c"}
    assert found["model"] == tiny_content()["model"] | {"pad": True}


def test_the_default_experiment_has_every_regime_and_a_biased_loop() -> None:
    loops = configuration.load(REPOSITORY / "config" / "config.yaml").loops.values()
    of_the_paper = {"fully_synthetic", "synthetic_augmentation", "fresh_data"}
    assert {loop.regime for loop in loops} == of_the_paper <= set(configuration.presets.REGIMES)
    assert any(loop.sampling_bias < 1 for loop in loops)


@pytest.mark.parametrize(
    "bytes_",
    [
        b"loops: [", b"a: b: c", b"\ta: 1", b"? [a]\n: 1", b"a: *nowhere", b"\x00",
        b"\xff\xfe\x00\x00bad", b"a: caf\xe9",
        b"a: !!python/object/apply:os.system [ls]", b"[" * 5000,
        b"a: 2024-13-45", b"a: !!int x", b"a: !!int ''", b"a: !!bool x", b"a: !!timestamp x",
        b"a: " + b"9" * 5000,
    ],
    ids=lambda bytes_: bytes_[:20],
)  # fmt: skip
def test_what_is_no_yaml_is_said_so(bytes_, tmp_path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(bytes_)
    with pytest.raises(UserError) as raised:
        configuration.load(file)
    assert str(raised.value).startswith(f"{file}: not valid YAML: ")


LINES = SHIPPED[-1].read_text().splitlines()


def line_of(begin: str) -> int:
    """Index of the line of tiny.yaml that begins so."""
    [place] = [place for place, line in enumerate(LINES) if line.startswith(begin)]
    return place


FRESH = line_of("  fresh:")


@pytest.mark.parametrize(
    ("lines", "line", "key"),
    [
        ([*LINES, "seeds: [3]"], len(LINES) + 1, "seeds"),
        (["seeds: [3]", *LINES], 1 + line_of("seeds") + 1, "seeds"),
        ([*LINES, "'seeds': [3]"], len(LINES) + 1, "seeds"),
        ([*LINES, "loops:", "  more: {}"], len(LINES) + 1, "loops"),
        ([*LINES[: FRESH + 1], LINES[FRESH], *LINES[FRESH + 1 :]], FRESH + 2, "fresh"),
        ([*LINES[: FRESH + 1], "  biased: {}", *LINES[FRESH + 1 :]], FRESH + 2, "biased"),
        ([line.replace("{loop: 120", "{loop: 120, loop: 119") for line in LINES],
         line_of("dataset") + 1, "loop"),
        ([line.replace("  pad:", "  layers_per_block: 2\n  pad:") for line in LINES],
         line_of("  pad:") + 1, "layers_per_block"),
    ],
)  # fmt: skip
def test_a_key_that_stands_twice_is_refused_with_its_line(lines, line, key, tmp_path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("\n".join(lines) + "\n")
    for reader in (configuration.load, config_file.refuse_twice):
        with pytest.raises(UserError) as raised:
            reader(file)
        assert str(raised.value) == f'{file}: line {line}: the key "{key}" stands twice'


def test_refusing_twice_minds_nothing_else(tmp_path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("a: {b: 1, c: 1}\nb: [{a: 1}, {a: 1}]\n")
    assert config_file.refuse_twice(file) is None
    assert all(config_file.refuse_twice(path) is None for path in SHIPPED)
    file.write_text("a: [")
    with pytest.raises(UserError, match="not valid YAML"):
        config_file.refuse_twice(file)
    with pytest.raises(UserError, match="cannot be read: No such file"):
        config_file.refuse_twice(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    "other",
    [
        "{<<: *fresh, n_synthetic: 30}",
        "{n_synthetic: 30, <<: *fresh}",
        "{<<: [*fresh, *biased], n_synthetic: 30}",
        "{<<: *fresh, <<: *biased, n_synthetic: 30, start_from: small, n_real: 20, "
        "regime: fresh_data, sampling_bias: 1.0, labels: balanced}",
    ],
)
def test_merge_keys_fill_in_what_is_not_said(other, tmp_path) -> None:
    text = "\n".join(LINES).replace("  fresh: {", "  fresh: &fresh {")
    text = text.replace("  biased: {", "  biased: &biased {")
    text = text.replace("device: cpu", f"  other: {other}\ndevice: cpu")
    file = tmp_path / "config.yaml"
    file.write_text(text)
    loops = plain(configuration.load(file))["loops"]
    assert loops.pop("other") == loops["fresh"] | {"n_synthetic": 30}
    assert loops == tiny_content()["loops"]


def test_files_that_cannot_be_read_are_said_so(tmp_path) -> None:
    with pytest.raises(UserError, match=r"config\.yaml: cannot be read: No such file"):
        configuration.load(tmp_path / "config.yaml")
    with pytest.raises(UserError, match="is a folder; a configuration is a file"):
        configuration.load(tmp_path)


def test_an_empty_file_is_no_mapping(tmp_path) -> None:
    (tmp_path / "config.yaml").touch()
    with pytest.raises(UserError, match=r"config\.yaml: must be a mapping of keys, not empty"):
        configuration.load(tmp_path / "config.yaml")


def places(content: Any, path: tuple = ()) -> list[tuple]:
    """Paths of everything inside a configuration."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    found = []
    for key, value in items:
        found.append((*path, key))
        if isinstance(value, dict | list):
            found += places(value, (*path, key))
    return found


def inside(content: Any, path: tuple) -> Any:
    for key in path:
        content = content[key]
    return content


TINY = tiny_content()
PLACES = places(TINY)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, -1, 2**31, 2**64, 10**400, -(10**400)])
    | st.floats()
    | st.text(max_size=6)
    | st.text(st.characters(codec=None), max_size=3)  # lone surrogates too
    | st.dates()
    | st.binary(max_size=3)
    | st.sampled_from(["digits", "npz", "mnist", "hf", "full", "fresh_data", "real", "1e-3"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars, inner, max_size=3),
    max_leaves=5,
) | st.sampled_from(PLACES).map(lambda path: copy.deepcopy(inside(TINY, path)))
mutations = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(["set", "remove", "add"]), scalars, values),
    min_size=1, max_size=3,
)  # fmt: skip


def mutate(content: dict, path: tuple, action: str, key: Any, value: Any) -> None:
    """One mutation, if its place is still there."""
    try:
        section = inside(content, path[:-1])
        if action == "set":
            section[path[-1]] = value
        elif action == "remove":
            del section[path[-1]]
        elif isinstance(section[path[-1]], dict):
            section[path[-1]][key] = value
    except (KeyError, IndexError, TypeError):
        pass


def outcome(function: Callable[..., configuration.Experiment], *arguments: Any) -> Any:
    """The experiment, or the message that refuses it."""
    try:
        return function(*arguments)
    except UserError as error:
        return str(error)


@settings(derandomize=True, max_examples=120)
@given(mutations)
def test_whatever_stands_in_a_file_is_an_experiment_or_a_user_error(changes) -> None:
    content = tiny_content()
    for change in changes:
        mutate(content, *copy.deepcopy(change))
    found = outcome(configuration.parse, content, "my.yaml")
    if isinstance(found, str):
        assert found.startswith("my.yaml: ")
        assert found.isprintable()
        assert not JARGON.search(found)
    else:
        shown = plain(found)
        assert plain(configuration.parse(shown, "again")) == shown
        json.dumps(shown, allow_nan=False)


@settings(derandomize=True, max_examples=60)
@given(
    place=st.integers(0, 1200),
    removed=st.integers(0, 3),
    inserted=st.text("[]{}:,-*&!?|>%@`#'\"\\\n\t 0xe.~é\0\x1b", max_size=3),
)
def test_whatever_bytes_a_file_holds_are_an_experiment_or_a_user_error(
    place, removed, inserted, tmp_path_factory
) -> None:
    text = SHIPPED[-1].read_text()
    file = tmp_path_factory.mktemp("bytes") / "config.yaml"
    file.write_text(text[:place] + inserted + text[place + removed :])
    found = outcome(configuration.load, file)
    assert isinstance(found, configuration.Experiment) or found.startswith(f"{file}: ")


def test_the_schema_in_the_repository_is_that_of_the_code() -> None:
    text = json.dumps(configuration.json_schema(), indent=2, sort_keys=True) + "\n"
    assert SCHEMA.read_text(encoding="utf-8") == text, (
        f"run `autophagy schema > {SCHEMA.relative_to(REPOSITORY)}`"
    )


def test_the_schema_allows_what_is_shipped_and_no_unknown_key() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    for path in SHIPPED:
        validator.validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    sections = [(), *(path for path in PLACES if isinstance(inside(TINY, path), dict))]
    for path in sections:
        if path not in (("loops",), ("real_only",)):
            content = tiny_content()
            inside(content, path)["typo"] = 1
            assert not validator.is_valid(content), path


def test_merged_keys_may_be_overridden(tmp_path) -> None:
    """A merge brings keys that stand again beside it, from nested anchors too."""
    text = """
base: &y {k: 1}
deep: {x: &x {<<: *y, k: 3}}
b: {<<: *x, k: 4}
"""
    (tmp_path / "merged.yaml").write_text(text)
    config_file.refuse_twice(tmp_path / "merged.yaml")
