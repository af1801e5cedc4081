"""What a run took, by processor and by clock, and where: from Snakemake's benchmark files."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

from rows import machine


def minutes(logs: Path) -> dict[str, Any]:
    """processor_minutes of all jobs together, clock_minutes during which one of them ran, machine.

    A benchmark file is written when its job ends. What lies between two jobs, such as a night in
    which a run was interrupted, does not count. The machine is this one: logs lie where a run was.

    Args:
        logs: logs/<experiment>.
    """
    processor, spans = 0.0, []
    for file in sorted((logs / "benchmarks").rglob("*.tsv")):
        table, ended = pd.read_csv(file, sep="\t", na_values="-"), file.stat().st_mtime
        processor += table["cpu_time"].sum()
        spans.append((ended - table["s"].sum(), ended))
    return {
        "processor_minutes": round(float(processor) / 60, 1),
        "clock_minutes": round(float(covered(spans)) / 60, 1),
        "machine": machine.hardware(machine.described()),
    }


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Length of the union of spans (began, ended)."""
    length, reached = 0.0, float("-inf")
    for began, ended in sorted(spans):
        length += max(0.0, ended - max(began, reached))
        reached = max(reached, ended)
    return length


def machines(runs: Iterable[dict[str, Any]]) -> str:
    """Where runs ran, each machine once."""
    return "; and on ".join(dict.fromkeys(run["machine"] for run in runs if "machine" in run))
