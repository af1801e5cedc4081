"""The Fréchet distance: closed forms on sets whose sample moments are exact, and collapse."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from autophagy.metrics import Undefined, frechet_is_biased
from autophagy.metrics.frechet import frechet_distance
from scipy.linalg import sqrtm


def corners(d: int) -> np.ndarray:
    """The 2^d corners of a cube: mean 0, unbiased covariance exactly 2^d/(2^d − 1) · I."""
    return np.array(list(itertools.product([-1.0, 1.0], repeat=d)))


def with_moments(mean: np.ndarray, cov: np.ndarray, n: int, seed: int) -> np.ndarray:
    """n rows whose sample mean and unbiased sample covariance are the given ones."""
    x = np.random.default_rng(seed).normal(size=(n, len(mean)))
    x -= x.mean(axis=0)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(x.T)), x.T).T
    return mean + white @ np.linalg.cholesky(cov).T


def random_covariance(d: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(2 * d, d))
    return x.T @ x / d


def test_shift_of_the_mean_is_its_squared_length() -> None:
    shift = np.array([3.0, -4.0, 12.0, 0.0])
    assert frechet_distance(corners(4), corners(4) + shift) == pytest.approx(169, rel=1e-12)


def test_isotropic_scaling() -> None:
    # Σa = s²c I and Σb = t²c I give d c (s − t)²; c is that of 32 corners.
    d, s, t, c = 5, 1.5, 0.25, 32 / 31
    expected = d * c * (s - t) ** 2
    assert frechet_distance(s * corners(d), t * corners(d)) == pytest.approx(expected, rel=1e-12)


def test_covariances_are_unbiased_in_sets_of_unequal_size() -> None:
    # The same corners 1 and 3 times over: variances 8/7 and 24/23.
    expected = 3 * (np.sqrt(8 / 7) - np.sqrt(24 / 23)) ** 2
    value = frechet_distance(corners(3), np.tile(corners(3), (3, 1)))
    assert value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_against_sqrtm_on_covariances_that_do_not_commute(seed: int) -> None:
    d = 12
    mean_a, mean_b = np.random.default_rng(seed).normal(size=(2, d))
    cov_a, cov_b = random_covariance(d, 10 + seed), random_covariance(d, 20 + seed)
    root = np.trace(sqrtm(cov_a @ cov_b)).real
    expected = ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * root
    value = frechet_distance(
        with_moments(mean_a, cov_a, 40, seed), with_moments(mean_b, cov_b, 60, seed + 1)
    )
    assert value == pytest.approx(expected, rel=1e-9)


def test_two_collapsed_sets() -> None:
    assert frechet_distance(np.full((5, 3), 2.0), np.full((9, 3), 5.0)) == pytest.approx(27)
    assert frechet_distance(np.full((5, 3), 0.1), np.full((9, 3), 0.1)) == pytest.approx(0)


def test_one_collapsed_set_leaves_the_trace_of_the_other() -> None:
    point, cube = np.full((7, 4), 3.0), corners(4)
    expected = 4 * 9 + 4 * 16 / 15
    assert frechet_distance(point, cube) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(cube, point) == pytest.approx(expected, rel=1e-12)


def test_orthogonal_supports_share_nothing() -> None:
    x = np.zeros((4, 3))
    y = np.zeros((4, 3))
    x[:, 0] = y[:, 2] = [-3, -1, 1, 3]
    assert frechet_distance(x, y) == pytest.approx(2 * 20 / 3, rel=1e-12)


def test_a_line_against_a_full_covariance() -> None:
    # Σa = s² v vᵀ: the root of the product has the one eigenvalue s √(vᵀ Σb v).
    cov = random_covariance(6, 3)
    v = np.arange(1.0, 7.0)
    v /= np.linalg.norm(v)
    line = np.outer([-3.0, -1.0, 1.0, 3.0], v)
    s2 = 20 / 3
    full = with_moments(np.zeros(6), cov, 30, 4)
    expected = s2 + np.trace(cov) - 2 * np.sqrt(s2 * (v @ cov @ v))
    assert frechet_distance(line, full) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(full, line) == pytest.approx(expected, rel=1e-6)


def test_a_set_is_at_zero_from_itself_with_fewer_rows_than_dimensions() -> None:
    x = np.random.default_rng(0).normal(size=(10, 84))
    value = frechet_distance(x, x)
    assert 0 <= value < 1e-9 * np.trace(np.cov(x.T))


def test_rounding_makes_no_negative_distance() -> None:
    rng = np.random.default_rng(6)
    for x in rng.normal(size=(40, 30, 6)):
        value = frechet_distance(x, rng.permutation(x))
        assert 0 <= value < 1e-12


def test_float32_is_computed_in_float64() -> None:
    x = np.random.default_rng(1).normal(size=(50, 5)).astype(np.float32)
    y = x + np.float32(1000)
    assert frechet_distance(x, y) == frechet_distance(x.astype(np.float64), y.astype(np.float64))


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_rows(n: int) -> None:
    with pytest.raises(Undefined, match=f"2 rows or more, not {n}"):
        frechet_distance(np.zeros((n, 3)), corners(3))
    with pytest.raises(Undefined, match=f"2 rows or more, not {n}"):
        frechet_distance(corners(3), np.zeros((n, 3)))


def test_vectors_are_not_features() -> None:
    with pytest.raises(ValueError, match="features are n×d"):
        frechet_distance(np.zeros(3), corners(3))


def test_bias_is_announced_up_to_n_equal_d() -> None:
    assert frechet_is_biased(83, 84)
    assert frechet_is_biased(84, 84)
    assert not frechet_is_biased(85, 84)


@pytest.mark.parametrize(("n", "m"), [(2000, 2000), (1000, 4000)])
def test_the_bias_is_that_of_estimated_moments(n: int, m: int) -> None:
    # Two samples of N(0, I): to leading order d/n of each mean and d(d + 1)/(4n) of each
    # covariance, from ¼ ‖Σa − Σb‖². The true distance is 0.
    d = 84
    rng = np.random.default_rng(5)
    value = frechet_distance(rng.normal(size=(n, d)), rng.normal(size=(m, d)))
    assert value == pytest.approx(d * (d + 5) / 4 * (1 / n + 1 / m), rel=0.1)
