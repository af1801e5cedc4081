"""Points go through the same rules as pictures, and nothing rounds or clips them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from autophagy import config as configuration
from autophagy import data, manifests, metrics, store, summary, tables, training_sets
from autophagy.archive import Archive
from autophagy.audit import audit
from autophagy.data import gaussian, grid_mixture, rosenbrock
from autophagy.data.base import checked_points
from autophagy.errors import UserError
from autophagy.export import card, croissant
from autophagy.metrics import Undefined
from autophagy.metrics.truth import modes_recovered, on_modes, tail_mass
from autophagy.models.base import TrainingPoints
from autophagy.models.gaussian import fit
from autophagy.rows import KINDS, of
from autophagy.trace import regenerate
from autophagy.verdict import summary as verdict_summary
from conftest import TESTS, Made, make, plan_of, quiet
from frames import gather

CONTENT = yaml.safe_load((TESTS / "configs" / "points.yaml").read_text(encoding="utf-8"))
SAMPLES = "loops/biased/seed-1/gen-002/samples"


def edited(**edits: Any) -> dict[str, Any]:
    return copy.deepcopy(CONTENT) | edits


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    folder = tmp_path_factory.mktemp("points")
    plan = plan_of(CONTENT)
    make(plan, folder / plan.root)
    return Made(plan, folder / plan.root, folder)


def read(made: Made, artifact: str, name: str = "points") -> np.ndarray:
    return np.load(made.root / artifact / f"{name}.npy")


# Data


@pytest.mark.parametrize(
    ("dataset", "d"),
    [
        ({"name": "gaussian", "dimensions": 3}, 3),
        ({"name": "rosenbrock"}, 2),
        ({"name": "grid_mixture", "side": 5, "spacing": 2.0, "deviation": 0.1}, 2),
    ],
)
def test_points_are_drawn_by_their_seed_alone(dataset, d) -> None:
    dataset = dataset | {"count": 50, "data_seed": 1}
    module = data.module(dataset["name"])
    drawn, again = module.load(dataset), module.load(dataset)
    assert drawn.points.dtype == np.float32
    assert drawn.points.shape == (50, *module.shape(dataset)) == (50, d)
    assert drawn.points.tobytes() == again.points.tobytes()
    assert drawn.facts == {"dimensions": d}
    other = module.load(dataset | {"data_seed": 2})
    assert not np.isin(other.points, drawn.points).any()


def test_rosenbrock_has_the_moments_of_its_density() -> None:
    """x₁ ~ N(0, 1), x₂ = x₁² + N(0, ½): E x₂ = 1, var x₂ = 2 + ½, E x₁² x₂ = 3."""
    n = 200_000
    x, y = rosenbrock.load({"name": "rosenbrock", "count": n, "data_seed": 0}).points.T.astype(
        float
    )
    for found, expected in ((x, 0), (x**2, 1), (y, 1), (y**2, 3.5), (x**2 * y, 3), (x * y, 0)):
        assert abs(found.mean() - expected) < 4 * found.std() / n**0.5


def test_the_grids_points_lie_around_its_centres() -> None:
    dataset = {
        "name": "grid_mixture", "side": 3, "spacing": 2.0, "deviation": 0.1, "count": 9000,
        "data_seed": 0,
    }  # fmt: skip
    points, truth = grid_mixture.load(dataset).points, grid_mixture.truth(dataset)
    assert sorted(map(tuple, truth.centres.tolist())) == [
        (x, y) for x in (-2.0, 0.0, 2.0) for y in (-2.0, 0.0, 2.0)
    ]
    offsets = (points[:, None] - truth.centres)[
        np.arange(9000), ((points[:, None] - truth.centres) ** 2).sum(axis=2).argmin(axis=1)
    ]
    assert np.abs(offsets.mean(axis=0)).max() < 4 * 0.1 / 9000**0.5
    np.testing.assert_allclose(offsets.std(axis=0), 0.1, rtol=4 / 18000**0.5)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.zeros((3, 2)), "float64; only float32"),
        (np.zeros(3, np.float32), r"shape \(3,\)"),
        (np.zeros((0, 2), np.float32), r"shape \(0, 2\)"),
        (np.full((3, 2), np.nan, np.float32), "not finite"),
    ],
)
def test_what_is_no_set_of_points_is_refused(points, words) -> None:
    source = {"name": "x", "licence": "CC0 1.0", "files": {}}
    with pytest.raises(UserError, match=f"dataset x: .*{words}"):
        checked_points(points, np.zeros(len(points), int), ("all",), source)


# Metrics in data space


def test_a_mode_is_recovered_by_a_single_point_within_four_deviations() -> None:
    truth = grid_mixture.Truth(np.array([[0.0, 0.0], [10.0, 0.0]]), 1.0)
    inside, outside = np.array([[3.9, 0.0]]), np.array([[4.1, 0.0]])
    assert modes_recovered(inside, truth) == 0.5
    assert modes_recovered(outside, truth) == 0.0
    assert on_modes(np.concatenate([inside, outside, outside, outside]), truth) == 0.25


@pytest.mark.parametrize("dataset", [gaussian, rosenbrock])
def test_the_truth_has_a_tail_mass_of_one_and_its_core_has_none(dataset) -> None:
    section = {"name": "x", "count": 100_000, "data_seed": 0, "dimensions": 3}
    points, truth = dataset.load(section).points, dataset.truth(section)
    assert abs(tail_mass(points, truth) - 1.0) < 4 * (19 / len(points)) ** 0.5
    core = points[truth.radii(points) < 5.0]
    assert tail_mass(core, truth) == 0.0


def test_what_a_truth_does_not_know_is_undefined() -> None:
    point = np.zeros((1, 2))
    with pytest.raises(Undefined, match="no closed form"):
        tail_mass(point, grid_mixture.Truth(point, 1.0))
    for metric in (modes_recovered, on_modes):
        with pytest.raises(Undefined, match="no modes"):
            metric(point, rosenbrock.Truth())


def test_tables_of_one_kind_have_no_columns_of_the_other() -> None:
    assert {"tail_mass", "modes_recovered"}.isdisjoint(metrics.names("images"))
    assert {"label_accuracy", "spectral_distance"}.isdisjoint(metrics.names("points"))
    assert set(metrics.names("images")) | set(metrics.names("points")) == set(metrics.METRICS)


# The whole


def test_every_artifact_is_what_the_plan_says(made) -> None:
    for path in made.plan.nodes:
        assert manifests.stale(made.root, made.plan.record(path)) is None


def test_sets_hold_points_as_they_were_drawn(made) -> None:
    for artifact, n in (("real/loop", 200), ("real/reference", 100), (SAMPLES, 100)):
        points, facts = read(made, artifact), manifests.read(made.root, artifact)["facts"]
        assert (points.dtype, points.shape, facts["dimensions"]) == (np.float32, (n, 2), 2)
        assert "levels" not in facts
        assert not (made.root / artifact / "images.npy").exists()
    source = data.load(CONTENT["dataset"]).points
    rows = read(made, "real/loop", "source_rows")
    np.testing.assert_array_equal(read(made, "real/loop"), source[rows])
    # Real rows travel through indices: they come out bit by bit.
    table = training_sets.read(
        made.root / "loops/fresh/seed-1/gen-003/training_set.parquet"
    ).frame()
    gathered = gather(made.root, table, "points")
    real = (table["origin"] == "real").to_numpy()
    assert np.isin(gathered[real].view(np.uint32), source.view(np.uint32)).all()


def test_a_loops_model_is_the_fit_to_its_training_set_and_draws_at_its_bias(made) -> None:
    table = training_sets.read(
        made.root / "loops/biased/seed-1/gen-002/training_set.parquet"
    ).frame()
    points = gather(made.root, table, "points")
    np.testing.assert_array_equal(points, read(made, "loops/biased/seed-1/gen-001/samples")[:60])
    model = fit(TrainingPoints(points, np.zeros(60, int), 1), {}, {}, 0, "cpu", quiet)
    np.testing.assert_allclose(model.covariances[0], np.cov(points.astype(float).T), rtol=1e-12)
    labels, seeds = read(made, SAMPLES, "labels"), read(made, SAMPLES, "seeds")
    drawn = model.sample(labels, seeds, 0.5, {}, quiet)
    np.testing.assert_array_equal(drawn, read(made, SAMPLES))


def test_the_audit_is_content_and_notices_a_moved_point(made, tmp_path) -> None:
    assert audit(Archive(made.root)) == []
    assert json.loads((made.root / "audit.json").read_text())["findings"] == []


def test_a_held_out_point_in_a_sample_set_is_found(made, tmp_path) -> None:
    import shutil

    root = tmp_path / "copy"
    shutil.copytree(made.root, root)
    points = read(made, SAMPLES).copy()
    points[7] = read(made, "real/reference")[3]
    np.save(root / SAMPLES / "points.npy", points)
    manifest = store.read_json(root / manifests.path_of(SAMPLES))
    manifest["files"] = store.hashes(root / SAMPLES)
    store.write_json(root / manifests.path_of(SAMPLES), manifest)
    paths = [SAMPLES, "real/reference", "real/features", "real/loop"]
    found = [f for f in audit(Archive(root, tuple(paths))) if f.law == "held-out"]
    assert [f.path for f in found] == [SAMPLES]
    assert "is a picture of real/reference" in found[0].message
    np.save(root / SAMPLES / "points.npy", points.astype(np.float64))
    manifest["files"] = store.hashes(root / SAMPLES)
    store.write_json(root / manifests.path_of(SAMPLES), manifest)
    found = [f for f in audit(Archive(root, tuple(paths))) if f.law == "forms"]
    assert "its points are float64 (100, 2); expected float32 (100, 2)" in found[0].message


def test_a_point_is_made_again_bit_by_bit(made) -> None:
    found = regenerate(Archive(made.root), SAMPLES, 17)
    assert found == {
        "identical": True, "largest_difference": 0.0, "unit": "in a coordinate", "same_code": True,
    }  # fmt: skip


def test_tables_speak_of_points_and_of_the_space(made) -> None:
    text = summary.text(made.root, made.plan.experiment)
    assert "Fréchet distance (data space; lower is better)" in text
    assert (
        "every model: mean and covariance, exact; 100 samples against 100 held-out real points"
        in text
    )
    assert "Tail mass, over the truth's 5%" in text
    assert "modes" not in text
    assert "images" not in text + verdict_summary.text(made.root, made.plan.experiment)
    assert "LeNet" not in text
    table = tables.read(made.root)
    assert tuple(table.columns) == tables.columns("points")
    # λ = .5 twice, and no real rows: the tails are gone in the model view too.
    biased = table[(table["loop"] == "biased") & (table["view"] == "model")]
    assert biased["tail_mass"].tolist()[2] < biased["tail_mass"].tolist()[0]
    assert table["modes_recovered"].isna().all()


def test_exports_describe_points(made) -> None:
    archive = Archive(made.root)
    described = croissant.described(archive, SAMPLES)
    [file] = [f for f in described["distribution"] if f["name"] == "points.npy"]
    assert (file["autophagy:dtype"], file["autophagy:shape"]) == ("float32", "100,2")
    assert "license: cc0-1.0" in card.card(archive, SAMPLES)


def test_a_point_that_is_not_finite_is_kept_and_counted() -> None:
    drawn = np.array([[1e30, 0.0], [np.nan, 1.0], [1.0, np.inf]])
    kept, accidents = KINDS["points"].stored(drawn, {"dimensions": 2})
    assert accidents == {"not_finite": 2}
    np.testing.assert_array_equal(kept, drawn.astype(np.float32))
    assert of({"dimensions": 2}).name == "points"


# Bad input

MALFORMED: list[tuple[dict[str, Any], str]] = [
    ({"kind": "images"}, "kind: images does not fit dataset.name = rosenbrock, whose rows are "
     "points; write kind: points"),
    ({"model": {"family": "gan", "channels": [8]},
      "train": {"steps": 1, "batch_size": 1, "learning_rate": 0.1}, "sample": {"batch_size": 1}},
     "model.family: gan models images, and the rows of dataset.name = rosenbrock are points; "
     "allowed: flow, gaussian, mixture"),
    ({"evaluate": {"n": 100, "k": 5, "features": "lenet"}}, "evaluate.features: lenet"),
    ({"evaluate": {"n": 201, "k": 5, "features": "identity"}}, "real points as there are samples"),
    ({"real_only": {"full": 201, "small": 40}}, "201 real points exceed"),
    ({"train": {"steps": 3}}, "train.steps: unknown key"),
    ({"dataset": CONTENT["dataset"] | {"count": 300}}, "ask for 301 points and rosenbrock has 300"),
    ({"dataset": CONTENT["dataset"] | {"count": 0}}, "dataset.count: 0 is not allowed"),
    ({"dataset": CONTENT["dataset"] | {"data_seed": -1}}, "dataset.data_seed: -1"),
    ({"dataset": CONTENT["dataset"] | {"dimensions": 2}}, "dataset.dimensions: unknown key"),
    ({"dataset": CONTENT["dataset"] | {"name": "gaussian", "dimensions": 0}},
     "dataset.dimensions: 0"),
    ({"dataset": CONTENT["dataset"] | {
        "name": "grid_mixture", "side": 0, "spacing": 1.0, "deviation": 0.1}}, "dataset.side: 0"),
    ({"dataset": CONTENT["dataset"] | {
        "name": "grid_mixture", "side": 5, "spacing": 0.0, "deviation": 0.1}},
     "dataset.spacing: 0.0"),
    ({"dataset": CONTENT["dataset"] | {
        "name": "grid_mixture", "side": 5, "spacing": 1.0, "deviation": -0.1}},
     "dataset.deviation: -0.1"),
    ({"model": {"family": "mixture", "components": 0}}, "model.components: 0"),
    ({"model": {"family": "mixture", "components": 2}, "train": {"start": "magic"}},
     'train.start: "magic"'),
    ({"model": {"family": "mixture", "components": 2}, "train": {"tolerance": 0.0}},
     "train.tolerance: 0.0"),
    ({"model": {"family": "flow", "couplings": 0},
      "train": {"epochs": 1, "batch_size": 8, "learning_rate": 0.1}, "sample": {"batch_size": 8}},
     "model.couplings: 0"),
    ({"model": {"family": "flow"}, "sample": {"batch_size": 8},
      "train": {"epochs": 0, "batch_size": 8, "learning_rate": 0.1}}, "train.epochs: 0"),
    ({"model": {"family": "flow"}, "sample": {"batch_size": 8},
      "train": {"epochs": 1, "batch_size": 8, "learning_rate": 0.1},
      "dataset": CONTENT["dataset"] | {"name": "gaussian", "dimensions": 1}},
     "model.family: a flow's coupling layers"),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "words"), MALFORMED)
def test_a_mistake_is_one_line_before_anything_runs(edits, words) -> None:
    with pytest.raises(UserError) as raised:
        configuration.parse(edited(**edits), "my.yaml")
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


LIKELY = {"kind": "likelihood", "candidates": 2}


def with_loop(**edits: Any) -> dict[str, Any]:
    """The configuration with keys of its loop `biased` changed."""
    content = edited()
    content["loops"]["biased"] |= edits
    return content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (edited(real_only={"full": 60, "small": 40, "one": 1}),
         "real_only.one: 1 is not allowed; a covariance needs 2 points or more"),
        (with_loop(n_synthetic=1),
         "loops.biased: n_real 0 and n_synthetic 1 make training sets of 1, which is not allowed"),
        (with_loop(n_synthetic=2, filter=LIKELY), "a likelihood in 2 dimensions needs a gaussian"),
        (with_loop(filter=LIKELY) | {"real_only": {"full": 2, "small": 40}},
         "real_only.full: 2 is not allowed; a likelihood in 2 dimensions needs a gaussian of 3"),
        (edited(model={"family": "mixture", "components": 50}),
         "real_only.small: 40 is not allowed; model.components = 50 needs 50 points or more"),
        (edited(model={"family": "mixture", "components": 41}, real_only={"full": 60, "small": 60}),
         "loops.fresh: n_real 20 and n_synthetic 20 make training sets of 40"),
    ],
)  # fmt: skip
def test_fewer_points_than_a_family_can_be_fitted_to_are_refused(content, words) -> None:
    with pytest.raises(UserError) as raised:
        configuration.parse(content, "my.yaml")
    assert words in str(raised.value)


def test_as_few_points_as_a_family_needs_are_taken_and_fitted() -> None:
    for content in (
        edited(real_only={"full": 60, "small": 40, "two": 2}),
        with_loop(n_synthetic=2),
        with_loop(n_synthetic=3, filter=LIKELY),
        with_loop(n_synthetic=1) | {"generations": 1},
        edited(model={"family": "mixture", "components": 40}),
    ):
        configuration.parse(content, "my.yaml")
    # A covariance of d points is singular, one of d + 1 has a density.
    points = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    keys = np.arange(1, dtype=np.uint64)
    for n in (2, 3):
        data_of_n = TrainingPoints(points[:n], np.zeros(n, np.int64), 1)
        model = fit(data_of_n, {}, {}, 0, "cpu", quiet)
        if n == 3:
            assert np.isfinite(model.log_likelihoods(points[:1], keys, keys, {})).all()
        else:
            assert np.linalg.matrix_rank(model.covariances[0]) == 1


def test_images_cannot_be_modelled_by_a_family_of_points(tmp_path: Path) -> None:
    content = yaml.safe_load((TESTS / "configs" / "tiny.yaml").read_text(encoding="utf-8"))
    for key in ("model", "train", "sample"):
        content[key] = CONTENT[key]
    with pytest.raises(UserError, match=r"gaussian models points, .* allowed: ddpm, gan, latent$"):
        configuration.parse(content, "my.yaml")
