"""The whole default workflow, against two plain processes that do its steps."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from rows.base import default_content, shrunk
from rows.line import Found, Line, median, ratio
from rows.programs import run, snakemake, written

REPEATS = 1
FEW = "a pair takes 20 to 45 minutes; each side is a sum over nineteen trainings"
SECONDS = {"ours": 1400, "plain": 1300}


def _content(quick: bool) -> dict[str, Any]:
    content = default_content() | {"experiment": "workflow"}
    if quick:
        content = shrunk(content) | {"generations": 1}
        content["loops"] = dict(list(content["loops"].items())[:1])
    return content


def _metrics(root: Path) -> dict[str, Any]:
    """How many evaluations stand in an experiment's folder, and one hash over all of them."""
    digest, files = hashlib.sha256(), sorted((root / "evaluation").rglob("metrics.json"))
    for file in files:
        digest.update(f"{file.relative_to(root).as_posix()}\0".encode() + file.read_bytes())
    return {"metrics": digest.hexdigest(), "evaluations": len(files)}


def ours(quick: bool, turn: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        took = run(*snakemake(_content(quick), root, "--cores", "2"), folder=root)
        return {"seconds": took} | _metrics(root / "results/workflow")


def plain(quick: bool, turn: int) -> dict[str, Any]:
    import in_process

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        file = written(_content(quick), root)
        took = run(sys.executable, in_process.__file__, str(file), str(root / "made"), folder=root)
        return {"seconds": took} | _metrics(root / "made")


SIDES = {"ours": ours, "plain": plain}


def lines(found: Found) -> list[Line]:
    made = {(run["metrics"], run["evaluations"]) for runs in found.values() for run in runs}
    same = len(made) == 1
    told = f"{found['ours'][0]['evaluations']} evaluations, "
    told += "the same bytes on both sides" if same else "other bytes than theirs"
    return [
        Line(
            "the whole default workflow, two cores",
            "two Python processes that do its steps in a loop",
            f"{median(found, 'ours', 'seconds'):.0f} s",
            f"{median(found, 'plain', 'seconds'):.0f} s",
            ratio(found, "ours", "plain", "seconds"),
            "lower",
            1.2,
            quality=f"{told}; theirs makes no table, figure, page or audit",
            holds=same,
        )
    ]
