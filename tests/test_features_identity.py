"""Points are their own features; each network refuses the rows of the other."""

from __future__ import annotations

import numpy as np
import pytest
from autophagy import features
from autophagy.errors import UserError
from autophagy.features import identity, lenet
from autophagy.features.table import NETWORKS
from conftest import quiet

POINTS = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
PICTURES = np.zeros((7, 8, 8, 1), np.uint8)
LABELS = np.zeros(7, np.int64)
FACTS = {"levels": 17, "classes": ["all"]}


def test_features_are_the_points_and_the_space_comes_back(tmp_path) -> None:
    network = identity.fit(POINTS, LABELS, FACTS, 1, "cpu", quiet)
    network.save(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]
    for each in (network, identity.load(tmp_path, "cpu")):
        found, predicted = each(POINTS)
        np.testing.assert_array_equal(found, POINTS)
        assert (found.dtype, predicted.dtype) == (np.float32, np.int64)
        assert predicted.tolist() == [0] * 7
        assert (each.dimension, each.config["n_classes"]) == (2, 1)


def test_points_of_another_dimension_are_refused() -> None:
    network = identity.fit(POINTS, LABELS, FACTS, 1, "cpu", quiet)
    with pytest.raises(UserError, match="is of 2 dimensions; the points have 3"):
        network(np.zeros((4, 3), np.float32))


@pytest.mark.parametrize(
    ("network", "rows", "words"),
    [
        (identity, PICTURES, "identity takes points, and these rows are pictures; use lenet"),
        (lenet, POINTS, "lenet takes pictures, and these rows are points; use identity"),
    ],
)
def test_rows_of_the_other_kind_are_refused_before_and_when_they_are_read(
    network, rows, words
) -> None:
    for attempt in (
        lambda: network.check(rows.shape[1:]),
        lambda: network.fit(rows, LABELS, FACTS, 1, "cpu", quiet),
    ):
        with pytest.raises(UserError, match=f"^evaluate.features: {words}$"):
            attempt()


@pytest.mark.parametrize("content", [None, "{", "{}", "[]", '{"dimension": "x", "n_classes": 1}'])
def test_what_is_no_space_is_named(content, tmp_path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match=f"^{tmp_path}: not a saved feature network"):
        identity.load(tmp_path, "cpu")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_a_module_with_the_protocol(name) -> None:
    module = features.module(name)
    assert module.SPACE
    assert isinstance(module.SOFTWARE, tuple)
    assert isinstance(module.TRAINING, dict)
    assert all(callable(getattr(module, part)) for part in ("check", "fit", "load"))
