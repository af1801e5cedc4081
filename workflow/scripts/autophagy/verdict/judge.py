"""The verdict on every loop: diverging, bounded but worse than real-only, no worse, or undecided.

All numbers are oriented so that larger is worse. The seed is the unit: a loop gives one slope over
generations a seed, and one level (the mean over the same generations), which is compared with the
real-only model of the same seed. Loops are judged by a window of late generations.

The claims, each with its null hypothesis:
  diverging (MAD: the distance grows with t): the slope is 0 or less;
  settled against a control: the drift over the window is `margin` or more, or the level's
    difference from the control lies on the other side of `margin`. Both must be refuted, so its p
    is the larger of two (an intersection-union test), the second two-sided.
Holm's correction runs over every claim on every loop of the run: with probability 1 - level no
word of the whole table is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from autophagy.verdict.inference import FEWEST_SEEDS, Mean, holm, mean, seeds_needed
from autophagy.verdict.learning_curve import LearningCurve

DIVERGING = "diverging"
WORSE = "bounded but worse than real-only"
NO_WORSE = "no worse"
UNDECIDED = "undecided"
WORDS = (DIVERGING, WORSE, NO_WORSE, UNDECIDED)
#: A slope needs as many generations after burn-in.
FEWEST_GENERATIONS = 3


@dataclass(frozen=True, eq=False)
class Chain:
    """A loop as it was measured: distances (S, T), a row a seed, columns generations 1 to T.

    unlike: what it trains or samples otherwise than the run's real-only models, `train.steps 4000`
    or `labels inherited`; then none of them is its control.
    """

    n_real: int
    n_synthetic: int
    distances: np.ndarray
    unlike: str = ""


@dataclass(frozen=True)
class Comparison:
    """The loop's level less that of real-only models of n images, by seed.

    source: "measured", "interpolated" on the learning curve, or why there is no such control.
    p: Holm-corrected, of the claim that the loop has settled on its side of the margin.
    word: worse, no worse or undecided; about a loop that has not settled always the last.
    """

    n: int
    source: str
    difference: Mean | None = None
    p: float | None = None
    word: str = UNDECIDED


@dataclass(frozen=True)
class Verdict:
    """What the run says of one loop, and on which numbers.

    window: first and last generation that count. slope: how much worse a generation. drift: slope
    times the window's length. p_diverging: Holm-corrected. at_real, at_total: against real-only
    models of n_real and of n_real + n_synthetic images. seeds_needed: how many would decide it
    with probability .8, were the numbers seen the true ones; None where no count within reach
    would. why: one clause on an undecided loop.
    """

    word: str
    seeds: int
    window: tuple[int, int] | None
    margin: float
    at_real: Comparison
    at_total: Comparison
    slope: Mean | None = None
    drift: Mean | None = None
    p_diverging: float | None = None
    seeds_needed: int | None = None
    why: str = ""

    @property
    def primary(self) -> Comparison:
        """The comparison that the word is about: with n_real, and where that is 0, with the sum."""
        return self.at_total if self.at_real.n == 0 else self.at_real

    @property
    def largest_drift(self) -> float:
        """The largest drift over the window, up or down, that its interval holds."""
        return max(-self.drift.low, self.drift.high) if self.drift else np.inf

    @property
    def converged(self) -> bool:
        """May the distance be called a limit? Its drift may be 0 and is less than the margin."""
        drift = self.drift
        return drift is not None and -self.margin < drift.low <= 0.0 <= drift.high < self.margin


def window(generations: int, burn_in: int | None = None) -> tuple[int, int] | None:
    """First and last generation that count, or None where fewer than three remain.

    Args:
        burn_in: generations left out. By default the earlier half, as far as three remain, and
            generation 1 always, which no loop has touched. A Gaussian's fresh loop at λ = 1 forgets
            its start by a factor e in (n_real + n_synthetic) / (2 n_real) generations
            (`theory.closed_forms.relaxation`): with n_real = n_synthetic, half of ten generations
            are five e-folds.
    """
    if burn_in is None:
        burn_in = max(1, min(generations // 2, generations - FEWEST_GENERATIONS))
    return (burn_in + 1, generations) if generations - burn_in >= FEWEST_GENERATIONS else None


@dataclass
class _Case:
    """A loop's numbers on the way to its verdict; p values are uncorrected."""

    slope: Mean
    drift: Mean
    differences: dict[int, Mean] = field(default_factory=dict)
    p: dict[str | int, float] = field(default_factory=dict)


def judge(
    loops: dict[str, Chain],
    curve: LearningCurve,
    margin: float,
    burn_in: int | None = None,
    level: float = 0.05,
) -> dict[str, Verdict]:
    """The verdict on each loop of a run.

    Args:
        curve: the run's real-only models, its rows the loops' seeds in the same order.
        margin: >= 0, the largest difference that counts as none: non-inferiority margin of the
            levels, and bound on the drift over the window.
        burn_in: see `window`.
        level: the run's family-wise error, and 1 - coverage of each (uncorrected) interval.

    Raises:
        ValueError: the margin is negative or no number.
    """
    if not margin >= 0.0:
        raise ValueError(f"the margin {margin} is negative or no number")
    controls = {name: _controls(chain, curve) for name, chain in loops.items()}
    cases = {
        name: _case(chain, window(chain.distances.shape[1], burn_in), controls[name], margin, level)
        for name, chain in loops.items()
    }
    claims = [(name, claim) for name, case in cases.items() if case for claim in case.p]
    adjusted = dict(zip(claims, holm([cases[n].p[c] for n, c in claims]), strict=True))
    return {
        name: _verdict(
            chain, cases[name], controls[name], window(chain.distances.shape[1], burn_in), margin,
            {claim: float(p) for (loop, claim), p in adjusted.items() if loop == name},
            level, len(claims),
        )
        for name, chain in loops.items()
    }  # fmt: skip


def slopes(distances: np.ndarray) -> np.ndarray:
    """Least-squares slope of each row (S, G) over equally spaced generations: shape (S,)."""
    steps = np.arange(distances.shape[1]) - (distances.shape[1] - 1) / 2
    centred = distances - distances.mean(axis=1, keepdims=True)
    return centred @ steps / (steps @ steps)


#: Number of real images -> the control's distances by seed, or why there are none.
_Controls = dict[int, tuple[np.ndarray | None, str]]


def _controls(chain: Chain, curve: LearningCurve) -> _Controls:
    sizes = (chain.n_real, chain.n_real + chain.n_synthetic)
    if chain.unlike:
        return dict.fromkeys(sizes, (None, f"no control with {chain.unlike}"))
    return {n: _control(n, curve) for n in sizes}


def _control(n: int, curve: LearningCurve) -> tuple[np.ndarray | None, str]:
    if n == 0:
        return None, "no real rows after generation 1"
    known = np.flatnonzero(curve.sizes == n)
    if len(known):
        return curve.distances[:, known[0]], "measured"
    if curve.lacks is None and curve.sizes[0] < n < curve.sizes[-1]:
        return curve.at(n), "interpolated"
    return None, "no control of this size"


def _case(
    chain: Chain, span: tuple[int, int] | None, controls: _Controls, margin: float, level: float
) -> _Case | None:
    """A loop's numbers, or None where there can be no verdict."""
    if _obstacle(chain, span) or span is None:
        return None
    late = chain.distances[:, span[0] - 1 :]
    slope = mean(slopes(late), level)
    case = _Case(slope, slope.times(span[1] - span[0]))
    case.p[DIVERGING] = case.slope.p_above(0.0)
    unsettled = case.drift.p_below(margin)
    for n, (control, _) in controls.items():
        if control is None or not np.isfinite(control).all():
            continue
        found = mean(late.mean(axis=1) - control, level)
        case.differences[n] = found
        case.p[n] = max(unsettled, found.p_apart(margin))
    return case


def _obstacle(chain: Chain, span: tuple[int, int] | None) -> str | None:
    """Why there can be no verdict on a loop, or None."""
    seeds, generations = chain.distances.shape
    if seeds < FEWEST_SEEDS:
        return f"{_seeds(seeds)}; {FEWEST_SEEDS} are needed for any verdict"
    if span is None:
        return (
            f"{generations} generations leave too few after burn-in; {FEWEST_GENERATIONS} are "
            "needed"
        )
    undefined = ~np.isfinite(chain.distances[:, span[0] - 1 :]).all(axis=1)
    if undefined.any():
        return f"the distance is undefined in {undefined.sum()} of {_seeds(seeds)}"
    return None


def _verdict(
    chain: Chain, case: _Case | None, controls: _Controls, span: tuple[int, int] | None,
    margin: float, adjusted: dict[str | int, float], level: float, claims: int,
) -> Verdict:  # fmt: skip
    seeds = len(chain.distances)
    compared = {
        n: _comparison(n, source, case, adjusted.get(n), margin, level)
        for n, (_, source) in controls.items()
    }
    at = (compared[chain.n_real], compared[chain.n_real + chain.n_synthetic])
    if case is None:
        why = _obstacle(chain, span) or ""
        return Verdict(UNDECIDED, seeds, span, margin, *at, why=why)
    facts = (seeds, span, margin, *at, case.slope, case.drift, adjusted[DIVERGING])
    verdict = Verdict(UNDECIDED, *facts)
    if adjusted[DIVERGING] <= level:
        return Verdict(DIVERGING, *facts)
    if verdict.primary.word != UNDECIDED:
        return Verdict(WORSE if verdict.primary.word == "worse" else NO_WORSE, *facts)
    needed = _needed(verdict, level / claims)
    if needed is None and verdict.primary.difference is None:
        why = f"{_seeds(seeds)}; {verdict.primary.source}: {verdict.primary.n} real rows"
    elif needed is None:
        why = f"{_seeds(seeds)}; more than can be asked for would be needed"
    else:
        why = f"{_seeds(seeds)}; about {needed} would decide"
    return Verdict(UNDECIDED, *facts, needed, why)


def _comparison(
    n: int, source: str, case: _Case | None, p: float | None, margin: float, level: float
) -> Comparison:
    difference = case.differences.get(n) if case else None
    if difference is None or p is None:
        return Comparison(n, source)
    word = UNDECIDED
    if p <= level:
        word = "worse" if difference.value > margin else NO_WORSE
    return Comparison(n, source, difference, p, word)


def _needed(verdict: Verdict, level: float) -> int | None:
    """The fewest seeds that would decide, tested at Holm's first and strictest step."""
    slope, drift, primary = verdict.slope, verdict.drift, verdict.primary.difference
    if slope is None or drift is None:
        return None
    ways = [seeds_needed(slope.value, slope.sd, level)]
    if primary is not None:
        settled = seeds_needed(verdict.margin - drift.value, drift.sd, level)
        aside = seeds_needed(abs(primary.value - verdict.margin), primary.sd, level / 2)
        ways.append(None if settled is None or aside is None else max(settled, aside))
    known = [way for way in ways if way is not None]
    return max(verdict.seeds + 1, min(known)) if known else None


def _seeds(n: int) -> str:
    return f"{n} seed{'' if n == 1 else 's'}"
