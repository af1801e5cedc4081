"""Precision, recall, density, coverage: closed forms, ties, a definition in plain loops, blocks."""

from __future__ import annotations

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from autophagy.metrics import Undefined, blocks, screen
from autophagy.metrics.neighbours import (
    ball_counts,
    density_coverage,
    kth_neighbour_distances,
    nearest_distances,
    prdc,
    precision_recall,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays


def by_definition(reference: np.ndarray, generated: np.ndarray, k: int) -> dict[str, float]:
    """The four metrics as the papers write them, one pair at a time."""

    def radius(x: np.ndarray, i: int) -> float:
        return sorted(math.dist(x[i], x[j]) for j in range(len(x)) if j != i)[k - 1]

    def in_ball(x: np.ndarray, i: int, point: np.ndarray) -> bool:
        return math.dist(x[i], point) <= radius(x, i)

    n, m = range(len(reference)), range(len(generated))
    inside = [[in_ball(reference, i, generated[j]) for j in m] for i in n]
    recalled = [any(in_ball(generated, j, reference[i]) for j in m) for i in n]
    return {
        "precision": sum(any(inside[i][j] for i in n) for j in m) / len(m),
        "recall": sum(recalled) / len(n),
        "density": sum(map(sum, inside)) / (k * len(m)),
        "coverage": sum(map(any, inside)) / len(n),
    }


# Integer grids: squared distances are exact and nearly all of them are tied.
grids = st.integers(4, 9).flatmap(
    lambda n: arrays(np.float64, (n, 2), elements=st.integers(0, 3).map(float))
)


@settings(derandomize=True, max_examples=60)
@given(reference=grids, generated=grids, k=st.integers(1, 3))
def test_ties_follow_the_definition(reference: np.ndarray, generated: np.ndarray, k: int) -> None:
    assert prdc(reference, generated, k) == pytest.approx(by_definition(reference, generated, k))


@settings(derandomize=True, max_examples=60)
@given(reference=grids, generated=grids, k=st.integers(1, 3), seed=st.integers(0, 99))
def test_properties(reference: np.ndarray, generated: np.ndarray, k: int, seed: int) -> None:
    values = prdc(reference, generated, k)
    assert 0 <= values["density"] <= len(reference) / k
    assert all(0 <= values[name] <= 1 for name in ("precision", "recall", "coverage"))

    rng = np.random.default_rng(seed)
    assert prdc(rng.permutation(reference), rng.permutation(generated), k) == values

    assert precision_recall(generated, reference, k) == (values["recall"], values["precision"])
    assert density_coverage(reference, generated, k) == (values["density"], values["coverage"])


def test_all_samples_equal_to_one_reference_row() -> None:
    # The integers 0 … 199 with k = 2: a ball reaches the two neighbours. 100 copies of 50 lie in
    # the balls of 49, 50 and 51; their own balls have radius 0 and hold the 50 alone.
    reference = np.arange(200.0)[:, None]
    generated = np.full((100, 1), 50.0)
    assert prdc(reference, generated, 2) == {
        "precision": 1.0,
        "recall": 1 / 200,
        "density": 3 / 2,
        "coverage": 3 / 200,
    }


def test_collapse_off_the_data_recalls_nothing() -> None:
    reference = np.arange(200.0)[:, None]
    assert prdc(reference, np.full((100, 1), 50.5), 2) == {
        "precision": 1.0,
        "recall": 0.0,
        "density": 2 / 2,
        "coverage": 2 / 200,
    }


def test_both_sets_collapsed_to_one_point() -> None:
    values = prdc(np.full((8, 3), 0.1), np.full((5, 3), 0.1), 2)
    assert values == {"precision": 1, "recall": 1, "density": 8 / 2, "coverage": 1}


def test_equal_sets_of_distinct_rows() -> None:
    # Each of n balls holds its centre and k more rows: density (k + 1)/k.
    x = np.random.default_rng(0).normal(size=(60, 7))
    values = prdc(x, x, 4)
    assert values == {"precision": 1, "recall": 1, "density": pytest.approx(5 / 4), "coverage": 1}


def test_disjoint_sets() -> None:
    x = np.random.default_rng(0).normal(size=(30, 3))
    assert set(prdc(x, x + 1000, 5).values()) == {0.0}


def test_expectations_over_all_splits_of_one_pool() -> None:
    """Under the null, E density = 1 and E coverage = 1 − ∏ᵢ (n − i)/(n + m − i), i = 1 … k.

    Naeem et al. 2020, section 3.3. Exact over all splits of distinct distances, as the k-th
    nearest among exchangeable rows is any of them.
    """
    pool = np.random.default_rng(2).normal(size=(9, 3))
    n, m, k = 5, 4, 2
    splits = [
        prdc(pool[list(part)], np.delete(pool, part, axis=0), k)
        for part in itertools.combinations(range(n + m), n)
    ]
    uncovered = math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
    assert np.mean([split["density"] for split in splits]) == pytest.approx(1)
    assert np.mean([split["coverage"] for split in splits]) == pytest.approx(1 - uncovered)


def test_kth_neighbour_excludes_the_row_and_counts_its_duplicates() -> None:
    x = np.array([[0.0], [0.0], [3.0], [7.0]])
    assert kth_neighbour_distances(x, 1).tolist() == [0, 0, 3, 4]
    assert kth_neighbour_distances(x, 2).tolist() == [3, 3, 3, 7]
    assert kth_neighbour_distances(x, 3).tolist() == [7, 7, 4, 7]


def test_duplicates_are_exactly_zero_apart_whatever_their_length() -> None:
    x = 1e3 * np.random.default_rng(3).normal(size=(40, 84)).astype(np.float32)
    assert (nearest_distances(x, x[::-1]) == 0).all()
    assert (kth_neighbour_distances(np.concatenate([x, x]), 1) == 0).all()


def test_nearest_distances() -> None:
    a, b = np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[3.0, 4.0], [10.0, 1.0]])
    assert nearest_distances(a, b).tolist() == [5, 1]
    assert nearest_distances(a[:0], b).shape == (0,)
    with pytest.raises(Undefined, match="no rows"):
        nearest_distances(a, b[:0])


@pytest.mark.parametrize("rows", [1, 3, 7, 1000])
def test_blocks_change_no_bit(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    reference, generated = rng.normal(size=(53, 84)), rng.normal(size=(41, 84))
    whole = prdc(reference, generated, 3), kth_neighbour_distances(reference, 3)
    nearest = nearest_distances(generated, reference)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", rows * 8 * 53)
    monkeypatch.setattr(screen, "ROWS", 1)
    assert prdc(reference, generated, 3) == whole[0]
    np.testing.assert_array_equal(kth_neighbour_distances(reference, 3), whole[1])
    np.testing.assert_array_equal(nearest_distances(generated, reference), nearest)


def sets_hard_to_screen() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Two sets each, in which the product alone would decide wrongly, or overflow or underflow."""
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(60, 12)), rng.normal(size=(50, 12))
    far = a.copy()
    far[3] = 1e9
    copies = np.concatenate([a[:20], a[:20], b[:10]])
    return {
        "nothing special": (a, b),
        "copies within and between": (copies, np.concatenate([b, a[:9]])),
        "the same rows": (a, a),
        "all of them one point": (np.full((30, 12), 0.1), np.full((30, 12), 0.1)),
        "a lattice": (rng.integers(0, 3, (60, 2)) / 7, rng.integers(0, 3, (50, 2)) / 7),
        "far from the origin": (a + 1e7, b + 1e7),
        "one row far away": (far, b),
        "tiny": (a * 1e-30, b * 1e-30),
        "tiny squares vanish": (a * 1e-170, b * 1e-170),
        "squares of the product overflow": (a * 1e153, b * 1e153),
    }


@pytest.mark.parametrize("name", sets_hard_to_screen())
def test_screened_distances_are_those_of_differences_bit_for_bit(name: str) -> None:
    from scipy.spatial.distance import cdist

    a, b = sets_hard_to_screen()[name]
    within = cdist(a, a)
    np.fill_diagonal(within, np.inf)
    radii = np.sort(within, axis=1)[:, 2]
    np.testing.assert_array_equal(kth_neighbour_distances(a, 3), radii)
    across = cdist(b, a)
    np.testing.assert_array_equal(nearest_distances(b, a), across.min(axis=1))

    own = kth_neighbour_distances(b, 3)
    precise, inside, recalled, covered = ball_counts(a, b, radii, own)
    in_ball = across <= radii
    assert (precise, inside) == (in_ball.any(axis=1).sum(), in_ball.sum())
    np.testing.assert_array_equal(recalled, (across <= own[:, None]).any(axis=0))
    np.testing.assert_array_equal(covered, in_ball.any(axis=0))


def test_the_error_of_the_product_is_bounded_and_small() -> None:
    from scipy.spatial.distance import cdist

    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(300, 84)) + 5, 10 * rng.normal(size=(200, 84))
    [(_, squares, error)] = screen.squares_in_blocks(a, b)
    off = np.abs(squares - cdist(a, b) ** 2).max()
    assert 0 < off <= error < 1e-7


def test_progress_is_told_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    a, b = np.random.default_rng(8).normal(size=(2, 30, 4))
    prdc(a, b[:20], 3, tell=lambda done, total: told.append((done, total)))
    assert told == [(30, 70), (50, 70), (70, 70)]


def test_row_blocks_keep_the_budget_and_miss_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8 * 100)
    cuts = list(blocks.row_blocks(25, 10))
    assert [(cut.start, cut.stop) for cut in cuts] == [(0, 10), (10, 20), (20, 25)]
    assert len(list(blocks.row_blocks(3, 1000))) == 3
    assert list(blocks.row_blocks(0, 10)) == []


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    # The three full matrices would hold 54 MB.
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 2**20)
    x, y = np.random.default_rng(5).normal(size=(2, 1500, 4))
    prdc(x[:9], y[:9], 1)  # imports
    tracemalloc.start()
    try:
        prdc(x, y, 5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * 2**20


def test_k_must_leave_a_neighbour() -> None:
    x, few = np.zeros((9, 2)), np.zeros((5, 2))
    for reference, generated in ((x, few), (few, x)):
        with pytest.raises(Undefined, match="k = 5 neighbours need more than 5 rows, not 5"):
            prdc(reference, generated, 5)
        prdc(reference, generated, 4)
    with pytest.raises(Undefined):
        kth_neighbour_distances(few, 5)
    with pytest.raises(ValueError, match="count from 1"):
        kth_neighbour_distances(few, 0)


def test_overflow_is_no_tie() -> None:
    with pytest.raises(Undefined, match="not finite"):
        kth_neighbour_distances(np.array([[0.0], [1e200], [-1e200]]), 1)
