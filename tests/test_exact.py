"""Samples that feed back as they were drawn: neither rounded to grey levels nor clipped."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from autophagy import costs, manifests, rows, sets, store, training_sets
from autophagy.archive import Archive
from autophagy.audit import forms
from autophagy.audit.case import Case
from autophagy.steps import mix, sample, train
from conftest import changed, plan_of, quiet
from frames import index_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpys

LOOP = "loops/fully-synthetic/seed-1"
EXACT = ("loops.fully-synthetic.sample", {"exact": True})


@settings(derandomize=True, max_examples=60)
@given(
    numpys.arrays(np.float32, (2, 3, 3, 1), elements=st.floats(-3, 3, width=32)),
    st.integers(2, 256),
)
def test_rounded_and_clipped_they_are_what_is_stored(pictures, levels) -> None:
    exact = rows.exact(pictures, levels)
    assert exact.dtype == np.float32
    np.testing.assert_array_equal(rows.rounded(exact, levels), rows.quantise(pictures, levels)[0])
    np.testing.assert_allclose(exact * (2.0 / (levels - 1)) - 1.0, pictures, atol=1e-5)


def test_what_is_no_number_is_stored_as_everywhere() -> None:
    broken = np.array([np.nan, np.inf, -np.inf, 0.0], np.float32).reshape(1, 2, 2, 1)
    exact = rows.exact(broken, 17)
    np.testing.assert_array_equal(exact.ravel(), [0.0, 16.0, 0.0, 8.0])
    np.testing.assert_array_equal(rows.rounded(exact, 17), rows.quantise(broken, 17)[0])


@pytest.fixture(scope="module")
def made(tiny_experiment, tmp_path_factory):
    """S^1 drawn exactly, D^2 and G^2 of it, beside those of the loop as it is; plan and folder."""
    plan = plan_of(changed(EXACT) | {"seeds": [1]})
    root = tmp_path_factory.mktemp("exact") / "tiny"
    shutil.copytree(tiny_experiment.root, root)
    records = [plan.record(f"{LOOP}/gen-001/{part}") for part in ("samples", "preview")]
    sample.sample(root, records, quiet)
    mix.mix(root, [plan.record(f"{LOOP}/gen-002/training_set.parquet")], quiet)
    shutil.rmtree(root / LOOP / "gen-002/model")
    train.train(root, [plan.record(f"{LOOP}/gen-002/model")], quiet)
    return plan, root


def test_a_loop_keeps_both_and_trains_on_what_was_drawn(made, tiny_experiment) -> None:
    plan, root = made
    exact = sets.read_array(root, f"{LOOP}/gen-001/samples", "exact")
    images = sets.read_array(root, f"{LOOP}/gen-001/samples", "images")
    assert (exact != np.rint(exact)).mean() > 0.5
    np.testing.assert_array_equal(rows.rounded(exact, 17), images)
    assert not (root / LOOP / "gen-001/preview/exact.npy").exists()
    # The same samples as the loop as it is has, which shares those of its real-only model.
    model = "gen-002/model"
    assert store.hashes(root / LOOP / model) != store.hashes(tiny_experiment.root / LOOP / model)
    table = training_sets.read(root / LOOP / "gen-002/training_set.parquet").frame()
    gathered = training_sets.gather_exact(root, index_of(table))
    np.testing.assert_array_equal(gathered, exact[table["row"]])
    fresh = training_sets.read(root / "loops/fresh/seed-1/gen-002/training_set.parquet").frame()
    assert training_sets.gather_exact(root, index_of(fresh)).dtype == np.uint8
    more = costs.of(plan)["sample"].written - costs.of(tiny_experiment.plan)["sample"].written
    # Three sets of 60, one of which the loop as it is shares with its start.
    assert more > 3 * 60 * 64 * 4


@pytest.mark.parametrize("claim", ["another picture", "none", "a NaN"])
def test_exact_pictures_that_are_others_are_found(claim, made, tmp_path) -> None:
    root, path = tmp_path / "forged", f"{LOOP}/gen-001/samples"
    shutil.copytree(made[1] / path, root / path)
    manifest = manifests.path_of(path)
    shutil.copy(made[1] / manifest, root / manifest)
    case = Case(Archive(root))
    assert [said for at, said in forms.forms(case) if at == path] == []
    exact = sets.read_array(root, path, "exact").copy()
    exact[3] = np.nan if claim == "a NaN" else 16.0 - exact[3]
    np.save(root / path / "exact.npy", exact)
    if claim == "none":
        content = store.read_json(root / manifest)
        del content["files"]["exact.npy"]
        store.write_json(root / manifest, content)
    found = [said for at, said in forms.forms(Case(Archive(root))) if at == path]
    assert len(found) == 1
    assert ("against" if claim == "none" else "not its exact ones") in found[0]
