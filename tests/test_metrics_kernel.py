"""The kernel distance: closed forms, its exact null, blocks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from autophagy.metrics import Undefined, blocks, kernel
from autophagy.metrics.kernel import kernel_distance


def k(x: np.ndarray, y: np.ndarray) -> float:
    return float((x @ y / len(x) + 1) ** 3)


def test_two_points_collapsed() -> None:
    u, v = np.array([1.0, 2.0, 0.0]), np.array([-1.0, 0.5, 3.0])
    value = kernel_distance(np.tile(u, (4, 1)), np.tile(v, (7, 1)))
    assert value == pytest.approx(k(u, u) + k(v, v) - 2 * k(u, v), rel=1e-12)


def test_by_definition_with_unequal_sizes() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(6, 4)), rng.normal(size=(9, 4)) + 0.5
    within_a = np.mean([k(x, y) for x, y in itertools.permutations(a, 2)])
    within_b = np.mean([k(x, y) for x, y in itertools.permutations(b, 2)])
    across = np.mean([k(x, y) for x, y in itertools.product(a, b)])
    assert kernel_distance(a, b) == pytest.approx(within_a + within_b - 2 * across, rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_unbiased_under_the_null_whatever_the_sizes(n: int) -> None:
    # Over all splits of one pool each pair has the same weight within and across: exactly 0.
    pool = np.random.default_rng(1).normal(size=(8, 3))
    values = [
        kernel_distance(pool[list(part)], np.delete(pool, part, axis=0))
        for part in itertools.combinations(range(8), n)
    ]
    assert min(values) < 0 < max(values)
    assert np.mean(values) == pytest.approx(0, abs=1e-12)


def test_a_shift_is_seen() -> None:
    a, b = np.random.default_rng(2).normal(size=(2, 200, 10))
    assert kernel_distance(a, b + 1) > 100 * abs(kernel_distance(a, b))


@pytest.mark.parametrize("rows", [1, 5, 40])
def test_independent_of_the_block_size(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(31, 8)), rng.normal(size=(43, 8)) + 1
    whole = kernel_distance(a, b)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", rows * 8 * 43)
    assert kernel_distance(a, b) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_rows(n: int) -> None:
    with pytest.raises(Undefined, match=f"2 rows or more, not {n}"):
        kernel_distance(np.zeros((n, 3)), np.zeros((5, 3)))
    with pytest.raises(Undefined, match=f"2 rows or more, not {n}"):
        kernel_distance(np.zeros((5, 3)), np.zeros((n, 3)))


@pytest.mark.parametrize(("n", "m", "d"), [(40, 30, 1), (60, 45, 5), (300, 500, 12)])
def test_moments_give_what_pairs_give(
    n: int, m: int, d: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(n, d)), 1.2 * rng.normal(size=(m, d)) + 0.3
    by_pairs = kernel_distance(a, b)
    monkeypatch.setattr(kernel, "PAIRS", 0)
    # Blocks of moments too, the last one short.
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8 * 7 * (d + 1) * (d + 2))
    monkeypatch.setattr(kernel, "_kernel_sum", None)
    assert kernel_distance(a, b) == pytest.approx(by_pairs, rel=1e-11)


def test_moments_are_for_many_rows_of_few_dimensions() -> None:
    assert not kernel._by_moments(1000, 1000, 84)
    assert kernel._by_moments(10_000, 10_000, 84)
    assert not kernel._by_moments(50_000, 50_000, 2048)
