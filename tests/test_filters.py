"""Filters: each rule as a pure function, and the drawing of candidates around it."""

from __future__ import annotations

from math import comb, e

import numpy as np
import pytest
from autophagy import filters, presets
from autophagy.errors import UserError
from autophagy.filters import confidence, drawing, likelihood, reward, verifier
from autophagy.filters.base import Judged
from autophagy.filters.table import FILTERS
from conftest import quiet


def seen(classes: np.ndarray, n_classes: int = 3) -> np.ndarray:
    """Probabilities of a classifier that is sure of these classes."""
    return np.eye(n_classes)[classes]


@pytest.mark.parametrize("kind", FILTERS)
def test_every_filter_says_what_it_judges_by(kind) -> None:
    assert filters.module(kind).NEEDS in ("probabilities", "likelihoods")
    assert filters.module(kind).Filter.model_fields["kind"]


def test_the_filters_of_presets_are_valid() -> None:
    for name, regime in presets.REGIMES.items():
        if regime.filter:
            module = filters.module(regime.filter["kind"])
            assert module.Filter(**regime.filter).model_dump() == regime.filter, name
            module.check(regime.filter)


@pytest.mark.parametrize(
    ("k", "odds"), [(2, 1.60), (4, 2.11), (16, 2.56)], ids=["K=2", "K=4", "K=16"]
)
def test_curation_tilts_even_odds_by_less_than_e_for_finitely_many_candidates(k, odds) -> None:
    """Ferbach et al.: by e^r only as K grows; at r = 1 and two equally likely classes."""
    options = {"classes": [1], "weight": 1.0}
    uniform = (np.arange(4000) + 0.5) / 4000
    chosen = 0.0
    for of_class in range(k + 1):
        classes = np.array([1] * of_class + [0] * (k - of_class))
        places = np.random.default_rng(of_class).permutation(k)
        probabilities = np.broadcast_to(seen(classes[places]), (4000, k, 3))
        found = reward.choose(Judged(np.zeros((4000, k), int), probabilities), options, uniform)
        share = (classes[places][found] == 1).mean()
        assert share == pytest.approx(of_class * e / (of_class * e + k - of_class), abs=k / 4000)
        chosen += comb(k, of_class) / 2**k * share
    assert chosen / (1 - chosen) == pytest.approx(odds, abs=0.01)
    assert odds < e


def test_without_reward_every_candidate_is_as_likely() -> None:
    options = {"classes": [1], "weight": 0.0}
    probabilities = np.broadcast_to(seen(np.array([0, 1, 1, 2])), (400, 4, 3))
    judged = Judged(np.zeros((400, 4), int), probabilities)
    found = reward.choose(judged, options, (np.arange(400) + 0.5) / 400)
    assert np.bincount(found, minlength=4).tolist() == [100] * 4


def test_a_class_that_the_data_have_not_is_refused() -> None:
    judged = Judged(np.zeros((1, 2), int), seen(np.array([[0, 1]])))
    with pytest.raises(UserError, match=r"filter\.classes: 7 is not allowed; classes are 0 to 2"):
        reward.choose(judged, {"classes": [0, 7], "weight": 1.0}, np.zeros(1))


def test_confidence_keeps_the_candidate_that_shows_its_label_most_surely() -> None:
    labels = np.array([[0, 1, 1], [2, 2, 2]])
    probabilities = np.array(
        [[[0.5, 0.4, 0.1], [0.9, 0.05, 0.05], [0.2, 0.7, 0.1]],
         [[0.1, 0.1, 0.8], [0.0, 0.2, 0.8], [0.5, 0.4, 0.1]]]
    )  # fmt: skip
    found = confidence.choose(Judged(labels, probabilities), {}, np.zeros(2))
    assert found.tolist() == [2, 0]


def test_likelihood_keeps_the_largest_and_never_what_is_no_number() -> None:
    values = np.array([[-3.0, -1.0, -2.0], [np.nan, -9.0, -10.0]])
    judged = Judged(np.zeros((2, 3), int), likelihoods=values)
    assert likelihood.choose(judged, {}, np.zeros(2)).tolist() == [1, 1]


def test_a_verifier_keeps_right_and_wrong_at_its_two_rates() -> None:
    n = 1000
    uniform = (np.arange(n) + 0.5) / n
    labels = np.ones((n, 1), int)
    options = {"keep_right": 0.9, "keep_wrong": 0.2}
    for classes, rate in ((1, 0.9), (2, 0.2)):
        judged = Judged(labels, np.broadcast_to(seen(np.array([classes])), (n, 1, 3)))
        found = verifier.choose(judged, options, uniform)
        assert set(found.tolist()) == {0, -1}
        assert (found == 0).mean() == pytest.approx(rate)


def test_a_verifier_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="nothing would be kept"):
        verifier.check({"keep_right": 0.0, "keep_wrong": 0.0})


# Drawing


def drawn(n: int, options: dict, right: float = 0.5) -> tuple[drawing.Chosen, list[int]]:
    """A set whose pictures are their own seeds, of which a classifier finds some right."""
    asked: list[int] = []

    def labels_of(k: int, draws: np.random.Generator) -> np.ndarray:
        return draws.integers(0, 3, size=(n, k))

    def draw(labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        asked.extend(seeds.tolist())
        return (seeds % np.uint64(1000)).astype(np.float32).reshape(-1, 1, 1, 1) / 1000

    def judge(pictures: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        return seen(np.where(pictures.ravel() < right, labels, (labels + 1) % 3))

    return drawing.choose(n, options, 5, labels_of, draw, judge, quiet), asked


VERIFIER = {"kind": "verifier", "keep_right": 1.0, "keep_wrong": 0.0}
REWARD = {"kind": "reward", "candidates": 3, "classes": [1], "weight": 2.0}


@pytest.mark.parametrize("options", [VERIFIER, REWARD], ids=lambda options: options["kind"])
def test_a_kept_picture_depends_on_its_place_and_not_on_the_length(options, monkeypatch) -> None:
    long, asked = drawn(60, options)
    short, _ = drawn(20, options)
    np.testing.assert_array_equal(long.seeds[:20], short.seeds)
    np.testing.assert_array_equal(long.labels[:20], short.labels)
    own = (long.seeds % np.uint64(1000)).astype(np.float32) / 1000
    np.testing.assert_array_equal(long.pictures.ravel(), own)
    assert len(set(asked)) == len(asked) == long.candidates
    assert len(set(long.seeds.tolist())) == 60
    monkeypatch.setattr(drawing, "AT_ONCE", 7)
    np.testing.assert_array_equal(drawn(60, options)[0].seeds, long.seeds)


def test_only_what_is_right_passes_a_perfect_verifier() -> None:
    chosen, _ = drawn(50, VERIFIER, right=0.25)
    assert (chosen.pictures < 0.25).all()
    # One of four: a binomial's five standard deviations around 200.
    assert 110 < chosen.candidates < 330


def test_a_filter_that_keeps_too_little_ends_in_one_line() -> None:
    with pytest.raises(
        UserError, match=r"10 of 10 pictures found no candidate in 200 rounds \(0.0%"
    ):
        drawn(10, VERIFIER, right=0.0)
