"""What a job costs besides its work: every rule of the default with next to nothing to do."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rows.base import REPOSITORY, default_content, shrunk
from rows.line import Found, Line, median
from rows.programs import again, run, snakemake

REPEATS = 5
SECONDS = {"ours": 100, "theirs": 1}
#: The loop whose models are sampled at λ = 1 too, so that every rule runs.
LOOP = "fully-synthetic-biased"
#: Rules whose jobs load torch. With next to nothing to do they still do it.
TORCH = (
    "train", "sample", "sample_unbiased", "evaluate", "evaluate_real", "features", "map_features",
)  # fmt: skip
#: Those that draw figures or write the page. They have as much to do however small the run is, so
#: they do it again in the same process: what a job takes more than that is what it costs besides.
DRAWING = ("draw_curves", "draw_lineage", "draw_grid", "write_page")


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
        # One job at a time: two cores that share their memory would be measured else.
        command = snakemake(_content(), Path(folder), "--cores", "1")
        whole = run(*command, folder=Path(folder))
        # `timings.by_rule` rounds to a tenth of a second.
        logs = Path(folder) / "logs/jobs"
        jobs = timings.jobs(logs)
        work = again(*command, "--forcerun", *DRAWING, folder=Path(folder))
    by_name = {f"logs/jobs/{name}.log": name for name in jobs["name"]}
    rules = {by_name[log]: rule for log, (rule, _) in work.items()}
    seconds = {by_name[log]: took for log, (_, took) in work.items()}
    jobs["rule"] = jobs["name"].map(rules).fillna(jobs["rule"])
    jobs["besides"] = jobs["seconds"] - jobs["name"].map(seconds)
    by_rule = jobs.groupby("rule")[["seconds", "besides"]].median()
    drawing = by_rule.loc[list(DRAWING), "besides"]
    if drawing.isna().any():
        sys.exit(f"jobs: {drawing[drawing.isna()].index[0]} did not run again")
    return {
        "rules": by_rule["seconds"].to_dict(),
        "drawing": drawing.to_dict(),
        "jobs": len(jobs),
        "besides": (whole - jobs["seconds"].sum()) / len(jobs),
    }


def theirs(quick: bool, turn: int) -> dict[str, Any]:
    """A process that draws one line with matplotlib, which no figure can undercut."""
    command = (sys.executable, str(REPOSITORY / "benchmarks" / "plain_figure.py"))
    [(_, work)] = again(*command, folder=REPOSITORY).values()
    whole = run(*command, folder=REPOSITORY)
    return {"seconds": whole, "besides": whole - work}


SIDES = {"ours": ours, "theirs": theirs}


def by_rule(found: Found, key: str = "rules") -> dict[str, float]:
    """Rule -> seconds of a job, the median over runs; the slowest rule first."""
    runs = [run[key] for run in found["ours"]]
    seconds = {rule: statistics.median(run[rule] for run in runs) for rule in runs[0]}
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def lines(found: Found) -> list[Line]:
    rules, jobs = by_rule(found), found["ours"][0]["jobs"]
    number = f"{jobs} jobs, one at a time, by Snakemake's own clock"
    others = set(rules) - {*TORCH, *DRAWING}
    besides = median(found, "ours", "besides")
    return [
        _line("a torch job with nothing to do, the slowest rule", _of(rules, TORCH), 4.0, number),
        _line("another job with nothing to do, the slowest rule", _of(rules, others), 0.5, number),
        _line(
            "a job that draws or writes the page, besides that work, the slowest rule",
            by_rule(found, "drawing"), 0.5, f"{number}, less what it takes to do it again",
            "a process that draws one line with matplotlib as PNG and PDF, besides drawing it",
            median(found, "theirs", "besides"),
        ),
        _line(
            "a job that draws or writes the page, with that work, the slowest rule",
            _of(rules, DRAWING), None, number,
            "a process that draws one line with matplotlib as PNG and PDF, with drawing it",
            median(found, "theirs", "seconds"),
        ),
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
    ]  # fmt: skip


def _of(rules: dict[str, float], names: Iterable[str]) -> dict[str, float]:
    return {rule: seconds for rule, seconds in rules.items() if rule in names}


def _line(
    what: str, rules: dict[str, float], reach: float | None, number: str, against: str = "",
    theirs: float | None = None,
) -> Line:  # fmt: skip
    told = ", ".join(f"{rule} {seconds:.2f} s" for rule, seconds in rules.items())
    theirs_took = f"{theirs:.2f} s" if theirs else ""
    slowest = max(rules.values())
    return Line(what, against, told, theirs_took, slowest, "lower", reach, "s", number)
