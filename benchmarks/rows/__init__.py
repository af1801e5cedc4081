"""The rows of `make bench`: what is measured, against what, and how far it should reach.

A row is a module with

    SIDES    name -> function(quick, turn) -> dict of numbers; each call runs in its own process
    REPEATS  how often the sides are run, one after the other and again
    FEW      why REPEATS is less than five, where it is
    ONCE     sides that run once only, where there are some: they repeat what they time themselves,
             or the row says why once is enough
    TOGETHER True where sides may run at once, a core each: what they tell is processor time
    SECONDS  name -> seconds that a run should take on one slow core, told before the benchmark
    lines    dict of side -> list of what its calls gave, in; `line.Line`s of the table, out

`quick` asks for toy sizes: it shows that a row works, and its numbers mean nothing. `turn` counts a
side's runs from 0, for what shall differ between them. What a side returns is stored as it is, with
the peak memory of its process, `peak_mb`, and the seconds that it lived, `whole_seconds`.
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
