"""Measurements kept on disk, a file a row: what stopped goes on, what got worse is named."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from rows.base import REPOSITORY, Found, Line

FOLDER = REPOSITORY / "benchmarks" / "results"
#: A line is named where it is worse than recorded by more than this share.
TOLERANCE = 0.2
#: What decides whether a measurement is still that of the code as it is.
CODE = ("benchmarks/rows", "benchmarks", "workflow/scripts", "rules", "config/config.yaml")


def state(machine: dict[str, Any]) -> str:
    """One token for the code that is measured and the machine it is measured on."""
    digest = hashlib.sha256(json.dumps(machine, sort_keys=True).encode())
    for place in CODE:
        path = REPOSITORY / place
        files = [path] if path.is_file() else sorted([*path.rglob("*.py"), *path.rglob("*.smk")])
        for file in files:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


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


def begun(row: str, machine: dict[str, Any], fresh: bool, folder: Path | None = None) -> Any:
    """The record of a row to go on with: emptied of runs of other code or of another machine."""
    record = read(row, folder)
    now = state(machine)
    if fresh or record["state"] != now:
        record |= {"state": now, "machine": machine, "found": {}, "lines": []}
    return record


def finish(record: dict[str, Any], lines: list[Line], accept: bool) -> list[str]:
    """Put the lines into a record, and say which are worse than what was recorded.

    A line's value is recorded when it is first measured, when it is better by more than the
    tolerance, and when a person accepts it.
    """
    worse = []
    recorded = record["recorded"]
    for line in lines:
        known = recorded.get(line.what)
        change = None if known is None else _gain(line, known)
        if change is not None and change < -TOLERANCE and not accept:
            worse.append(
                f"{line.what}: {line.value:.3g} {line.unit}, recorded {known:.3g}: "
                f"{-100 * change:.0f}% worse"
            )
        if change is None or change > TOLERANCE or accept:
            recorded[line.what] = line.value
    record["lines"] = [dataclasses.asdict(line) for line in lines]
    record["recorded"] = {line.what: recorded[line.what] for line in lines}
    return worse


def _gain(line: Line, known: float) -> float:
    """By which share a line is better than what is known of it; negative: worse."""
    change = (line.value - known) / abs(known) if known else 0.0
    return change if line.better == "higher" else -change


def lines_of(record: dict[str, Any]) -> list[Line]:
    return [Line(**line) for line in record["lines"]]


def missing(found: Found, sides: Any, repeats: int) -> list[str]:
    """The sides still to run, in the order of alternating runs."""
    return [side for turn in range(repeats) for side in sides if len(found.get(side, [])) <= turn]
