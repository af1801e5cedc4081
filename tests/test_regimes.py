"""What D^t is made of: closed forms of the paper's three loops, and the rule of every preset."""

from __future__ import annotations

import numpy as np
import pytest
from autophagy import regimes as composition
from autophagy.presets import REGIMES, SOURCES
from autophagy.regimes import (
    Draw,
    Part,
    Regime,
    chosen,
    compose,
    draw,
    real_rows_needed,
    requested_labels,
    synthetic_rows_needed,
)
from hypothesis import given, settings
from hypothesis import strategies as st

FULLY, AUGMENTATION, FRESH = (
    REGIMES[name] for name in ("fully_synthetic", "synthetic_augmentation", "fresh_data")
)
generations = st.integers(2, 30)
counts = st.integers(1, 1000)
quick = settings(derandomize=True, max_examples=100)


def rows(parts: tuple[Part, ...]) -> list[int]:
    """Places in the permuted loop split that the parts hold."""
    return [
        row
        for part in parts
        if part.origin == "real"
        for row in range(part.start, part.start + part.count)
    ]


#: Preset -> the parts of D^4, (origin, generation, start, count), for n_initial 6, n_real 2 and
#: n_synthetic 5.
REAL, FRESH_ROWS = ("real", 0, 0, 2), ("real", 0, 10, 2)
OF_ALL = [("synthetic", t, 0, 5) for t in (1, 2, 3)]
RULES = {
    "fully_synthetic": [("synthetic", 3, 0, 5)],
    "synthetic_augmentation": [REAL, ("synthetic", 3, 0, 5)],
    "fresh_data": [FRESH_ROWS, ("synthetic", 3, 0, 5)],
    # D^3 took rows 0-1 of S^2; S^3 is new.
    "last_k": [FRESH_ROWS, ("synthetic", 2, 2, 3), ("synthetic", 3, 0, 2)],
    "accumulate": [REAL, *OF_ALL],
    "accumulate_subsample": [REAL, *OF_ALL],
    "iterative_retraining": [REAL, ("synthetic", 3, 0, 5)],
    "replace_keeping_original": [REAL, ("synthetic", 3, 0, 5)],
    "curated": [("synthetic", 3, 0, 5)],
    "rejection_sampled": [("synthetic", 3, 0, 5)],
    "verified": [("synthetic", 3, 0, 5)],
    "sims": [("synthetic", 3, 0, 5)],
    "neon": [("synthetic", 3, 0, 5)],
    "real_only": [REAL],
}


@pytest.mark.parametrize("name", REGIMES)
def test_every_preset_names_its_paper_and_has_a_rule_on_a_tiny_example(name) -> None:
    regime = REGIMES[name]
    assert SOURCES[name].strip()
    n_real, n_synthetic = 2 * (regime.real != "none"), 5 * (regime.synthetic != "none")
    parts = compose(regime, 4, 6, n_real, n_synthetic)
    assert [(p.origin, p.generation, p.start, p.count) for p in parts] == RULES[name]
    drawn = draw(regime, parts, 4, 6, seed=3)
    # Kazdan et al.: as many rows as D^1, of a pool that keeps growing.
    assert drawn == (Draw(6, 3) if name == "accumulate_subsample" else None)


def test_presets_choose_and_guide_as_their_papers_do() -> None:
    of_filter = {n: r.filter["kind"] for n, r in REGIMES.items() if r.filter}
    assert of_filter == {
        "curated": "reward", "rejection_sampled": "confidence", "verified": "verifier",
    }  # fmt: skip
    of_guidance = {n: r.guidance["kind"] for n, r in REGIMES.items() if r.guidance}
    assert of_guidance == {"sims": "sims", "neon": "neon"}
    # Balanced labels would hold every class where it is, whatever is rewarded.
    assert {n for n, r in REGIMES.items() if r.labels != "balanced"} == {"curated"}


def test_only_retraining_goes_on_from_earlier_weights() -> None:
    assert {n for n, r in REGIMES.items() if r.start == "previous"} == {"iterative_retraining"}


memories = st.integers(2, 9)


@quick
@given(t=st.integers(2, 25), memory=memories, n=st.integers(9, 200))
def test_the_last_k_share_equally_and_lose_no_row(t, memory, n) -> None:
    parts = compose(Regime("none", f"last-{memory}"), t, 10, 0, n)
    assert sum(part.count for part in parts) == n
    assert [part.generation for part in parts] == list(range(max(1, t - memory), t))
    counted = [part.count for part in parts]
    assert max(counted) - min(counted) <= 1
    assert counted == sorted(counted, reverse=True)


@quick
@given(last=st.integers(2, 25), memory=memories, n=st.integers(9, 200))
def test_no_synthetic_row_is_used_twice_by_the_last_k(last, memory, n) -> None:
    regime = Regime("none", f"last-{memory}")
    used: dict[int, list[int]] = {}
    for t in range(2, last + 1):
        for part in compose(regime, t, 10, 0, n):
            used.setdefault(part.generation, []).extend(range(part.start, part.start + part.count))
    for source, taken in used.items():
        assert taken == list(range(len(taken)))
        assert len(taken) <= synthetic_rows_needed(regime, source, n)
        if source + memory <= last:
            assert len(taken) == synthetic_rows_needed(regime, source, n)


def test_a_set_of_samples_is_long_enough_for_a_window_that_fills() -> None:
    """S^1 gives all of D^2, half of D^3, a third of D^4; from S^3 on n rows suffice."""
    needed = [synthetic_rows_needed(Regime("fresh", "last-3"), t, 60) for t in (1, 2, 3, 4)]
    assert needed == [60 + 30 + 20, 30 + 20 + 20, 60, 60]
    assert synthetic_rows_needed(Regime("fixed", "none"), 1, 0) == 0


@quick
@given(t=generations, n_initial=counts, n_real=counts, n=counts)
def test_accumulation_keeps_the_same_rows_of_every_generation(t, n_initial, n_real, n) -> None:
    before = compose(REGIMES["accumulate"], t, n_initial, n_real, n)
    after = compose(REGIMES["accumulate"], t + 1, n_initial, n_real, n)
    assert after == (*(before if t > 1 else ()), Part("synthetic", t, 0, n))
    assert sum(part.count for part in after) == n_real + t * n


@quick
@given(
    t=st.integers(2, 12), n_initial=st.integers(1, 60), n_real=st.integers(1, 20),
    n=st.integers(1, 20), seed=st.integers(0, 2**64 - 1), real=st.sampled_from(["fixed", "fresh"]),
)  # fmt: skip
def test_a_subsample_is_a_set_of_the_pool_s_rows(t, n_initial, n_real, n, seed, real) -> None:
    regime = Regime(real, "all", "subsample")
    parts = compose(regime, t, n_initial, n_real, n)
    fresh_so_far = (t - 1) * n_real
    pool = (n_real if real == "fixed" else fresh_so_far) + (t - 1) * n
    assert sum(part.count for part in parts) == pool
    drawn = draw(regime, parts, t, n_initial, seed)
    rows_of = chosen(parts, drawn)
    assert sum(map(len, rows_of)) == drawn.count == min(pool, n_initial)
    for part, taken in zip(parts, rows_of, strict=True):
        assert len(np.unique(taken)) == len(taken)
        assert all(part.start <= row < part.start + part.count for row in taken)
    again = chosen(parts, drawn)
    assert all(np.array_equal(one, other) for one, other in zip(rows_of, again, strict=True))
    assert composition.size(regime, t, n_initial, n_real, n) == drawn.count


def test_a_subsample_takes_each_row_of_the_pool_equally_often() -> None:
    parts = compose(REGIMES["accumulate_subsample"], 3, 5, 4, 8)
    seen = np.zeros(20)
    for seed in range(2000):
        offsets = (0, 4, 12)
        for start, taken in zip(offsets, chosen(parts, Draw(5, seed)), strict=True):
            seen[start + taken] += 1
    # Five standard deviations of a binomial count.
    assert np.abs(seen - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)


@pytest.mark.parametrize("regime", REGIMES.values(), ids=REGIMES)
@quick
@given(n_initial=counts, n_real=counts, n_synthetic=counts)
def test_the_first_generation_is_real_alone(regime, n_initial, n_real, n_synthetic) -> None:
    parts = compose(regime, 1, n_initial, n_real, n_synthetic)
    assert parts == (Part("real", 0, 0, n_initial),)


@quick
@given(t=generations, n_initial=counts, n_synthetic=counts)
def test_fully_synthetic_is_the_previous_samples_alone(t, n_initial, n_synthetic) -> None:
    parts = compose(FULLY, t, n_initial, 0, n_synthetic)
    assert parts == (Part("synthetic", t - 1, 0, n_synthetic),)


@quick
@given(t=generations, n_initial=counts, n_real=counts, n_synthetic=counts)
def test_augmentation_has_the_same_real_rows_every_generation(
    t, n_initial, n_real, n_synthetic
) -> None:
    parts = compose(AUGMENTATION, t, n_initial, n_real, n_synthetic)
    assert parts == (Part("real", 0, 0, n_real), Part("synthetic", t - 1, 0, n_synthetic))


@quick
@given(last=generations, n_initial=counts, n_real=counts, n_synthetic=counts)
def test_fresh_rows_are_used_once_and_none_is_left_out(
    last, n_initial, n_real, n_synthetic
) -> None:
    chain = [compose(FRESH, t, n_initial, n_real, n_synthetic) for t in range(1, last + 1)]
    used = [row for parts in chain for row in rows(parts)]
    assert used == list(range(n_initial + (last - 1) * n_real))
    for t, parts in enumerate(chain[1:], start=2):
        assert [part.count for part in parts] == [n_real, n_synthetic]
        assert parts[1] == Part("synthetic", t - 1, 0, n_synthetic)


@pytest.mark.parametrize("regime", REGIMES.values(), ids=REGIMES)
@quick
@given(last=st.integers(1, 30), n_initial=counts, n_real=counts)
def test_the_rows_needed_are_those_that_are_used(regime, last, n_initial, n_real) -> None:
    n_real = 0 if regime.real == "none" else n_real
    used = [rows(compose(regime, t, n_initial, n_real, 5)) for t in range(1, last + 1)]
    needed = real_rows_needed(regime, last, n_initial, n_real, 5)
    assert needed == 1 + max(row for generation in used for row in generation)
    closed_form = {
        "none": n_initial,
        "fixed": max(n_initial, n_real if last > 1 else 0),
        "fresh": n_initial + (last - 1) * n_real,
    }
    assert needed == closed_form[regime.real]


@quick
@given(n=st.integers(0, 100), n_classes=st.integers(1, 12))
def test_balanced_labels_are_balanced_in_every_prefix(n, n_classes) -> None:
    nothing = np.empty(0, np.int64)
    labels = requested_labels(n, n_classes, "balanced", nothing, np.random.default_rng(0))
    assert labels.dtype == np.int64
    assert labels.shape == (n,)
    for end in range(n + 1):
        counted = np.bincount(labels[:end], minlength=n_classes)
        assert len(counted) == n_classes
        assert counted.max(initial=0) - counted.min(initial=end) <= 1


@pytest.mark.parametrize("rule", ["real", "inherited"])
@quick
@given(pool=st.lists(st.integers(0, 9), min_size=1, max_size=20), n=st.integers(0, 50))
def test_drawn_labels_exist_in_the_pool(rule, pool, n) -> None:
    array = np.array(pool)
    labels = requested_labels(n, 10, rule, array, np.random.default_rng(1))
    again = requested_labels(n, 10, rule, array, np.random.default_rng(1))
    assert labels.dtype == np.int64
    assert labels.shape == (n,)
    assert set(labels.tolist()) <= set(pool)
    np.testing.assert_array_equal(labels, again)


@pytest.mark.parametrize("rule", ["real", "inherited"])
def test_drawn_labels_follow_the_pool_with_replacement(rule) -> None:
    pool = np.array([3, 3, 3, 7])
    labels = requested_labels(4000, 10, rule, pool, np.random.default_rng(2))
    # More draws than rows, and five standard deviations around 3/4.
    assert abs((labels == 3).mean() - 0.75) < 5 * np.sqrt(0.75 * 0.25 / 4000)
    other = requested_labels(4000, 10, rule, pool, np.random.default_rng(3))
    assert (labels != other).any()


def test_diversity_of_inherited_labels_shrinks_by_one_over_n() -> None:
    """E[1 − Σ p²] loses the factor (1 − 1/n) a generation, as under the Wright-Fisher model."""
    draws, n, repeats = np.random.default_rng(4), 20, 4000
    left = []
    for _ in range(repeats):
        labels = np.arange(n) % 4
        for _ in range(5):
            labels = requested_labels(n, 4, "inherited", labels, draws)
        left.append(
            1 - (np.bincount(labels, minlength=4) / n) @ (np.bincount(labels, minlength=4) / n)
        )
    standard_error = np.std(left) / np.sqrt(repeats)
    assert abs(np.mean(left) - 0.75 * (1 - 1 / n) ** 5) < 5 * standard_error
