"""What planning 12 loops × 3 seeds × 20 generations takes, and knowing that all of it stands."""

from __future__ import annotations

import re
import statistics
import tempfile
from pathlib import Path
from typing import Any

from rows import standing
from rows.base import REPOSITORY, default_content
from rows.line import Found, Line, median, ratio
from rows.programs import run, said_by, written

REPEATS = 5
SECONDS = {"dry": 15, "bare": 8, "stands": 600}
#: Minutes to set up; what stands is asked again and again within the one run.
ONCE = ("stands",)
ASKED = 5
LOOPS, SEEDS, GENERATIONS = 12, 3, 20
#: As many jobs in chains as long, of rules that say nothing else.
BARE = """
rule all:
    input: expand("out/{{chain}}/{length}", chain=range({chains}))
rule step:
    input: lambda w: f"out/{{w.chain}}/{{int(w.t) - 1}}" if int(w.t) > 1 else []
    output: "out/{{chain}}/{{t}}"
    shell: "touch {{output}}"
"""


def content(quick: bool) -> dict[str, Any]:
    """The default's loops again and again, with few fresh rows, so that long chains fit."""
    whole = default_content() | {"experiment": "plan"}
    loops, count = list(whole["loops"].items()), 2 if quick else LOOPS
    whole["loops"] = {
        f"{loops[place % len(loops)][0]}-{place}": dict(loops[place % len(loops)][1])
        for place in range(count)
    }
    for loop in whole["loops"].values():
        loop["n_real"] = (
            min(loop["n_real"], 30) if loop["regime"] == "fresh_data" else loop["n_real"]
        )
    seeds, generations = (1, 2) if quick else (SEEDS, GENERATIONS)
    return whole | {"seeds": list(range(1, seeds + 1)), "generations": generations}


def dry(quick: bool, turn: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        file = written(content(quick), folder)
        place = ("--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", str(file))
        took, said = said_by("snakemake", *place, "--dry-run", "--quiet", "rules", folder=folder)
    return {"seconds": took, "jobs": int(re.search(r"^total\s+(\d+)", said, flags=re.M)[1])}


def bare(quick: bool, turn: int) -> dict[str, Any]:
    chains = 2 if quick else LOOPS * SEEDS
    planned = 20 if quick else 4 * LOOPS * SEEDS * GENERATIONS
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        text = BARE.format(chains=chains, length=planned // chains)
        (folder / "Snakefile").write_text(text, encoding="utf-8")
        return {"seconds": run("snakemake", "-n", "--quiet", "all", folder=folder), "jobs": planned}


def stands(quick: bool, turn: int) -> dict[str, Any]:
    """A run with nothing to do, and `dvc status`, where every artifact stands."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        standing.repository(folder, content(quick))
        standing.stand(folder, content(quick), size=8, weights=1000)
        standing.commit(folder)
        _, said = said_by("snakemake", "-n", folder=folder)
        if "Nothing to be done" not in said:
            raise SystemExit(f"what stands is not whole: {said[-2000:]}")
        asked = [
            (
                run("snakemake", "--cores", "2", "--quiet", "all", folder=folder),
                run("dvc", "status", folder=folder),
            )
            for _ in range(1 if quick else ASKED)
        ]
    ran, status = map(statistics.median, zip(*asked, strict=True))
    return {"run": ran, "status": status, "asked": len(asked)}


SIDES = {"dry": dry, "bare": bare, "stands": stands}


def lines(found: Found) -> list[Line]:
    planned = found["dry"][0]["jobs"], found["bare"][0]["jobs"]
    what = f"`snakemake -n` of {LOOPS} loops × {SEEDS} seeds × {GENERATIONS} generations"
    shown = [f"{median(found, side, 'seconds'):.1f} s" for side in ("dry", "bare")]
    size = f"{LOOPS} loops × {SEEDS} seeds × {GENERATIONS} generations that stand"
    table = [
        Line(f"{name} of {size}", "", f"{median(found, 'stands', key):.1f} s", "",
             median(found, "stands", key), "lower", reach, "s", runs=found["stands"][0]["asked"])
        for name, key, reach in (("a run", "run", 8.0), ("`dvc status`", "status", 5.0))
    ]  # fmt: skip
    return [
        Line(
            f"{what}: seconds",
            "",
            shown[0],
            "",
            median(found, "dry", "seconds"),
            "lower",
            6.0,
            "s",
            f"{planned[0]} jobs",
            runs=len(found["dry"]),
        ),
        Line(
            f"{what}: over bare rules",
            f"bare rules, {planned[1]} jobs",
            *shown,
            ratio(found, "dry", "bare", "seconds"),
            "lower",
            runs=len(found["dry"]),
        ),
        *table,
    ]
