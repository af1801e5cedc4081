"""Effective sample size: how many real points alone would give the same W2²."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from autophagy.theory import closed_forms, limits

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
