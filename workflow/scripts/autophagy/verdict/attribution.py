"""What a loop's drift comes from: loops that differ from it, from the same G^1.

Drift is the least-squares slope of the distance over generations 1 to T, in the view of the models
at λ = 1, one a seed. G^1 has the experiment's training: of a loop that trains otherwise the slope
is over generations 2 to T, so that the step from one training to another is no drift. Each loop's
is compared with the reference loop's over the same generations, paired by seed; Holm's correction
runs over the table. What takes the drift away caused it, at this budget and no other.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from autophagy import presets
from autophagy.models import budgets
from autophagy.schema import plain
from autophagy.verdict.inference import FEWEST_SEEDS, holm, mean
from autophagy.verdict.judge import slopes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from autophagy.config import Experiment

#: Columns of attribution.csv.
COLUMNS = (
    "loop", "changed", "budget", "seeds", "first_generation", "drift", "drift_low", "drift_high",
    "difference", "difference_low", "difference_high", "p", "told",
)  # fmt: skip
#: The budget that takes rows from the training and the decay from its learning rate.
UNTIL_FLAT = "train.until_flat"


def compared(experiment: Experiment) -> list[str]:
    """The loops of the table, the reference first: those that start where it does."""
    reference = experiment.attribution
    start = experiment.loops[reference].start_from
    others = [name for name, loop in experiment.loops.items() if loop.start_from == start]
    return [reference, *(name for name in others if name != reference)]


def otherwise_trained(experiment: Experiment) -> list[str]:
    """The loops of the table whose models, from G^2 on, are not trained as G^1 was."""
    given = experiment.settings("train")
    return [name for name in compared(experiment) if experiment.settings("train", name) != given]


def changed(experiment: Experiment, name: str) -> list[str]:
    """What a loop has otherwise than the reference, as `train.steps 1000 → 2000`.

    Of a budget of another kind, `train.steps → train.until_flat`, what else follows from it too.
    """
    ours, theirs = (_said(experiment, loop) for loop in (name, experiment.attribution))
    rules = [_budget(said) for said in (theirs, ours)]
    other = rules[0] != rules[1]
    told = [" → ".join(rules)] if other else []
    told += [
        f"{key} {theirs.get(key)} → {ours.get(key)}"
        for key in theirs | ours
        if theirs.get(key) != ours.get(key) and not (other and key in rules)
    ]
    if other and UNTIL_FLAT in rules:
        before, after = ("none" if rule == UNTIL_FLAT else "to 0" for rule in rules)
        told.append(f"decay of the learning rate {before} → {after}")
        shares = [1.0 - said.get(UNTIL_FLAT, {}).get("held_out", 0.0) for said in (theirs, ours)]
        told.append(f"rows of D^t that train {shares[0]:.0%} → {shares[1]:.0%}")
    return told


def _budget(said: dict[str, Any]) -> str:
    """The key that states how long a loop's models train; empty where none does."""
    return next((f"train.{key}" for key in budgets.BUDGETS if f"train.{key}" in said), "")


def _said(experiment: Experiment, name: str) -> dict[str, Any]:
    loop = experiment.loops[name]
    found = {key: getattr(loop, key) for key in ("sampling_bias", "n_real", "n_synthetic")}
    found |= vars(presets.regime_of(loop))
    for section in ("train", "sample"):
        settings = experiment.settings(section, name)
        found |= {f"{section}.{key}": value for key, value in settings.items()}
    return {key: plain(value) if hasattr(value, "model_dump") else value
            for key, value in found.items()}  # fmt: skip


def table(
    distances: dict[str, np.ndarray],
    changes: dict[str, str],
    budgets: dict[str, str],
    otherwise: Collection[str] = (),
) -> pd.DataFrame:
    """The table, columns as in `COLUMNS`; the first loop is the reference.

    Args:
        distances: loop -> (S, T), a row a seed, larger is worse.
        changes: loop -> what is otherwise. budgets: loop -> its training budget.
        otherwise: see `otherwise_trained`; they are taken from generation 2, since the step from
            G^1 to models of another training is no drift, and have none with T < 3.
    """
    import pandas as pd

    reference, *others = distances
    firsts = {name: 2 if name in otherwise else 1 for name in distances}
    drifts = {name: _slopes_from(firsts[name], values) for name, values in distances.items()}
    against = {name: _slopes_from(firsts[name], distances[reference]) for name in others}
    rows = {
        name: {"loop": name, "changed": changes[name], "budget": budgets[name],
               "seeds": len(drift), "first_generation": firsts[name], "drift": drift.mean()}
        for name, drift in drifts.items()
    }  # fmt: skip
    for name in others:
        rows[name]["difference"] = (drifts[name] - against[name]).mean()
    enough = len(drifts[reference]) >= FEWEST_SEEDS
    if enough:
        _infer(rows, drifts, against)
    for name, row in rows.items():
        row["told"] = "reference" if name == reference else _told(row, enough)
    return pd.DataFrame(rows.values(), columns=list(COLUMNS))


def _slopes_from(first: int, values: np.ndarray) -> np.ndarray:
    """Slopes from a generation on, one a seed; undefined of one generation."""
    import numpy as np

    late = values[:, first - 1 :]
    return slopes(late) if late.shape[1] > 1 else np.full(len(late), np.nan)


def _infer(
    rows: dict[str, dict[str, Any]], drifts: dict[str, np.ndarray], against: dict[str, np.ndarray]
) -> None:
    """Add intervals and corrected p values to the rows; `against`: the reference's, by loop."""
    import numpy as np

    known = {name: drift for name, drift in drifts.items() if np.isfinite(drift).all()}
    for name, drift in known.items():
        own = mean(drift)
        rows[name] |= {"drift_low": own.low, "drift_high": own.high}
    found = {name: mean(known[name] - against[name]) for name in against if name in known}
    adjusted = holm([of.p_apart(0.0) for of in found.values()]) if found else []
    for (name, of), p in zip(found.items(), adjusted, strict=True):
        rows[name] |= {"difference_low": of.low, "difference_high": of.high, "p": float(p)}


def _told(row: dict[str, Any], enough: bool) -> str:
    if row["drift"] != row["drift"]:
        return "undefined"
    if not enough:
        return f"undecided: {FEWEST_SEEDS} seeds are needed, this run has {row['seeds']}"
    if not row["p"] < 0.05:
        return "undecided"
    return "drifts less" if row["difference"] < 0 else "drifts more"


def lines(found: pd.DataFrame) -> list[str]:
    """The table as text for the end of a run."""
    reference = found["loop"].iloc[0]
    told = [f"Attribution of the drift of {reference} (Fréchet distance a generation, λ = 1)"]
    for _, row in found.iterrows():
        interval = ""
        if row["drift_low"] == row["drift_low"]:
            interval = f" [{row['drift_low']:.2f}, {row['drift_high']:.2f}]"
        # An empty cell of the file is no text.
        what = row["changed"] if isinstance(row["changed"], str) and row["changed"] else "as it is"
        since = "" if row["first_generation"] == 1 else " from generation 2 on"
        known = row["drift"] == row["drift"]
        drift = f"{row['drift']:.2f}{interval}{since}" if known else "no drift"
        told.append(f"  {row['loop']}: {drift}; {what}; {row['budget']}: {row['told']}")
    return told
