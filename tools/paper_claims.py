"""What docs/paper.md says of a claim, off the metrics.csv of its run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from autophagy.verdict import tables as verdicts

NAMES = {"frechet_distance": "distance"}
#: A change below this is none: a share of the first value of distances, points of all else.
SHARE, POINTS = 0.2, 0.05
#: 1: larger is worse; -1: smaller is. Of two loops, that which worsens more is told by it.
WORSE = verdicts.WORSE | {
    "frechet_distance_to_train": 1, "class_entropy": -1, "label_accuracy": -1,
    "modes_recovered": -1, "on_modes": -1, "tail_mass": -1,
}  # fmt: skip


def told(claim: dict[str, Any], table: pd.DataFrame) -> str:
    """A claim's numbers and whether it held, in one line of Markdown.

    Args:
        claim: as docs/paper/figures.yaml describes. table: metrics.csv.
    """
    metric = claim["metric"]
    first, last = ends(claim, claim["loop"], table)
    name = NAMES.get(metric, metric.replace("_", " "))
    start, end = claim.get("views", ("", ""))
    what = f", generation 1, {start} → {end}" if "views" in claim else ""
    text = f"`{claim['loop']}`{what}: {name} {number(first)} → {number(last)}"
    results = []
    if "trend" in claim:
        found = trend(metric, first, last)
        agrees = found == claim["trend"]
        results.append(found if agrees else f"{found}, where it should {_verb(claim['trend'])}")
    for key in ("more_than", "less_than"):
        if key in claim:
            start, end = ends(claim, claim[key], table)
            changes = WORSE[metric] * np.array([last - first, end - start])
            results.append(_beside(key, claim[key], changes, (start, end)))
    if claim.get("every_step"):
        steps = WORSE[metric] * np.diff(means(claim, claim["loop"], table))
        worse = int((steps > 0).sum())
        monotone = "monotone" if worse == len(steps) else "not monotone"
        results.append(f"worsens in {worse} of {len(steps)} steps, {monotone}")
    if "like" in claim:
        _, end = ends(claim, claim["like"], table)
        # Of a distance a share of the smaller, whichever loop is named first.
        same = trend(metric, *sorted((end, last), key=abs)) == "holds"
        word = "ends like" if same else "does not end like"
        results.append(f"{word} `{claim['like']}` ({number(end)})")
    return f"{text}: {'; '.join(results)}"


def _beside(key: str, other: str, changes: np.ndarray, ends: tuple[float, float]) -> str:
    """How much a loop worsens beside another.

    Args:
        key: what is claimed, more_than or less_than. changes: float (2,), for the worse, of the
            loop and the other. ends: the other's.
    """
    one, two = changes
    if not np.isfinite(changes).all():
        return f"undefined beside `{other}`"
    word = "more than" if one > two else "less than" if one < two else "as much as"
    improves = "improves, and so " if one < 0 else ""
    told = f"{improves}worsens {word} `{other}` ({number(ends[0])} → {number(ends[1])})"
    return told if word == key.replace("_", " ") else f"{told}, against the claim"


def ends(claim: dict[str, Any], loop: str, table: pd.DataFrame) -> tuple[float, float]:
    """A metric in a loop's first and last generation; or in two views of the first one."""
    if "views" in claim:
        first, last = (means(claim | {"view": view}, loop, table)[0] for view in claim["views"])
    else:
        first, *_, last = means(claim, loop, table)
    return float(first), float(last)


def means(claim: dict[str, Any], loop: str, table: pd.DataFrame) -> np.ndarray:
    """A metric's mean over seeds in every generation of a loop."""
    rows = table[(table["loop"] == loop) & (table["view"] == claim.get("view", "output"))]
    return rows.groupby("generation")[claim["metric"]].mean().to_numpy()


def trend(metric: str, first: float, last: float) -> str:
    """rises, falls or holds; see `SHARE` and `POINTS`."""
    least = SHARE * abs(first) if metric.endswith("distance") else POINTS
    if abs(last - first) <= least:
        return "holds"
    return "rises" if last > first else "falls"


def _verb(trend: str) -> str:
    return trend.removesuffix("s")


def number(value: float) -> str:
    """Two digits below 0.1, two after the point below 10, one below 100, none above."""
    if 0 < abs(value) < 0.1:
        return f"{value:.2g}"
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.{digits}f}"
