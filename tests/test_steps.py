"""The steps on the tiny experiment: what they write is what the plan and the paper say."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from autophagy import (
    devices,
    figures,
    layout,
    manifests,
    metrics,
    paths,
    seeds,
    sets,
    store,
    tables,
    trace,
    training_sets,
)
from autophagy.archive import Archive
from autophagy.data.split import content_hashes, unique_rows
from autophagy.errors import UserError
from autophagy.features import lenet
from autophagy.figures import grid
from autophagy.metrics import card
from autophagy.metrics.frechet import frechet_distance
from autophagy.metrics.memorisation import memorisation
from autophagy.metrics.spectral import ring_power, spectral_distance
from autophagy.models import ddpm
from autophagy.regimes import requested_labels
from autophagy.rows import KINDS, quantise
from autophagy.steps.draw_grid import _real_row, draw_grid
from autophagy.steps.evaluate import evaluate, evaluate_real
from autophagy.steps.mix import mix
from autophagy.steps.real import real
from autophagy.steps.sample import sample
from autophagy.steps.train import train
from conftest import REPOSITORY, Made, child_environment, quiet
from frames import gather, write_index
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

LOOPS = ("fully-synthetic", "biased", "augmentation", "fresh")
GENERATIONS = (1, 2, 3)
#: The experiment again, in a process of its own whose sets and dictionaries are hashed otherwise.
AGAIN = """
import pathlib, sys
import conftest
plan = conftest.plan_of(conftest.tiny_content() | {"seeds": [1]})
conftest.make(plan, pathlib.Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def made(tiny_experiment) -> Made:
    return tiny_experiment


@pytest.fixture(scope="module")
def network(made):
    return lenet.load(made.root / "features/lenet", "cpu")


def order_of_real_rows(seed: int) -> np.ndarray:
    return seeds.stream(seeds.derive("order of real rows", seed)).permutation(120)


def array(made: Made, artifact: str, name: str) -> np.ndarray:
    return np.load(made.root / artifact / f"{name}.npy")


def measured(made: Made, name: str, t: int) -> dict[str, Any]:
    return store.read_json(made.root / paths.evaluation_path(name, 1, t))


def files(folder: Path) -> dict[str, Path]:
    return {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def copied(made, tmp_path) -> Path:
    """A copy of the experiment's folder, to break."""
    shutil.copytree(made.root, tmp_path / "copy")
    return tmp_path / "copy"


# The whole


def test_every_artifact_is_what_the_plan_says(made) -> None:
    for path in made.plan.nodes:
        assert manifests.stale(made.root, made.plan.record(path)) is None


def test_nothing_else_is_written(made) -> None:
    expected = {paths.AUDIT}
    for path in made.plan.nodes:
        record = made.plan.record(path)
        expected.add(manifests.path_of(path))
        for payload in manifests.payload_paths(record):
            place = made.root / payload
            inside = store.payload_files(place) if place.is_dir() else {"": place}
            expected |= {file.relative_to(made.root).as_posix() for file in inside.values()}
    assert set(files(made.root)) == expected


def test_the_same_experiment_in_another_process_is_the_same_bytes(made, tmp_path) -> None:
    subprocess.run(
        [sys.executable, "-c", AGAIN, str(tmp_path / "again")], check=True,
        cwd=REPOSITORY / "tests", env=child_environment() | {"PYTHONHASHSEED": "3"},
    )  # fmt: skip
    first, again = files(made.root), files(tmp_path / "again")
    assert first.keys() == again.keys()
    assert [name for name in first if first[name].read_bytes() != again[name].read_bytes()] == []


def test_files_are_plain_and_know_no_place(made) -> None:
    kinds = {".json", ".npy", ".parquet", ".safetensors", ".csv", ".png", ".pdf", ".html", ".txt"}
    for name, file in files(made.root).items():
        content = file.read_bytes()
        assert file.suffix in kinds, name
        assert str(made.folder).encode() not in content, name
        if file.suffix == ".npy":
            np.load(file, allow_pickle=False)
        if name.endswith("manifest.json"):
            assert len(content) < 2**20, name


def test_manifests_tell_rows_and_facts(made) -> None:
    shared = {"size": 8, "channels": 1, "levels": 17, "classes": list("0123456789")}
    for path, node in made.plan.nodes.items():
        if node.kind in ("real_set", "feature_network", "training_set", "model", "sample_set"):
            manifest = manifests.read(made.root, path)
            assert shared.items() <= manifest["facts"].items()
            if node.kind in ("real_set", "sample_set"):
                assert manifest["rows"] == len(array(made, path, "images"))


# Real data


def test_splits_are_disjoint_and_as_large_as_asked(made) -> None:
    hashes = {}
    for split, n in (("loop", 120), ("reference", 60), ("features", 100)):
        images = array(made, f"real/{split}", "images")
        assert images.shape == (n, 8, 8, 1)
        assert images.dtype == np.uint8
        assert images.max() <= 16
        assert len(array(made, f"real/{split}", "labels")) == n
        hashes[split] = set(content_hashes(images))
        assert len(hashes[split]) == n
    assert not hashes["loop"] & hashes["reference"]
    assert not hashes["loop"] & hashes["features"]
    assert not hashes["reference"] & hashes["features"]


def test_splits_are_rows_of_the_source(made) -> None:
    from sklearn.datasets import load_digits

    source = load_digits()
    for split in ("loop", "reference", "features"):
        rows = array(made, f"real/{split}", "source_rows")
        images = source.images[rows].astype(np.uint8)[..., None]
        np.testing.assert_array_equal(array(made, f"real/{split}", "images"), images)
        np.testing.assert_array_equal(array(made, f"real/{split}", "labels"), source.target[rows])


def own_data(tmp_path: Path, copies: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Records and section of a data set of 9 distinct pictures, some of them twice."""
    images = np.arange(9 * 16, dtype=np.uint8).reshape(9, 4, 4)
    images = np.concatenate([images, images[:copies]])
    np.savez(tmp_path / "own.npz", images=images, labels=np.arange(len(images)) % 3)
    dataset = {
        "name": "npz", "path": str(tmp_path / "own.npz"), "split_seed": 5,
        "splits": {"loop": 4, "reference": 3, "features": 2},
    }  # fmt: skip
    records = [
        {
            "path": f"real/{split}", "kind": "real_set", "step": "real", "materials": [],
            "payload": [], "params": {"split": split}, "seed": 5,
            "code": "", "software": {}, "device": "cpu",
        }
        for split in dataset["splits"]
    ]  # fmt: skip
    return records, dataset


def test_a_picture_that_occurs_twice_is_kept_once(tmp_path) -> None:
    records, dataset = own_data(tmp_path, copies=4)
    real(tmp_path, records, quiet, dataset=dataset)
    images = [np.load(tmp_path / record["path"] / "images.npy") for record in records]
    assert len(set(content_hashes(np.concatenate(images)))) == 9
    facts = manifests.read(tmp_path, "real/loop")["facts"]
    assert (facts["source_rows"], facts["duplicates_removed"]) == (13, 4)
    assert facts["classes"] == ["0", "1", "2"]
    assert list(facts["source"]["files"]) == ["own.npz"]


def test_sizes_are_the_data_sets_and_earlier_splits_keep_their_rows(tmp_path) -> None:
    """A split is what its params say: rows start … start + count of one permutation."""
    records, dataset = own_data(tmp_path, copies=0)
    found = {}
    for features_rows in (2, 1):
        dataset["splits"] |= {"features": features_rows}
        real(tmp_path, records, quiet, dataset=dataset)
        found[features_rows] = [
            np.load(tmp_path / record["path"] / "source_rows.npy").tolist() for record in records
        ]
    order = seeds.stream(5).permutation(9).tolist()
    assert found[2] == [order[:4], order[4:7], order[7:9]]
    assert found[1] == [order[:4], order[4:7], order[7:8]]


def test_the_plans_places_are_those_of_the_splits(made) -> None:
    from sklearn.datasets import load_digits

    rows = unique_rows(load_digits().images.astype(np.uint8))
    order = seeds.stream(0).permutation(rows)
    for split in ("loop", "reference", "features"):
        params = made.plan.nodes[f"real/{split}"].params
        assert params.keys() == {"name", "split_seed", "split", "start", "count"}
        assert (params["name"], params["split_seed"], params["split"]) == ("digits", 0, split)
        expected = order[params["start"] : params["start"] + params["count"]]
        np.testing.assert_array_equal(array(made, f"real/{split}", "source_rows"), expected)


def test_copies_do_not_fill_splits(tmp_path) -> None:
    records, dataset = own_data(tmp_path, copies=9)
    dataset["splits"] |= {"loop": 5}
    with pytest.raises(UserError, match=r"has 9 distinct ones: 1 are missing"):
        real(tmp_path, records, quiet, dataset=dataset)
    assert not (tmp_path / "real").exists()


# Training sets


def training_set(made: Made, name: str, t: int) -> pd.DataFrame:
    experiment = made.plan.experiment
    path = made.root / layout.training_set_path(experiment, name, 1, t)
    return pd.read_parquet(path).astype({"artifact": str, "origin": str})


def expected_set(made: Made, *parts: tuple[str, np.ndarray, int]) -> pd.DataFrame:
    """The index of (artifact, rows, generation) parts, labels from the artifacts."""
    frames = [
        pd.DataFrame(
            {
                "artifact": artifact,
                "row": rows,
                "label": array(made, artifact, "labels")[rows],
                "origin": "synthetic" if t else "real",
                "generation": t,
            }
        )
        for artifact, rows, t in parts
    ]
    return pd.concat(frames, ignore_index=True)


def samples(made: Made, name: str, t: int) -> str:
    return layout.samples_path(made.plan.experiment, name, 1, t)


@pytest.mark.parametrize(
    ("name", "t", "real_rows", "n_synthetic"),
    [
        ("fully-synthetic", 1, slice(0, 60), 0),
        ("fully-synthetic", 2, None, 60),
        ("fully-synthetic", 3, None, 60),
        ("biased", 2, None, 60),
        ("augmentation", 2, slice(0, 60), 60),
        ("augmentation", 3, slice(0, 60), 60),
        ("fresh", 1, slice(0, 40), 0),
        ("fresh", 2, slice(40, 60), 20),
        ("fresh", 3, slice(60, 80), 20),
    ],
)
def test_a_training_set_is_its_regimes(name, t, real_rows, n_synthetic, made) -> None:
    parts = []
    if real_rows is not None:
        parts.append(("real/loop", order_of_real_rows(1)[real_rows], 0))
    if n_synthetic:
        parts.append((samples(made, name, t - 1), np.arange(n_synthetic), t - 1))
    found = training_set(made, name, t)
    pd.testing.assert_frame_equal(found, expected_set(made, *parts))
    experiment = made.plan.experiment
    facts = manifests.read(made.root, layout.training_set_path(experiment, name, 1, t))["facts"]
    n_real = len(found) - n_synthetic
    assert (facts["real_rows"], facts["synthetic_rows"]) == (n_real, n_synthetic)


def test_fresh_pictures_are_seen_once(made) -> None:
    """By their pixels, not by their rows."""
    seen: list[str] = []
    for t in GENERATIONS:
        table = training_set(made, "fresh", t)
        table = table[table["origin"] == "real"].reset_index(drop=True)
        seen += content_hashes(gather(made.root, table))
    assert len(seen) == len(set(seen)) == 40 + 2 * 20


def test_a_mix_of_a_missing_set_is_a_user_error(copied, made) -> None:
    path = layout.training_set_path(made.plan.experiment, "fresh", 1, 2)
    shutil.rmtree(copied / samples(made, "fresh", 1))
    before = (copied / path).read_bytes()
    with pytest.raises(UserError, match=r"labels\.npy: cannot be read"):
        mix(copied, [made.plan.record(path)], quiet)
    assert (copied / path).read_bytes() == before


# Models


def test_a_model_is_the_one_of_its_training_set(copied, made) -> None:
    """Trained again on the same index it is the same; on another it is not."""
    path = layout.model_path(made.plan.experiment, "fresh", 1, 2)
    index = layout.training_set_path(made.plan.experiment, "fresh", 1, 2)
    before = store.hashes(copied / path)
    train(copied, [made.plan.record(path)], quiet)
    assert store.hashes(copied / path) == before
    table = training_sets.read(copied / index).frame()
    write_index(copied / index, table.iloc[::-1].reset_index(drop=True))
    train(copied, [made.plan.record(path)], quiet)
    weights = "unet/diffusion_pytorch_model.safetensors"
    after = store.hashes(copied / path)
    assert after[weights] != before[weights]
    assert {name: value for name, value in after.items() if name != weights} == {
        name: value for name, value in before.items() if name != weights
    }


def test_a_model_is_the_one_of_its_seed(copied, made) -> None:
    path = layout.model_path(made.plan.experiment, "fresh", 1, 2)
    before = store.hashes(copied / path)
    record = made.plan.record(path)
    train(copied, [record | {"seed": record["seed"] ^ 1}], quiet)
    assert store.hashes(copied / path) != before


def test_training_on_nothing_is_a_user_error(copied, made) -> None:
    path = layout.model_path(made.plan.experiment, "fresh", 1, 2)
    index = copied / layout.training_set_path(made.plan.experiment, "fresh", 1, 2)
    index.unlink()
    with pytest.raises(UserError, match=r"training_set\.parquet: cannot be read"):
        train(copied, [made.plan.record(path)], quiet)


# Samples


def test_every_sample_set_has_what_was_asked_for(made) -> None:
    for path, node in made.plan.nodes.items():
        if node.step != "sample":
            continue
        images, labels, row_seeds = (
            array(made, path, name) for name in ("images", "labels", "seeds")
        )
        assert images.shape == (node.params["n"], 8, 8, 1)
        assert images.dtype == np.uint8
        assert images.max() <= 16
        assert labels.dtype == np.int64
        assert row_seeds.dtype == np.uint64
        assert row_seeds.tolist() == [seeds.derive(node.seed, i) for i in range(node.params["n"])]
        if node.params["labels"] == "balanced":
            np.testing.assert_array_equal(labels, np.arange(len(labels)) % 10)
        facts = manifests.read(made.root, path)["facts"]
        assert facts["not_finite"] == 0
        assert 0 <= facts["clipped"] <= 1


@pytest.mark.parametrize("artifact", ["samples", "samples-unbiased"])
def test_what_rounding_lost_is_in_the_manifest(artifact, made) -> None:
    path = f"loops/biased/seed-1/gen-002/{artifact}"
    node, facts = made.plan.nodes[path], manifests.read(made.root, path)["facts"]
    model = ddpm.load(made.root / node.materials[0], "cpu")
    pictures = model.sample(
        array(made, path, "labels"), array(made, path, "seeds"), node.params["sampling_bias"],
        node.params["sample"], quiet,
    )  # fmt: skip
    # 17 levels lie 1/8 apart.
    assert facts["clipped"] == (np.abs(pictures) > 1 + 1 / 16).mean() > 0
    assert facts["not_finite"] == 0
    np.testing.assert_array_equal(quantise(pictures, 17)[0], array(made, path, "images"))


def test_pictures_that_are_not_finite_stand_in_the_manifest(copied, made, monkeypatch) -> None:
    def broken(self, labels, *_: Any) -> np.ndarray:
        pictures = np.zeros((len(labels), 8, 8, 1), np.float32)
        pictures[:2, 0, 0] = math.nan
        pictures[3] = 2.0
        return pictures

    monkeypatch.setattr(ddpm.DDPM, "sample", broken)
    heard = []
    record = made.plan.record("loops/fresh/seed-1/gen-002/samples")
    sample(copied, [record], lambda done, total, note: heard.append((done, note)))
    facts = manifests.read(copied, record["path"])["facts"]
    assert (facts["not_finite"], facts["clipped"]) == (2, 1 / 40)
    assert heard == [(0, "2 of 40 images are not finite")]


def memory_for(batch: int, draw):
    """A sampler on a card that has room for so many pictures at once."""
    import torch

    def limited(self, labels, row_seeds, bias, options, report) -> np.ndarray:
        if options["batch_size"] > batch:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return draw(self, labels, row_seeds, bias, options, report)

    return limited


def test_a_batch_that_memory_halved_is_a_fact_and_samples_are_made_again_with_it(
    copied, made, monkeypatch
) -> None:
    record = made.plan.record("loops/fresh/seed-1/gen-002/samples")
    asked = record["params"]["sample"]["batch_size"]
    monkeypatch.setattr(ddpm.DDPM, "sample", memory_for(asked // 4, ddpm.DDPM.sample))
    heard = []
    sample(copied, [record], lambda done, total, note: heard.append(note) if not done else None)
    assert heard == [f"out of memory: going on with batches of {asked // n}" for n in (2, 4)]
    facts = manifests.read(copied, record["path"])["facts"]
    assert facts["batch_size"] == asked // 4
    before = manifests.read(made.root, record["path"])["facts"]
    assert "batch_size" not in before
    again = trace.regenerate(Archive(copied), record["path"], 3)
    assert again["identical"]


def test_features_that_memory_halved_are_a_fact(copied, made, monkeypatch) -> None:
    import torch

    read = lenet.FeatureNetwork.__call__

    def limited(self, images, batch_size=1024):
        if batch_size > 300:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return read(self, images, batch_size)

    monkeypatch.setattr(lenet.FeatureNetwork, "__call__", limited)
    for step, path in (
        (evaluate, paths.evaluation_path("fresh", 1, 2)),
        (evaluate_real, paths.evaluation_path("real", 1, 0)),
    ):
        before = store.read_json(copied / path)
        step(copied, [made.plan.record(path)], quiet)
        assert manifests.read(copied, path)["facts"] == {"batch_size": 256}
        after = store.read_json(copied / path)["output"]
        assert after["frechet_distance"] == pytest.approx(before["output"]["frechet_distance"])


def test_blocks_that_memory_halved_are_a_fact_and_no_batch_is(copied, made, monkeypatch) -> None:
    """On a card whose memory has no room for distances of more than some rows at once."""
    import torch

    record = made.plan.record(paths.evaluation_path("fresh", 1, 2)) | {"device": "cuda"}
    monkeypatch.setattr(devices, "prepare", lambda *_: None)
    monkeypatch.setattr(card, "_moved", lambda x, device: torch.from_numpy(x))
    load, zeros, apart = lenet.load, torch.zeros, torch.cdist
    monkeypatch.setattr(lenet, "load", lambda folder, device: load(folder, "cpu"))
    monkeypatch.setattr(torch, "zeros", lambda *a, device=None, **k: zeros(*a, **k))

    def limited(a, b, **options):
        if 8 * len(a) * len(b) > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return apart(a, b, **options)

    monkeypatch.setattr(torch, "cdist", limited)
    found = {}
    for room in (2**30, 900):
        evaluate(copied, [record], quiet)
        found[room] = store.read_json(copied / record["path"])
        found[room]["facts"] = manifests.read(copied, record["path"])["facts"]
    assert found[2**30].pop("facts") == {}
    facts = found[900].pop("facts")
    assert facts.keys() == {"block_bytes"}
    assert 0 < facts["block_bytes"] <= 900
    # A sum over all pairs is rounded by its blocks.
    sums = [found[room]["output"].pop("kernel_distance") for room in found]
    assert sums[1] == pytest.approx(sums[0], rel=1e-9)
    assert found[900]["output"] == found[2**30]["output"]


def test_inherited_labels_are_drawn_from_the_models_own_training_set(made) -> None:
    for t in GENERATIONS:
        node = made.plan.nodes[samples(made, "biased", t)]
        pool = training_set(made, "biased", t)["label"].to_numpy()
        draws = seeds.stream(seeds.derive("labels", node.seed))
        expected = requested_labels(node.params["n"], 10, "inherited", pool, draws)
        np.testing.assert_array_equal(array(made, node.path, "labels"), expected)
        assert not np.array_equal(expected, np.arange(60) % 10)


def test_previews_show_the_same_seeds_and_classes_everywhere(made) -> None:
    previews = [path for path, node in made.plan.nodes.items() if node.kind == "preview"]
    assert len(previews) == 2 + 1 + 4 * 2
    for path in previews:
        for name in ("seeds", "labels"):
            np.testing.assert_array_equal(array(made, path, name), array(made, previews[0], name))
    pictures = {array(made, path, "images").tobytes() for path in previews}
    assert len(pictures) == len(previews)


def test_no_sample_seed_occurs_twice(made) -> None:
    drawn = [
        array(made, path, "seeds")
        for path, node in made.plan.nodes.items()
        if node.kind == "sample_set"
    ]
    everything = np.concatenate([*drawn, array(made, "real-only/full/seed-1/preview", "seeds")])
    assert len(np.unique(everything)) == len(everything)


def test_sets_drawn_together_or_alone_are_the_same(copied, made) -> None:
    folder = "loops/biased/seed-1/gen-002"
    paths = [f"{folder}/preview", f"{folder}/samples", f"{folder}/samples-unbiased"]
    before = {path: store.sha256(copied / manifests.path_of(path)) for path in paths}
    for path in paths:
        shutil.rmtree(copied / path)
    sample(copied, [made.plan.record(path) for path in paths], quiet)
    assert {path: store.sha256(copied / manifests.path_of(path)) for path in paths} == before


def test_samples_of_another_bias_differ(made) -> None:
    folder = "loops/biased/seed-1/gen-002"
    output, model = (array(made, f"{folder}/{name}", "images") for name in
                     ("samples", "samples-unbiased"))  # fmt: skip
    assert not np.array_equal(output[:40], model)


def test_a_sample_set_of_a_missing_model_is_a_user_error(copied, made) -> None:
    record = made.plan.record("real-only/full/seed-1/samples")
    shutil.rmtree(copied / "real-only/full/seed-1/model")
    with pytest.raises(UserError, match="model: not a saved ddpm model"):
        sample(copied, [record], quiet)


# Grey levels


@settings(derandomize=True, max_examples=100)
@given(
    levels=st.integers(2, 256),
    values=arrays.arrays(np.float32, (4,), elements=st.floats(-2, 2, width=32)),
)
def test_grey_levels_are_the_nearest_ones_within_range(levels, values) -> None:
    images, lost = quantise(values.reshape(2, 2, 1, 1), levels)
    assert lost.keys() == {"not_finite", "clipped"}
    assert lost["not_finite"] == 0
    # Half a level outside, give or take what float32 can tell.
    bound = 1 + 1 / (levels - 1)
    outside = np.abs(values.astype(np.float64))
    assert (outside > bound + 1e-6).mean() <= lost["clipped"] <= (outside > bound - 1e-6).mean()
    assert images.dtype == np.uint8
    assert images.shape == (2, 2, 1, 1)
    for value, found in zip(values.tolist(), images.ravel().tolist(), strict=True):
        exact = (min(max(value, -1), 1) + 1) / 2 * (levels - 1)
        assert 0 <= found <= levels - 1
        assert abs(found - exact) <= 0.5 + 1e-4


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_grey_levels_come_back_from_what_the_network_sees(levels) -> None:
    images = np.arange(levels, dtype=np.uint8).reshape(-1, 1, 1, 1)
    scaled = images.astype(np.float32) * (2.0 / (levels - 1)) - 1.0
    found, lost = quantise(scaled, levels)
    np.testing.assert_array_equal(found, images)
    assert lost == {"not_finite": 0, "clipped": 0.0}


@pytest.mark.parametrize("levels", [2, 5, 17, 257])
def test_half_a_level_outside_is_rounding_and_more_is_clipping(levels) -> None:
    edge = np.float32(1 + 1 / (levels - 1))  # exact: levels - 1 is a power of two
    beyond = np.nextafter(edge, np.float32(9))
    pixels = np.array([edge, -edge, 1, -1, beyond, -beyond, 0, 0], np.float32)
    _, lost = quantise(pixels.reshape(2, 2, 2, 1), levels)
    assert lost == {"not_finite": 0, "clipped": 2 / 8}


def test_pictures_that_are_not_finite_are_counted_and_kept() -> None:
    pictures = np.zeros((5, 2, 2, 1), np.float32)
    pictures[1, 0, 0] = math.nan
    pictures[3, :, 0] = math.inf
    pictures[3, 0, 1] = -math.inf
    pictures[4] = 9.0
    images, lost = quantise(pictures, 17)
    # Of 20 pixels three are infinite and four are 9; the NaN became 0, which is within range.
    assert lost == {"not_finite": 2, "clipped": 7 / 20}
    assert images[..., 0].tolist() == [
        [[8, 8], [8, 8]], [[0, 8], [8, 8]], [[8, 8], [8, 8]], [[16, 0], [16, 8]],
        [[16, 16], [16, 16]],
    ]  # fmt: skip


# Evaluations


@pytest.mark.parametrize("t", GENERATIONS)
@pytest.mark.parametrize("name", LOOPS)
def test_both_views_are_there_and_equal_where_unbiased(name, t, made) -> None:
    found = measured(made, name, t)
    assert found.keys() == {"output", "model"}
    assert (found["output"] == found["model"]) == (name != "biased")
    for view in found.values():
        assert view.keys() == {
            *metrics.names("images"), *tables.COUNTS, "n_train", "n_train_real", "undefined",
            "profiles",
        }  # fmt: skip
        assert (view["n_samples"], view["n_reference"]) == (40, 60)


@pytest.mark.parametrize("t", GENERATIONS)
@pytest.mark.parametrize("name", LOOPS)
def test_undefined_metrics_are_null_and_say_why(name, t, made) -> None:
    synthetic_alone = name in ("fully-synthetic", "biased") and t > 1
    for view in measured(made, name, t).values():
        expected = {"memorisation": "no real rows in the training set"} if synthetic_alone else {}
        assert view["undefined"] == expected
        for metric in metrics.names("images"):
            assert (view[metric] is None) == (metric in expected)
        table = training_set(made, name, t)
        assert view["n_train"] == len(table)
        assert view["n_train_real"] == (table["origin"] == "real").sum()


@pytest.mark.parametrize(("name", "t"), [("biased", 1), ("biased", 3), ("augmentation", 2),
                                         ("fresh", 3)])  # fmt: skip
def test_numbers_are_those_of_these_samples_and_this_training_set(name, t, made, network) -> None:
    experiment = made.plan.experiment
    reference, _ = network(array(made, "real/reference", "images"))
    table = training_set(made, name, t)
    trained, _ = network(gather(made.root, table))
    own = trained[(table["origin"] == "real").to_numpy()]
    node = made.plan.nodes[paths.evaluation_path(name, 1, t)]
    places = {
        "output": samples(made, name, t),
        "model": layout.unbiased_path(experiment, name, 1, t),
    }
    for view, place in places.items():
        generated, predicted = network(array(made, place, "images")[:40])
        found = measured(made, name, t)[view]
        asked = array(made, place, "labels")[:40]
        assert found["label_accuracy"] == (predicted == asked).mean()
        for key, compared in (
            ("frechet_distance", reference), ("frechet_distance_to_train", trained),
        ):  # fmt: skip
            distance = frechet_distance(generated, compared)
            assert found[key] == pytest.approx(distance, rel=1e-6)
        assert found["profiles"]["classes"] == np.bincount(predicted, minlength=10).tolist()
        spectra = [ring_power(array(made, place, "images")[:40], 17)]
        assert found["profiles"]["spectrum"] == pytest.approx(spectra[0].mean(axis=0))
        spectra += [ring_power(array(made, "real/reference", "images"), 17)]
        assert found["spectral_distance"] == pytest.approx(spectral_distance(*spectra))
        if len(own):
            shuffled = own[seeds.stream(node.seed).permutation(len(own))]
            expected = memorisation(generated, shuffled, reference)
            assert found["memorisation"] == pytest.approx(expected)


def test_memorisation_compares_with_real_rows_drawn_by_the_recorded_seed(
    copied, made, network
) -> None:
    """Where fewer images are held out than trained on, which of these count is a draw."""
    for name in ("images", "labels"):
        file = copied / f"real/reference/{name}.npy"
        np.save(file, np.load(file)[:20])
    record = made.plan.record(paths.evaluation_path("augmentation", 1, 2))
    evaluate(copied, [record], quiet)
    found = store.read_json(copied / record["path"])["output"]["memorisation"]
    generated, _ = network(array(made, samples(made, "augmentation", 2), "images")[:40])
    reference, _ = network(np.load(copied / "real/reference/images.npy"))
    table = training_set(made, "augmentation", 2)
    trained, _ = network(gather(made.root, table))
    own = trained[(table["origin"] == "real").to_numpy()]
    values = [
        memorisation(generated, own[seeds.stream(seed).permutation(60)], reference)
        for seed in (record["seed"], 0, 1, 2)
    ]
    assert found == pytest.approx(values[0])
    assert len({round(value, 9) for value in values}) > 1


def test_real_images_are_measured_like_samples(made, network) -> None:
    found = measured(made, "real", 0)
    assert found["output"] == found["model"]
    assert found["output"]["undefined"].keys() == {"memorisation", "frechet_distance_to_train"}
    assert (found["output"]["n_samples"], found["output"]["n_train"]) == (40, 0)
    rows = order_of_real_rows(1)[:40]
    generated, predicted = network(array(made, "real/loop", "images")[rows])
    reference, _ = network(array(made, "real/reference", "images"))
    distance = frechet_distance(generated, reference)
    assert found["output"]["frechet_distance"] == pytest.approx(distance, rel=1e-6)
    accuracy = (predicted == array(made, "real/loop", "labels")[rows]).mean()
    assert found["output"]["label_accuracy"] == accuracy
    powers = (array(made, "real/loop", "images")[rows], array(made, "real/reference", "images"))
    spectral = spectral_distance(*(ring_power(images, 17) for images in powers))
    assert found["output"]["spectral_distance"] == pytest.approx(spectral)


def test_real_images_come_with_the_spread_of_their_numbers(made) -> None:
    spread = measured(made, "real", 0)["resplits"]
    assert {"frechet_distance", "kernel_distance", "precision", "recall"} <= spread.keys()
    assert made.plan.nodes[paths.evaluation_path("real", 1, 0)].params["resplits"] == 50
    for found in spread.values():
        assert found["low"] <= found["mean"] <= found["high"]
        assert found["sd"] > 0


def test_the_feature_network_knows_digits_it_never_saw(made, network) -> None:
    _, predicted = network(array(made, "real/reference", "images"))
    assert (predicted == array(made, "real/reference", "labels")).mean() > 0.7


def test_networks_that_learned_nothing_are_told_from_real_images(made) -> None:
    real_row = measured(made, "real", 0)["output"]
    for name in LOOPS:
        row = measured(made, name, 3)["output"]
        assert row["frechet_distance"] > 3 * real_row["frechet_distance"]
        assert row["label_accuracy"] < 0.5 < real_row["label_accuracy"]


def test_samples_that_cannot_be_measured_leave_reasons_and_no_nan(copied, made) -> None:
    """A collapsed set: every picture the same."""
    path = paths.evaluation_path("fresh", 1, 2)
    place = copied / samples(made, "fresh", 2)
    images = np.load(place / "images.npy")
    np.save(place / "images.npy", np.zeros_like(images))
    evaluate(copied, [made.plan.record(path)], quiet)
    text = (copied / path).read_text()
    found = json.loads(text)["output"]
    assert "NaN" not in text
    assert found["class_entropy"] == 0
    assert found["frechet_distance"] > 0
    assert found["recall"] == 0


def test_an_evaluation_without_its_network_is_a_user_error(copied, made) -> None:
    shutil.rmtree(copied / "features/lenet")
    with pytest.raises(UserError, match="lenet: not a saved feature network"):
        evaluate(copied, [made.plan.record(paths.evaluation_path("fresh", 1, 2))], quiet)


# The report


def test_the_table_holds_what_was_measured(made) -> None:
    table = tables.read(made.root)
    assert len(table) == 2 * (1 + 2 + 4 * 3)
    for row in table.itertuples(index=False):
        name = row.loop.removeprefix("real-only/")
        found = measured(made, name, row.generation)[row.view]
        assert row.recall == found["recall"]
        assert row.frechet_distance == pytest.approx(found["frechet_distance"], rel=1e-12)


def test_a_grid_shows_the_same_seeds_in_every_row_class_by_class(made, monkeypatch) -> None:
    drawn: dict[str, Any] = {}
    monkeypatch.setattr(grid, "draw", lambda rows, levels, title: drawn.update(rows))
    monkeypatch.setattr(
        figures, "save", lambda figure, caption, stem: drawn.setdefault("said", caption)
    )
    previews = {
        f"generation {t}": layout.preview_path(made.plan.experiment, "fresh", 1, t)
        for t in GENERATIONS
    }
    draw_grid(str(made.root), "fresh", 1, previews, "a title", "unused")
    assert "Loop fresh, run seed 1: the same 20 sample seeds" in drawn.pop("said")
    assert list(drawn) == ["real", *previews]
    # Two of each class: the preview's rows are 0 … 9, 0 … 9.
    order = [row for label in range(10) for row in (label, label + 10)]
    for name, artifact in previews.items():
        images = array(made, artifact, "images")[: KINDS["images"].shown]
        np.testing.assert_array_equal(drawn[name], images[order])
    reference = array(made, "real/reference", "images")
    classes = array(made, "real/reference", "labels")
    for place, image in enumerate(drawn["real"]):
        row = np.flatnonzero(classes == place // 2)[place % 2]
        np.testing.assert_array_equal(image, reference[row])


def test_the_real_row_of_a_grid_has_the_previews_classes(tmp_path) -> None:
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    with store.new_folder(tmp_path / "real/reference") as folder:
        sets.write_arrays(folder, images=images, labels=np.array([1, 0, 1, 0, 0, 2]))
    facts = {"size": 1}
    rows = _real_row(tmp_path, facts, np.array([0, 1, 2, 0, 1, 2, 0, 0]))
    assert rows.ravel().tolist() == [1, 0, 5, 3, 2, 5, 4, 1]
    # A class that the reference lacks still fills its place.
    assert _real_row(tmp_path, facts, np.array([7, 7])).ravel().tolist() == [0, 1]
