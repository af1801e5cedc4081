"""Two experiments side by side: keys that differ, and differences with their intervals."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from autophagy import compare, contrast, manifests, paths, store
from autophagy.archive import Archive
from scipy import stats


@pytest.fixture
def pair(tiny_experiment, tmp_path: Path) -> tuple[Archive, Archive]:
    shutil.copytree(tiny_experiment.root, tmp_path / "tiny")
    return Archive(tiny_experiment.root), Archive(tmp_path / "tiny")


def test_a_run_beside_itself_has_nothing_to_tell(pair) -> None:
    asked, changes = contrast.configuration(*pair), contrast.changes(*pair)
    assert asked == {}
    assert {change["difference"] for change in changes} == {0.0}
    assert list(contrast.lines(asked, changes)) == []


def test_keys_that_differ_are_named_with_both_values(pair) -> None:
    for name in ("fully-synthetic", "biased", "augmentation", "fresh"):
        root = pair[1].root / paths.root_path("loops", name)
        content = store.read_json(root)
        content["params"]["train"]["steps"] = 9
        if name == "fresh":
            content["params"]["loop"]["sampling_bias"] = 0.8
        store.write_json(root, content)
    asked = contrast.configuration(*pair)
    assert asked["loops.fresh.sampling_bias"] == [1.0, 0.8]
    assert asked["train.steps"] == [3, 9]
    assert "  loops.fresh.sampling_bias: 1.0 in A, 0.8 in B" in list(contrast.lines(asked, []))


def test_a_loop_of_one_alone_is_there_and_not_there(pair) -> None:
    (pair[1].root / manifests.path_of(paths.root_path("loops", "biased"))).unlink()
    assert contrast.configuration(*pair)["loops.biased.regime"] == ["fully_synthetic", None]


def test_one_seed_has_a_difference_and_no_interval(pair) -> None:
    path = pair[1].root / "evaluation/fresh/seed-1/gen-003/metrics.json"
    content = store.read_json(path)
    before = content["output"]["recall"]
    for view in ("output", "model"):
        content[view]["recall"] = before + 0.25
    store.write_json(path, content)
    moved = [c for c in contrast.changes(*pair) if c["difference"]]
    assert [(c["loop"], c["generation"], c["metric"]) for c in moved] == [("fresh", 3, "recall")]
    assert moved[0]["difference"] == pytest.approx(0.25)
    assert moved[0]["low"] is None
    assert "one seed: no interval" in list(contrast.lines({}, moved))[1]


def test_intervals_are_students_over_paired_seeds(pair, monkeypatch) -> None:
    known = {
        "a": {("fresh", s, 2, "output", "recall"): v for s, v in ((1, 0.5), (2, 0.6), (3, 0.4))},
        "b": {("fresh", s, 2, "output", "recall"): v for s, v in ((1, 0.6), (2, 0.9), (3, 0.6))},
    }
    monkeypatch.setattr(compare, "values", lambda run: known["a" if run is pair[0] else "b"])
    [change] = contrast.changes(*pair)
    low, high = stats.t.interval(0.95, 2, 0.2, stats.sem([0.1, 0.3, 0.2]))
    assert (change["difference"], change["low"], change["high"]) == pytest.approx((0.2, low, high))
    assert change["seeds"] == 3
