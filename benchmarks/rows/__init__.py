"""The rows of `make bench`: what is measured, against what, and how far it should reach.

A row is a module with

    SIDES    name -> function(quick, turn) -> dict of numbers; each call runs in its own process
    REPEATS  how often the sides are run, one after the other and again
    lines    dict of side -> list of what its calls gave, in; `base.Line`s of the table, out

`quick` asks for toy sizes: it shows that a row works, and its numbers mean nothing. `turn` counts a
side's runs from 0, for what shall differ between them. What a side returns is stored as it is, with
the peak memory of its process, `peak_mb`.
"""

from __future__ import annotations

#: Rows in the order of the table; each is a module of this package.
ROWS = (
    "metrics",
    "metrics_large",
    "gaussians",
    "step",
    "generation",
    "jobs",
    "workflow",
    "plan",
    "disk",
    "generations",
)
