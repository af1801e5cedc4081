"""benchmarks/RESULTS.md, from what is stored."""

from __future__ import annotations

import importlib
from typing import Any

from rows import machine
from rows.line import Line
from rows.stored import lines_of

HEAD = (
    "what", "ours", "against", "theirs", "ratio", "reach", "quality", "runs",
)  # fmt: skip
#: Runs a side below which the page says why.
ENOUGH = 5
MARKS = {True: "reached", False: "**not reached**", None: ""}


def text(records: dict[str, dict[str, Any]]) -> str:
    """The page.

    Args:
        records: row -> what is stored of it, in the order of the table.
    """
    measured = {row: record for row, record in records.items() if record["lines"]}
    machines: dict[str, list[str]] = {}
    for row, record in measured.items():
        machines.setdefault(machine.told(record["machine"]), []).append(f"`{row}`")
    lines = [
        "# Side by side",
        "",
        "Written by `make bench` from what it stores in `benchmarks/results/`. Each ratio is the",
        "median over pairs of runs, one side after the other; what each row runs stands in its",
        "module in `benchmarks/rows/`, what was tried in `benchmarks/NOTES.md`. A speed reaches",
        "what is asked only where its quality is as good: of metrics, equal to 1e-6; of what is",
        "random, means over seeds no farther apart (of a distance: ours no larger) than twice the",
        "standard error of their difference.",
        "",
        table(measured),
        "",
    ]
    lines += _few(measured)
    waiting = [row for row, record in records.items() if not record["lines"]]
    if waiting:
        lines += [f"Not measured: {', '.join(waiting)}.", ""]
    for told, rows in machines.items():
        lines += [f"{', '.join(rows)}: measured on {told}", ""]
    return "\n".join(lines[:-1]) + "\n"


def _few(records: dict[str, dict[str, Any]]) -> list[str]:
    """Which rows have few runs a side, and why."""
    modules = {row: importlib.import_module(f"rows.{row}") for row in records}
    told = [
        f"`{row}` {module.REPEATS} ({module.FEW})"
        for row, module in modules.items()
        if module.REPEATS < ENOUGH
    ]
    return [f"Fewer than {ENOUGH} runs a side: {'; '.join(told)}.", ""] if told else []


def table(records: dict[str, dict[str, Any]]) -> str:
    """All lines as one Markdown table."""
    rows = [HEAD, ("---",) * len(HEAD)]
    rows += [_cells(line) for record in records.values() for line in lines_of(record)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(line: Line) -> tuple[str, ...]:
    unit = "" if line.unit == "×" else f" {line.unit}"
    value = f"{line.value:.3g}{unit}"
    sign = {"higher": "≥", "lower": "≤"}[line.better]
    reach = "told" if line.reach is None else f"{sign} {line.reach:g}{unit}: {MARKS[line.reached]}"
    if line.holds is False:
        reach += ", **quality not held**"
    runs = str(line.runs)
    return (line.what, line.ours, line.against, line.theirs, value, reach, line.quality, runs)
