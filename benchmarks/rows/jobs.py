"""What a job costs besides its work: the default's jobs with next to nothing to do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from rows.base import Found, Line, default_content, median, shrunk, snakemake

REPEATS = 3
TORCH = ("train", "sample", "evaluate")
OTHER = ("mix", "record")


def ours(quick: bool, turn: int) -> dict[str, Any]:
    from autophagy import timings

    content = shrunk(default_content() | {"experiment": "jobs", "generations": 2})
    if quick:
        content["loops"] = dict(list(content["loops"].items())[:1])
        content |= {"generations": 1}
    with tempfile.TemporaryDirectory() as folder:
        # One job at a time: two cores that share their memory would be measured else.
        snakemake(content, Path(folder), "--cores", "1")
        table = timings.by_rule(timings.jobs(Path(folder) / "logs/jobs"))
    seconds = table["median s"].to_dict()
    return {"rules": seconds, "jobs": int(table["jobs"].sum())} | {
        "torch": max(seconds[rule] for rule in TORCH),
        "other": max(seconds[rule] for rule in OTHER if rule in seconds),
    }


SIDES = {"ours": ours}


def lines(found: Found) -> list[Line]:
    rules = found["ours"][-1]["rules"]
    table = []
    for what, key, of, reach in (
        ("overhead of a torch job, the slowest kind", "torch", TORCH, 4.0),
        ("overhead of another job, the slowest kind", "other", OTHER, 0.5),
    ):
        table.append(
            Line(
                what,
                "",
                ", ".join(f"{rule} {rules[rule]:.1f} s" for rule in of if rule in rules),
                "",
                median(found, "ours", key),
                "lower",
                reach,
                "s",
                f"{found['ours'][-1]['jobs']} jobs, one at a time",
            )
        )
    return table
