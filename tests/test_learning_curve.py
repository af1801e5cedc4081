"""n_e by inverting the learning curve, on curves whose inverse is known: a + b/n."""

from __future__ import annotations

import math

import numpy as np
import pytest
from autophagy.verdict.learning_curve import EffectiveSize, LearningCurve
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

SIZES = np.array([25, 50, 100, 200, 400, 800])
A, B = 1.5, 100.0


def stream(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def truth(n) -> np.ndarray:
    return A + B / np.asarray(n, dtype=float)


def measured(rng, seeds: int, n_e: float, noise: float = 0.1) -> tuple[LearningCurve, np.ndarray]:
    """A curve, and a loop worth n_e real images; a seed's draw of images shifts both alike."""
    draw = 0.3 * rng.normal(size=(seeds, 1))
    curve = truth(SIZES) * (1 + noise * rng.normal(size=(seeds, len(SIZES)))) + draw
    loop = truth(n_e) * (1 + noise * rng.normal(size=seeds)) + draw[:, 0]
    return LearningCurve(SIZES, curve), loop


@given(st.floats(25.0, 800.0))
@settings(derandomize=True, max_examples=60)
def test_without_noise_the_inverse_is_exact(n_e) -> None:
    curve, loop = measured(stream(1), 3, n_e, noise=0.0)
    found = curve.effective_size(loop)
    assert found.n_e == pytest.approx(n_e, rel=1e-6)
    assert found.inside
    assert curve.at(n_e) == pytest.approx(loop)


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("n_e", [60.0, 200.0, 450.0])
def test_the_interval_holds_n_e_at_its_nominal_rate(seeds, n_e) -> None:
    runs, rng = 600, stream(2, seeds, int(n_e))
    held = 0
    for _ in range(runs):
        curve, loop = measured(rng, seeds, n_e)
        found = curve.effective_size(loop)
        assert found.low <= found.n_e <= found.high
        held += found.low <= n_e * 1.002 and n_e <= found.high * 1.002  # a step of the grid
    assert held >= stats.binom.ppf(0.001, runs, 0.95)
    # It is no empty promise: nearly all are misses of the order of 5%, not of 0.
    assert held <= stats.binom.ppf(0.999, runs, 0.985)


def test_more_seeds_narrow_it() -> None:
    rng = stream(3)
    widths = []
    for seeds in (3, 30):
        found = [curve.effective_size(loop) for curve, loop in (measured(rng, seeds, 100.0),) * 20]
        widths.append(np.median([np.log(f.high) - np.log(max(f.low, 25.0)) for f in found]))
    assert widths[1] < widths[0] / 2


@pytest.mark.parametrize(
    ("n_e", "told"), [(10.0, "n_e < 25"), (1e9, "n_e > 800")], ids=["below", "above"]
)
def test_outside_the_curve_there_is_no_number(n_e, told) -> None:
    curve, _ = measured(stream(4), 5, n_e, noise=1e-4)
    found = curve.effective_size(curve.at(100) - truth(100) + truth(n_e))
    assert not found.inside
    assert found.told() == told
    assert (found.low, found.high) == ((0.0, 25.0) if n_e < 25 else (800.0, math.inf))


def test_n_e_stays_where_the_distance_hardly_moves() -> None:
    curve = LearningCurve(SIZES, np.stack([truth(SIZES)] * 3))
    found, level = EffectiveSize(200.0, 160.0, 250.0, 25, 800), float(truth(200))
    up, down = float(truth(160)) - level, level - float(truth(250))
    for change, stays in ((0.0, True), (1.99 * min(up, down), True), (2.01 * min(up, down), False)):
        assert curve.stays(found, level, change) == stays
    above = EffectiveSize(math.inf, 800.0, math.inf, 25, 800)
    assert curve.stays(above, A, 0.1)
    assert not curve.stays(above, A, 1.0)
    below = EffectiveSize(0.0, 0.0, 25.0, 25, 800)
    assert curve.stays(below, A + 9.0, 1.0)
    assert not curve.stays(found, level, math.inf)


def test_near_an_end_the_interval_says_that_the_curve_ends() -> None:
    curve, loop = measured(stream(5), 3, 700.0, noise=0.1)
    found = curve.effective_size(loop)
    assert found.high == math.inf
    assert "> 800" in found.told()


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ((212.4, 150.2, 330.9), "n_e = 212 (95% interval 150 to 331)"),
        ((212.4, 0.0, math.inf), "n_e = 212 (95% interval < 25 to > 800)"),
        ((0.0, 0.0, 40.0), "n_e < 25 (95% interval < 25 to 40)"),
        ((0.0, 0.0, 25.0), "n_e < 25"),
        ((math.inf, 300.0, math.inf), "n_e > 800 (95% interval 300 to > 800)"),
        ((0.0, 0.0, math.inf), "n_e < 25 (95% interval < 25 to > 800)"),
        ((math.inf, 0.0, math.inf), "n_e > 800 (95% interval < 25 to > 800)"),
    ],
)
def test_it_is_told_with_its_ends(found, told) -> None:
    assert EffectiveSize(*found, 25, 800).told() == told


@given(st.lists(st.floats(-5, 5), min_size=5, max_size=5), st.floats(-6, 6))
@settings(derandomize=True, max_examples=100)
def test_whatever_the_noise_a_worse_loop_has_no_larger_n_e(means, distance) -> None:
    curve = LearningCurve(SIZES[:5], np.array(means) + np.array([[-0.1], [0.0], [0.1]]))
    assert (np.diff(curve.fitted) <= 1e-12).all()
    near, far = (curve.effective_size(np.full(3, d)) for d in (distance, distance + 0.5))
    assert far.n_e <= near.n_e + 1e-9


@pytest.mark.parametrize(
    ("sizes", "seeds", "has"),
    [(4, 3, "4 sizes and 3 seeds"), (5, 2, "5 sizes and 2 seeds"), (1, 1, "1 size and 1 seed")],
)
def test_too_few_sizes_or_seeds_give_a_line_and_no_number(sizes, seeds, has) -> None:
    curve = LearningCurve(SIZES[:sizes], np.ones((seeds, sizes)))
    line = f"n_e needs real-only models of 5 sizes and 3 seeds; this run has {has}"
    assert curve.lacks == line
    with pytest.raises(ValueError, match="n_e needs"):
        curve.effective_size(np.ones(seeds))


def test_undefined_distances_are_refused() -> None:
    curve, loop = measured(stream(6), 3, 100.0)
    with pytest.raises(ValueError, match="every seed"):
        curve.effective_size(loop * [1.0, np.nan, 1.0])
    broken = curve.distances.copy()
    broken[0, 0] = np.nan
    assert "every real-only model" in LearningCurve(SIZES, broken).lacks
