"""The tidy table of an experiment, one row an evaluation and view, and what is read off it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autophagy import evaluated, paths, series, tabular
from autophagy.errors import UserError
from autophagy.evaluated import VIEWS
from autophagy.metrics import METRICS, OF_FEATURES, ONLY
from autophagy.rows import KINDS

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ("n_samples", "n_reference")
#: Columns of metrics.csv.
COLUMNS = (
    "loop", "seed", "generation", "view", *COUNTS, *METRICS, "n_train", "n_train_real",
    "sampling_bias", "budget",
)  # fmt: skip

_WORDS = ("loop", "view", "budget")


def columns(kind: str) -> tuple[str, ...]:
    """The columns of the table of one kind of rows; those of added metrics come after them."""
    return tuple(name for name in COLUMNS if ONLY.get(name, kind) == kind)


def tidy(root: Path, listed: list[dict[str, Any]]) -> tuple[list[str], list[dict[str, Any]]]:
    """The table's columns, as in `COLUMNS`, then metrics of other packages; and its rows.

    A row is an evaluation in one view; what a column holds may lack there, or be None.

    Args:
        listed: see `evaluations.of`.

    Raises:
        UserError: an evaluation is missing.
    """
    rows, seen = [], dict[str, None]()
    for entry in listed:
        content = evaluated.read(root / entry["path"])
        for view in VIEWS:
            measured = content[view]
            found = {key: value for key, value in measured.items() if key in COLUMNS}
            added = measured.get("added", {})
            bias = entry["sampling_bias"] if view == "output" else 1.0
            seen |= dict.fromkeys(added)
            rows.append(entry | found | added | {"view": view, "sampling_bias": bias})
    # Metrics of another kind of rows are in no evaluation, not even as undefined.
    known = [name for name in COLUMNS if name not in METRICS or any(name in row for row in rows)]
    numbers = {"sampling_bias", *METRICS, *seen}
    for row in rows:
        # A metric may be told as a whole number, which stands in the table as all others do.
        row |= {name: float(row[name]) for name in numbers if row.get(name) is not None}
    return [*known, *seen], rows


def of_loops(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The evaluations of loops, without those of real rows and of real-only models.

    Args:
        listed: see `evaluations.of`.
    """
    return [
        entry
        for entry in listed
        if entry["loop"] != "real" and not entry["loop"].startswith("real-only/")
    ]


def opinions(root: Path, listed: list[dict[str, Any]]) -> tuple[tabular.Rows, tabular.Rows]:
    """The metrics of feature space of loops, at λ = 1, in both networks: two tables of like rows.

    Args:
        listed: see `evaluations.of`.

    Raises:
        UserError: an evaluation is missing, or has no second network.
    """
    both: tuple[tabular.Rows, tabular.Rows] = ([], [])
    for entry in of_loops(listed):
        networks = evaluated.both(root / entry["path"], OF_FEATURES)
        told = {key: entry[key] for key in ("loop", "seed", "generation")}
        for rows, views in zip(both, networks, strict=True):
            measured = ((key, views["model"][key]) for key in OF_FEATURES)
            rows.append(told | {key: math.nan if x is None else float(x) for key, x in measured})
    return both


def last_generation(table: Metrics) -> dict[str, Any]:
    """Loop -> metrics of its last generation, the mean over seeds, for `dvc metrics`.

    They are those of the `output` view; a biased loop has its λ = 1 view under `model`.
    """
    summary: dict[str, Any] = {}
    for loop in table.loops:
        last = max(row["generation"] for row in table.of(loop, "output"))
        views = {view: _means(table, loop, view, last) for view in VIEWS}
        summary[loop] = {"generation": last, **views["output"]}
        if table.is_biased(loop):
            summary[loop]["model"] = views["model"]
    return summary


def _means(table: Metrics, loop: str, view: str, generation: int) -> dict[str, float]:
    rows = [row for row in table.of(loop, view) if row["generation"] == generation]
    known = (name for name in METRICS if name in table.columns)
    means = {name: series.spread([row[name] for row in rows]).mean for name in known}
    return {name: mean for name, mean in means.items() if not math.isnan(mean)}


def write_csv(root: Path, listed: list[dict[str, Any]]) -> None:
    """Write metrics.csv of the evaluations in `listed`."""
    tabular.write_rows(root / paths.METRICS_CSV, *tidy(root, listed))


class Metrics:
    """metrics.csv, its rows found by loop and view."""

    def __init__(self, rows: tabular.Rows) -> None:
        self.rows = rows
        self.columns = tuple(rows[0])
        self._grouped = tabular.grouped(rows, "loop", "view")

    @property
    def loops(self) -> list[str]:
        """All that has rows: `real`, real-only models and loops, as they first stand."""
        return list(dict.fromkeys(loop for loop, _ in self._grouped))

    def has_spread(self, loop: str) -> bool:
        """Has it several seeds? Real rows are one split in another order: theirs is no spread."""
        seeds = {row["seed"] for row in self.of(loop, "output")}
        return loop != "real" and len(seeds) > 1

    def is_biased(self, loop: str) -> bool:
        """Does it feed on samples that are drawn with a bias?"""
        return any(row["sampling_bias"] < 1.0 for row in self.of(loop, "output"))

    def measured(self, metric: str) -> bool:
        """Has any row a value of it?"""
        return not all(math.isnan(row.get(metric, math.nan)) for row in self.rows)

    def of(self, loop: str, view: str) -> tabular.Rows:
        """
        Raises:
            UserError: there are none.
        """
        found = self._grouped.get((loop, view))
        if not found:
            raise UserError(
                f"{paths.METRICS_CSV}: has no row of {loop}, view {view}; run the workflow again"
            )
        return found


def metrics(root: Path) -> Metrics:
    """metrics.csv.

    Raises:
        UserError: it is missing or no such table.
    """
    # Metrics of other packages follow, of any name.
    file = root / paths.METRICS_CSV
    found = tabular.rows(file, (), _WORDS, more=True)
    if not any(tuple(found[0])[: len(columns(kind))] == columns(kind) for kind in KINDS):
        raise UserError(f"{file}: its columns are not those of this version")
    for name in ("seed", "generation"):
        if any(type(row[name]) is not int for row in found):
            raise UserError(f"{file}: column {name} must hold whole numbers")
    return Metrics(found)


def read(root: Path) -> pd.DataFrame:
    """`metrics` as a table of pandas."""
    return tabular.frame(metrics(root).rows, (), _WORDS)
