"""A second opinion: everything measured in another feature network too, and rankings compared."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from autophagy import evaluations, ledger, manifests, paths, store, tabular
from autophagy.errors import UserError
from autophagy.features import lenet, lenet_random
from autophagy.metrics import OF_FEATURES
from autophagy.steps import evaluate, features
from autophagy.steps.compare_opinions import compare_opinions
from autophagy.verdict import opinions
from conftest import REPOSITORY, changed, plan_of, quiet, tiny_content
from hypothesis import given, settings
from hypothesis import strategies as st


def asked(second: str = "lenet_random", **edits) -> dict:
    return changed(("evaluate.second", second)) | {"seeds": [1]} | edits


def measured(values: dict[str, list[list[float]]]) -> tabular.Rows:
    """Rows of loop -> a row a seed, a column a generation; every metric the same."""
    return [
        {"loop": loop, "seed": seed, "generation": t} | dict.fromkeys(OF_FEATURES, value)
        for loop, seeds in values.items()
        for seed, row in enumerate(seeds)
        for t, value in enumerate(row, start=1)
    ]


def correlations(first, second) -> dict[str, float]:
    table = opinions.table(measured(first), measured(second), ["one", "two"], "5 steps")
    return {row["ranked"]: row["correlation"] for row in table if row["metric"] == "recall"}


def test_the_same_order_agrees_and_the_opposite_one_does_not() -> None:
    first = {"a": [[1.0, 1.0]], "b": [[1.5, 2.0]], "c": [[1.7, 4.0]]}
    # Any growing function of the values leaves ranks alone.
    grown = {loop: [[10 + x**3 for x in row] for row in rows] for loop, rows in first.items()}
    turned = {loop: [[-x for x in row] for row in rows] for loop, rows in first.items()}
    assert correlations(first, grown) == {"loops": 1.0, "generations": pytest.approx(1.0)}
    assert correlations(first, turned) == {"loops": -1.0, "generations": pytest.approx(-1.0)}


def test_ranks_are_spearmans_and_ties_share_theirs() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 4, (2, 5, 1, 3)).astype(float)
    names = "abcde"
    found = correlations(
        dict(zip(names, one.tolist(), strict=True)), dict(zip(names, other.tolist(), strict=True))
    )
    assert found["generations"] == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic)
    last = (one[:, 0, -1], other[:, 0, -1])
    assert found["loops"] == pytest.approx(spearmanr(*last).statistic)


@settings(derandomize=True, max_examples=12)
@given(st.integers(1, 5), st.integers(3, 6), st.integers(0, 10**6))
def test_an_interval_holds_its_mean_and_needs_three_seeds(seeds, loops, draw) -> None:
    rng = np.random.default_rng(draw)
    pair = [
        measured({f"l{k}": rng.normal(size=(seeds, 2)).tolist() for k in range(loops)})
        for _ in range(2)
    ]
    for row in opinions.table(*pair, ["one", "two"], "5 steps"):
        assert row["seeds"] == seeds
        assert row["items"] == loops * (2 if row["ranked"] == "generations" else 1)
        if seeds < 3 or row["items"] < 5:
            assert np.isnan(row["low"])
            assert opinions.why_no_interval(row).startswith("fewer than")
        else:
            assert -1 <= row["low"] <= row["correlation"] <= row["high"] <= 1
            assert opinions.why_no_interval(row) == ""


@pytest.mark.parametrize(
    ("loops", "why"), [(4, "fewer than 5 loops"), (5, "the same in every seed")]
)
def test_seeds_that_agree_on_one_order_have_no_interval_of_no_width(loops, why) -> None:
    same = measured({f"l{k}": [[float(k)]] * 3 for k in range(loops)})
    found = opinions.table(same, same, ["one", "two"], "5 steps")
    row = next(row for row in found if row["ranked"] == "loops")
    assert row["correlation"] == pytest.approx(1.0)
    assert np.isnan([row["low"], row["high"]]).all()
    assert f"1.00 (no interval: {why}) over {loops} loops" in opinions.lines(found)[1]


def test_what_cannot_be_ranked_is_said_to_be_undefined() -> None:
    two = {"a": [[1.0, 2.0]], "b": [[2.0, float("nan")]]}
    table = opinions.table(measured(two), measured(two), ["one", "two"], "5 steps")
    loops = next(row for row in table if row["ranked"] == "loops")
    assert (loops["seeds"], loops["ranking_first"]) == (0, "a")
    assert np.isnan(loops["correlation"])
    lines = opinions.lines(table)
    assert "one and two" in lines[0]
    assert lines[1] == (
        "  frechet_distance: undefined over 2 loops, "
        "1.00 (no interval: fewer than 3 seeds) over 4 generations"
    )
    same = {"a": [[1.0]], "b": [[1.0]], "c": [[1.0]]}
    assert np.isnan(correlations(same, same)["loops"])


# The network that is drawn and not trained


def test_a_random_network_is_a_function_of_its_seed_alone(tmp_path) -> None:
    images = np.random.default_rng(0).integers(0, 17, (12, 8, 8, 1), dtype=np.uint8)
    facts = {"levels": 17, "classes": list("abc")}
    one, again, other = (
        lenet_random.fit(images[: 12 - k], np.zeros(12 - k), facts, seed, "cpu", quiet)
        for k, seed in enumerate((1, 1, 2))
    )
    found, _ = one(images)
    assert found.shape == (12, lenet_random.DIMENSION)
    np.testing.assert_array_equal(again(images)[0], found)
    assert not np.array_equal(other(images)[0], found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lenet, "TRAINING", lenet.TRAINING | {"epochs": 0})
        start = lenet.fit(images, np.zeros(12, int), facts, 1, "cpu", quiet)
    np.testing.assert_array_equal(start(images)[0], found)
    one.save(tmp_path)
    np.testing.assert_array_equal(lenet_random.load(tmp_path, "cpu")(images)[0], found)
    with pytest.raises(UserError, match="lenet_random takes pictures"):
        lenet_random.check((3,))


# Experiments


def test_no_plan_without_one_knows_of_it() -> None:
    plain, second = plan_of(tiny_content() | {"seeds": [1]}), plan_of(asked())
    added = set(second.nodes) - set(plain.nodes)
    assert added == {"features/lenet_random"}
    assert "second" not in str(plain.nodes["evaluation/fresh/seed-1/gen-002/metrics.json"])
    touched = {path for path in plain.nodes if plain.record(path) != second.record(path)}
    # Networks, models and samples are what they were.
    assert {path.split("/")[0] for path in touched} == {"evaluation", "figures"}
    for path in ("evaluation/full/seed-1/gen-001", "evaluation/fresh/seed-1/gen-002"):
        assert "features/lenet_random" in second.nodes[f"{path}/metrics.json"].materials
    text = ledger.text(second, "config/x/config.yaml")
    for words in ("features_second", "features/lenet_random.manifest.json", "second_opinion.csv"):
        assert words in text
        assert words not in ledger.text(plain, "config/config.yaml").replace("compare_", "")


class Little:
    """A network on a card that has room for few rows at once."""

    batch = 1024

    def __init__(self, network) -> None:
        self.network, self.config = network, network.config

    def __call__(self, rows, batch_size=batch):
        import torch

        if batch_size > 300:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.network(rows, batch_size)


def test_evaluations_hold_both_and_the_report_compares_them(
    tiny_experiment, tmp_path, monkeypatch
) -> None:
    """The finished tiny experiment, some of it measured again with a second network."""
    plan, root = plan_of(asked()), tmp_path / "tiny"
    shutil.copytree(tiny_experiment.root, root)
    features.train_features(root, [plan.record("features/lenet_random")], quiet)
    of_real = paths.evaluation_path("real", 1, 0)
    evaluate.evaluate_real(root, [plan.record(of_real)], quiet)
    spread = store.read_json(root / of_real)["second"]["resplits"]
    assert set(spread) == set(OF_FEATURES)
    entries = [
        entry
        for entry in evaluations.of(plan.experiment)
        if entry["loop"] in ("fully-synthetic", "fresh", "biased") and entry["generation"] == 3
    ]
    for entry in entries:
        before = store.read_json(root / entry["path"])
        evaluate.evaluate(root, [plan.record(entry["path"])], quiet)
        content = store.read_json(root / entry["path"])
        second = content.pop("second")
        assert content == before
        assert set(second) == {"output", "model"}
        assert second["model"].keys() == set(OF_FEATURES)
        assert second["model"]["frechet_distance"] != content["model"]["frechet_distance"]
    last = entries[-1]["path"]
    # What is compared is loops, and the budget is theirs.
    other = {"loop": "real-only/full", "budget": "9 steps of 9", "path": "nowhere"}
    # Nor is G^1 trained of a loop that starts from outside.
    outside = entries[0] | {"budget": ""}
    compare_opinions(str(root), [other, outside, *entries[1:]], ["LeNet", "random LeNet"])
    made = tabular.rows(root / paths.SECOND_OPINION, opinions.COLUMNS)
    assert {row["budget"] for row in made} == {entries[1]["budget"]}
    assert {row["items"] for row in made} == {3}
    assert "LeNet and random LeNet" in opinions.lines(made)[0]
    # Where a file was edited it is named.
    told = store.read_json(root / last)
    for second in (None, [], {"model": told["second"]["model"]}, told["second"] | {"output": 3}):
        store.write_json(root / last, told | {"second": second})
        with pytest.raises(UserError, match=f"{last}: holds no metrics in two networks"):
            compare_opinions(str(root), entries, ["LeNet", "random LeNet"])
    store.write_json(root / last, told)
    # What memory halved in the second network is told apart from what it halved in the first.
    load = lenet_random.load
    assert manifests.read(root, last)["facts"] == {}
    monkeypatch.setattr(lenet_random, "load", lambda *where: Little(load(*where)))
    evaluate.evaluate(root, [plan.record(last)], quiet)
    assert manifests.read(root, last)["facts"] == {"second_batch_size": 256}


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("lenet", 'evaluate.second: "lenet" is evaluate.features; name another one'),
        ("vgg", "evaluate.second: 'vgg' is not allowed; allowed: lenet, identity"),
        ("identity", "evaluate.second: identity takes points"),
        ("./nowhere", "evaluate.second: no folder nowhere"),
        (3, "evaluate.second: 3 is not allowed"),
        ("", 'evaluate.second: "" is not allowed'),
    ],
)
def test_a_second_network_that_is_none_is_refused(second, words) -> None:
    with pytest.raises(UserError) as raised:
        plan_of(asked(second))
    assert words in str(raised.value)


def test_the_workflow_makes_it(tmp_path) -> None:
    """Snakemake's own plan of a run holds the second network and its table."""
    import subprocess
    import sys

    import yaml

    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump(asked(), sort_keys=False))
    told = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"),
         "--directory", str(tmp_path), "--configfile", str(file), "--dry-run", "--cores", "1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-2000:]
    for rule in ("features_second", "compare_opinions"):
        assert rule in told.stdout + told.stderr
    assert not Path(tmp_path / "results").exists()
