"""The tables of a theory experiment: parts joined, and what needs all of them added."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from autophagy.theory import closed_forms
from autophagy.theory.effective import RealOnly
from autophagy.theory.loops import Loop

#: Study -> what of the ends of a run is told.
_ENDS = {
    "limits": ("n_real", "n_synthetic", "sampling_bias", "memory", "w2", "ratio", "ratio_se"),
    "trajectories": ("generation", "w2", "w2_se", "mean_square", "trace", "log_det"),
    "mixture": ("generation", "modes", "total_variance", "precision", "recall"),
    "regression": ("generation", "error", "error_se", "error_exact"),
}


def joined(parts: list[pd.DataFrame], curves: pd.DataFrame | None = None) -> pd.DataFrame:
    """One run's table.

    Args:
        curves: E W2² of real points alone in every dimension, where n_e is to be added.
    """
    table = pd.concat(parts, ignore_index=True)
    return table if curves is None else _with_effective_size(table, curves)


def _with_effective_size(table: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Add n_e and n_e/n_r with standard errors, and n_e/n_r by formula, empty where unknown."""
    known = {d: _curve(curve) for d, curve in curves.groupby("dimensions")}
    rows: list[dict[str, Any]] = []
    for row in table.to_dict("records"):
        curve = known[row["dimensions"]]
        n_e, error = curve.effective_size(row["w2"], row["w2_se"])
        n_r = row["n_real"]
        rows.append(
            row
            | {
                "n_e": n_e, "n_e_se": error, "ratio": n_e / n_r, "ratio_se": error / n_r,
                "ratio_formula": _formula(_loop(row), curve),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _curve(table: pd.DataFrame) -> RealOnly:
    columns = (table[name].to_numpy(dtype=float) for name in ("n", "w2", "w2_se"))
    return RealOnly(int(table["dimensions"].iloc[0]), *columns)


def _loop(row: dict[str, Any]) -> Loop:
    return Loop(
        row["dimensions"], row["n_real"], row["n_real"], row["n_synthetic"],
        row["sampling_bias"], row["real"], row["memory"],
    )  # fmt: skip


def _formula(loop: Loop, curve: RealOnly) -> float:
    """n_e/n_r: the known ratio at λ = 1; at λ < 1 where the curve has the leading order's W2²."""
    if loop.sampling_bias == 1.0:
        unknown = loop.real == "fixed" and loop.memory > 1
        return np.nan if unknown else closed_forms.effective_ratio(loop)
    if loop.real != "fresh" or loop.memory > 1:
        return np.nan
    sizes = (loop.n_real, loop.n_synthetic, loop.sampling_bias, loop.dimensions)
    return curve.effective_size(closed_forms.distance_limit(*sizes))[0] / loop.n_real


def needed(study: str) -> tuple[str, ...]:
    """The columns that `summary` reads."""
    return ("run", *_ENDS[study], *(("drift", "chains") if study == "limits" else ()))


def summary(table: pd.DataFrame, study: str) -> str:
    """A few lines a person reads: the ends of each run."""
    columns = _ENDS[study]
    ends = table.groupby("run", sort=False).nth([0, -1])
    told = ends[["run", *columns]].to_string(index=False, float_format=lambda x: f"{x:.4g}")
    return f"{told}\n\n{convergence(table)}" if study == "limits" else told


def convergence(table: pd.DataFrame) -> str:
    """One line on `drift`: over converged cells it follows Student's t, chains - 1 degrees."""
    drift, freedom = table["drift"], table["chains"].iloc[0] - 1
    spread = "" if len(drift) < 2 else f", standard deviation {drift.std(ddof=1):.2f}"
    due = f"; converged: 0 and {math.sqrt(freedom / (freedom - 2)):.2f}" if freedom > 2 else ""
    return (
        f"Drift between the halves of the window, in standard errors, over {len(drift)} "
        f"cell{'s' if len(drift) > 1 else ''}: mean {drift.mean():.2f}{spread}{due}"
    )
