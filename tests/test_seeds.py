"""Seeds and streams: named, independent of order, 64 bits wide."""

from __future__ import annotations

import hashlib
import json
import struct

import numpy as np
import pytest
from autophagy.seeds import derive, derive_rows, stream
from hypothesis import given, settings
from hypothesis import strategies as st

purposes = st.lists(st.one_of(st.text(max_size=5), st.integers(-9, 9)), max_size=4).map(tuple)


def test_a_seed_is_the_head_of_a_sha256_over_json() -> None:
    digest = hashlib.sha256(b'["train","fully-synthetic",1,3]').digest()
    [expected] = struct.unpack(">Q", digest[:8])
    assert derive("train", "fully-synthetic", 1, 3) == expected


def test_published_values_stay() -> None:
    """A change here changes every result there is."""
    assert derive("preview") == 11242602154629064159
    assert derive("samples", "fresh-data", 1, 2) == 3532704190931222462
    assert stream(2**63 + 5, 2).integers(0, 1000, 4).tolist() == [252, 304, 570, 610]


@settings(derandomize=True, max_examples=200)
@given(purposes, purposes)
def test_seeds_differ_exactly_where_purposes_do(one: tuple, other: tuple) -> None:
    assert (derive(*one) == derive(*other)) == (json.dumps(one) == json.dumps(other))
    assert 0 <= derive(*one) < 2**64


def test_no_purpose_runs_into_its_neighbour() -> None:
    assert len({derive("a", "bc"), derive("ab", "c"), derive("abc"), derive("a", "b", "c")}) == 4
    assert derive("train", 1) != derive("train", "1")


def test_seeds_use_all_64_bits() -> None:
    seeds = derive_rows(400, "width")
    bits = ((seeds[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)).mean(0)
    # Six standard deviations of a fair bit in 400 draws.
    assert bits.min() > 0.35
    assert bits.max() < 0.65


@pytest.mark.parametrize("n", [0, 1, 50])
def test_rows_have_their_own_seeds_and_longer_sets_begin_with_shorter_ones(n: int) -> None:
    seeds = derive_rows(n, "samples", 7)
    assert seeds.dtype == np.uint64
    assert seeds.shape == (n,)
    assert seeds.tolist() == [derive("samples", 7, row) for row in range(n)]
    assert derive_rows(60, "samples", 7)[:n].tolist() == seeds.tolist()
    assert len(set(seeds.tolist())) == n


def test_a_stream_is_numpy_philox_with_both_words_of_the_key() -> None:
    expected = np.random.Generator(np.random.Philox(key=(3 << 64) + 2**40 + 1))
    np.testing.assert_array_equal(stream(2**40 + 1, 3).random(9), expected.random(9))


def test_streams_of_seeds_that_share_32_bits_differ() -> None:
    draws = {stream(seed, index).random() for seed in (1, 1 + 2**32, 2**63) for index in (0, 1)}
    assert len(draws) == 6
    assert stream(1, 0).random() == stream(1).random()


def test_the_largest_seed_is_one() -> None:
    assert 0 <= stream(2**64 - 1, 10**9).random() < 1
