"""W2² in the limit of a loop, over a grid of its sizes (fig. 11, 12, 30, 31)."""

from __future__ import annotations

from dataclasses import asdict
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import Field

from autophagy import seeds
from autophagy.errors import UserError
from autophagy.progress import Report
from autophagy.schema import Options
from autophagy.theory import effective, limits, loops
from autophagy.theory.axes import Counts, Numbers, counts, numbers
from autophagy.theory.loops import Loop

SOFTWARE = ("numpy", "scipy")
#: The run that simulates E W2² of real points alone, which n_e inverts; no name for others.
REAL_ONLY = "real-only"
_MOST_CELLS = 10_000
_LONGEST = 100_000


class Effort(Options):
    """Chains a cell; e-folds of relaxation that are thrown away, then those that are measured."""

    chains: Annotated[int, Field(ge=2, le=10_000)]
    burn_in: Annotated[float, Field(ge=5.0, le=100.0)]
    window: Annotated[float, Field(ge=1.0, le=100.0)]


class Run(Options):
    """Every combination of the values of its axes is a cell.

    real_share: p, which then fixes n_synthetic beside each n_real; one of the two is null.
    """

    dimensions: int
    real: Literal["fresh", "fixed"]
    n_real: Counts
    n_synthetic: Counts | None
    real_share: Annotated[float, Field(gt=0.0, lt=1.0)] | None
    sampling_bias: Numbers
    memory: Counts


def cells(run: Run) -> list[Loop]:
    """The loops of a run, the last axis fastest. Fixed real data are all that G^1 sees."""
    sizes = [
        (n_r, n_s)
        for n_r in counts(run.n_real)
        for n_s in (
            counts(run.n_synthetic)
            if run.real_share is None
            else [round(n_r * (1 - run.real_share) / run.real_share)]
        )
    ]
    return [
        Loop(run.dimensions, max(n_r, 2), n_r, n_s, bias, run.real, memory)
        for (n_r, n_s), bias, memory in product(
            sizes, numbers(run.sampling_bias), counts(run.memory)
        )
    ]


def check(run: Run, key: str, effort: Effort) -> None:
    """Refuse cells that cannot be run, or would take days."""
    if key.endswith(f".{REAL_ONLY}"):
        raise UserError(f"{key}: the name is taken by the results themselves; rename it")
    if (run.n_synthetic is None) == (run.real_share is None):
        raise UserError(
            f"{key}: one of n_synthetic and real_share must be a number, the other null"
        )
    found = cells(run)
    if len(found) > _MOST_CELLS:
        raise UserError(f"{key}: {len(found)} cells; at most {_MOST_CELLS}")
    for loop in found:
        loops.check(loop, key, effort.chains)
        longest = limits.schedule(loop, limits.Effort(**effort.model_dump()))[1][-1]
        if longest > _LONGEST:
            raise UserError(
                f"{key}: n_real {loop.n_real} beside n_synthetic {loop.n_synthetic} at λ = "
                f"{loop.sampling_bias} needs {longest} generations to settle; at most {_LONGEST}"
            )


def parts(run: Run, effort: Effort) -> list[dict[str, Any]]:
    """A part for each value of the first axis that has several: a row of a map."""
    rows: dict[Any, list[dict[str, Any]]] = {}
    found = cells(run)
    varying = [
        name
        for name in ("n_real", "n_synthetic", "sampling_bias", "memory")
        if len({getattr(loop, name) for loop in found}) > 1
    ]
    for loop in found:
        row = getattr(loop, varying[0]) if varying else None
        rows.setdefault(row, []).append(asdict(loop))
    return [{"cells": row} for row in rows.values()]


def compute(
    part: dict[str, Any], effort: dict[str, Any], seed: int, report: Report
) -> list[dict[str, Any]]:
    """One row a cell; or, of the real-only part, one row a sample size."""
    if "real_only" in part:
        curve = effective.real_only(part["real_only"], seeds.stream(seed))
        return [
            {"dimensions": curve.dimensions, "n": int(n), "w2": distance, "w2_se": error}
            for n, distance, error in zip(curve.n, curve.distance, curve.distance_se, strict=True)
        ]
    rows = []
    for place, content in enumerate(part["cells"]):
        loop = Loop(**content)
        found = limits.measure(loop, limits.Effort(**effort), seeds.stream(seed, place))
        rows.append(
            {
                "dimensions": loop.dimensions, "real": loop.real, "n_real": loop.n_real,
                "n_synthetic": loop.n_synthetic, "sampling_bias": loop.sampling_bias,
                "memory": loop.memory, "chains": effort["chains"], "burn_in": found.burn_in,
                "generations": found.generations, "drift": found.drift, "w2": found.distance,
                "w2_se": found.distance_se, "mean_square": found.mean_square,
                "trace": found.trace,
            }
        )  # fmt: skip
        report(place + 1, len(part["cells"]), f"W2² {found.distance:.4g}")
    return rows
