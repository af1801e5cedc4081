"""What the tables of runs say beyond what claims ask, so that nothing decided is left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from autophagy import manifests
from autophagy import plan as planning
from autophagy.metrics import OF_FEATURES
from autophagy.verdict import pairs as verdict_pairs
from science_answers import interval, named
from science_chance import by_chance
from science_found import Found

#: Columns of the table of pairs: of a loop less another.
PAIRS = ("run", "decided", "loop", "told", "than", "generations", "distance", "p", "slope", "p")
#: Columns of a table of agreements.
AGREEMENT = ("run", "ranked", *map(named, OF_FEATURES))
#: Columns of the table of how long trainings took that end by themselves.
LENGTHS = ("run", "loop", "trainings", "steps")


def pairs(found: Mapping[str, Found]) -> list[tuple[Any, ...]]:
    """Rows of `PAIRS`: every two loops of a run that its loop_pairs.csv tells apart."""
    rows: list[tuple[Any, ...]] = []
    for name, run in found.items():
        if (table := run.table("loop_pairs")) is None:
            continue
        decided = verdict_pairs.decided(table.to_dict("records"))
        head = (f"`{name}`", f"{len(decided)} of {len(table)}")
        rows += [head + _pair(row) for row in decided]
        if not decided:
            rows.append(head + ("",) * (len(PAIRS) - len(head)))
    return rows


def _pair(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"`{row['loop']}`", row["told"], f"`{row['other']}`",
        f"{row['first_generation']}-{row['last_generation']}",
        interval(row, "level"), f"{row['level_p']:.2g}",
        interval(row, "slope"), f"{row['slope_p']:.2g}",
    )  # fmt: skip


def agreements(found: Mapping[str, Found], ranked: str) -> list[tuple[Any, ...]]:
    """Rows of `AGREEMENT`: how much alike two networks order a run's loops, metric by metric.

    Args:
        ranked: loops, or generations of all of them.
    """
    rows: list[tuple[Any, ...]] = []
    for name, run in found.items():
        if (table := run.table("second_opinion")) is None:
            continue
        of = {metric: rows for metric, rows in table.groupby("metric")}
        told = [_agreement(of[metric], ranked) for metric in OF_FEATURES]
        if any(told):
            items = table.loc[table["ranked"] == ranked, "items"].iloc[0]
            rows.append((f"`{name}`", items, *told))
    return rows


def _agreement(rows: pd.DataFrame, ranked: str) -> str:
    [(_, row)] = rows[rows["ranked"] == ranked].iterrows()
    if not np.isfinite(row["correlation"]):
        return ""
    told = f"{row['correlation']:+.2f}"
    if np.isfinite(row["low"]):
        told += f" ({row['low']:+.2f} to {row['high']:+.2f})"
    chances = by_chance(rows) if ranked == "loops" else None
    return told + (f", p = {chances[0]:.2g}" if chances else "")


def steps_taken(results: Path, plan: planning.Plan) -> pd.DataFrame:
    """How many steps each training of a loop took that ends when its loss is flat.

    Returns:
        Columns loop, seed, generation and steps, as the models' manifests say.
    """
    rows = []
    for loop in plan.experiment.loops:
        if "until_flat" not in plan.experiment.settings("train", loop):
            continue
        for path in plan.nodes:
            place = path.split("/")
            if place[:2] == ["loops", loop] and place[4:] == ["model"]:
                seed, generation = (int(part.rpartition("-")[2]) for part in place[2:4])
                taken = manifests.read(results, path)["facts"]["budget"]["steps"]
                rows.append((loop, seed, generation, taken))
    return pd.DataFrame(rows, columns=["loop", "seed", "generation", "steps"])


def lengths(found: Mapping[str, Found]) -> list[tuple[Any, ...]]:
    """Rows of `LENGTHS`: from the shortest to the longest training, and their mean."""
    rows: list[tuple[Any, ...]] = []
    for name, run in found.items():
        if (table := run.table("steps")) is None:
            continue
        for loop, steps in table.groupby("loop", sort=False)["steps"]:
            told = f"{steps.min()} to {steps.max()}, {steps.mean():.0f} in the mean"
            rows.append((f"`{name}`", f"`{loop}`", len(steps), told))
    return rows
