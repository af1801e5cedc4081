"""What a loop's drift comes from: loops that differ from it in one thing each, from the same G^1.

Drift is the least-squares slope of the distance over generations 1 to T, in the view of the models
at λ = 1, one a seed. Each loop's is compared with the reference loop's, paired by seed; Holm's
correction runs over the table. What takes the drift away caused it, at this budget and no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from autophagy import presets
from autophagy.schema import plain
from autophagy.verdict.inference import FEWEST_SEEDS, holm, mean
from autophagy.verdict.judge import slopes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from autophagy.config import Experiment

#: Columns of attribution.csv.
COLUMNS = (
    "loop", "changed", "budget", "seeds", "drift", "drift_low", "drift_high", "difference",
    "difference_low", "difference_high", "p", "told",
)  # fmt: skip


def compared(experiment: Experiment) -> list[str]:
    """The loops of the table, the reference first: those that start where it does."""
    reference = experiment.attribution
    start = experiment.loops[reference].start_from
    others = [name for name, loop in experiment.loops.items() if loop.start_from == start]
    return [reference, *(name for name in others if name != reference)]


def changed(experiment: Experiment, name: str) -> list[str]:
    """What a loop has otherwise than the reference, as `train.steps 1000 → 2000`."""
    ours, theirs = (_said(experiment, loop) for loop in (name, experiment.attribution))
    # A budget of another kind is another key.
    told = [(key, theirs.get(key), ours.get(key)) for key in theirs | ours]
    return [f"{key} {before} → {after}" for key, before, after in told if before != after]


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
    distances: dict[str, np.ndarray], changes: dict[str, str], budgets: dict[str, str]
) -> pd.DataFrame:
    """The table, columns as in `COLUMNS`; the first loop is the reference.

    Args:
        distances: loop -> (S, T), a row a seed, larger is worse.
        changes: loop -> what is otherwise. budgets: loop -> its training budget.
    """
    import pandas as pd

    reference, *others = distances
    drifts = {name: slopes(values) for name, values in distances.items()}
    rows = {
        name: {"loop": name, "changed": changes[name], "budget": budgets[name],
               "seeds": len(drift), "drift": drift.mean()}
        for name, drift in drifts.items()
    }  # fmt: skip
    for name in others:
        rows[name]["difference"] = (drifts[name] - drifts[reference]).mean()
    enough = len(drifts[reference]) >= FEWEST_SEEDS
    if enough:
        _infer(rows, drifts, reference, others)
    for name, row in rows.items():
        row["told"] = "reference" if name == reference else _told(row, enough)
    return pd.DataFrame(rows.values(), columns=list(COLUMNS))


def _infer(
    rows: dict[str, dict[str, Any]], drifts: dict[str, np.ndarray], reference: str,
    others: Iterable[str],
) -> None:  # fmt: skip
    """Add intervals and corrected p values to the rows."""
    for name, drift in drifts.items():
        own = mean(drift)
        rows[name] |= {"drift_low": own.low, "drift_high": own.high}
    found = {name: mean(drifts[name] - drifts[reference]) for name in others}
    sides = [2 * min(of.p_above(0.0), of.p_below(0.0)) for of in found.values()]
    for (name, of), p in zip(found.items(), holm([min(side, 1.0) for side in sides]), strict=True):
        rows[name] |= {"difference_low": of.low, "difference_high": of.high, "p": float(p)}


def _told(row: dict[str, Any], enough: bool) -> str:
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
        told.append(
            f"  {row['loop']}: {row['drift']:.2f}{interval}; {what}; {row['budget']}: {row['told']}"
        )
    return told
