"""Two experiments, or two revisions of one, on a page: what differs in what was asked and found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autophagy import compare_text, evaluated, features, paths, sets, tables
from autophagy.archive import Archive
from autophagy.page import charts, descent
from autophagy.page.gather import data_url
from autophagy.page.pictures import SHOWN, columns_of
from autophagy.page.sprites import Sheets
from autophagy.results import Results

TEMPLATE = "compare.html"


@dataclass(frozen=True)
class Side:
    """One of two experiments: what it is called, and its manifests."""

    name: str
    archive: Archive

    @property
    def finished(self) -> bool:
        """Is it an experiment with images or points that has its tables?"""
        return (self.archive.root / paths.METRICS_CSV).is_file()


def gather(
    a: Side,
    b: Side,
    found: dict[str, Any],
    asked: dict[str, list[Any]],
    changes: list[dict[str, Any]],
) -> dict[str, Any]:
    """Everything on the page of a comparison: {shell, data}, as `gather.gather`.

    Of unfinished experiments and exact loops there are neither curves nor pictures.

    Args:
        found: see `compare.compare`. asked, changes: see `contrast`.
    """
    *told, verdict = compare_text.lines(found, a.name, b.name)
    both = [Results.of(side.archive.root) for side in (a, b)] if a.finished and b.finished else []
    names = list(dict.fromkeys(name for run in both for name in run.loops))
    sheets = Sheets()
    pairs = _pairs(*both, sheets) if both else {}
    data = {
        "experiment": "comparison",
        "generations": max((run.generations for run in both), default=1),
        "loops": [{"name": name} for name in names],
        "compared": _curves(*both) if both else [],
        "pairs": pairs,
        "sheets": sheets.urls,
    }
    shell = {
        "title": f"{a.name} and {b.name}",
        "names": {"A": a.name, "B": b.name},
        "verdict": verdict,
        "told": told,
        "asked": {key: [_said(value) for value in pair] for key, pair in asked.items()},
        "changes": [_row(change) for change in changes],
        "generations": data["generations"],
        "has_loops": bool(both),
        "has_pictures": bool(pairs),
        "figures": {} if both else {side.name: _figures(side) for side in (a, b)},
    }
    return {"shell": shell, "data": data}


def _curves(a: Results, b: Results) -> list[dict[str, Any]]:
    """One entry a curve that either has: {metric, title, hint, range, a, b}, each with its band,
    its loops and its real-only models; see `charts.curves`.
    """
    curves = [{curve["metric"]: curve for curve in _of_one(run)} for run in (a, b)]
    found = []
    for metric in dict.fromkeys([*curves[0], *curves[1]]):
        pair = [of.get(metric) for of in curves]
        known = next(curve for curve in pair if curve)
        sides = [
            {key: curve[key] for key in ("title", "band", "loops")} if curve else None
            for curve in pair
        ]
        one = {curve["title"] for curve in pair if curve}
        title = known["title"] if len(one) == 1 else " and ".join(c["title"] for c in pair if c)
        found.append(
            {key: known[key] for key in ("metric", "hint", "range")}
            | {"title": title, "a": sides[0], "b": sides[1]}
        )
    return found


def _of_one(run: Results) -> list[dict[str, Any]]:
    every = range(1, run.generations + 1)
    asked = {"kind": "rows", "real_only": {}, "loops": dict.fromkeys(run.loops)}
    chains = {
        name: {"previews": [run.path(name, t, kind="preview") for t in every]} for name in run.loops
    }
    evaluation = paths.evaluation_path("real", run.seeds[0], 0)
    network = run.archive.manifest(evaluation)["params"]["features"]
    return charts.curves(
        asked,
        tables.metrics(run.root),
        evaluated.resplits(run.root, run.seeds[0]),
        descent.depths(run.archive, chains),
        features.space(network),
    )


def _pairs(a: Results, b: Results, sheets: Sheets) -> dict[str, Any]:
    """Loop in both -> its previews of the first run seeds as sheets, generation by generation.

    Each is {columns, count, a, b, same_seeds}. None of points.
    """
    pairs = {}
    for name in (name for name in a.loops if name in b.loops):
        sides = [_strips(run, name, sheets) for run in (a, b)]
        if all(sides):
            one, other = sides
            pairs[name] = {
                "a": one["sheets"],
                "b": other["sheets"],
                "columns": [one["columns"], other["columns"]],
                "count": [one["count"], other["count"]],
                "same_seeds": one["seeds"] == other["seeds"],
            }
    return pairs


def _strips(run: Results, loop: str, sheets: Sheets) -> dict[str, Any] | None:
    """The sheets of a loop's previews; their seeds where they have some."""
    facts = run.archive.manifest("real/reference")["facts"]
    if facts.get("levels") is None:
        return None
    columns = columns_of(facts)
    drawn, count, seeds = [], 0, None
    for t in range(1, run.generations + 1):
        preview = run.path(loop, t, kind="preview")
        images = sets.read_array(run.root, preview, "images")[:SHOWN]
        drawn.append(sheets.add(images, facts["levels"], columns))
        count = len(images)
        if run.archive.kind(preview) == "preview":
            seeds = sets.read_array(run.root, preview, "seeds")[:SHOWN].tolist()
    return {"sheets": drawn, "columns": columns, "count": count, "seeds": seeds}


def _row(change: dict[str, Any]) -> dict[str, str]:
    low, high = change["low"], change["high"]
    if not change["difference"] and not low:
        interval = "the same"
    elif low is None:
        interval = "one seed: no interval"
    else:
        interval = f"{low:+.3g} to {high:+.3g} ({change['seeds']} seeds)"
    return {
        "loop": change["loop"],
        "generation": str(change["generation"]),
        "view": change["view"],
        "metric": change["metric"].replace("_", " "),
        "a": f"{change['a']:.4g}",
        "b": f"{change['b']:.4g}",
        "difference": f"{change['difference']:+.3g}" if change["difference"] else "0",
        "interval": interval,
        "decided": "yes" if low is not None and low * high > 0 else "",
    }


def _figures(side: Side) -> dict[str, str]:
    """The figures of an experiment without loops to draw, by name."""
    folder = side.archive.root / "figures"
    return {file.stem: data_url(file) for file in sorted(Path(folder).glob("*.png"))}


def _said(value: Any) -> str:
    return "—" if value is None else str(value)
