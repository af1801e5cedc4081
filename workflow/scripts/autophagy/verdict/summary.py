"""The lines that follow a run's tables: a verdict a loop, and effective sizes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from autophagy import tables, tabular
from autophagy.config import Experiment
from autophagy.paths import EFFECTIVE_SIZE
from autophagy.verdict.plan import asked
from autophagy.verdict.tables import SIZES, curve_of, read

if TYPE_CHECKING:
    import pandas as pd


def text(root: Path, experiment: Experiment) -> str:
    """A verdict a loop, and n_e where there is a curve.

    Raises:
        UserError: a table is missing or not of this version.
    """
    rows = read(root)
    lines = [_title(rows)]
    lines += [f"  {row['loop']}: {row['told']}" for _, row in rows.iterrows()]
    curve = curve_of(tables.metrics(root), asked(experiment))
    if curve.lacks:
        return "\n".join([*lines, "", curve.lacks])
    lines += ["", f"Effective sample size, in real {experiment.kind} alone"]
    # Where no loop has a size there is a header alone.
    sizes = tabular.read(root / EFFECTIVE_SIZE, SIZES, empty=True)
    for name, found in sizes.groupby("loop", sort=False):
        last = found.iloc[-1]
        first, end = last["first_generation"], last["last_generation"]
        span = f"generation {end}" if first == end else f"generations {first}-{end}"
        state = "a limit" if last["limit"] else "not converged"
        lines.append(f"  {name}: {last['told']}, {span}, {state}")
    return "\n".join(lines)


def _title(rows: pd.DataFrame) -> str:
    import pandas as pd

    title = f"Verdicts (Fréchet distance at λ = 1; margin {rows['margin'].iloc[0]:.2f}"
    first, last = rows[["first_generation", "last_generation"]].iloc[0]
    window = f"; generations {first:.0f}-{last:.0f}" if pd.notna(first) else ""
    return f"{title}{window})"
