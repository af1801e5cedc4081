"""Gaussian loops over generations: W2², mean, trace and log det of many chains (fig. 10 left)."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from autophagy import seeds
from autophagy.progress import Report
from autophagy.schema import Options
from autophagy.theory import closed_forms, gaussian, limits, loops
from autophagy.theory.loops import Loop

SOFTWARE = ("numpy", "scipy")
#: Column -> what it measures of a model.
MEASURES = {
    "w2": gaussian.distance,
    "mean_square": gaussian.mean_square,
    "trace": gaussian.trace,
    "log_det": gaussian.log_det,
}


class Effort(Options):
    """T, and how many chains share nothing."""

    generations: Annotated[int, Field(ge=1, le=100_000)]
    chains: Annotated[int, Field(ge=2, le=10_000)]


class Run(Options):
    """One loop; see `loops.Loop`."""

    dimensions: int
    n_initial: Annotated[int, Field(le=loops.MOST_POINTS)]
    n_real: Annotated[int, Field(ge=0, le=loops.MOST_POINTS)]
    n_synthetic: Annotated[int, Field(le=loops.MOST_POINTS)]
    sampling_bias: float
    real: Literal["none", "fixed", "fresh"]
    memory: int
    pool: Literal["replace", "accumulate", "subsample"]


def check(run: Run, key: str, effort: Effort) -> None:
    """Refuse loops that cannot be run."""
    loops.check(Loop(**run.model_dump()), key, effort.chains, effort.generations)


def parts(run: Run, effort: Effort) -> list[dict[str, Any]]:
    """One: a loop is a chain in time."""
    return [{"loop": asdict(Loop(**run.model_dump()))}]


def compute(
    part: dict[str, Any], effort: dict[str, Any], seed: int, report: Report
) -> list[dict[str, Any]]:
    """One row a generation: mean and standard error over chains; exact values where known.

    log_det is empty where a covariance is singular.
    """
    loop, generations = Loop(**part["loop"]), effort["generations"]
    models = loops.chains(loop, effort["chains"], seeds.stream(seed))
    rows = []
    for t, model in enumerate(islice(models, generations), start=1):
        row: dict[str, Any] = {"generation": t, "chains": effort["chains"]}
        for name, measure in MEASURES.items():
            values = measure(model)
            known = np.isfinite(values).all()
            mean, error = limits.mean_and_error(values) if known else (None, None)
            row |= {name: mean, f"{name}_se": error}
        rows.append(row)
        report(t, generations, f"W2² {row['w2']:.4g}")
    _add_exact(rows, loop)
    return rows


def _add_exact(rows: list[dict[str, Any]], loop: Loop) -> None:
    if closed_forms.has_moments(loop):
        means, traces = closed_forms.moments(loop, len(rows))
        for row, mean, trace in zip(rows, means.tolist(), traces.tolist(), strict=True):
            row |= {"mean_square_exact": mean, "trace_exact": trace}
    d = loop.dimensions
    if (loop.real, loop.memory, loop.pool) != ("none", 1, "replace"):
        return
    if min(loop.n_initial, loop.n_synthetic) > d:
        first = closed_forms.log_det_step(d, loop.n_initial)
        step = closed_forms.log_det_step(d, loop.n_synthetic, loop.sampling_bias)
        for place, row in enumerate(rows):
            row["log_det_exact"] = first + place * step
