"""What a row of docs/science.md asks, answered off the tables of one finished run.

Every answer names the training budget and the seeds that it rests on, and says what is undefined.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from autophagy import tables
from autophagy.verdict.inference import FEWEST_SEEDS, mean
from autophagy.verdict.opinions import why_no_interval

#: Which generation an ask may name -> its column in `Found.series`.
PLACES = {"first": 0, "last": -1}


class Undefined(LookupError):
    """A table has no row of what is asked for."""


class Found:
    """The tables of one finished run, by their names."""

    def __init__(self, folder: Path, experiment: Any) -> None:
        self.folder, self.experiment = folder, experiment

    def __getitem__(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / f"{name}.csv", keep_default_na=False, na_values=[""])

    @cached_property
    def seeds(self) -> str:
        return _seeds(len(self.experiment.seeds))

    def row(self, name: str, loop: str) -> pd.Series:
        """The last row of a loop: of effective_size.csv that of the window after burn-in."""
        rows = self[name]
        rows = rows[rows["loop"] == loop]
        if rows.empty:
            raise Undefined(f"`{loop}`: undefined, {name}.csv has no row of it")
        return rows.iloc[-1]

    def series(self, loop: str, metric: str, view: str) -> pd.DataFrame:
        """A row a seed, a column a generation."""
        table = self["metrics"]
        rows = table[(table["loop"] == loop) & (table["view"] == view)]
        if rows.empty:
            raise Undefined(f"`{loop}`: undefined, metrics.csv has no row of it")
        return rows.pivot_table(metric, "seed", "generation", dropna=False)


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def over_seeds(values: np.ndarray) -> str:
    """Mean, 95% interval and seeds; of fewer than 3 no interval, and how many have no value."""
    known = values[np.isfinite(values)]
    lost = f"undefined in {len(values) - len(known)} of {_seeds(len(values))}"
    if not len(known):
        return lost if len(values) else "undefined"
    told = []
    if len(known) < FEWEST_SEEDS:
        told.append(f"{_seeds(len(known))}, no interval")
    else:
        found = mean(known)
        told += [f"{found.low:+.3g} to {found.high:+.3g}", _seeds(len(known))]
    if len(known) < len(values):
        told.append(lost)
    return f"{known.mean():+.3g} ({'; '.join(told)})"


def changes(ask: dict[str, Any], found: Found) -> pd.Series:
    """From a loop's first generation to its last, one value a seed."""
    return _change_of(found.series(ask["change"], ask["metric"], ask.get("view", "output")))


def _change_of(wide: pd.DataFrame) -> pd.Series:
    return wide.iloc[:, PLACES["last"]] - wide.iloc[:, PLACES["first"]]


def differences(ask: dict[str, Any], found: Found) -> pd.Series:
    """One loop less another in a generation of both, the last unless said; one value a seed."""
    place = PLACES[ask.get("generation", "last")]
    one, other = (
        found.series(loop, ask["metric"], ask.get("view", "model")).iloc[:, place]
        for loop in ask["difference"]
    )
    return one - other


def _change(ask: dict[str, Any], found: Found) -> str:
    loop, metric, view = ask["change"], ask["metric"], ask.get("view", "output")
    wide = found.series(loop, metric, view)
    told = over_seeds(_change_of(wide).to_numpy())
    first, last = wide.columns[0], wide.columns[-1]
    return f"`{loop}`: {_name(metric)} ({view}), generation {first} to {last}: {told}"


def _difference(ask: dict[str, Any], found: Found) -> str:
    (one, other), view = ask["difference"], ask.get("view", "model")
    told = over_seeds(differences(ask, found).to_numpy())
    when = f"the {ask.get('generation', 'last')} generation"
    return f"`{one}` less `{other}`: {_name(ask['metric'])} ({view}) in {when}: {told}"


def _verdict(ask: dict[str, Any], found: Found) -> str:
    told = found.row("verdicts", ask["verdict"])["told"]
    seeds = "" if told.endswith(found.seeds) else f"; {found.seeds}"
    return f"`{ask['verdict']}`: {told}{seeds}"


def _attribution(ask: dict[str, Any], found: Found) -> str:
    loop = ask["attribution"]
    table = found["attribution"]
    row = found.row("attribution", loop)
    parts = [f"`{loop}`: drift {interval(row, 'drift')} a generation; {found.seeds}"]
    for word in ("drifts less", "drifts more", "undecided"):
        names = [
            f"`{other['loop']}` ({interval(other, 'difference')})"
            for _, other in table.iterrows()
            if other["told"].startswith(word)
        ]
        parts.append(f"{word}: {', '.join(names) or 'none'}")
    return "; ".join(parts) + " ([the table](#attribution-of-drift))"


def interval(row: pd.Series, name: str) -> str:
    """A value with its interval, where the row has one."""
    if not np.isfinite(row[f"{name}_low"]):
        return f"{row[name]:+.3g}"
    return f"{row[name]:+.3g} ({row[f'{name}_low']:+.3g} to {row[f'{name}_high']:+.3g})"


def _size(ask: dict[str, Any], found: Found) -> str:
    loop = ask["size"]
    row = found.row("effective_size", loop)
    n_real = found.experiment.loops[loop].n_real

    def ratio(n: float) -> str:
        # 0 and inf: beyond the sizes of the curve.
        if n == 0.0:
            return f"< {row['n_min'] / n_real:.3g}"
        if math.isinf(n):
            return f"> {row['n_max'] / n_real:.3g}"
        return f"{n / n_real:.3g}"

    first, last = row["first_generation"], row["last_generation"]
    span = f"generation {last}" if first == last else f"generations {first}-{last}"
    state = "a limit" if row["limit"] else "not converged"
    return (
        f"`{loop}`: n_r = {n_real}, n_e/n_r {ratio(row['n_e'])} ({ratio(row['n_e_low'])} to "
        f"{ratio(row['n_e_high'])}; {found.seeds}), {span}, {state}"
    )


def _gaussian(ask: dict[str, Any], found: Found) -> str:
    row = found.row("gaussian", ask["gaussian"])
    return (
        f"`{row['loop']}`: a Gaussian loop of its sizes and λ in {row['dimensions']} dimensions "
        f"has n_e/n_r {row['ratio']:.3g} in the limit (standard error {row['ratio_se']:.1g})"
    )


def _labels(ask: dict[str, Any], found: Found) -> str:
    loop = ask["labels"]
    table = found["labels"]
    rows = table[table["loop"] == loop]
    if rows.empty:
        raise Undefined(f"`{loop}`: undefined, labels.csv has no row of it")
    classes, diversity = (
        rows.pivot_table(name, "seed", "generation") for name in ("classes", "diversity")
    )
    n, first, last = int(rows["n"].iloc[0]), diversity.columns[0], diversity.columns[-1]
    due = (1.0 - 1.0 / n) ** (last - first)
    died = (classes[first] - classes[last]).to_numpy()
    ratio = (diversity[last] / diversity[first]).to_numpy()
    return (
        f"`{loop}`: of {classes[first].mean():.3g} classes in D^{first} died by D^{last}: "
        f"{over_seeds(died)}; 1 − Σp² of D^{last} over that of D^{first}, n = {n}: "
        f"{over_seeds(ratio)}, drift alone makes {due:.3g} of it"
    )


def _opinion(ask: dict[str, Any], found: Found) -> str:
    table = found["second_opinion"]
    rows = table[table["metric"] == ask["opinion"]]
    if rows.empty:
        raise Undefined(f"{_name(ask['opinion'])}: undefined, second_opinion.csv has no row of it")
    told = []
    for _, row in rows.iterrows():
        over = f"over {row['items']} {row['ranked']}"
        if not row["seeds"]:
            told.append(f"undefined {over}")
            continue
        how = why_no_interval(row)
        how = f"no interval: {how}" if how else f"{row['low']:+.3g} to {row['high']:+.3g}"
        told.append(f"{row['correlation']:+.3g} ({how}; {_seeds(row['seeds'])}) {over}")
    names = rows[["first", "second"]].iloc[0]
    return f"{_name(ask['opinion'])}: rank correlation of {' and '.join(names)} {', '.join(told)}"


def _name(metric: str) -> str:
    return metric.replace("_", " ").replace("frechet", "Fréchet")


#: What a row asks -> how it is answered off a run's tables.
ANSWERS: dict[str, Callable[[dict[str, Any], Found], str]] = {
    "change": _change,
    "difference": _difference,
    "verdict": _verdict,
    "attribution": _attribution,
    "size": _size,
    "gaussian": _gaussian,
    "labels": _labels,
    "opinion": _opinion,
}


def loops_of(ask: dict[str, Any], experiment: Any) -> list[str]:
    """The loops of the run that an answer is about."""
    [kind] = ask.keys() & ANSWERS.keys()
    if kind in ("opinion", "attribution"):
        return list(experiment.loops)
    return ask[kind] if isinstance(ask[kind], list) else [ask[kind]]


def answer(ask: dict[str, Any], found: Found) -> str:
    """One line, the budget of its loops last; of an exact loop, which trains nothing, without."""
    [kind] = ask.keys() & ANSWERS.keys()
    try:
        told = ANSWERS[kind](ask, found)
    except Undefined as why:
        return str(why)
    if kind == "gaussian":
        return told
    experiment = found.experiment
    budgets = {tables.budget(experiment, loop): None for loop in loops_of(ask, experiment)}
    return f"{told}; {' or '.join(budgets)}"
