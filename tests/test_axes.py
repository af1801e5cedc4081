"""The axes beyond the paper's three loops, made, audited and traced: tests/configs/regimes.yaml."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from autophagy import audit, lineage, manifests, regimes, rows, sets, trace, training_sets
from autophagy.archive import Archive
from conftest import TESTS, make, plan_of, quiet
from tampers import edit, edited_index, forge

CONTENT = yaml.safe_load((TESTS / "configs" / "regimes.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def plan():
    return plan_of(CONTENT)


@pytest.fixture(scope="module")
def made(plan, tmp_path_factory) -> Path:
    """Everything but what is measured and drawn of it."""
    root = tmp_path_factory.mktemp("regimes") / "results/regimes"
    make(plan, root, lambda path: not path.startswith(("evaluation", "figures")))
    return root


@pytest.fixture
def broken(made, tmp_path) -> Path:
    root = tmp_path / "results/regimes"
    shutil.copytree(made, root)
    return root


def archive(root: Path, plan) -> Archive:
    here = [path for path in plan.audited() if not path.startswith("evaluation")]
    return Archive(root, tuple(here))


def found(root: Path, plan) -> list[tuple[str, str]]:
    return [(finding.law, finding.message) for finding in audit.audit(archive(root, plan))]


def training_set(loop: str, t: int) -> str:
    return f"loops/{loop}/seed-1/gen-{t:03d}/training_set.parquet"


def test_every_axis_passes_the_audit(made, plan) -> None:
    assert found(made, plan) == []


def test_a_subsample_is_what_the_recorded_seed_draws(made) -> None:
    for t in (2, 3):
        table = training_sets.read(made / training_set("subsample", t)).frame()
        assert len(table) == 30
        assert len(table[["artifact", "row"]].drop_duplicates()) == 30
    assert set(table["generation"]) > {0}


def test_shares_and_real_ancestors_are_those_of_the_rows_drawn(made, plan) -> None:
    there = archive(made, plan)
    for t in (2, 3):
        path = training_set("subsample", t)
        table = training_sets.read(made / path).frame()
        counted = table["artifact"].value_counts(normalize=True)
        assert lineage.shares(there, path) == pytest.approx(counted[counted > 0].to_dict())
        assert lineage.depths(there, path).get(0, 0.0) == pytest.approx(
            (table["origin"] == "real").mean()
        )
    # Every model descends from G^1, which saw the thirty initial images.
    assert lineage.real_ancestors(there, path) == 30


def test_the_last_two_generations_share_a_training_set(made, plan) -> None:
    shares = lineage.shares(archive(made, plan), training_set("last-k", 3))
    assert list(shares.values()) == pytest.approx([10 / 35, 13 / 35, 12 / 35])


def swapped_rows(table: pd.DataFrame) -> pd.DataFrame:
    """One synthetic row replaced by another of the same label that is not due."""
    of_synthetic = table[table["origin"] == "synthetic"]
    used = set(zip(of_synthetic["artifact"], of_synthetic["row"], strict=True))
    # Labels are balanced: ten rows earlier stands the same one.
    at = next(
        at for at, row in of_synthetic.iterrows()
        if row["row"] >= 10 and (row["artifact"], row["row"] - 10) not in used
    )  # fmt: skip
    table.loc[at, "row"] -= 10
    return table


@pytest.mark.parametrize("loop", ["last-k", "subsample"])
def test_a_row_that_was_not_due_is_found(broken, plan, loop) -> None:
    forge(broken, edited_index(broken, swapped_rows, training_set(loop, 3)))
    assert any(
        law == "composition" and "not those due" in text for law, text in found(broken, plan)
    )


def test_another_draw_than_the_recorded_one_is_found(broken, plan) -> None:
    path = training_set("subsample", 3)

    def other(manifest) -> None:
        manifest["params"]["draw"]["seed"] += 1

    edit(broken, path, other)
    forge(broken)
    assert any("parts or draw" in text for _, text in found(broken, plan))


@pytest.mark.parametrize("t", [2, 3])
def test_a_tuned_model_has_seen_d_t_for_a_t_th_of_its_steps(made, plan, t) -> None:
    there, model = archive(made, plan), f"loops/tuned/seed-1/gen-{t:03d}/model"
    before = (
        "real-only/full/seed-1/model" if t == 2 else f"loops/tuned/seed-1/gen-{t - 1:03d}/model"
    )
    shares = {training_set("tuned", t): 1 / t, before: (t - 1) / t}
    assert lineage.shares(there, model) == pytest.approx(shares)
    of_set = lineage.depths(there, training_set("tuned", t))
    of_model, earlier = lineage.depths(there, model), lineage.depths(there, before)
    for depth, share in of_model.items():
        mixed = of_set.get(depth, 0.0) / t + earlier.get(depth, 0.0) * (t - 1) / t
        assert share == pytest.approx(mixed)


def test_a_tuned_model_goes_on_from_weights(made) -> None:
    """Two small steps move the weights by less than another initialisation would."""
    from safetensors.numpy import load_file

    def weights(model: str) -> np.ndarray:
        found = load_file(made / model / "unet/diffusion_pytorch_model.safetensors")
        return np.concatenate([found[name].ravel() for name in sorted(found)])

    start = weights("real-only/full/seed-1/model")
    tuned = np.abs(weights("loops/tuned/seed-1/gen-002/model") - start).max()
    fresh = np.abs(weights("loops/last-k/seed-1/gen-002/model") - start).max()
    assert 0 < tuned <= 2 * 2 * CONTENT["train"]["learning_rate"] < fresh


def test_a_model_that_starts_elsewhere_is_found(broken, plan) -> None:
    def elsewhere(manifest) -> None:
        start = "real-only/full/seed-1/model"
        manifest["params"]["initial"] = manifest["materials"][1]["path"] = start
        manifest["params"]["shares"] = {training_set("tuned", 3): 0.5, start: 0.5}

    edit(broken, "loops/tuned/seed-1/gen-003/model", elsewhere)
    forge(broken)
    assert "origins" in [law for law, _ in found(broken, plan)]


@pytest.mark.parametrize(
    ("loop", "candidates"), [("curated", 60), ("likely", 40), ("sure", 40), ("verified", None)]
)
def test_a_filtered_set_says_how_many_candidates_it_was_chosen_from(made, loop, candidates) -> None:
    for t in (1, 3):
        samples = f"loops/{loop}/seed-1/gen-{t:03d}/samples"
        facts = manifests.read(made, samples)["facts"]
        assert facts["kept_share"] == pytest.approx(20 / facts["candidates"])
        assert facts["candidates"] == candidates if candidates else facts["candidates"] > 20
        assert len(np.unique(sets.read_array(made, samples, "seeds"))) == 20


@pytest.mark.parametrize("loop", ["curated", "sure", "verified", "likely", "sims", "neon"])
def test_what_was_chosen_or_guided_is_made_again_byte_for_byte(made, plan, loop) -> None:
    again = {"identical": True, "largest_difference": 0, "unit": "grey levels", "same_code": True}
    artifact = f"loops/{loop}/seed-1/gen-003/samples"
    assert trace.regenerate(archive(made, plan), artifact, 7) == again


def test_a_sure_set_is_what_the_rule_chooses_among_the_candidates_it_names(made) -> None:
    """Every kept picture shows its label at least as surely as the candidate beside it."""
    from autophagy import features, seeds
    from autophagy.models import ddpm

    folder = "loops/sure/seed-1/gen-002"
    seed, labels = manifests.read(made, f"{folder}/samples")["seed"], np.arange(20) % 10
    assert sets.read_array(made, f"{folder}/samples", "labels").tolist() == labels.tolist()
    keys = np.stack([seeds.derive_rows(2, seed, "candidate", i, 0) for i in range(20)])
    model = ddpm.load(made / folder / "model", "cpu")
    drawn = model.sample(labels.repeat(2), keys.ravel(), 1.0, CONTENT["sample"], quiet)
    real_set = sets.row_facts(manifests.read(made, "real/loop"))
    stored, _ = rows.of(real_set).stored(drawn, real_set)
    network = features.module("lenet").load(made / "features/lenet", "cpu")
    of_label = network.probabilities(stored)[np.arange(40), labels.repeat(2)].reshape(20, 2)
    best = of_label.argmax(axis=1)
    assert 0 < best.sum() < 20
    kept = sets.read_array(made, f"{folder}/samples", "seeds")
    np.testing.assert_array_equal(kept, keys[np.arange(20), best])


def test_a_guided_sample_descends_from_both_models_by_their_weights(made, plan) -> None:
    there, folder = archive(made, plan), "loops/sims/seed-1/gen-002"
    weights = {f"{folder}/model": 0.75, f"{folder}/auxiliary/model": 0.25}
    assert lineage.shares(there, f"{folder}/samples") == pytest.approx(weights)
    # G^1's auxiliary is half real, half depth 1, so S^1 and D^2 have 7/8 of depth 1 and 1/8 of
    # depth 2; half of the next auxiliary's steps were on samples one deeper than these.
    expected = {1: 7 / 16, 2: 1 / 16 + 7 / 16, 3: 1 / 16}
    assert lineage.depths(there, f"{folder}/auxiliary/model") == pytest.approx(expected)
    [step] = trace.trace(there, f"{folder}/samples", 3)
    assert [model["path"] for model in step["models"]] == list(weights)


def test_a_filter_s_training_images_are_ancestors_of_what_it_kept(made, plan) -> None:
    there = archive(made, plan)
    assert lineage.real_ancestors(there, "loops/likely/seed-1/gen-002/samples") == 30
    assert lineage.real_ancestors(there, "loops/curated/seed-1/gen-002/samples") == 30 + 100


def test_guidance_without_weight_is_the_model_itself(made) -> None:
    from autophagy.models import ddpm

    folder = made / "loops/neon/seed-1/gen-002"
    model, auxiliary = (ddpm.load(folder / part, "cpu") for part in ("model", "auxiliary/model"))
    arguments = (np.arange(4), np.arange(4, dtype=np.uint64), 0.5, CONTENT["sample"], quiet)
    plain = model.sample(*arguments)
    for kind in ("sims", "neon"):
        np.testing.assert_array_equal(
            ddpm.guide(model, auxiliary, kind, 0.0).sample(*arguments), plain
        )
        guided = ddpm.guide(model, auxiliary, kind, 1.0).sample(*arguments)
        assert np.abs(guided - plain).max() > 0
    # Away from itself leads nowhere, up to rounding.
    for kind in ("sims", "neon"):
        same = ddpm.guide(model, model, kind, 1.0).sample(*arguments)
        np.testing.assert_allclose(same, plain, atol=1e-3)


def _claim(**params: object):
    return lambda manifest: manifest["params"].update(params)


@pytest.mark.parametrize(
    ("artifact", "change"),
    [
        ("loops/curated/seed-1/gen-002/samples", _claim(filter=None)),
        ("loops/verified/seed-1/gen-003/samples", _claim(
            filter={"kind": "verifier", "keep_right": 1.0, "keep_wrong": 0.5})),
        ("loops/verified/seed-1/gen-003/samples-unbiased", _claim(
            filter={"kind": "verifier", "keep_right": 0.9, "keep_wrong": 0.5})),
        ("loops/neon/seed-1/gen-002/samples", lambda m: m["params"]["guidance"].update(weight=0.1)),
        ("loops/sims/seed-1/gen-001/auxiliary/model", _claim(steps=9)),
    ],
    ids=["no filter", "a stricter verifier", "a filtered view", "less guidance", "longer tuning"],
)  # fmt: skip
def test_another_filter_or_guidance_than_the_loop_s_is_found(
    broken, plan, artifact, change
) -> None:
    edit(broken, artifact, change)
    forge(broken)
    assert "origins" in [law for law, _ in found(broken, plan)]


def test_guidance_tuned_on_other_rows_is_found(broken, plan) -> None:
    path = "loops/neon/seed-1/gen-002/auxiliary/training_set.parquet"

    def backwards(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(row=table["row"].to_numpy()[::-1])

    forge(broken, edited_index(broken, backwards, path))
    assert "origins" in [law for law, _ in found(broken, plan)]


def test_a_longer_loop_adds_to_what_is_there(plan) -> None:
    """`generations` is incremental: no earlier artifact is made otherwise."""
    longer = plan_of(CONTENT | {"generations": 4})
    for path, node in plan.nodes.items():
        if node.step.startswith(("mix", "train", "sample")):
            assert longer.record(path) == plan.record(path)


def test_all_regimes_have_sizes_for_the_verdict() -> None:
    accumulate = regimes.size(regimes.Regime("fixed", "all", "accumulate"), 4, 30, 30, 20)
    assert accumulate == 30 + 3 * 20
