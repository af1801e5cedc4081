"""A line of the table, and what is told of a side's runs: nothing here measures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

#: Of a side's calls, what each returned.
Found = dict[str, list[dict[str, Any]]]
#: Standard errors by which two means may differ and still count as one.
ERRORS = 2.0


@dataclass(frozen=True)
class Line:
    """One line of the table.

    value: what is held against `reach` and against the recorded value: a ratio, or a number in
        `unit` where nothing else does the same.
    reach: the least, or most, it should be; None where the number is only told.
    quality: what came out beside the speed, in words.
    holds: whether that is as good as it has to be for the speed to count; None where nothing is
        asked of it.
    runs: how many runs a side the value is a median of; 0: those of the row.
    """

    what: str
    against: str
    ours: str
    theirs: str
    value: float
    better: Literal["higher", "lower"] = "higher"
    reach: float | None = None
    unit: str = "×"
    quality: str = ""
    holds: bool | None = None
    runs: int = 0

    @property
    def reached(self) -> bool | None:
        """Fast enough, and as good as is asked; None where no speed is asked for."""
        if self.reach is None:
            return None
        higher = self.better == "higher"
        fast = self.value >= self.reach if higher else self.value <= self.reach
        return fast and self.holds is not False


def median(found: Found, side: str, key: str) -> float:
    return statistics.median(run[key] for run in found[side])


def ratio(found: Found, above: str, below: str, key: str) -> float:
    """The median over pairs of runs, one after the other, of what one side took over the other."""
    pairs = zip(found[above], found[below], strict=False)
    return statistics.median(one[key] / other[key] for one, other in pairs)


@dataclass(frozen=True)
class Sample:
    """Mean and standard deviation of a number over `count` seeds; deviation is nan for one."""

    mean: float
    deviation: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.2f}" + (f" ± {self.deviation:.2f}" if self.count > 1 else "")

    def above(self, other: Sample) -> float:
        """By how many standard errors of the difference this mean lies above the other.

        nan where a side has one seed only: then nothing is known of the spread.
        """
        errors = (side.deviation**2 / side.count for side in (self, other))
        difference, error = self.mean - other.mean, math.sqrt(sum(errors))
        if not error:
            return math.copysign(math.inf, difference) if difference else 0.0
        return difference / error

    def no_farther(self, other: Sample) -> bool:
        """Is a distance no larger than another, within the spread over seeds?"""
        return self.above(other) <= ERRORS

    def agrees(self, other: Sample) -> bool:
        """Is a number the same as another, within the spread over seeds?"""
        return abs(self.above(other)) <= ERRORS


def sample(values: Sequence[float]) -> Sample:
    deviation = statistics.stdev(values) if len(values) > 1 else math.nan
    return Sample(statistics.mean(values), deviation, len(values))


def over_seeds(found: Found, side: str, key: str) -> Sample:
    """A side's number over its runs, each of a seed of its own."""
    return sample([run[key] for run in found[side]])
