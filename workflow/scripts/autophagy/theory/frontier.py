"""Are synthetic data admissible beside fresh real data, and how many of them?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from autophagy import seeds
from autophagy.errors import UserError
from autophagy.theory import closed_forms, effective, limits, loops
from autophagy.theory.limits import Effort
from autophagy.theory.loops import Loop

#: Exit statuses of the command; 2 is that of wrong use.
HELP, NO_HELP, UNDECIDED = 0, 1, 3
#: No search for the largest n_s goes beyond this; there synthetic data are all the data.
_ENDLESS = 10**7
#: Generations to settle: of the loop that is asked about, and of those that the search looks at.
_LONGEST, _LONGEST_SEARCH = 100_000, 10_000
_FACTOR = 1.5
#: Standard errors that a number must lie from 0 to be told.
_CERTAIN = 2.0


@dataclass(frozen=True)
class Frontier:
    """The largest n_s that helps, and its standard error where it is known.

    known: yes; no: the simulation does not tell it from 0; any: none of the numbers up to `tried`
        is too many (all numbers, where that is None).
    """

    known: Literal["yes", "no", "any"]
    n: float | None = None
    n_se: float | None = None
    tried: int | None = None

    def told(self, chains: int) -> str:
        """One line."""
        if self.known == "any":
            reach = "" if self.tried is None else f" up to {self.tried}"
            return f"any number of synthetic points{reach} helps"
        if self.n is None or self.n_se is None:
            return f"how many synthetic points help at most is undecided at {chains} chains"
        return f"at most {self.n:.4g} ± {self.n_se:.2g} synthetic points help"


@dataclass(frozen=True)
class Answer:
    """What `effective_size` finds; see there. ± are standard errors.

    chains_needed: about as many as would decide, were the numbers seen the true ones; None where it
        is decided, or where so many cannot be run.
    """

    n_real: int
    n_synthetic: int
    sampling_bias: float
    dimensions: int
    chains: int
    distance: float
    distance_se: float
    real_only_distance: float
    n_e: float
    n_e_se: float
    ratio: float
    ratio_se: float
    helps: bool
    certain: bool
    chains_needed: int | None
    largest: Frontier

    @property
    def status(self) -> int:
        """The exit status."""
        if not self.certain:
            return UNDECIDED
        return HELP if self.helps else NO_HELP

    def told(self) -> str:
        """The answer in words."""
        verdict = f"synthetic data {'help' if self.helps else 'do not help'}"
        if not self.certain:
            way = (
                "more than can be run would be needed"
                if self.chains_needed is None
                else f"--chains {self.chains_needed} should decide"
            )
            verdict = f"undecided at {self.chains} chains; {way}"
        return (
            f"{self.n_real} real + {self.n_synthetic} synthetic points a generation, "
            f"λ = {self.sampling_bias}, d = {self.dimensions}\n"
            f"  W2² in the limit {self.distance:.4g} ± {self.distance_se:.2g}; "
            f"of {self.n_real} real points alone {self.real_only_distance:.4g}\n"
            f"  n_e = {self.n_e:.4g} ± {self.n_e_se:.2g}, "
            f"n_e/n_r = {self.ratio:.4g} ± {self.ratio_se:.2g}: {verdict}\n"
            f"  {self.largest.told(self.chains)}"
        )


def effective_size(
    n_real: int, n_synthetic: int, bias: float, dimensions: int, chains: int | None = None,
    seed: int = 1,
) -> Answer:  # fmt: skip
    """Are n_s synthetic points admissible beside n_r fresh real ones in every generation?

    helps: n_e/n_r >= 1; certain: it lies two standard errors or more from 1.

    Args:
        chains: None for enough to know W2² to about 1% in any dimension. With more than that the
            real-only curve is simulated the more, too.

    Raises:
        UserError: a number out of range.
    """
    key = "effective-size"
    if n_real < 2:
        raise UserError(f"{key}.n_real: {n_real} is not allowed; at least 2, or none can compare")
    if chains is not None and chains < 2:
        raise UserError(f"{key}.chains: {chains} is not allowed; at least 2, or there is no error")
    if not 0 <= seed < 2**32:
        raise UserError(f"{key}.seed: {seed} is not allowed; 0 to {2**32 - 1}")

    def loop_of(n_s: int) -> Loop:
        return Loop(dimensions, n_real, n_real, n_s, bias)

    default = max(8, 8_000 // max(dimensions, 1) ** 2)
    effort = Effort(chains=default if chains is None else chains)
    loops.check(loop_of(n_synthetic), key, effort.chains)
    longest = _generations(loop_of(n_synthetic))
    if longest > _LONGEST:
        raise UserError(
            f"{key}.n_synthetic: {n_synthetic} beside n_real = {n_real} need {longest} generations "
            f"to settle; at most {_LONGEST}"
        )
    rng = seeds.stream(seeds.derive("effective-size", seed))
    draws = effective.DRAWS * max(effort.chains, default) // default
    curve = effective.real_only(dimensions, rng, draws)
    own = curve.at(n_real)
    found = limits.measure(loop_of(n_synthetic), effort, rng)
    n_e, error = curve.effective_size(found.distance, found.distance_se)
    certain = abs(n_e - n_real) >= _CERTAIN * error
    needed = None
    if not certain:
        # The chains' share of the variance falls with their number, the curve's from `default` on.
        most = loops.MOST_NUMBERS // loops.held(loop_of(n_synthetic))
        curves = curve.effective_size(found.distance)[1]
        share = (error**2 - curves**2) * effort.chains + curves**2 * max(effort.chains, default)
        needed = _chains(_CERTAIN**2 * share, (n_e - n_real) ** 2, most)
    largest = Frontier("any") if bias == 1.0 else _frontier(loop_of, own, effort, rng)
    return Answer(
        n_real, n_synthetic, bias, dimensions, effort.chains, found.distance, found.distance_se,
        own[0], n_e, error, n_e / n_real, error / n_real, n_e >= n_real, certain, needed, largest,
    )  # fmt: skip


def _generations(loop: Loop) -> int:
    return limits.schedule(loop, Effort())[1][-1]


def _chains(above: float, below: float, most: int) -> int | None:
    """above / below to two digits, upwards; None where that is beyond `most`."""
    if above > below * most:
        return None
    digits = 10 ** max(math.floor(math.log10(above / below)) - 1, 0)
    needed = math.ceil(above / below / digits) * digits
    return needed if needed <= most else None


def _frontier(
    loop_of: Callable[[int], Loop], own: tuple[float, float], effort: Effort,
    rng: np.random.Generator,
) -> Frontier:  # fmt: skip
    """The largest n_s whose limit is no farther than n_r real points are.

    To leading order there is one crossing at most. It says where to begin; simulation, in factors
    of 1.5, brackets the crossing; and a line through points within a tenth of it gives the crossing
    and its error. What does not lie two standard errors from 0, the slope of the line included, is
    not told.
    """

    def excess(n: float) -> tuple[float, float]:
        found = limits.measure(loop_of(max(round(n), 1)), effort, rng)
        return found.distance - own[0], found.distance_se

    def told(found: float, error: float) -> bool:
        return abs(found) >= _CERTAIN * math.hypot(error, own[1])

    most = _most(loop_of)
    n = min(_first_guess(loop_of(1)), most)
    seen: dict[bool, tuple[float, float, bool]] = {}
    while len(seen) < 2:
        found, error = excess(n)
        seen[found > 0] = (math.log(n), found, told(found, error))
        if (n <= 1 and found > 0) or (n >= most and found <= 0):
            if not told(found, error):
                return Frontier("no")
            return Frontier("yes", 0.0, 0.0) if found > 0 else Frontier("any", tried=most)
        n = min(max(n / _FACTOR if found > 0 else n * _FACTOR, 1.0), most)
    (low, below, under), (high, above, over) = seen[False], seen[True]
    centre = low + (high - low) * -below / (above - below)
    sizes = np.unique(np.exp(centre + np.linspace(-0.1, 0.1, 5)).round())
    if len(sizes) < 3:
        few = float(math.floor(math.exp(centre)))
        return Frontier("yes", few, 0.5) if under and over else Frontier("no")
    values, errors = np.array([excess(size) for size in sizes]).T
    # Around the centre, where level and slope are uncorrelated.
    (slope, level), covariance = np.polyfit(
        np.log(sizes) - centre, values, 1, w=1 / errors, cov="unscaled"
    )
    if slope < _CERTAIN * math.sqrt(covariance[0, 0]):
        return Frontier("no")
    offset = -level / slope
    gradient = np.array([offset, 1.0]) / slope
    error = math.sqrt(gradient @ covariance @ gradient + (own[1] / slope) ** 2)
    crossing = math.exp(centre + offset)
    return Frontier("yes", crossing, crossing * error) if _CERTAIN * error < 1 else Frontier("no")


def _most(loop_of: Callable[[int], Loop]) -> int:
    """The largest n_s that is looked at: beyond, loops settle too slowly."""
    low, high = 1, _ENDLESS
    if _generations(loop_of(high)) <= _LONGEST_SEARCH:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        slow = _generations(loop_of(middle)) > _LONGEST_SEARCH
        low, high = (low, middle) if slow else (middle, high)
    return low


def _first_guess(loop: Loop) -> float:
    """The largest n_s that helps to leading order; only sizes are read off the loop."""
    near = closed_forms.real_only_distance(loop.n_real, loop.dimensions)
    sizes = np.geomspace(1, _ENDLESS, 400).round().astype(int).tolist()
    helping = [
        n
        for n in sizes
        if closed_forms.distance_limit(loop.n_real, n, loop.sampling_bias, loop.dimensions) <= near
    ]
    return float(helping[-1]) if helping else 1.0
