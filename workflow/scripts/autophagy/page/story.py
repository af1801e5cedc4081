"""The headline in words, made from metrics.csv and verdicts.csv."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from autophagy.verdict.judge import slopes
from autophagy.verdict.tables import METRIC, VIEW


def lead(
    asked: dict[str, Any], table: pd.DataFrame, verdicts: pd.DataFrame, space: str
) -> list[str]:
    """The sentences that stand above everything.

    Args:
        asked: see `asked.of_images`. table: metrics.csv. verdicts: verdicts.csv.
        space: what distances are measured in.
    """
    real = table[table["loop"] == "real"].iloc[0]
    n_seeds, n_loops = len(asked["seeds"]), len(asked["loops"])
    sentences = [
        f"{_count(n_loops, 'loop')} of {_count(asked['generations'], 'generation')}, "
        f"{_count(n_seeds, 'seed')}. {_trained(asked)}",
        f"{int(real['n_samples'])} samples of each are measured against "
        f"{int(real['n_reference'])} held-out real {asked['kind']}; distances: {space}.",
    ]
    for word, rows in verdicts.groupby("verdict", sort=False):
        if n_seeds > 1:
            sentences.append(f"{str(word).capitalize()}: {', '.join(rows['loop'])}.")
    if n_seeds == 1:
        sentences.append("One seed decides nothing: take differences as examples, not as findings.")
    return sentences


def _trained(asked: dict[str, Any]) -> str:
    """The budget of every model, and which loops have another way."""
    others = [f"{name}, {of['trains']}" for name, of in asked["loops"].items() if of["trains"]]
    told = f"Every model was trained from scratch: {asked['budget']}."
    return told + (f" Otherwise those of {'; of '.join(others)}." if others else "")


def loops(
    asked: dict[str, Any], table: pd.DataFrame, verdicts: pd.DataFrame
) -> list[dict[str, Any]]:
    """What each loop did, in words: {name, rule, verdict, sentences}.

    Args:
        verdicts: verdicts.csv.
    """
    found = []
    for name, loop in asked["loops"].items():
        verdict = verdicts[verdicts["loop"] == name].iloc[0]
        found.append(
            {
                "name": name,
                "rule": loop["rule"],
                "verdict": str(verdict["verdict"]),
                "sentences": [
                    _went(table, name, loop),
                    _slope(asked, table, name, verdict),
                    _beside(asked, table, verdict),
                ],
            }
        )
    return found


def _went(table: pd.DataFrame, name: str, loop: dict[str, Any]) -> str:
    """Distance, precision and recall, first to last generation, as models at λ = 1."""
    rows = table[(table["loop"] == name) & (table["view"] == VIEW)]
    means = rows.groupby("generation")[[METRIC, "precision", "recall"]].mean()
    first, last = means.iloc[0], means.iloc[-1]
    how = " (its models sampled at λ = 1)" if loop["sampling_bias"] < 1 else ""
    return (
        f"From generation {means.index[0]} to {means.index[-1]} the distance{how} went "
        f"{first[METRIC]:.3g} → {last[METRIC]:.3g}, precision {first['precision']:.2f} → "
        f"{last['precision']:.2f}, recall {first['recall']:.2f} → {last['recall']:.2f}."
    )


def _slope(asked: dict[str, Any], table: pd.DataFrame, name: str, verdict: pd.Series) -> str:
    if len(asked["seeds"]) > 1:
        return f"Verdict: {verdict['told']}."
    rows = table[(table["loop"] == name) & (table["view"] == VIEW)].sort_values("generation")
    values = rows[METRIC].to_numpy()[None, :]
    if values.shape[1] < 2 or not np.isfinite(values).all():
        return f"Verdict: {verdict['told']}."
    return (
        f"That is {slopes(values)[0]:+.2g} a generation (least squares, all generations); verdict: "
        f"{verdict['told']}."
    )


def _beside(asked: dict[str, Any], table: pd.DataFrame, verdict: pd.Series) -> str:
    """Models of real data alone of the sizes that the loop is judged against, where trained."""
    if unlike := asked["loops"][verdict["loop"]]["unlike"]:
        return f"No model of real data alone was trained or sampled with {unlike}."
    told = []
    for n in sorted({int(verdict["n_real_images"]), int(verdict["n_total_images"])} - {0}):
        names = [name for name, size in asked["real_only"].items() if size == n]
        if not names:
            told.append(f"no model of {n} real {asked['kind']} alone was trained")
            continue
        rows = table[(table["loop"] == f"real-only/{names[0]}") & (table["view"] == VIEW)]
        means = rows[[METRIC, "recall"]].mean()
        told.append(
            f"{n} real {asked['kind']} alone, same budget: distance {means[METRIC]:.3g}, recall "
            f"{means['recall']:.2f}"
        )
    return f"Beside it: {'; '.join(told)}."


def _count(n: int, word: str) -> str:
    return f"{n} {word}" + ("" if n == 1 else "s")
