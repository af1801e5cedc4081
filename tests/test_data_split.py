"""Distinct images by content, and splits that never share one."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from autophagy.data.split import SPLITS, content_hashes, split, unique_rows
from autophagy.errors import UserError
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

sizes = st.fixed_dictionaries({name: st.integers(1, 20) for name in SPLITS})
seeds = st.integers(0, 2**64 - 1)
#: Few values and pixels, so that equal images are common.
small_sets = hnp.arrays(np.uint8, st.tuples(st.integers(0, 30), *[st.just(2)] * 2, st.just(1)),
                        elements=st.integers(0, 1))  # fmt: skip


@settings(derandomize=True, max_examples=50)
@given(small_sets)
def test_unique_rows_are_the_first_of_each_kind(images: np.ndarray) -> None:
    _, first = np.unique(images.reshape(len(images), 4), axis=0, return_index=True)
    rows = unique_rows(images)
    assert rows.dtype == np.int64
    np.testing.assert_array_equal(rows, np.sort(first))


def test_a_hash_is_over_shape_and_bytes_whatever_the_memory_order() -> None:
    image = np.arange(4, dtype=np.uint8)
    square, wide = image.reshape(1, 2, 2, 1), image.reshape(1, 1, 4, 1)
    assert content_hashes(square) == [hashlib.sha256(b"(2, 2, 1)\0\1\2\3").hexdigest()]
    assert content_hashes(square) != content_hashes(wide)
    assert content_hashes(square.transpose(0, 2, 1, 3).copy().transpose(0, 2, 1, 3)) == (
        content_hashes(square)
    )


@settings(derandomize=True, max_examples=50)
@given(sizes, seeds, st.integers(0, 10))
def test_splits_are_disjoint_and_drawn_from_the_given_rows(
    sizes: dict, seed: int, spare: int
) -> None:
    rows = 7 + 3 * np.arange(sum(sizes.values()) + spare)
    parts = split(rows, sizes, seed)
    assert list(parts) == list(SPLITS)
    for name, part in parts.items():
        assert part.dtype == np.int64
        assert len(part) == sizes[name]
    together = np.concatenate(list(parts.values()))
    assert len(np.unique(together)) == len(together)
    assert np.isin(together, rows).all()


@settings(derandomize=True, max_examples=25)
@given(sizes, seeds)
def test_splits_are_the_philox_permutation_cut_in_order(sizes: dict, seed: int) -> None:
    rows = np.arange(100)
    expected = np.random.Generator(np.random.Philox(key=seed)).permutation(rows)
    together = np.concatenate(list(split(rows, sizes, seed).values()))
    np.testing.assert_array_equal(together, expected[: len(together)])


def test_later_sizes_leave_earlier_splits_alone_and_key_order_does_not_matter() -> None:
    rows = np.arange(100)
    small = split(rows, {"loop": 10, "reference": 5, "features": 1}, seed=3)
    large = split(rows, {"features": 80, "reference": 5, "loop": 10}, seed=3)
    for name in ("loop", "reference"):
        np.testing.assert_array_equal(small[name], large[name])


def test_another_seed_is_another_split() -> None:
    sizes = {"loop": 50, "reference": 25, "features": 25}
    assert not np.array_equal(
        split(np.arange(100), sizes, 0)["loop"], split(np.arange(100), sizes, 1)["loop"]
    )


def test_all_images_may_be_used_but_not_one_more() -> None:
    sizes = {"loop": 5, "reference": 3, "features": 2}
    assert sum(map(len, split(np.arange(10), sizes, 0).values())) == 10
    message = (
        r"dataset.splits: loop 5 \+ reference 3 \+ features 2 = 10 images are asked for, "
        r"the data set has 8 distinct ones: 2 are missing"
    )
    with pytest.raises(UserError, match=message):
        split(np.arange(8), sizes, 0)
