"""What a job costs besides its work: every rule of the default with next to nothing to do."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rows.base import REPOSITORY, default_content, shrunk
from rows.line import Found, Line, median
from rows.programs import run, snakemake

REPEATS = 5
SECONDS = {"ours": 100, "theirs": 1}
#: The loop whose models are sampled at λ = 1 too, so that every rule runs.
LOOP = "fully-synthetic-biased"
#: Rules whose jobs load torch, and those that draw figures or write the page, which come once a run
#: (a grid once a loop and seed): for these two kinds nothing to do is still something.
TORCH = (
    "train", "sample", "sample_unbiased", "evaluate", "evaluate_real", "features", "map_features",
)  # fmt: skip
DRAWING = ("draw_figures", "draw_grid", "write_page")


def _content() -> dict[str, Any]:
    content = shrunk(default_content() | {"experiment": "jobs", "generations": 2})
    content["dataset"]["splits"] = {"loop": 100, "reference": 60, "features": 60}
    # An untrained feature network: training one is work.
    content["evaluate"]["features"] = "lenet_random"
    content["loops"] = {LOOP: content["loops"][LOOP]}
    start = content["loops"][LOOP]["start_from"]
    content["real_only"] = {start: content["real_only"][start]}
    return content


def ours(quick: bool, turn: int) -> dict[str, Any]:
    from autophagy import timings

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        # One job at a time: two cores that share their memory would be measured else.
        snakemake(_content(), Path(folder), "--cores", "1")
        whole = time.perf_counter() - began
        # `timings.by_rule` rounds to a tenth of a second.
        jobs = timings.jobs(Path(folder) / "logs/jobs")
    return {
        "rules": jobs.groupby("rule")["seconds"].median().to_dict(),
        "jobs": len(jobs),
        "besides": (whole - jobs["seconds"].sum()) / len(jobs),
    }


def theirs(quick: bool, turn: int) -> dict[str, Any]:
    """A process that draws one line with matplotlib, which no figure can undercut."""
    program = str(REPOSITORY / "benchmarks" / "plain_figure.py")
    return {"seconds": run(sys.executable, program, folder=REPOSITORY)}


SIDES = {"ours": ours, "theirs": theirs}


def by_rule(found: Found) -> dict[str, float]:
    """Rule -> seconds of a job, the median over runs; the slowest rule first."""
    runs = [run["rules"] for run in found["ours"]]
    seconds = {rule: statistics.median(run[rule] for run in runs) for rule in runs[0]}
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def lines(found: Found) -> list[Line]:
    rules, jobs = by_rule(found), found["ours"][0]["jobs"]
    bare = f"{median(found, 'theirs', 'seconds'):.2f} s"
    others = set(rules) - {*TORCH, *DRAWING}
    table = []
    for what, of, reach, beside in (
        ("a torch job with nothing to do, the slowest rule", TORCH, 4.0, ("", "")),
        (
            "a job that draws or writes the page, the slowest rule", DRAWING, 0.5,
            ("a process that draws one line with matplotlib as PNG and PDF", bare),
        ),
        ("another job with nothing to do, the slowest rule", others, 0.5, ("", "")),
    ):  # fmt: skip
        kinds = {rule: seconds for rule, seconds in rules.items() if rule in of}
        told = ", ".join(f"{rule} {seconds:.2f} s" for rule, seconds in kinds.items())
        slowest = max(kinds.values())
        number = f"{jobs} jobs, one at a time, by Snakemake's own clock"
        against, theirs_took = beside
        table.append(Line(what, against, told, theirs_took, slowest, "lower", reach, "s", number))
    besides = median(found, "ours", "besides")
    return [
        *table,
        Line(
            "Snakemake itself, for each job",
            "",
            f"{besides:.2f} s",
            "",
            besides,
            "lower",
            unit="s",
            quality="the whole run less its jobs, planning and the start of each with it",
        ),
    ]
