"""The tidy table of an experiment, one row an evaluation and view, and what is read off it."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autophagy import evaluated, paths, store, tabular
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


def opinions(root: Path, listed: list[dict[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The metrics of feature space of loops, at λ = 1, in both networks: two tables of like rows.

    Args:
        listed: see `evaluations.of`.

    Raises:
        UserError: an evaluation is missing, or has no second network.
    """
    import pandas as pd

    both: tuple[list[Any], list[Any]] = ([], [])
    for entry in listed:
        if entry["loop"] == "real" or entry["loop"].startswith("real-only/"):
            continue
        networks = evaluated.both(root / entry["path"], OF_FEATURES)
        told = {key: entry[key] for key in ("loop", "seed", "generation")}
        for rows, views in zip(both, networks, strict=True):
            rows.append(told | {key: views["model"][key] for key in OF_FEATURES})
    numbers = dict.fromkeys(OF_FEATURES, float)
    first, second = (pd.DataFrame(rows).astype(numbers) for rows in both)
    return first, second


def last_generation(table: pd.DataFrame) -> dict[str, Any]:
    """Loop -> metrics of its last generation, the mean over seeds, for `dvc metrics`.

    They are those of the `output` view; a biased loop has its λ = 1 view under `model`.
    """
    summary: dict[str, Any] = {}
    for loop, rows in table.groupby("loop", sort=False):
        last = rows[rows["generation"] == rows["generation"].max()]
        views = {view: _means(last[last["view"] == view]) for view in VIEWS}
        summary[loop] = {"generation": int(last["generation"].iloc[0]), **views["output"]}
        if (rows["sampling_bias"] < 1.0).any():
            summary[loop]["model"] = views["model"]
    return summary


def _means(rows: pd.DataFrame) -> dict[str, float]:
    import pandas as pd

    means = rows[[name for name in METRICS if name in rows]].mean()
    return {name: float(value) for name, value in means.items() if pd.notna(value)}


def write_csv(root: Path, listed: list[dict[str, Any]]) -> None:
    """Write metrics.csv of the evaluations in `listed`."""
    names, rows = tidy(root, listed)
    with (
        store.new_file(root / paths.METRICS_CSV) as file,
        file.open("w", encoding="utf-8", newline="") as text,
    ):
        # Without pandas, which takes longer to import than all else here takes.
        table = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


class Metrics:
    """metrics.csv, its rows found by loop and view."""

    def __init__(self, rows: tabular.Rows) -> None:
        self.rows = rows
        self.columns = tuple(rows[0])
        self._grouped = tabular.grouped(rows, "loop", "view")

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
