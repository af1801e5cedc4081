"""Measurements kept on disk, a file a row: what stopped goes on, what got worse is named."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from rows import machine, states
from rows.base import REPOSITORY
from rows.line import Found, Line

FOLDER = REPOSITORY / "benchmarks" / "results"
#: A line is named where it is worse than recorded by more than this share.
TOLERANCE = 0.2
#: Where ratios are recorded; every other number is, under the machine that gave it.
ANYWHERE = "any machine"


def read(row: str, folder: Path | None = None) -> dict[str, Any]:
    """What is stored of a row, or an empty record."""
    file = (folder or FOLDER) / f"{row}.json"
    if file.is_file():
        return json.loads(file.read_text(encoding="utf-8"))
    return {"state": "", "machine": {}, "found": {}, "lines": [], "recorded": {}}


def write(row: str, record: dict[str, Any], folder: Path | None = None) -> None:
    folder = folder or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f"{row}.json.new"
    aside.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    aside.replace(folder / f"{row}.json")


def begun(row: str, here: dict[str, Any], fresh: bool, folder: Path | None = None) -> Any:
    """The record of a row to go on with: emptied of runs of other code or of another machine."""
    record = read(row, folder)
    now = states.state(row, here)
    if fresh or record["state"] != now:
        record |= {"state": now, "machine": here, "found": {}, "lines": []}
    return record


def finish(record: dict[str, Any], lines: list[Line], accept: bool) -> list[str]:
    """Put the lines into a record, and say which are worse than what was recorded.

    A line's value is recorded when it is first measured, when it is better by more than the
    tolerance, and when a person accepts it; one that is no ratio, for this machine.
    """
    worse = []
    least = min(map(len, record["found"].values()), default=0)
    lines = [dataclasses.replace(line, runs=line.runs or least) for line in lines]
    recorded, here = record["recorded"], machine.hardware(record["machine"])
    for line in lines:
        place = recorded.setdefault(ANYWHERE if line.unit == "×" else here, {})
        known = place.get(line.what)
        change = None if known is None else _gain(line, known)
        if change is not None and change < -TOLERANCE and not accept:
            worse.append(
                f"{line.what}: {line.value:.3g} {line.unit}, recorded {known:.3g}: "
                f"{-100 * change:.0f}% worse"
            )
        if change is None or change > TOLERANCE or accept:
            place[line.what] = line.value
    record["lines"] = [dataclasses.asdict(line) for line in lines]
    # What is no longer measured is forgotten, on every machine.
    names = {line.what for line in lines}
    record["recorded"] = {
        place: {what: value for what, value in values.items() if what in names}
        for place, values in recorded.items()
    }
    return worse


def _gain(line: Line, known: float) -> float:
    """By which share a line is better than what is known of it; negative: worse."""
    change = (line.value - known) / abs(known) if known else 0.0
    return change if line.better == "higher" else -change


def lines_of(record: dict[str, Any]) -> list[Line]:
    return [Line(**line) for line in record["lines"]]


def missing(
    found: Found, sides: Iterable[str], repeats: int, once: Collection[str] = ()
) -> list[str]:
    """The sides still to run, in the order of alternating runs; those of `once` run once."""
    return [
        side
        for turn in range(repeats)
        for side in sides
        if len(found.get(side, [])) <= turn and not (turn and side in once)
    ]
