"""What a row of docs/science.md asks, answered off the tables of one finished run.

Every answer says what is undefined, and which seeds have no value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from autophagy import in_words
from autophagy.verdict.inference import FEWEST_SEEDS, mean
from autophagy.verdict.judge import slopes
from autophagy.verdict.opinions import why_no_interval
from science_chance import by_chance
from science_found import Found, Undefined, count_of_seeds

#: Which generation an ask may name -> its column in `Found.series`.
PLACES = {"first": 0, "last": -1}


def over_seeds(values: np.ndarray) -> str:
    """Mean and 95% interval; of fewer than 3 seeds no interval, and how many have no value."""
    known = values[np.isfinite(values)]
    lost = f"undefined in {len(values) - len(known)} of {count_of_seeds(len(values))}"
    if not len(known):
        return lost if len(values) else "undefined"
    told = []
    if len(known) < FEWEST_SEEDS:
        told.append(f"{count_of_seeds(len(known))}, no interval")
    elif np.ptp(known) < 1e-9:
        # An interval of no width would say that nothing is uncertain.
        told.append(f"in each of {count_of_seeds(len(known))}, no interval")
    else:
        found = mean(known)
        told.append(f"{found.low:+.3g} to {found.high:+.3g}")
    if len(known) < len(values):
        told.append(lost)
    return f"{known.mean():+.3g} ({'; '.join(told)})"


def changes(ask: dict[str, Any], found: Found) -> pd.Series:
    """From a loop's first generation to its last, one value a seed."""
    return _change_of(found.series(ask["change"], ask["metric"], ask.get("view", "output")))


def _change_of(wide: pd.DataFrame) -> pd.Series:
    return wide.iloc[:, PLACES["last"]] - wide.iloc[:, PLACES["first"]]


def differences(ask: dict[str, Any], found: Found) -> pd.Series:
    """One loop less another in a generation of both, the last unless said.

    One value a seed of both: another run may have more of them.
    """
    return _difference_of(ask, found)[0]


def _difference_of(ask: dict[str, Any], found: Found) -> tuple[pd.Series, int, bool]:
    """See `differences`; the generation, and whether one of the loops has more seeds."""
    one, other = (
        found.series(loop, ask["metric"], ask.get("view", "model")) for loop in ask["difference"]
    )
    of_both = one.columns.intersection(other.columns)
    generation = of_both[PLACES[ask.get("generation", "last")]]
    seeds = one.index.intersection(other.index)
    more = len(seeds) < max(len(one), len(other))
    return one.loc[seeds, generation] - other.loc[seeds, generation], generation, more


def trends(ask: dict[str, Any], found: Found) -> np.ndarray:
    """A loop's least-squares slope over all of its generations, one value a seed."""
    wide = found.series(ask["trend"], ask["metric"], ask.get("view", "output"))
    return slopes(wide.to_numpy())


def _trend(ask: dict[str, Any], found: Found) -> str:
    loop, metric, view = ask["trend"], ask["metric"], ask.get("view", "output")
    wide = found.series(loop, metric, view)
    told = over_seeds(slopes(wide.to_numpy()))
    first, last = wide.columns[0], wide.columns[-1]
    return (
        f"`{loop}`: {named(metric)} ({view}), slope over generations {first} to {last}: "
        f"{told} a generation"
    )


def _change(ask: dict[str, Any], found: Found) -> str:
    loop, metric, view = ask["change"], ask["metric"], ask.get("view", "output")
    wide = found.series(loop, metric, view)
    told = over_seeds(_change_of(wide).to_numpy())
    first, last = wide.columns[0], wide.columns[-1]
    return f"`{loop}`: {named(metric)} ({view}), generation {first} to {last}: {told}"


def _difference(ask: dict[str, Any], found: Found) -> str:
    (one, other), view = ask["difference"], ask.get("view", "model")
    values, generation, more = _difference_of(ask, found)
    told = over_seeds(values.to_numpy())
    elsewhere = any(found.of(loop)[0] is not found for loop in ask["difference"])
    shared = f" ({count_of_seeds(len(values))} of both)" if more else ""
    place = ask.get("generation", "last")
    when = (
        f"generation {generation}, the {place} of both{shared}"
        if elsewhere
        else f"the {place} generation"
    )
    names = f"{_loop(one)} less {_loop(other)}"
    return f"{names}: {named(ask['metric'])} ({view}) in {when}: {told}"


def _loop(name: str) -> str:
    run, _, loop = name.rpartition(":")
    return f"`{loop}` of `{run}`" if run else f"`{loop}`"


def _verdict(ask: dict[str, Any], found: Found) -> str:
    row = found.row("verdicts", ask["verdict"])
    told = f"`{ask['verdict']}`: {row['told'].removesuffix(f'; {found.seeds}')}"
    if "a generation" in told or not np.isfinite(row["slope"]):
        return told
    span = f"generations {row['first_generation']:.0f} to {row['last_generation']:.0f}"
    return f"{told}; slope over {span}: {interval(row, 'slope')} a generation"


def _attribution(ask: dict[str, Any], found: Found) -> str:
    loop = ask["attribution"]
    table = found["attribution"]
    row = found.row("attribution", loop)
    parts = [f"`{loop}`: drift {interval(row, 'drift')} a generation"]
    for word in ("drifts less", "drifts more", "undecided"):
        names = [
            f"`{other['loop']}` ({interval(other, 'difference')})"
            for _, other in table.iterrows()
            if other["told"].startswith(word)
        ]
        parts.append(f"{word}: {', '.join(names) or 'none'}")
    return "; ".join(parts) + " ([the table](#attribution-of-drift))"


def interval(row: Mapping[str, Any], name: str) -> str:
    """A value with its interval, where the row has one."""
    if not np.isfinite(row[f"{name}_low"]):
        return f"{row[name]:+.3g}"
    return f"{row[name]:+.3g} ({row[f'{name}_low']:+.3g} to {row[f'{name}_high']:+.3g})"


#: Columns of an answer about doses.
DOSE = ("loop", "real + synthetic rows of D^t", "λ", "generations", "n_e/n_r", "Gaussian loop",
        "in its limit")  # fmt: skip


def doses(ask: dict[str, Any], found: Found) -> list[tuple[str, ...]]:
    """A row a loop, columns as in `DOSE`: n_e/n_r, and that of the exact loop of as many rows."""
    return [_dose(loop, found) for loop in ask["dose"]]


def _dose(loop: str, found: Found) -> tuple[str, ...]:
    asked = found.experiment.loops[loop]
    head = (f"`{loop}`", f"{asked.n_real} + {asked.n_synthetic}", f"{asked.sampling_bias:g}")
    try:
        told = _size(found.row("effective_size", loop), asked.n_real)
    except Undefined as why:
        told = ("", str(why))
    try:
        exact = found.row("gaussian", loop)
    except Undefined as why:
        return (*head, *told, str(why), "")
    ratios = [f"{exact[name]:.3g} ± {exact[f'{name}_se']:.1g}" for name in ("within", "ratio")]
    return (*head, *told, *ratios)


def _size(row: pd.Series, n_real: int) -> tuple[str, str]:
    """The generations of an n_e, and n_e/n_r with its interval."""

    def ratio(n: float) -> str:
        # 0 and inf: beyond the sizes of the curve.
        if n == 0.0:
            return f"< {row['n_min'] / n_real:.3g}"
        if math.isinf(n):
            return f"> {row['n_max'] / n_real:.3g}"
        return f"{n / n_real:.3g}"

    first, last = row["first_generation"], row["last_generation"]
    span = f"{last}" if first == last else f"{first}-{last}"
    state = "a limit" if row["limit"] else "not converged"
    low, high = ratio(row["n_e_low"]), ratio(row["n_e_high"])
    return f"{span}, {state}", f"{ratio(row['n_e'])} ({low} to {high})"


def _labels(ask: dict[str, Any], found: Found) -> str:
    loop = ask["labels"]
    table = found["labels"]
    rows = table[table["loop"] == loop]
    if rows.empty:
        raise Undefined(f"`{loop}`: undefined, labels.csv has no row of it")
    classes, diversity = (
        rows.pivot_table(name, "seed", "generation") for name in ("classes", "diversity")
    )
    n, first, last = int(rows["n"].iloc[-1]), diversity.columns[0], diversity.columns[-1]
    died = (classes[first] - classes[last]).to_numpy()
    ratio = (diversity[last] / diversity[first]).to_numpy()
    told = (
        f"`{loop}`: of {classes[first].mean():.3g} classes in D^{first} died by D^{last}: "
        f"{over_seeds(died)}; 1 − Σp² of D^{last} over that of D^{first}, n = {n}: "
        f"{over_seeds(ratio)}"
    )
    if found.experiment.loops[loop].labels != "inherited":
        return told
    law = found.row("drift", loop)
    return (
        f"{told}; labels drawn anew from those before leave {law['law']:.3g} of it, "
        f"(1 − 1/n)^{last - first}, and 95 of 100 runs of as many seeds "
        f"{law['low']:.3g} to {law['high']:.3g}"
    )


def _opinion(ask: dict[str, Any], found: Found) -> str:
    table = found["second_opinion"]
    # One loop has no order among loops.
    rows = table[(table["metric"] == ask["opinion"]) & (table["items"] > 1)]
    if rows.empty:
        raise Undefined(f"{named(ask['opinion'])}: undefined, second_opinion.csv has no row of it")
    told = []
    for _, row in rows.iterrows():
        over = f"over {row['items']} {row['ranked']}"
        if not row["seeds"]:
            told.append(f"undefined {over}")
            continue
        lacks = why_no_interval(row)
        how = f"no interval: {lacks}" if lacks else f"{row['low']:+.3g} to {row['high']:+.3g}"
        told.append(f"{row['correlation']:+.3g} ({how}) {over}")
        if lacks and isinstance(row["ranking_first"], str):
            told[-1] += f" ({row['ranking_first']}; {row['ranking_second']})"
    names = rows[["first", "second"]].iloc[0]
    if chances := by_chance(rows):
        told[0] += f", p = {chances[0]:.2g} that orders of these are as much alike by chance"
    return f"{named(ask['opinion'])}: rank correlation of {' and '.join(names)} {', '.join(told)}"


def named(metric: str) -> str:
    return metric.replace("_", " ").replace("frechet", "Fréchet")


#: What a row asks -> how it is answered off a run's tables, in a line.
ANSWERS: dict[str, Callable[[dict[str, Any], Found], str]] = {
    "change": _change,
    "trend": _trend,
    "difference": _difference,
    "verdict": _verdict,
    "attribution": _attribution,
    "labels": _labels,
    "opinion": _opinion,
}
#: What a row may ask: these, and what is told in a table.
KINDS = {*ANSWERS, "dose"}


def loops_of(ask: dict[str, Any], experiment: Any) -> list[str]:
    """The loops that an answer is about."""
    [kind] = ask.keys() & KINDS
    if kind in ("opinion", "attribution"):
        return list(experiment.loops)
    return ask[kind] if isinstance(ask[kind], list) else [ask[kind]]


def answer(ask: dict[str, Any], found: Found) -> str:
    """One line."""
    [kind] = ask.keys() & ANSWERS.keys()
    try:
        return ANSWERS[kind](ask, found)
    except Undefined as why:
        return str(why)


def budgets(asks: list[dict[str, Any]], found: Found) -> list[str]:
    """How long the trainings behind answers are, each budget once."""
    loops = [found.of(loop) for ask in asks for loop in loops_of(ask, found.experiment)]
    return list(dict.fromkeys(in_words.budget(run.experiment, loop) for run, loop in loops))
