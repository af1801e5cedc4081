"""What D^t is made of: closed forms of the paper's three loops."""

from __future__ import annotations

import numpy as np
import pytest
from autophagy.regimes import REGIMES, Part, compose, real_rows_needed, requested_labels
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


def test_the_three_regimes_of_the_paper_are_there() -> None:
    assert list(REGIMES) == ["fully_synthetic", "synthetic_augmentation", "fresh_data"]


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
    needed = real_rows_needed(regime, last, n_initial, n_real)
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
