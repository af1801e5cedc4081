"""Verdicts and effective sizes of a run: from metrics.csv to tables.

What they are judged by is the plain value that `verdict.plan.asked` makes of a configuration.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autophagy import evaluated, store, tables, tabular
from autophagy.errors import UserError
from autophagy.metrics import METRICS
from autophagy.paths import METRICS_JSON, VERDICTS
from autophagy.tables import Metrics
from autophagy.tabular import Rows
from autophagy.verdict import judge as judging
from autophagy.verdict.inference import Mean
from autophagy.verdict.judge import Chain, Comparison, Verdict
from autophagy.verdict.learning_curve import EffectiveSize, LearningCurve

if TYPE_CHECKING:
    import pandas as pd

#: What a run is judged by; the view `model` is every loop's models at λ = 1.
METRIC, VIEW = "frechet_distance", "model"
#: 1: larger is worse; -1: smaller is. Only metrics whose real-vs-real spread is known can judge.
WORSE = {
    "frechet_distance": 1, "kernel_distance": 1, "precision": -1, "recall": -1, "density": -1,
    "coverage": -1, "spectral_distance": 1,
}  # fmt: skip
assert set(WORSE) <= set(METRICS)
#: After as many, exp(-5) < 1% of a start is left.
E_FOLDS = 5
#: Columns of verdicts.csv.
COLUMNS = (
    "loop", "metric", "budget", "verdict", "seeds", "first_generation", "last_generation", "margin",
    "slope", "slope_low", "slope_high", "p_diverging", "converged",
    *(
        f"{control}_{name}"
        for control in ("n_real", "n_total")
        for name in ("images", "source", "difference", "low", "high", "p", "verdict")
    ),
    "seeds_needed", "told",
)  # fmt: skip
#: Columns of effective_size.csv.
SIZES = (
    "loop", "budget", "first_generation", "last_generation", "limit", "distance", "n_e", "n_e_low",
    "n_e_high", "n_min", "n_max", "told",
)  # fmt: skip


def curve_of(table: Metrics, plan: dict[str, Any], metric: str = METRIC) -> LearningCurve:
    """The real-only models of a table, oriented so that larger is worse.

    Args:
        table: metrics.csv. plan: see `verdict.plan.asked`.
    """
    # Of two names of one size, the same models but for their training's seed, the first counts.
    names: dict[int, str] = {}
    for name, n in plan["real_only"].items():
        names.setdefault(n, name)
    sizes = sorted(names)
    columns = [_values(table, f"real-only/{names[n]}", plan, metric)[:, 0] for n in sizes]
    return LearningCurve(np.array(sizes), np.stack(columns, axis=1))


def chains_of(table: Metrics, plan: dict[str, Any], metric: str = METRIC) -> dict[str, Chain]:
    """Every loop of a table, oriented so that larger is worse."""
    return {
        name: Chain(
            loop["n_real"], loop["n_synthetic"], _values(table, name, plan, metric), loop["unlike"]
        )
        for name, loop in plan["loops"].items()
    }


def _values(table: Metrics, loop: str, plan: dict[str, Any], metric: str) -> np.ndarray:
    rows = table.of(loop, VIEW)
    values = {(row["seed"], row["generation"]): row[metric] for row in rows}
    generations = sorted({t for _, t in values})
    missing = sorted(set(plan["seeds"]) - {seed for seed, _ in values})
    if missing:
        raise UserError(f"metrics.csv: has no row of {loop} with seed {missing[0]}")
    wide = [[values.get((seed, t), np.nan) for t in generations] for seed in plan["seeds"]]
    return WORSE[metric] * np.array(wide, dtype=float)


def judged(
    table: Metrics, plan: dict[str, Any], floor: dict[str, dict[str, float]],
    metric: str = METRIC,
) -> dict[str, Verdict]:  # fmt: skip
    """The verdict on every loop of a table.

    The margin is the standard deviation of real against real over random cuts: a difference that
    sets of real images show among themselves by chance is none that a model can be blamed for.

    Args:
        floor: metric -> {"sd", …} of real against real.
    """
    margin = floor[metric]["sd"]
    return judging.judge(chains_of(table, plan, metric), curve_of(table, plan, metric), margin)


def write(root: Path, plan: dict[str, Any]) -> None:
    """Write verdicts.csv and metrics.json (the last generations' means, and the verdicts)."""
    table = tables.metrics(root)
    found = judged(table, plan, evaluated.resplits(root, plan["seeds"][0]))
    rows = [_row(name, verdict, plan) for name, verdict in found.items()]
    tabular.write_rows(root / VERDICTS, COLUMNS, rows)
    summary = tables.last_generation(table)
    for name, verdict in found.items():
        summary[name]["verdict"] = _metrics(verdict)
    store.write_json(root / METRICS_JSON, summary)


def _row(name: str, verdict: Verdict, plan: dict[str, Any]) -> dict[str, Any]:
    first, last = verdict.window or (None, None)
    facts = {
        "loop": name, "budget": plan["loops"][name]["budget"], "metric": METRIC,
        "verdict": verdict.word, "seeds": verdict.seeds,
        "first_generation": first, "last_generation": last, "margin": verdict.margin,
        **_interval("slope", verdict.slope), "p_diverging": verdict.p_diverging,
        "converged": verdict.converged, "seeds_needed": verdict.seeds_needed,
        "told": told(verdict, plan["kind"]),
    }  # fmt: skip
    for control, found in (("n_real", verdict.at_real), ("n_total", verdict.at_total)):
        named = _interval("difference", found.difference)
        facts |= {f"{control}_{key.removeprefix('difference_')}": x for key, x in named.items()}
        facts |= {f"{control}_images": found.n, f"{control}_source": found.source}
        facts |= {f"{control}_p": found.p, f"{control}_verdict": found.word}
    return facts


def _interval(name: str, mean: Mean | None) -> dict[str, float | None]:
    values = (mean.value, mean.low, mean.high) if mean else (None, None, None)
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def _metrics(verdict: Verdict) -> dict[str, Any]:
    """The verdict as DVC shows it: no empty values."""
    found = {
        "word": verdict.word,
        "seeds": verdict.seeds,
        "slope": verdict.slope.value if verdict.slope else None,
        "p_diverging": verdict.p_diverging,
        "seeds_needed": verdict.seeds_needed,
    }
    for name, comparison in (("at_n_real", verdict.at_real), ("at_n_total", verdict.at_total)):
        if comparison.difference:
            found[f"difference_{name}"] = comparison.difference.value
    return {key: value for key, value in found.items() if value is not None}


def told(verdict: Verdict, kind: str = "images") -> str:
    """One verdict in words.

    Args:
        kind: of the rows; a name in `rows.KINDS`.
    """
    slope = f"{_told(verdict.slope)} a generation" if verdict.slope else ""
    if verdict.word == judging.DIVERGING:
        return f"{verdict.word}: {slope}; {verdict.seeds} seeds"
    if verdict.word == judging.UNDECIDED:
        return f"{verdict.word} ({verdict.why})" + (f": {slope}" if slope else "")
    # Without synthetic rows both are the same comparison.
    compared = dict.fromkeys(c for c in (verdict.at_real, verdict.at_total) if c.difference)
    parts = [_told_comparison(comparison, kind) for comparison in compared]
    return f"{verdict.word}: {'; '.join(parts)}; {verdict.seeds} seeds"


def _told_comparison(comparison: Comparison, kind: str) -> str:
    how = " (interpolated)" if comparison.source == "interpolated" else ""
    word = "" if comparison.word == judging.UNDECIDED else f"{comparison.word}, "
    return f"against {comparison.n} real {kind}{how} {word}{_told(comparison.difference)}"


def _told(mean: Mean | None) -> str:
    return f"{mean.value:+.3g} ({mean.low:+.3g} to {mean.high:+.3g})" if mean else ""


def effective_sizes(table: Metrics, plan: dict[str, Any], margin: float) -> Rows:
    """n_e of every loop: a row a generation, and one of the window after burn-in.

    The window's row is a limit where the loop has converged and n_e has, too: it stays in its
    interval over the largest drift that the drift's own interval holds (where the curve is flat, a
    small one may pass over many sizes), or burn-in is `E_FOLDS` of a Gaussian's loop. 0 means below
    the curve's smallest size, inf above its largest. Without a curve to invert there is no row
    (`LearningCurve.lacks` says why), nor of a loop that trains or samples otherwise than the
    curve's models.
    """
    curve, chains = curve_of(table, plan), chains_of(table, plan)
    if curve.lacks:
        return []
    verdicts = judging.judge(chains, curve, margin)
    rows: Rows = []
    for name, chain in chains.items():
        spans = [(t, t) for t in range(1, chain.distances.shape[1] + 1)]
        window = verdicts[name].window
        for first, last in [*spans, *([window] if window else [])]:
            distances = chain.distances[:, first - 1 : last].mean(axis=1)
            if np.isfinite(distances).all() and not chain.unlike:
                found, distance = curve.effective_size(distances), float(distances.mean())
                limit = (first, last) == window and verdicts[name].converged
                limit = limit and (
                    curve.stays(found, distance, verdicts[name].largest_drift)
                    or first - 1 >= E_FOLDS * (plan["loops"][name]["e_fold"] or np.inf)
                )
                budget = plan["loops"][name]["budget"]
                rows.append(_size(name, budget, first, last, limit, distance, found))
    return rows


def _size(
    name: str, budget: str, first: int, last: int, limit: bool, distance: float,
    found: EffectiveSize,
) -> dict[str, Any]:  # fmt: skip
    return {
        "loop": name, "budget": budget, "first_generation": first, "last_generation": last,
        "limit": limit, "distance": distance, "n_e": found.n_e,
        "n_e_low": found.low, "n_e_high": found.high, "n_min": found.n_min, "n_max": found.n_max,
        "told": found.told(),
    }  # fmt: skip


def read(root: Path) -> pd.DataFrame:
    """verdicts.csv.

    Raises:
        UserError: it is missing or not of this version.
    """
    return tabular.read(root / VERDICTS, COLUMNS)


def by_loop(root: Path) -> dict[str, dict[str, Any]]:
    """verdicts.csv, loop -> its row; errors as in `read`, and where a loop stands in it twice."""
    rows = tabular.rows(root / VERDICTS, COLUMNS)
    found = {row["loop"]: row for row in rows}
    if len(found) < len(rows):
        raise UserError(f"{root / VERDICTS}: has a loop twice; run the workflow again")
    return found
