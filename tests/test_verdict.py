"""Verdicts: calibrated on loops that do nothing, and right on loops whose truth is known."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from autophagy.verdict import inference, judge
from autophagy.verdict.inference import holm, mean, seeds_needed
from autophagy.verdict.judge import DIVERGING, NO_WORSE, UNDECIDED, WORSE, Chain
from autophagy.verdict.learning_curve import LearningCurve
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

MARGIN = 0.5
#: A run's real-only models: sizes.
SIZES = np.array([150, 300])


def stream(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def distances(rng, seeds: int, generations: int, level=2.0, slope=0.0, noise=0.2) -> np.ndarray:
    """Distances of loops: a draw of real images a seed, and noise that lingers over generations."""
    steps = rng.normal(size=(seeds, generations))
    lingering = np.empty_like(steps)
    lingering[:, 0] = steps[:, 0]
    for t in range(1, generations):
        lingering[:, t] = 0.6 * lingering[:, t - 1] + 0.8 * steps[:, t]
    draw = 0.3 * rng.normal(size=(seeds, 1))
    return level + draw + slope * np.arange(generations) + noise * lingering


def curve(rng, seeds: int, sizes: np.ndarray = SIZES) -> LearningCurve:
    return LearningCurve(sizes, distances(rng, seeds, len(sizes)))


def judged(rng, seeds: int, generations: int, loops: int = 1, n_real: int = 150, **truth):
    chains = {
        f"loop {k}": Chain(n_real, 150, distances(rng, seeds, generations, **truth))
        for k in range(loops)
    }
    return judge.judge(chains, curve(rng, seeds), MARGIN)


# Inference


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12).filter(lambda x: np.std(x) > 1e-3),
    st.sampled_from([0.01, 0.05, 0.32]),
)
@settings(derandomize=True, max_examples=60)
def test_the_interval_and_its_p_values_are_scipys(values, level) -> None:
    x = np.array(values)
    found = mean(x, level)
    low, high = stats.t.interval(1 - level, len(x) - 1, x.mean(), stats.sem(x))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    for cut in (x.min(), 0.0, x.max()):
        above = stats.ttest_1samp(x, cut, alternative="greater").pvalue
        assert found.p_above(cut) == pytest.approx(above, abs=1e-9)
        assert found.p_below(cut) == pytest.approx(1 - above, abs=1e-9)


def test_values_without_spread_are_what_they_are() -> None:
    found = mean(np.array([2.0, 2.0, 2.0]))
    assert (found.low, found.value, found.high) == (2.0, 2.0, 2.0)
    assert (found.p_above(1.0), found.p_above(2.0)) == (0.0, 1.0)
    assert (found.p_below(3.0), found.p_below(2.0)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        # By hand: 4 × .005, 3 × .01, 2 × .03, and .04, raised to the one before it.
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.02], [0.02]),
        ([0.6, 0.7], [1.0, 1.0]),
        ([0.01, 0.01], [0.02, 0.02]),
        ([], []),
    ],
)
def test_holms_correction_is_that_of_the_hand(p, adjusted) -> None:
    assert holm(np.array(p)) == pytest.approx(adjusted)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.floats(0.001, 0.2))
@settings(derandomize=True, max_examples=80)
def test_holms_correction_rejects_what_the_step_down_rule_does(p, level) -> None:
    rejected: set[int] = set()
    for k, place in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if (len(p) - k) * p[place] > level:
            break
        rejected.add(place)
    assert {k for k, value in enumerate(holm(np.array(p))) if value <= level} == rejected


@pytest.mark.parametrize(
    ("effect", "level", "n"),
    # Textbook values for 80% power: d = .5 takes 27 (one-sided 5%) or 34 (2.5%), d = .8 takes 15.
    [(0.5, 0.05, 27), (0.5, 0.025, 34), (0.8, 0.025, 15), (1e6, 0.001, 3)],
)
def test_the_seeds_that_would_decide_are_those_of_the_textbook(effect, level, n) -> None:
    assert seeds_needed(effect, 1.0, level) == n
    assert seeds_needed(3 * effect, 3.0, level) == n
    for seeds, enough in ((n, True), (n - 1, False)):
        if seeds >= 3:
            t = stats.t.isf(level, seeds - 1)
            power = stats.nct.sf(t, seeds - 1, min(effect, 50) * math.sqrt(seeds))
            assert (power >= inference.POWER) == enough


@pytest.mark.parametrize(
    ("effect", "n"), [(0.0, None), (-1.0, None), (math.nan, None), (0.01, None)]
)
def test_what_no_number_of_seeds_decides_has_none(effect, n) -> None:
    assert seeds_needed(effect, 1.0, 0.05) is n


def test_no_spread_takes_the_fewest_seeds() -> None:
    assert seeds_needed(1e-9, 0.0, 0.05) == 3


def test_slopes_are_least_squares() -> None:
    y = distances(stream(1), 4, 7)
    expected = [stats.linregress(np.arange(7), row).slope for row in y]
    assert judge.slopes(y) == pytest.approx(expected)


# Calibration


def at_most(rate: float, runs: int) -> int:
    """So many of `runs` are compatible with a true rate: its 99.9% quantile."""
    return int(stats.binom.ppf(0.999, runs, rate))


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("generations", [5, 10, 20])
@pytest.mark.parametrize("n_real", [150, 10_000])
def test_loops_that_do_nothing_are_called_diverging_in_one_of_twenty_at_most(
    seeds, generations, n_real
) -> None:
    """One loop, with controls and without: there nothing but the slope is tested, at 5% sharp."""
    runs, rng = 400, stream(seeds, generations, n_real)
    words = Counter(
        judged(rng, seeds, generations, n_real=n_real)["loop 0"].word for _ in range(runs)
    )
    assert words[DIVERGING] <= at_most(0.05, runs)
    assert words[WORSE] <= at_most(0.05, runs)
    if n_real == 10_000:
        assert words[DIVERGING] + words[UNDECIDED] == runs
        assert words[DIVERGING] >= stats.binom.ppf(0.001, runs, 0.05)


@pytest.mark.parametrize("seeds", [3, 8])
def test_of_many_loops_that_do_nothing_none_is_called_so(seeds) -> None:
    """The family-wise error: any wrong word in a table of six loops."""
    runs, rng = 250, stream(6, seeds)
    wrong = sum(
        any(v.word in (DIVERGING, WORSE) for v in judged(rng, seeds, 10, loops=6).values())
        for _ in range(runs)
    )
    assert wrong <= at_most(0.05, runs)


@pytest.mark.parametrize("seeds", [3, 10])
def test_on_the_margin_neither_side_is_called_too_often(seeds) -> None:
    """The hardest truth: a level that differs by exactly the margin."""
    runs, rng = 400, stream(7, seeds)
    words = Counter(judged(rng, seeds, 10, level=2.0 + MARGIN)["loop 0"].word for _ in range(runs))
    assert words[WORSE] + words[NO_WORSE] <= at_most(0.05, runs)


@pytest.mark.parametrize("drift", [MARGIN, 2 * MARGIN])
def test_a_loop_that_drifts_is_not_called_bounded_too_often(drift) -> None:
    runs, rng = 400, stream(8)
    slope = drift / 4  # The window of ten generations is the last five: four steps.
    words = Counter(judged(rng, 5, 10, slope=slope)["loop 0"].word for _ in range(runs))
    assert words[WORSE] + words[NO_WORSE] <= at_most(0.05, runs)


@pytest.mark.parametrize(
    ("truth", "word"),
    [
        ({"slope": 0.5}, DIVERGING),
        ({"level": 4.0, "noise": 0.1}, WORSE),
        ({"level": 2.0, "noise": 0.1}, NO_WORSE),
        ({"level": 0.5, "noise": 0.1}, NO_WORSE),
        ({"level": 6.0, "slope": -0.2, "noise": 0.1}, WORSE),
    ],
)
def test_a_loop_whose_truth_is_plain_is_called_by_its_word(truth, word) -> None:
    rng = stream(9)
    words = Counter(judged(rng, 12, 10, **truth)["loop 0"].word for _ in range(100))
    assert words[word] >= 80


def test_the_seeds_that_would_decide_decide() -> None:
    """Of a diverging loop with three seeds; then with as many as it asked for."""
    rng, decided, asked = stream(10), [], []
    for _ in range(400):
        verdict = judged(rng, 3, 10, slope=0.12, n_real=10_000)["loop 0"]
        if verdict.word == UNDECIDED and verdict.seeds_needed:
            asked.append(verdict.seeds_needed)
    n = int(np.median(asked))
    for _ in range(200):
        decided.append(judged(rng, n, 10, slope=0.12, n_real=10_000)["loop 0"].word == DIVERGING)
    assert 3 < n < 20
    assert np.mean(decided) > 0.5


# Words


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_are_undecided_whatever_they_show(seeds) -> None:
    verdict = judged(stream(11), seeds, 10, slope=100.0)["loop 0"]
    assert verdict.word == UNDECIDED
    count = "1 seed" if seeds == 1 else "2 seeds"
    assert verdict.why == f"{count}; 3 are needed for any verdict"
    assert verdict.slope is None
    assert not verdict.converged


@pytest.mark.parametrize(
    ("generations", "burn_in", "expected"),
    [
        (1, None, None), (3, None, None), (4, None, (2, 4)), (5, None, (3, 5)), (6, None, (4, 6)),
        (10, None, (6, 10)), (20, None, (11, 20)), (10, 0, (1, 10)), (10, 7, (8, 10)),
        (10, 8, None),
    ],
)  # fmt: skip
def test_the_window_is_the_later_half_of_three_generations_or_more(
    generations, burn_in, expected
) -> None:
    assert judge.window(generations, burn_in) == expected


def test_a_window_too_short_says_so() -> None:
    verdict = judged(stream(12), 5, 3)["loop 0"]
    assert verdict.word == UNDECIDED
    assert verdict.why.startswith("3 generations leave too few after burn-in")


def test_a_transient_is_left_out() -> None:
    """A loop that rises to a plateau within the burn-in diverges only if that is not left out."""
    rng = stream(13)
    level = 4.0 * (1 - np.exp(-np.arange(20.0)))
    chain = Chain(150, 150, distances(rng, 8, 20, noise=0.05) + level)
    words = [
        judge.judge({"x": chain}, curve(rng, 8), MARGIN, burn_in)["x"].word for burn_in in (0, None)
    ]
    assert words == [DIVERGING, WORSE]


def test_an_undefined_distance_leaves_a_loop_undecided() -> None:
    rng = stream(14)
    broken = distances(rng, 5, 10, slope=1.0)
    broken[2, 8] = np.nan
    early = distances(rng, 5, 10, slope=1.0)
    early[2, 3] = np.nan
    chains = {"broken": Chain(150, 150, broken), "early": Chain(150, 150, early)}
    found = judge.judge(chains, curve(rng, 5), MARGIN)
    assert found["broken"].why == "the distance is undefined in 1 of 5 seeds"
    assert found["early"].word == DIVERGING


def test_controls_are_measured_interpolated_or_missed() -> None:
    rng, sizes = stream(15), np.array([50, 100, 200, 400, 800])
    truth = 1.0 + 100.0 / sizes
    many = LearningCurve(sizes, truth + 0.3 * rng.normal(size=(6, 1)))
    few = LearningCurve(sizes[:4], many.distances[:, :4])
    at = {"real": 100, "sum": 150}
    chain = Chain(100, 50, many.at(100)[:, None] + 0.01 * rng.normal(size=(6, 10)))
    found = judge.judge({"x": chain}, many, MARGIN)["x"]
    assert (found.at_real.n, found.at_real.source) == (at["real"], "measured")
    assert (found.at_total.n, found.at_total.source) == (at["sum"], "interpolated")
    # Linear in 1/n, so exact here.
    assert found.at_total.difference.value == pytest.approx(100 / 100 - 100 / 150, abs=0.01)
    assert judge.judge({"x": chain}, few, MARGIN)["x"].at_total.source == "no control of this size"
    beyond = judge.judge({"x": Chain(800, 50, chain.distances)}, many, MARGIN)["x"]
    assert beyond.at_total.source == "no control of this size"
    alone = judge.judge({"x": Chain(0, 100, chain.distances)}, many, MARGIN)["x"]
    assert alone.at_real.source == "no real rows after generation 1"
    assert alone.primary is alone.at_total
    assert alone.word == NO_WORSE


def test_a_loop_without_control_is_undecided_and_says_what_is_missing() -> None:
    verdict = judged(stream(16), 8, 10, n_real=999, noise=0.01, slope=-0.1)["loop 0"]
    assert verdict.word == UNDECIDED
    assert verdict.why == "8 seeds; no control of this size: 999 real rows"


def test_models_of_another_training_are_no_control() -> None:
    rng = stream(41)
    given, found = curve(rng, 8, np.array([50, 100, 200])), distances(rng, 8, 8, noise=0.05)
    alike = judge.Chain(100, 100, found)
    longer = judge.Chain(100, 100, found, "train.steps 4000")
    verdicts = judge.judge({"alike": alike, "longer": longer}, given, MARGIN)
    assert verdicts["alike"].at_real.source == "measured"
    assert verdicts["longer"].at_real.difference is None
    assert verdicts["longer"].word == judge.UNDECIDED
    assert verdicts["longer"].why == "8 seeds; no control with train.steps 4000: 100 real rows"
    growing = judge.Chain(100, 100, distances(rng, 8, 8, slope=1.0), "train.steps 4000")
    assert judge.judge({"longer": growing}, given, MARGIN)["longer"].word == judge.DIVERGING


def test_a_converged_loop_has_no_drift_beyond_the_margin() -> None:
    rng = stream(17)
    still = Chain(150, 150, distances(rng, 8, 10, noise=0.1))
    falling = Chain(150, 150, distances(rng, 8, 10, noise=0.1, slope=-0.3))
    vague = Chain(150, 150, distances(rng, 3, 10, noise=3.0))
    assert judge.judge({"x": still}, curve(rng, 8), MARGIN)["x"].converged
    assert not judge.judge({"x": falling}, curve(rng, 8), MARGIN)["x"].converged
    assert not judge.judge({"x": vague}, curve(rng, 3), MARGIN)["x"].converged


@pytest.mark.parametrize(("seeds", "settled"), [(3, 0.0), (12, 0.8)])
def test_the_null_loop_has_no_drift(seeds, settled) -> None:
    """Real rows alone, of which its control is made too, and a training of its own each time."""
    runs, rng = 100, stream(19, seeds)
    words = Counter()
    for _ in range(runs):
        found = distances(rng, seeds, 10, noise=0.1)
        # Its first generation is the control itself; of half the images models are worse.
        control = LearningCurve(SIZES, np.stack([found[:, 0] + 1, found[:, 0]], axis=1))
        words[judge.judge({"null": Chain(300, 0, found)}, control, MARGIN)["null"].word] += 1
    assert words[DIVERGING] + words[WORSE] <= at_most(0.05, runs)
    assert words[NO_WORSE] >= settled * runs


@pytest.mark.parametrize("margin", [-1.0, math.nan])
def test_a_margin_is_no_less_than_nothing(margin) -> None:
    with pytest.raises(ValueError, match="is negative or no number"):
        judge.judge({}, curve(stream(18), 3), margin)
