"""The memorisation statistic: closed forms and symmetries."""

from __future__ import annotations

import numpy as np
import pytest
from autophagy.metrics import Undefined
from autophagy.metrics.memorisation import memorisation
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

rng = np.random.default_rng(0)
TRAIN, HELD_OUT, SAMPLES = rng.normal(size=(3, 40, 6))


def test_copies_of_either_set() -> None:
    assert memorisation(TRAIN, TRAIN, HELD_OUT) == 1
    assert memorisation(HELD_OUT, TRAIN, HELD_OUT) == 0
    assert memorisation(np.concatenate([TRAIN[:30], HELD_OUT[:10]]), TRAIN, HELD_OUT) == 0.75


def test_ties_count_one_half() -> None:
    assert memorisation(SAMPLES, TRAIN, TRAIN) == 0.5
    points = np.array([[0.0], [1.0], [-5.0]])
    assert memorisation(points, np.array([[1.0]]), np.array([[-1.0]])) == pytest.approx(1.5 / 3)


def test_a_generator_that_saw_neither() -> None:
    draws = np.random.default_rng(1).normal(size=(3, 4000, 6))
    # Not only a fresh draw: blurring or narrowing moves both distances alike.
    for generated in (draws[2], 2 * draws[2], 0.3 * draws[2]):
        assert memorisation(generated[:2000], draws[0], draws[1]) == pytest.approx(0.5, abs=0.04)


def test_only_as_many_rows_of_each_set_as_the_smaller_has() -> None:
    # The copied rows stand behind the first ten: they must not be looked at.
    few = HELD_OUT[:10]
    assert memorisation(TRAIN[:10], TRAIN, few) == 1
    assert memorisation(TRAIN[10:], TRAIN, few) == memorisation(TRAIN[10:], TRAIN[:10], few)
    assert memorisation(TRAIN[10:], TRAIN, few) < 1
    assert memorisation(HELD_OUT[10:], TRAIN[:10], HELD_OUT) > 0


grids = arrays(np.float64, (5, 2), elements=st.integers(0, 4).map(float))


@settings(derandomize=True, max_examples=60)
@given(grids, grids, grids, st.integers(0, 99))
def test_range_symmetry_and_invariance(generated, train, held_out, seed) -> None:
    value = memorisation(generated, train, held_out)
    assert 0 <= value <= 1
    assert memorisation(generated, held_out, train) == pytest.approx(1 - value)
    shuffle = np.random.default_rng(seed).permutation
    assert memorisation(shuffle(generated), shuffle(train), shuffle(held_out)) == value


def test_empty_sets_have_a_reason() -> None:
    none = np.zeros((0, 6))
    with pytest.raises(Undefined, match=r"^no real rows in the training set$"):
        memorisation(SAMPLES, none, HELD_OUT)
    with pytest.raises(Undefined, match="held-out"):
        memorisation(SAMPLES, TRAIN, none)
    with pytest.raises(Undefined, match="generated"):
        memorisation(none, TRAIN, HELD_OUT)
