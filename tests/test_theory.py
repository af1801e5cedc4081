"""The Gaussian loops against exact facts, leading-order laws, and samples drawn one by one.

Monte-Carlo values must lie within 4.5 standard errors of what theory says; seeds are fixed.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest
from autophagy import seeds
from autophagy.theory import closed_forms, effective, frontier, gaussian, limits, loops, regression
from autophagy.theory.limits import Effort, mean_and_error
from autophagy.theory.loops import Loop
from conftest import REPOSITORY
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import exact_loops

SYNTHETIC = Loop(4, 30, 0, 20, real="none")
FRESH = Loop(4, 10, 12, 30)
FIXED = Loop(4, 25, 12, 30, real="fixed")
ACCUMULATE = Loop(4, 20, 20, 30, real="fixed", pool="accumulate")
EXACT = {
    "synthetic": SYNTHETIC,
    "synthetic, biased": replace(SYNTHETIC, sampling_bias=0.7),
    "fresh": FRESH,
    "fresh, biased": replace(FRESH, sampling_bias=0.6),
    "augmentation": FIXED,
    "augmentation, biased": replace(FIXED, sampling_bias=0.8),
    "accumulate": ACCUMULATE,
    "accumulate, biased": replace(ACCUMULATE, sampling_bias=0.9),
}


def agrees(values: np.ndarray, expected: float, slack: float = 0.0) -> bool:
    mean, error = mean_and_error(values)
    return abs(mean - expected) <= 4.5 * error + slack


def run(loop: Loop, generations: int, chains: int, seed: int = 1) -> list[gaussian.Gaussians]:
    return list(islice(loops.chains(loop, chains, seeds.stream(seed)), generations))


# What the paper's definitions give, written out.


@pytest.mark.parametrize("bias", [1.0, 0.7])
def test_the_recursion_is_the_papers_where_all_is_synthetic(bias) -> None:
    d, n_ini, n_s = 4, 30, 20
    means, traces = closed_forms.moments(replace(SYNTHETIC, sampling_bias=bias), 9)
    t = np.arange(9)
    walk = t if bias == 1.0 else (bias * (1 - bias**t) / (1 - bias))
    np.testing.assert_allclose(traces, d * bias**t)
    np.testing.assert_allclose(means, d * (1 / n_ini + walk / n_s))


def test_the_recursion_of_fresh_data_ends_at_the_fixed_point() -> None:
    for bias in (1.0, 0.6):
        loop = replace(FRESH, sampling_bias=bias)
        means, traces = closed_forms.moments(loop, 200)
        sizes = (loop.n_real, loop.n_synthetic, bias)
        assert traces[-1] / 4 == pytest.approx(closed_forms.covariance_limit(*sizes))
        assert means[-1] / 4 == pytest.approx(closed_forms.mean_limit(*sizes))
        p = loop.real_share
        kappa = (1 - p) / ((loop.n - 1) * (2 - p))
        spread = p * (1 + kappa) / (1 - (1 - p) * bias * (1 + kappa))
        assert traces[-1] / 4 == pytest.approx(spread)


@pytest.mark.parametrize("loop", EXACT.values(), ids=EXACT)
def test_mean_and_trace_follow_their_exact_recursion(loop) -> None:
    means, traces = closed_forms.moments(loop, 8)
    for t, model in enumerate(run(loop, 8, 4000)):
        assert agrees(gaussian.mean_square(model), means[t])
        assert agrees(gaussian.trace(model), traces[t])


def test_log_det_falls_by_the_digamma_sum() -> None:
    models = run(SYNTHETIC, 6, 4000)
    step = closed_forms.log_det_step(4, 20)
    assert step == pytest.approx(-4 * 5 / (2 * 19), rel=0.1)
    for before, after in pairwise(models):
        assert agrees(gaussian.log_det(after) - gaussian.log_det(before), step)


def test_the_trace_stays_and_the_covariance_dies() -> None:
    last = run(Loop(2, 10, 0, 10, real="none"), 400, 200)[-1]
    assert np.median(gaussian.trace(last)) < 1e-6


def test_accumulating_bounds_the_mean_by_pi_squared_over_six() -> None:
    loop = Loop(3, 40, 40, 40, real="fixed", pool="accumulate")
    means, _ = closed_forms.moments(loop, 3000)
    assert np.all(np.diff(means) > 0)
    assert means[-1] < 3 / 40 * math.pi**2 / 6
    assert means[-1] > 0.97 * 3 / 40 * math.pi**2 / 6
    replaced, _ = closed_forms.moments(Loop(3, 40, 0, 40, real="none"), 3000)
    assert replaced[-1] == pytest.approx(3 / 40 * 3000)


# Against points drawn one by one.


def slow_chain(loop: Loop, generations: int, rng: np.random.Generator) -> float:
    """W2² of G^t, from points, with numpy's own estimators."""
    d, real = loop.dimensions, rng.standard_normal((loop.n_initial, loop.dimensions))
    points, models, kept = real, [], [real[: loop.n_real]] if loop.real == "fixed" else []
    for _ in range(generations):
        models.append((points.mean(axis=0), np.atleast_2d(np.cov(points, rowvar=False))))
        fresh = [rng.standard_normal((loop.n_real, d))] if loop.real == "fresh" else []
        sources = models[-loop.memory :]
        counts = [len(part) for part in np.array_split(np.arange(loop.n_synthetic), len(sources))]
        new = [
            rng.multivariate_normal(mean, loop.sampling_bias * covariance, size)
            for (mean, covariance), size in zip(sources, counts, strict=True)
        ]
        if loop.pool == "replace":
            points = np.concatenate([*kept, *fresh, *new])
            continue
        kept += new
        points = np.concatenate([*kept, *fresh])
        if loop.pool == "subsample":
            kept += fresh
            points = rng.choice(points, min(loop.n_initial, len(points)), replace=False)
    mean, covariance = models[-1]
    values, vectors = np.linalg.eigh(covariance)
    root = vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T
    return float(mean @ mean + np.trace(np.eye(d) + covariance - 2 * root))


@pytest.mark.parametrize(
    "loop",
    [
        Loop(3, 12, 0, 10, real="none"),
        Loop(3, 12, 0, 10, 0.7, real="none", memory=2),
        Loop(3, 12, 6, 14, 0.8),
        Loop(3, 12, 6, 15, memory=3),
        Loop(3, 12, 8, 14, real="fixed"),
        Loop(3, 12, 12, 9, 0.9, real="fixed", pool="accumulate"),
        Loop(3, 12, 5, 9, pool="accumulate"),
        Loop(3, 12, 12, 9, real="fixed", pool="subsample"),
        Loop(3, 12, 5, 9, pool="subsample"),
        Loop(3, 12, 0, 12, real="none", pool="subsample"),
        Loop(4, 3, 0, 3, real="none"),
        Loop(4, 3, 2, 2),
        Loop(1, 2, 0, 2, real="none"),
    ],
    ids=str,
)
def test_statistics_do_what_points_do(loop) -> None:
    rng = np.random.default_rng(7)
    slow = np.array([slow_chain(loop, 5, rng) for _ in range(400)])
    fast = gaussian.distance(run(loop, 5, 8000)[-1])
    (a, a_error), (b, b_error) = mean_and_error(slow), mean_and_error(fast)
    assert abs(a - b) < 4.5 * math.hypot(a_error, b_error)


@pytest.mark.parametrize("freedom", [1, 3, 5, 40])
def test_bartlett_gives_the_wishart_law(freedom) -> None:
    d, chains = 5, 20_000
    root = gaussian.bartlett(seeds.stream(3), chains, d, freedom)
    assert root.shape == (chains, d, min(d, freedom))
    wishart = root @ root.transpose(0, 2, 1)
    np.testing.assert_array_equal(wishart, wishart.transpose(0, 2, 1))
    for i in range(d):
        for j in range(d):
            assert agrees(wishart[:, i, j], freedom * (i == j))
            variance = freedom * (1 + (i == j))
            assert agrees((wishart[:, i, j] - freedom * (i == j)) ** 2, variance)


def test_pooled_statistics_are_those_of_all_points() -> None:
    rng = np.random.default_rng(1)
    sets = [rng.standard_normal((6, n, 3)) + shift for n, shift in ((2, 5.0), (9, 0.0), (40, 1.0))]
    together = np.concatenate(sets, axis=1)
    model = gaussian.fit(gaussian.pool(*map(loops.statistics_of, sets)))
    for chain in range(6):
        np.testing.assert_allclose(model.mean[chain], together[chain].mean(axis=0))
        covariance = model.root[chain] @ model.root[chain].T
        np.testing.assert_allclose(covariance, np.cov(together[chain], rowvar=False))


def test_singular_pools_do_not_fail() -> None:
    flat = np.zeros((2, 8, 3))
    flat[:, :, 0] = np.arange(8)
    half = gaussian.pool(loops.statistics_of(flat[:, :4]), loops.statistics_of(flat[:, 4:]))
    values = gaussian.eigenvalues(gaussian.fit(half))
    np.testing.assert_allclose(values, [[0, 0, 6.0]] * 2, atol=1e-12)


@pytest.mark.parametrize("kind", exact_loops.LOOPS)
def test_a_generation_costs_the_same_whatever_n(kind) -> None:
    made = exact_loops.LOOPS[kind]
    small, large = (exact_loops.milliseconds(made(20, n), rounds=9) for n in (10**3, 10**7))
    assert large < 3 * small


# Limits and effective sizes.


@pytest.fixture(scope="module")
def curve() -> effective.RealOnly:
    return effective.real_only(5, seeds.stream(11), draws=200_000)


def test_the_real_only_curve_is_exact_in_one_dimension() -> None:
    line = effective.real_only(1, seeds.stream(5), draws=20_000)
    for n, mean, error in zip(line.n, line.distance, line.distance_se, strict=True):
        c4 = math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2)) * math.sqrt(2 / (n - 1))
        assert abs(mean - (1 / n + 2 - 2 * c4)) < 4.5 * error


def test_the_real_only_curve_is_that_of_fitted_gaussians(curve) -> None:
    for n in (2, 4, 8, 60):
        fitted = gaussian.fit(gaussian.draw_real(n, 20_000, 5, seeds.stream(n)))
        value, error = curve.at(n)
        assert agrees(gaussian.distance(fitted), value, 4.5 * error)
    far = closed_forms.real_only_distance(1e7, 5)
    assert curve.at(1e7)[0] == pytest.approx(far, rel=1e-4)


@settings(max_examples=40, derandomize=True)
@given(log_n=st.floats(math.log(2.01), math.log(1e8)))
def test_effective_size_inverts_the_curve(curve, log_n) -> None:
    n = math.exp(log_n)
    found, error = curve.effective_size(curve.at(n)[0])
    assert found == pytest.approx(n, rel=1e-6)
    assert 0 < error < 0.1 * n
    assert curve.at(n)[0] > curve.at(n * 1.02)[0]


def ratio(loop: Loop, curve: effective.RealOnly, chains: int = 600) -> tuple[float, float]:
    found = limits.measure(loop, Effort(chains=chains), seeds.stream(21))
    assert abs(found.drift) < 4.5
    n_e, error = curve.effective_size(found.distance, found.distance_se)
    return n_e / loop.n_real, error / loop.n_real


@pytest.mark.parametrize(("n_real", "n_synthetic"), [(500, 500), (300, 2000), (2000, 500)])
def test_fresh_data_at_no_bias_are_worth_two_minus_p(n_real, n_synthetic, curve) -> None:
    loop = Loop(5, n_real, n_real, n_synthetic)
    found, error = ratio(loop, curve)
    law = 2 - loop.real_share
    assert closed_forms.effective_ratio(loop) == pytest.approx(law)
    assert abs(found - law) < 4.5 * error + 0.02


@pytest.mark.parametrize(("n_real", "n_synthetic"), [(500, 500), (500, 3000)])
def test_augmentation_never_pays(n_real, n_synthetic, curve) -> None:
    loop = Loop(5, n_real, n_real, n_synthetic, real="fixed")
    found, error = ratio(loop, curve)
    p = loop.real_share
    assert closed_forms.effective_ratio(loop) == pytest.approx((2 - p) / (3 - 2 * p))
    assert 2 / 3 <= closed_forms.effective_ratio(loop) < 1
    assert abs(found - (2 - p) / (3 - 2 * p)) < 4.5 * error + 0.01


def test_more_models_are_worth_more_and_less_and_less(curve) -> None:
    laws = [closed_forms.effective_ratio(Loop(5, 500, 500, 1500, memory=k)) for k in (1, 2, 4, 8)]
    gains = np.diff(laws)
    assert np.all(gains > 0)
    assert np.all(np.diff(gains / np.array([1, 2, 4])) < 0)
    found, error = ratio(Loop(5, 500, 500, 1500, memory=4), curve)
    assert abs(found - laws[2]) < 4.5 * error + 0.03
    assert closed_forms.last_k_variance(0.25, 500) == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("bias", [0.95, 0.7, 0.3])
def test_biased_limits_follow_the_leading_order(bias) -> None:
    loop = Loop(5, 1000, 1000, 1000, bias)
    found = limits.measure(loop, Effort(chains=400), seeds.stream(2))
    law = closed_forms.distance_limit(1000, 1000, bias, 5)
    assert abs(found.distance - law) < 4.5 * found.distance_se + 0.01 * law
    spread = closed_forms.covariance_limit(1000, 1000, bias)
    assert found.trace == pytest.approx(5 * spread, abs=0.005)


def test_near_the_dimension_synthetic_data_are_worth_more() -> None:
    """The paper's d = n_r = 100, where leading order says 2 - p = 1.9."""
    curve = effective.real_only(100, seeds.stream(4), draws=8000)
    found, _ = ratio(Loop(100, 100, 100, 900), curve, chains=8)
    assert found == pytest.approx(2.3, abs=0.1)


def test_the_limit_does_not_depend_on_the_start() -> None:
    loop = Loop(3, 20, 20, 60)
    few, many = (
        gaussian.distance(run(replace(loop, n_initial=n), 30, 4000, seed=n)[-1]) for n in (20, 2000)
    )
    assert abs(few.mean() - many.mean()) < 4.5 * math.hypot(
        mean_and_error(few)[1], mean_and_error(many)[1]
    )


def test_burn_in_scales_with_the_synthetic_share() -> None:
    assert closed_forms.relaxation(Loop(3, 100, 100, 900)) == pytest.approx(1000 / 200)
    assert closed_forms.relaxation(Loop(3, 100, 100, 900, 0.8)) == pytest.approx(1 / (1 - 0.72))
    for loop in (Loop(3, 100, 100, 9900), Loop(3, 100, 100, 900, memory=6)):
        burn_in, looks = limits.schedule(loop, Effort())
        assert burn_in >= 5 * closed_forms.relaxation(loop)
        assert looks[0] > burn_in
        assert len(set(looks)) == limits.LOOKS
    assert closed_forms.relaxation(Loop(3, 100, 100, 900, memory=6)) > 5


def test_the_slowest_factor_is_the_recursions_largest_root() -> None:
    for memory in (1, 2, 3, 8, 32):
        for weight in (0.1, 0.5, 0.9, 0.999, 1 - 1e-9):
            companion = np.eye(memory, k=-1)
            companion[0] = weight / memory
            root = np.max(np.abs(np.linalg.eigvals(companion)))
            assert closed_forms.slowest_factor(weight, memory) == pytest.approx(root, abs=1e-12)
    assert closed_forms.slowest_factor(0.0, 7) == 0.0
    assert 0 < 1 - closed_forms.slowest_factor(0.9, 10**9) < 1e-8


@pytest.mark.parametrize("bias", [1.0, 0.9, 0.3])
@pytest.mark.parametrize(("n_real", "n_synthetic"), [(40, 10), (20, 380), (30, 2970)])
def test_after_burn_in_fixed_data_have_forgotten_their_start(n_real, n_synthetic, bias) -> None:
    loop = Loop(2, n_real, n_real, n_synthetic, bias, real="fixed")
    burn_in, _ = limits.schedule(loop, Effort())
    for moment in closed_forms.moments(loop, 20 * burn_in):
        left = np.abs(moment - moment[-1])
        assert left[burn_in] <= 0.02 * left.max() + 1e-12


@pytest.mark.parametrize("accumulate", [False, True])
def test_linear_regression_grows_or_stays_below_pi_squared_over_six(accumulate) -> None:
    chains = regression.errors(4, 12, 2.0, accumulate, 20_000, seeds.stream(9))
    unit = regression.one_round(4, 12, 2.0)
    for t, errors in enumerate(islice(chains, 30), start=1):
        law = closed_forms.regression_error(t, accumulate)
        assert law == pytest.approx(sum(1 / i**2 for i in range(1, t + 1)) if accumulate else t)
        if t in (1, 2, 5, 30):
            assert agrees(errors / unit, law)
    assert closed_forms.regression_error(10**6, True) == pytest.approx(math.pi**2 / 6, rel=1e-5)


# The tool.


def test_the_frontier_is_where_synthetic_data_stop_helping() -> None:
    answer = frontier.effective_size(100, 50, 0.7, 3, chains=800)
    assert answer.helps
    assert answer.certain
    n, error = answer.largest.n, answer.largest.n_se
    assert answer.largest.known == "yes"
    law = [m for m in range(1, 400) if closed_forms.distance_limit(100, m, 0.7, 3)
           <= closed_forms.real_only_distance(100, 3)][-1]  # fmt: skip
    assert abs(n - law) < 4.5 * error + 0.05 * law
    curve = effective.real_only(3, seeds.stream(1))
    for n_s, helps in ((round(n * 0.7), True), (round(n * 1.4), False)):
        found = limits.measure(Loop(3, 100, 100, n_s, 0.7), Effort(800), seeds.stream(6))
        assert (found.distance < curve.at(100)[0]) == helps


def test_without_bias_any_number_helps() -> None:
    answer = frontier.effective_size(50, 5000, 1.0, 2, chains=200)
    assert answer.helps
    assert answer.largest == frontier.Frontier("any")
    assert answer.ratio == pytest.approx(2, abs=5 * answer.ratio_se + 0.1)


def test_what_the_simulation_does_not_tell_is_undecided() -> None:
    """λ = 0 to rounding: the most that help are a handful, whatever n_r."""
    answer = frontier.effective_size(1000, 10, 1e-300, 2, chains=100)
    assert not answer.certain
    assert answer.status == frontier.UNDECIDED
    assert answer.largest == frontier.Frontier("no")
    told = answer.told()
    assert "undecided at 100 chains" in told
    assert "points help at most is undecided at 100 chains" in told
    assert "\n  at most " not in told
    assert answer.chains_needed is None or answer.chains_needed > 100


def test_more_chains_are_surer_by_their_root() -> None:
    few = frontier.effective_size(20, 10, 1e-300, 2, chains=64)
    many = frontier.effective_size(20, 10, 1e-300, 2, chains=4000)
    assert not few.certain
    assert few.chains_needed is None or few.chains_needed > 64
    assert many.n_e_se < few.n_e_se / 5
    assert frontier._chains(1234.0, 1.0, 10_000) == 1300
    assert frontier._chains(1234.0, 0.1, 10_000) is None
    assert frontier._chains(1.0, 0.0, 10_000) is None


def test_the_search_ends_where_loops_settle_too_slowly() -> None:
    most = frontier._most(lambda n: Loop(1, 1000, 1000, n, 1 - 1e-9))
    for n, slow in ((most, False), (most + 1, True)):
        assert (frontier._generations(Loop(1, 1000, 1000, n, 1 - 1e-9)) > 10_000) == slow
    assert frontier._most(lambda n: Loop(1, 1000, 1000, n, 0.7)) == 10**7


def test_answers_repeat() -> None:
    first = frontier.effective_size(20, 5, 0.5, 2, chains=4)
    assert first == frontier.effective_size(20, 5, 0.5, 2, chains=4)
    assert first != frontier.effective_size(20, 5, 0.5, 2, chains=4, seed=2)
