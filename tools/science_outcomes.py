"""Whether a run bears a claim out: what docs/science/claims.yaml expects, beside what was found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from autophagy.verdict.inference import FEWEST_SEEDS, mean
from autophagy.verdict.judge import UNDECIDED
from science_answers import changes, differences, trends
from science_chance import by_chance
from science_found import Found, Undefined

HELD, AGAINST = "held", "against it"
#: Of each side, as that of a 95% interval.
LEVEL = 0.025
#: What an interval may be expected to be: on one side of 0, or of the run's margin.
ABOVE, BELOW, WITHIN = "above", "below", "within margin"


def of_interval(low: float, high: float, expected: str, margin: float = np.nan) -> str:
    """By the side on which the whole interval lies, of 0 or of the margin; NaN is on neither."""
    if expected == WITHIN:
        low, high, expected = low - margin, high - margin, BELOW
    sides = {ABOVE: low > 0, BELOW: high < 0}
    if sides[expected]:
        return HELD
    return AGAINST if any(sides.values()) else UNDECIDED


def _of_values(values: np.ndarray, expected: str, margin: float = np.nan) -> str:
    """By the mean's interval; undecided where a seed has no value, or with too few seeds."""
    if len(values) < FEWEST_SEEDS or not np.isfinite(values).all():
        return UNDECIDED
    found = mean(values)
    return of_interval(found.low, found.high, expected, margin)


def _change(ask: dict[str, Any], found: Found) -> str:
    margin = found.margin if ask["expect"] == WITHIN else np.nan
    return _of_values(changes(ask, found).to_numpy(), ask["expect"], margin)


def _trend(ask: dict[str, Any], found: Found) -> str:
    return _of_values(trends(ask, found), ask["expect"])


def _difference(ask: dict[str, Any], found: Found) -> str:
    return _of_values(differences(ask, found).to_numpy(), ask["expect"])


def _verdict(ask: dict[str, Any], found: Found) -> str:
    word = found.row("verdicts", ask["verdict"])["verdict"]
    if word == UNDECIDED:
        return UNDECIDED
    expected = ask["expect"]
    return HELD if word in ([expected] if isinstance(expected, str) else expected) else AGAINST


def _attribution(ask: dict[str, Any], found: Found) -> str:
    """`less`: loops that drift less; `same`: loops of which nothing may show, see `_same`."""
    table, expected = found["attribution"].set_index("loop"), ask["expect"]
    words = {_same(table.loc[loop]) for loop in expected.get("same", ())}
    for loop in expected.get("less", ()):
        told = table["told"][loop]
        if told.startswith(UNDECIDED):
            words.add(UNDECIDED)
        else:
            words.add(HELD if told == "drifts less" else AGAINST)
    return _together(words)


def _same(row: pd.Series) -> str:
    """Held where the change takes away or adds less than half of the drift, by its interval.

    That drift is the reference's in the generations in which the two are compared.
    """
    if not row["told"].startswith(UNDECIDED):
        return AGAINST
    half = (row["drift"] - row["difference"]) / 2
    within = row["difference_low"] > -half and row["difference_high"] < half
    return HELD if within else UNDECIDED


def _opinion(ask: dict[str, Any], found: Found) -> str:
    """By how few orders of the loops are as much alike; of generations, which loops share, none."""
    table = found["second_opinion"]
    chances = by_chance(table[table["metric"] == ask["opinion"]])
    if chances is None:
        return UNDECIDED
    above, below = chances if ask["expect"] == ABOVE else chances[::-1]
    return HELD if above <= LEVEL else AGAINST if below <= LEVEL else UNDECIDED


#: What a row asks -> how its answer is held against what is expected.
JUDGED: dict[str, Callable[[dict[str, Any], Found], str]] = {
    "change": _change,
    "trend": _trend,
    "difference": _difference,
    "verdict": _verdict,
    "attribution": _attribution,
    "opinion": _opinion,
}


def _together(words: set[str]) -> str:
    for word in (AGAINST, UNDECIDED):
        if word in words:
            return word
    return HELD


def outcome(asks: list[dict[str, Any]], found: Found) -> str | None:
    """held, against it or undecided; None where nothing is expected.

    One answer against the claim decides; it is held where every answer is as expected.
    """
    words = set()
    for ask in asks:
        if "expect" not in ask:
            continue
        [kind] = ask.keys() & JUDGED.keys()
        try:
            words.add(JUDGED[kind](ask, found))
        except Undefined:
            words.add(UNDECIDED)
    return _together(words) if words else None
