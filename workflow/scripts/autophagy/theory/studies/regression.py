"""Linear regression on its own predictions: replace grows, accumulate stays below π²/6."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import Field

from autophagy import seeds
from autophagy.errors import UserError
from autophagy.progress import Report
from autophagy.schema import Options
from autophagy.theory import closed_forms, limits, regression

SOFTWARE = ("numpy",)


class Effort(Options):
    """T, and how many chains share nothing."""

    generations: Annotated[int, Field(ge=1, le=10_000)]
    chains: Annotated[int, Field(ge=2, le=100_000)]


class Run(Options):
    """d inputs, T pairs a generation, noise of standard deviation σ."""

    dimensions: Annotated[int, Field(ge=1, le=1_000)]
    pairs: Annotated[int, Field(le=1_000_000_000)]
    noise: Annotated[float, Field(gt=0.0)]
    pool: Literal["replace", "accumulate"]


def check(run: Run, key: str, effort: Effort) -> None:
    """Refuse samples whose expected error is infinite."""
    if run.pairs <= run.dimensions + 1:
        raise UserError(
            f"{key}.pairs: {run.pairs} is not allowed; more than dimensions + 1 = "
            f"{run.dimensions + 1}, or the expected error is infinite"
        )


def parts(run: Run, effort: Effort) -> list[dict[str, Any]]:
    """One: a loop is a chain in time."""
    return [{"run": run.model_dump(mode="json")}]


def compute(
    part: dict[str, Any], effort: dict[str, Any], seed: int, report: Report
) -> list[dict[str, Any]]:
    """One row a generation: the excess test error over that of one round, measured and exact."""
    run, generations = part["run"], effort["generations"]
    sizes = (run["dimensions"], run["pairs"], run["noise"])
    unit = regression.one_round(*sizes)
    accumulate = run["pool"] == "accumulate"
    chains = regression.errors(*sizes, accumulate, effort["chains"], seeds.stream(seed))
    rows = []
    for t, errors in enumerate(islice(chains, generations), start=1):
        mean, error = limits.mean_and_error(errors / unit)
        exact = closed_forms.regression_error(t, accumulate)
        rows.append({"generation": t, "error": mean, "error_se": error, "error_exact": exact})
    report(generations, generations, f"error {mean:.3g} rounds")
    return rows
