"""What a run took: processor time and time by the clock, from Snakemake's benchmark files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd


def minutes(logs: Path) -> dict[str, float]:
    """processor_minutes of all jobs together, and clock_minutes during which one of them ran.

    A benchmark file is written when its job ends. What lies between two jobs, such as a night in
    which a run was interrupted, does not count.

    Args:
        logs: logs/<experiment>.
    """
    processor, spans = 0.0, []
    for file in sorted((logs / "benchmarks").rglob("*.tsv")):
        table, ended = pd.read_csv(file, sep="\t", na_values="-"), file.stat().st_mtime
        processor += table["cpu_time"].sum()
        spans.append((ended - table["s"].sum(), ended))
    return {
        "processor_minutes": round(processor / 60, 1),
        "clock_minutes": round(covered(spans) / 60, 1),
    }


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Length of the union of spans (began, ended)."""
    length, reached = 0.0, float("-inf")
    for began, ended in sorted(spans):
        length += max(0.0, ended - max(began, reached))
        reached = max(reached, ended)
    return length
