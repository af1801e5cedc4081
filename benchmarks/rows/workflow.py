"""The default workflow's first two generations, against two plain processes that do its steps."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from rows.base import (
    REPOSITORY,
    Found,
    Line,
    default_content,
    median,
    ratio,
    run,
    shrunk,
    snakemake,
    written,
)

#: Minutes each.
REPEATS = 1


def _content(quick: bool) -> dict[str, Any]:
    content = default_content() | {"experiment": "workflow", "generations": 2}
    if quick:
        content = shrunk(content) | {"generations": 1}
        content["loops"] = dict(list(content["loops"].items())[:1])
    return content


def ours(quick: bool, turn: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return {"seconds": snakemake(_content(quick), Path(folder), "--cores", "2")}


def plain(quick: bool, turn: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        file, script = written(_content(quick), root), REPOSITORY / "benchmarks" / "in_process.py"
        took = run(sys.executable, str(script), str(file), str(root / "made"), folder=root)
    return {"seconds": took}


SIDES = {"ours": ours, "plain": plain}


def lines(found: Found) -> list[Line]:
    return [
        Line(
            "the default workflow, two generations, two cores",
            "two Python processes that do its steps in a loop",
            f"{median(found, 'ours', 'seconds'):.0f} s",
            f"{median(found, 'plain', 'seconds'):.0f} s",
            ratio(found, "ours", "plain", "seconds"),
            "lower",
            1.2,
            quality="theirs makes no table, figure, page or audit",
        )
    ]
