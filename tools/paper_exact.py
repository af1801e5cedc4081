"""What docs/paper.md says of an exact loop, off the numbers of its theory.csv."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from paper_claims import number

#: How a column's rows become one number.
REDUCE = {
    "first": lambda values: values.iloc[0],
    "last": lambda values: values.iloc[-1],
    "mean": lambda values: values.mean(),
    "max": lambda values: values.max(),
}


def numbers(row: dict[str, Any], table: pd.DataFrame) -> dict[str, float | None]:
    """Label -> number of every entry of a row's `numbers`; None where no row of the table is meant.

    Args:
        row: of docs/paper/figures.yaml. table: theory.csv.
    """
    found: dict[str, float | None] = {}
    for entry in row.get("numbers", []):
        values = table.query(entry["where"])[entry["column"]].dropna()
        value = REDUCE[entry["at"]](values) if len(values) else None
        found[entry["label"]] = None if value is None else float(f"{value:.4g}")
    return found


def told(row: dict[str, Any], known: dict[str, float | None]) -> list[str]:
    """Whether what the row expects held, and the numbers it was seen in, as lines of Markdown.

    Args:
        known: label -> number, as `numbers` found them; empty of a row that was not run.
    """
    link = f"[theory]({row['link']})"
    entries = row["numbers"]
    if any(entry["label"] not in known for entry in entries):
        return [f"not run; {link}"]
    names = {entry["name"]: _value(known[entry["label"]]) for entry in entries}
    lines = []
    for word, held in (("Held", True), ("Did not hold", False)):
        says = [item["says"] for item in row["expect"] if holds(item["when"], names) == held]
        if says:
            lines.append(f"{word}: {'; '.join(says)}")
    lines[-1] += f" ({link})"
    return [*lines, "; ".join(_told(entry["label"], known[entry["label"]]) for entry in entries)]


def holds(when: str, names: dict[str, float]) -> bool:
    """Is an expression over named numbers true of them? No comparison with a missing one is."""
    return bool(pd.DataFrame([names]).eval(when).iloc[0])


def _value(value: float | None) -> float:
    return math.nan if value is None else value


def _told(label: str, value: float | None) -> str:
    return f"{label} {'none' if value is None else number(value)}"
