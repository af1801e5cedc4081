"""Metrics of labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from autophagy.metrics import Undefined
from autophagy.metrics.labels import class_entropy, label_accuracy
from hypothesis import given, settings
from hypothesis import strategies as st


def test_accuracy_is_the_share_of_agreement() -> None:
    assert label_accuracy(np.array([0, 1, 2, 3]), np.array([0, 1, 2, 2])) == 0.75


def test_entropy_of_one_class_is_zero_and_positive_zero() -> None:
    for n_classes in (1, 10):
        value = class_entropy(np.zeros(5, dtype=np.int64), n_classes)
        assert value == 0
        assert math.copysign(1, value) == 1


def test_entropy_in_nats() -> None:
    assert class_entropy(np.tile(np.arange(10), 3), 10) == pytest.approx(math.log(10))
    expected = 0.5 * math.log(2) + 2 * 0.25 * math.log(4)
    assert class_entropy(np.array([0, 0, 3, 7]), 10) == pytest.approx(expected)


@settings(derandomize=True, max_examples=50)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.randoms())
def test_entropy_range_and_invariance(labels: list[int], random) -> None:
    value = class_entropy(np.array(labels), 7)
    assert 0 <= value <= math.log(7) + 1e-12
    random.shuffle(labels)
    assert class_entropy(np.array(labels), 7) == value


def test_labels_outside_their_meaning_are_refused() -> None:
    none = np.zeros(0, dtype=np.int64)
    with pytest.raises(Undefined):
        label_accuracy(none, none)
    with pytest.raises(Undefined):
        class_entropy(none, 10)
    with pytest.raises(ValueError, match="predicted"):
        label_accuracy(np.array([1, 2]), np.array([1]))
    for label in (-1, 10):
        with pytest.raises(ValueError, match="0 … 9"):
            class_entropy(np.array([3, label]), 10)
