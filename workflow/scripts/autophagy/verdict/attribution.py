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

from autophagy.tabular import Rows, filled
from autophagy.verdict.inference import FEWEST_SEEDS, holm, mean
from autophagy.verdict.judge import slopes

if TYPE_CHECKING:
    import numpy as np

#: Columns of attribution.csv.
COLUMNS = (
    "loop", "changed", "budget", "seeds", "first_generation", "drift", "drift_low", "drift_high",
    "difference", "difference_low", "difference_high", "p", "told",
)  # fmt: skip


def table(
    distances: dict[str, np.ndarray],
    changes: dict[str, str],
    budgets: dict[str, str],
    otherwise: Collection[str] = (),
) -> Rows:
    """The table, columns as in `COLUMNS`; the first loop is the reference.

    Args:
        distances: loop -> (S, T), a row a seed, larger is worse.
        changes: loop -> what is otherwise. budgets: loop -> its training budget.
        otherwise: see `changes.otherwise_trained`; they are taken from generation 2, since the
            step from G^1 to models of another training is no drift, and have none with T < 3.
    """
    reference, *others = distances
    firsts = {name: 2 if name in otherwise else 1 for name in distances}
    drifts = {name: _slopes_from(firsts[name], values) for name, values in distances.items()}
    against = {name: _slopes_from(firsts[name], distances[reference]) for name in others}
    rows = {
        name: {"loop": name, "changed": changes[name], "budget": budgets[name],
               "seeds": len(drift), "first_generation": firsts[name], "drift": float(drift.mean())}
        for name, drift in drifts.items()
    }  # fmt: skip
    for name in others:
        rows[name]["difference"] = float((drifts[name] - against[name]).mean())
    enough = len(drifts[reference]) >= FEWEST_SEEDS
    if enough:
        _infer(rows, drifts, against)
    for name, row in rows.items():
        row["told"] = "reference" if name == reference else _told(row, enough)
    return filled(rows.values(), COLUMNS)


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


def lines(found: Rows) -> list[str]:
    """The table, read back, as text for the end of a run."""
    reference = found[0]["loop"]
    told = [f"Attribution of the drift of {reference} (Fréchet distance a generation, λ = 1)"]
    for row in found:
        interval = ""
        if row["drift_low"] == row["drift_low"]:
            interval = f" [{row['drift_low']:.2f}, {row['drift_high']:.2f}]"
        what = row["changed"] or "as it is"
        since = "" if row["first_generation"] == 1 else " from generation 2 on"
        known = row["drift"] == row["drift"]
        drift = f"{row['drift']:.2f}{interval}{since}" if known else "no drift"
        told.append(f"  {row['loop']}: {drift}; {what}; {row['budget']}: {row['told']}")
    return told
