"""The learning curve of real-only models, and its inversion: the effective sample size n_e.

n_e of a loop is the number of real images alone with which a model of the same budget is as far
from the reference (Alemohammad et al. 2023, section 4, there for Gaussians).

Between the sizes measured the curve is linear in 1/n, which is exact for a + b/n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autophagy.verdict.inference import FEWEST_SEEDS, critical

FEWEST_SIZES = 5
#: Points at which each stretch between two sizes is asked whether it is in the interval.
_POINTS = 400


@dataclass(frozen=True)
class EffectiveSize:
    """n_e and its interval. 0 means: below n_min, the curve's smallest size; inf: above n_max.

    A lower end of 0 or an upper one of inf says that the curve ends before the interval does.
    """

    n_e: float
    low: float
    high: float
    n_min: int
    n_max: int

    @property
    def inside(self) -> bool:
        """Is n_e within the sizes measured?"""
        return 0.0 < self.n_e < math.inf

    def told(self) -> str:
        """In words, e.g. `n_e = 212 (95% interval 150 to > 800)` or `n_e < 25`."""
        relation = "= " if self.inside else ""
        found = f"n_e {relation}{self._named(self.n_e)}"
        if self.high <= self.n_min or self.low >= self.n_max:
            return found
        return f"{found} (95% interval {self._named(self.low)} to {self._named(self.high)})"

    def _named(self, n: float) -> str:
        if n == 0.0:
            return f"< {self.n_min}"
        if n == math.inf:
            return f"> {self.n_max}"
        return f"{n:.3g}" if n < 1000 else f"{n:.0f}"


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Distances of real-only models (larger is worse).

    sizes: ints (m,), ascending. distances: (S, m), a row a seed; a loop's distances are compared
    seed by seed, since those of one seed share their real images.
    """

    sizes: np.ndarray
    distances: np.ndarray

    @property
    def lacks(self) -> str | None:
        """What is missing for inverting the curve, in one line, or None."""
        seeds, sizes = self.distances.shape
        if sizes < FEWEST_SIZES or seeds < FEWEST_SEEDS:
            return (
                f"n_e needs real-only models of {FEWEST_SIZES} sizes and {FEWEST_SEEDS} seeds; "
                f"this run has {_count(sizes, 'size')} and {_count(seeds, 'seed')}"
            )
        if not np.isfinite(self.distances).all():
            return "n_e needs a defined distance of every real-only model"
        return None

    def at(self, n: float) -> np.ndarray:
        """The distances of n real images, one a seed, for n within the sizes: shape (S,)."""
        return self._at(np.array([float(n)]))[:, 0]

    @cached_property
    def fitted(self) -> np.ndarray:
        """Means over seeds, made to fall with n (isotonic least squares): shape (m,)."""
        from scipy.optimize import isotonic_regression

        return isotonic_regression(self.distances.mean(axis=0), increasing=False).x

    def effective_size(self, distances: np.ndarray, level: float = 0.05) -> EffectiveSize:
        """n_e of a loop, with an interval of coverage 1 - level.

        The estimate inverts the monotone fit at the mean distance. The interval holds each n at
        which a paired t-test over seeds does not tell the loop from real-only models of n images,
        the curve's own noise included; it is exact for normal errors where the curve is.

        Args:
            distances: of the loop, one a seed, in the order of the curve's.

        Raises:
            ValueError: the curve has too few sizes or seeds (`lacks`), or a distance is undefined.
        """
        if self.lacks or not np.isfinite(distances).all():
            raise ValueError(self.lacks or "n_e needs a defined distance of every seed")
        grid, reach = self._grid, critical(len(distances), level / 2)
        excess = distances[:, None] - self._on_grid
        centre = excess.mean(axis=0)
        error = excess.std(axis=0, ddof=1) / math.sqrt(len(distances))
        held = np.flatnonzero(np.abs(centre) <= reach * error)
        n_min, n_max = int(self.sizes[0]), int(self.sizes[-1])
        estimate = self._inverted(float(distances.mean()))
        if len(held):
            low = 0.0 if held[0] == 0 else float(grid[held[0]])
            high = math.inf if held[-1] == len(grid) - 1 else float(grid[held[-1]])
        elif estimate == 0.0:
            low, high = 0.0, float(n_min)
        elif estimate == math.inf:
            low, high = float(n_max), math.inf
        else:
            low = high = estimate
        return EffectiveSize(estimate, min(low, estimate), max(high, estimate), n_min, n_max)

    def stays(self, found: EffectiveSize, distance: float, change: float) -> bool:
        """Does n_e stay in its interval where a loop's distance moves by `change` about its mean?

        Args:
            found: n_e at `distance`. change: of the distance over a window, 0 or more.
        """
        ends = (self._inverted(distance + change / 2), self._inverted(distance - change / 2))
        return found.low <= ends[0] and ends[1] <= found.high

    def _inverted(self, distance: float) -> float:
        if distance > self.fitted[0]:
            return 0.0
        if distance < self.fitted[-1]:
            return math.inf
        return float(1.0 / np.interp(distance, self.fitted[::-1], 1.0 / self.sizes[::-1]))

    @cached_property
    def _grid(self) -> np.ndarray:
        stretches = zip(self.sizes[:-1], self.sizes[1:], strict=True)
        parts = [np.geomspace(low, high, _POINTS, endpoint=False) for low, high in stretches]
        return np.concatenate([*parts, self.sizes[-1:].astype(float)])

    @cached_property
    def _on_grid(self) -> np.ndarray:
        return self._at(self._grid)

    def _at(self, n: np.ndarray) -> np.ndarray:
        backwards = 1.0 / self.sizes[::-1]
        rows = [np.interp(1.0 / n, backwards, row[::-1]) for row in self.distances]
        return np.array(rows)


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
