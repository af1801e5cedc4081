"""Effective sample size: how many real points alone would give the same W2²."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autophagy import seeds
from autophagy.errors import UserError
from autophagy.theory import closed_forms, limits, loops
from autophagy.theory.limits import Effort
from autophagy.theory.loops import Loop

#: The curve is simulated up to this many points a dimension; beyond, its distance to the leading
#: order, then about 1%, shrinks like 1/n.
REACH = 100
POINTS_A_DECADE = 12
#: Draws at each n, times d: the error of E W2² then is about 0.1% in any dimension.
DRAWS = 40_000


@dataclass(frozen=True)
class RealOnly:
    """E W2² of Gaussians fitted to n real points: n, mean and standard error, all of shape (m,)."""

    dimensions: int
    n: np.ndarray
    distance: np.ndarray
    distance_se: np.ndarray

    def at(self, n: float) -> tuple[float, float]:
        """E W2² at n >= 2 points, and its standard error."""
        log_n = np.log(n)
        error = np.interp(log_n, np.log(self.n), self.distance_se / self.distance)
        leading = closed_forms.real_only_distance(n, self.dimensions)
        value = float(np.exp(self._log_ratio(log_n)) * leading)
        return value, value * float(error)

    def effective_size(self, distance: float, error: float = 0.0) -> tuple[float, float]:
        """n_e with E W2²(n_e) = distance, and its standard error (the curve's own included).

        Distances beyond those of two points give 2, the fewest a covariance can be fitted to.
        """
        low, high = math.log(2.0), math.log(self.n[-1] * 1e12)
        if distance >= self.at(2.0)[0]:
            return 2.0, 0.0
        while high - low > 1e-10:
            middle = (low + high) / 2
            low, high = (middle, high) if self.at(math.exp(middle))[0] > distance else (low, middle)
        n, step = math.exp(low), 0.02
        slope = math.log(self.at(n * math.exp(step))[0] / self.at(n * math.exp(-step))[0])
        value, own = self.at(n)
        return n, n * math.hypot(error, own) / value / abs(slope / (2 * step))

    def _log_ratio(self, log_n: float) -> float:
        """Log of the curve over its leading order, smooth in log n."""
        if log_n >= math.log(self.n[-1]):
            return float(self._nodes[-1] * np.exp(math.log(self.n[-1]) - log_n))
        return float(self._spline(log_n))

    @property
    def _nodes(self) -> np.ndarray:
        return np.log(self.distance / closed_forms.real_only_distance(self.n, self.dimensions))

    @property
    def _spline(self):
        if "spline" not in self.__dict__:
            from scipy.interpolate import PchipInterpolator

            self.__dict__["spline"] = PchipInterpolator(np.log(self.n), self._nodes)
        return self.__dict__["spline"]


def real_only(dimensions: int, rng: np.random.Generator, draws: int = DRAWS) -> RealOnly:
    """Simulate the curve.

    A Wishart's eigenvalues are those of a bidiagonal matrix of χ's (Dumitriu & Edelman 2002), and
    E‖μ‖² = d/n is exact: nothing of size n is drawn, and nothing here shares code with the loops.
    """
    top = REACH * max(dimensions, 5)
    count = math.ceil(POINTS_A_DECADE * math.log10(top / 2)) + 1
    sizes = np.unique(np.geomspace(2, top, count).round().astype(int))
    repeats = max(draws // dimensions, 64)
    found = [_distances(int(n), dimensions, repeats, rng) for n in sizes]
    mean, error = np.array([limits.mean_and_error(values) for values in found]).T
    return RealOnly(dimensions, sizes.astype(float), mean, error)


def _distances(n: int, d: int, repeats: int, rng: np.random.Generator) -> np.ndarray:
    small, large = min(d, n - 1), max(d, n - 1)
    places = np.arange(small)
    total = d / n + (d - small) + np.zeros(repeats)
    # In blocks, so that memory stays small in many dimensions.
    for block in np.array_split(np.arange(repeats), max(1, repeats * small**2 // 2_000_000)):
        matrix = np.zeros((len(block), small, small))
        matrix[:, places, places] = np.sqrt(rng.chisquare(large - places, (len(block), small)))
        below = np.sqrt(rng.chisquare(small - places[1:], (len(block), small - 1)))
        matrix[:, places[1:], places[:-1]] = below
        eigenvalues = np.linalg.eigvalsh(matrix @ matrix.transpose(0, 2, 1)) / (n - 1)
        roots = np.sqrt(np.maximum(eigenvalues, 0.0))
        total[block] += np.sum((roots - 1.0) ** 2, axis=1)
    return total


@dataclass(frozen=True)
class Answer:
    """What `effective_size` finds; see there. ± are standard errors.

    largest_n_synthetic: None where any number of synthetic points helps.
    """

    n_real: int
    n_synthetic: int
    sampling_bias: float
    dimensions: int
    distance: float
    distance_se: float
    real_only_distance: float
    n_e: float
    n_e_se: float
    ratio: float
    ratio_se: float
    helps: bool
    certain: bool
    largest_n_synthetic: float | None
    largest_n_synthetic_se: float | None

    def told(self) -> str:
        """The answer in words."""
        verdict = (
            ("help" if self.helps else "do not help") if self.certain else "make no difference"
        )
        if self.largest_n_synthetic is None:
            most = "any number of synthetic points helps"
        else:
            most = (
                f"at most {self.largest_n_synthetic:.4g} ± {self.largest_n_synthetic_se:.2g} "
                "synthetic points help"
            )
        return (
            f"{self.n_real} real + {self.n_synthetic} synthetic points a generation, "
            f"λ = {self.sampling_bias}, d = {self.dimensions}\n"
            f"  W2² in the limit {self.distance:.4g} ± {self.distance_se:.2g}; "
            f"of {self.n_real} real points alone {self.real_only_distance:.4g}\n"
            f"  n_e = {self.n_e:.4g} ± {self.n_e_se:.2g}, "
            f"n_e/n_r = {self.ratio:.4g} ± {self.ratio_se:.2g}: synthetic data {verdict}\n"
            f"  {most}"
        )


#: No search for the largest n_s goes beyond this; there synthetic data are all the data.
_ENDLESS = 10**7
_LONGEST = 100_000
_FACTOR = 1.5


def effective_size(
    n_real: int, n_synthetic: int, bias: float, dimensions: int, chains: int | None = None,
    seed: int = 1,
) -> Answer:  # fmt: skip
    """Are n_s synthetic points admissible beside n_r fresh real ones in every generation?

    helps: n_e/n_r >= 1; certain: it lies two standard errors or more from 1.

    Args:
        chains: None for enough to know W2² to about 1% in any dimension.

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

    loops.check(loop_of(n_synthetic), key)
    longest = limits.schedule(loop_of(n_synthetic), Effort())[1][-1]
    if longest > _LONGEST:
        raise UserError(
            f"{key}.n_synthetic: {n_synthetic} beside n_real = {n_real} need {longest} generations "
            f"to settle; at most {_LONGEST}"
        )
    rng = seeds.stream(seeds.derive("effective-size", seed))
    effort = Effort(chains=max(8, 8_000 // dimensions**2) if chains is None else chains)
    curve = real_only(dimensions, rng)
    own = curve.at(n_real)
    found = limits.measure(loop_of(n_synthetic), effort, rng)
    n_e, error = curve.effective_size(found.distance, found.distance_se)
    largest = _frontier(loop_of, own, effort, rng) if bias < 1.0 else None
    return Answer(
        n_real, n_synthetic, bias, dimensions, found.distance, found.distance_se, own[0],
        n_e, error, n_e / n_real, error / n_real,
        n_e >= n_real, abs(n_e - n_real) >= 2 * error, *(largest or (None, None)),
    )  # fmt: skip


def _frontier(
    loop_of: Callable[[int], Loop], own: tuple[float, float], effort: Effort,
    rng: np.random.Generator,
) -> tuple[float, float] | None:  # fmt: skip
    """The largest n_s whose limit is no farther than n_r real points are, and its error.

    Leading order says where to begin; simulation, in factors of 1.5, brackets the crossing; and a
    line through points within a tenth of it gives the crossing and its error.

    Returns:
        (0, 0) where not even one point helps, None where any number does.
    """

    def excess(n: float) -> tuple[float, float]:
        found = limits.measure(loop_of(max(round(n), 1)), effort, rng)
        return found.distance - own[0], found.distance_se

    n = _first_guess(loop_of(1))
    seen: dict[bool, tuple[float, float]] = {}
    while len(seen) < 2:
        found = excess(n)[0]
        seen[found > 0] = (math.log(n), found)
        if n <= 1 and found > 0:
            return 0.0, 0.0
        if n >= _ENDLESS and found <= 0:
            return None
        n = min(max(n / _FACTOR if found > 0 else n * _FACTOR, 1.0), _ENDLESS)
    (low, below), (high, above) = seen[False], seen[True]
    centre = low + (high - low) * -below / (above - below)
    sizes = np.unique(np.exp(centre + np.linspace(-0.1, 0.1, 5)).round())
    if len(sizes) < 3:
        return float(math.floor(math.exp(centre))), 0.5
    values, errors = np.array([excess(size) for size in sizes]).T
    # Around the centre, where level and slope are uncorrelated.
    (slope, level), covariance = np.polyfit(
        np.log(sizes) - centre, values, 1, w=1 / errors, cov="unscaled"
    )
    offset = -level / slope
    gradient = np.array([offset, 1.0]) / slope
    variance = gradient @ covariance @ gradient + (own[1] / slope) ** 2
    crossing = math.exp(centre + offset)
    return crossing, crossing * math.sqrt(variance)


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
