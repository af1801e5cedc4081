"""The lines that follow a run's tables: a verdict a loop, and effective sizes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from autophagy import tables, tabular
from autophagy.config import Experiment
from autophagy.paths import EFFECTIVE_SIZE
from autophagy.verdict.plan import asked
from autophagy.verdict.tables import SIZES, by_loop, curve_of


def text(root: Path, experiment: Experiment) -> str:
    """A verdict a loop, and n_e where there is a curve.

    Raises:
        UserError: a table is missing or not of this version, or has a loop twice.
    """
    found = by_loop(root)
    lines = [_title(next(iter(found.values())))]
    lines += [f"  {loop}: {row['told']}" for loop, row in found.items()]
    curve = curve_of(tables.metrics(root), asked(experiment))
    if curve.lacks:
        return "\n".join([*lines, "", curve.lacks])
    lines += ["", f"Effective sample size, in real {experiment.kind} alone"]
    # Where no loop has a size there is a header alone.
    sizes = tabular.rows(root / EFFECTIVE_SIZE, SIZES, empty=True)
    for (name,), of_loop in tabular.grouped(sizes, "loop").items():
        last = of_loop[-1]
        first, end = last["first_generation"], last["last_generation"]
        span = f"generation {end}" if first == end else f"generations {first}-{end}"
        state = "a limit" if last["limit"] else "not converged"
        lines.append(f"  {name}: {last['told']}, {span}, {state}")
    return "\n".join(lines)


def _title(row: dict[str, Any]) -> str:
    """What all verdicts have in common, of any of them."""
    first, last = row["first_generation"], row["last_generation"]
    title = f"Verdicts (Fréchet distance at λ = 1; margin {row['margin']:.2f}"
    window = "" if math.isnan(first) else f"; generations {first:.0f}-{last:.0f}"
    return f"{title}{window})"
