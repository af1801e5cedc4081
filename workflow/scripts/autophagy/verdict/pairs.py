"""Every two loops of a run beside each other: which drifts faster, and which ends worse.

The seed is the unit, as in the verdicts, and pairs the loops: both draw the same real images in it.
Of each pair there are two differences over the window after burn-in, of least-squares slopes and of
levels, each with Student's interval; Holm's correction runs over all of them, two-sided.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from autophagy.tabular import Rows, filled
from autophagy.verdict.inference import holm, mean
from autophagy.verdict.judge import Chain, slopes, window

#: Columns of loop_pairs.csv. slope, level: of `loop` less that of `other`, larger is worse.
COLUMNS = (
    "loop", "other", "budget", "other_budget", "seeds", "first_generation", "last_generation",
    "slope", "slope_low", "slope_high", "slope_p", "level", "level_low", "level_high", "level_p",
    "told",
)  # fmt: skip
#: What is compared -> its words where `loop` has more of it, and where it has less.
WORDS = {"slope": ("drifts faster", "drifts more slowly"), "level": ("is worse", "is better")}
UNDECIDED, UNDEFINED = "undecided", "undefined"


def table(chains: dict[str, Chain], budgets: dict[str, str], level: float = 0.05) -> Rows:
    """The table, columns as in `COLUMNS`: a row for every two loops, in their order.

    Args:
        chains: of at least 3 seeds, all of the same and of generations enough for a `window`.
        budgets: loop -> its training budget.
        level: the table's family-wise error.

    Raises:
        ValueError: the generations are too few for a window.
    """
    [generations] = {chain.distances.shape[1] for chain in chains.values()}
    span = window(generations)
    if span is None:
        raise ValueError(f"{generations} generations leave too few after burn-in")
    first, last = span
    rows: Rows = []
    tested = []
    for one, other in combinations(chains, 2):
        late = [chains[name].distances[:, first - 1 :] for name in (one, other)]
        row: dict[str, Any] = {
            "loop": one, "other": other, "seeds": len(late[0]),
            "budget": budgets[one], "other_budget": budgets[other],
            "first_generation": first, "last_generation": last, "told": UNDEFINED,
        }  # fmt: skip
        if np.isfinite(late).all():
            found = {"slope": slopes(late[0]) - slopes(late[1]),
                     "level": late[0].mean(axis=1) - late[1].mean(axis=1)}  # fmt: skip
            for name, differences in found.items():
                of = mean(differences, level)
                row |= {name: of.value, f"{name}_low": of.low, f"{name}_high": of.high}
                tested.append((row, name, of.p_apart(0.0)))
        rows.append(row)
    adjusted = holm(np.array([p for _, _, p in tested])) if tested else []
    for (row, name, _), p in zip(tested, adjusted, strict=True):
        row[f"{name}_p"] = float(p)
    for row in rows:
        if "slope" in row:
            row["told"] = _told(row, level)
    return filled(rows, COLUMNS)


def _told(row: dict[str, Any], level: float) -> str:
    found = [words[row[name] < 0] for name, words in WORDS.items() if row[f"{name}_p"] <= level]
    return " and ".join(found) or UNDECIDED


def decided(found: Rows) -> Rows:
    """The rows of loop_pairs.csv that tell two loops apart."""
    return [row for row in found if row["told"] not in (UNDECIDED, UNDEFINED)]


def lines(found: Rows) -> list[str]:
    """The pairs that are decided, as text for the end of a run, and how many are not."""
    apart = decided(found)
    told = ["Loops beside each other (slope a generation; level; Holm-corrected over all pairs)"]
    for row in apart:
        said = [f"{row[name]:+.3g} ({row[f'{name}_low']:+.3g} to {row[f'{name}_high']:+.3g})"
                for name in WORDS]  # fmt: skip
        told.append(f"  {row['loop']} {row['told']} than {row['other']}: {'; '.join(said)}")
    rest = len(found) - len(apart)
    return [*told, f"  {rest} of {len(found)} pairs are undecided"] if rest else told
