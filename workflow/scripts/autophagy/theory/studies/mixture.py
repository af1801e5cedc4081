"""A mixture of 25 Gaussians on a grid, fitted by EM to its own samples (fig. 14, 15)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from autophagy import seeds
from autophagy.errors import UserError
from autophagy.metrics.neighbours import precision_recall
from autophagy.progress import Report
from autophagy.schema import Options
from autophagy.theory import mixture

SOFTWARE = ("numpy", "scikit-learn", "scipy")
#: Points of a generation that are kept for the picture, of the first chain.
SHOWN = 400


class Effort(Options):
    """T; chains; points that are measured, and the k of the k-NN balls."""

    generations: Annotated[int, Field(ge=1, le=100_000)]
    chains: Annotated[int, Field(ge=2, le=1_000)]
    evaluate_n: Annotated[int, Field(ge=2, le=100_000)]
    k: Annotated[int, Field(ge=1, le=1_000)]
    shown: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=8)]


class Run(Options):
    """side² modes, `spacing` apart, each with this standard deviation; n points a generation.

    start: where EM begins; see `mixture.fit`. n_real: of the n, the real points that stay in every
    generation (Shumailov et al., Nature 2024: a tenth); all n of the first one are real.
    """

    side: Annotated[int, Field(ge=2, le=20)]
    spacing: Annotated[float, Field(gt=0.0)]
    deviation: Annotated[float, Field(gt=0.0)]
    n: Annotated[int, Field(le=1_000_000)]
    start: Literal["previous", "scratch"]
    n_real: Annotated[int, Field(ge=0)] = 0


def check(run: Run, key: str, effort: Effort) -> None:
    """Refuse samples that are too small to fit or to measure."""
    if run.n < 2 * run.side**2:
        raise UserError(
            f"{key}.n: {run.n} is not allowed; {run.side**2} covariances need at least "
            f"{2 * run.side**2} points"
        )
    if run.n_real >= run.n:
        raise UserError(f"{key}.n_real: {run.n_real} is not allowed; fewer than n = {run.n}")
    if effort.k >= effort.evaluate_n:
        raise UserError(f"effort.k: {effort.k} must be below effort.evaluate_n")
    if max(effort.shown) > effort.generations:
        raise UserError(
            f"effort.shown: {max(effort.shown)} exceeds effort.generations = {effort.generations}"
        )


def parts(run: Run, effort: Effort) -> list[dict[str, Any]]:
    """A part for each chain."""
    plain = run.model_dump(mode="json")
    return [{"run": plain, "chain": chain} for chain in range(effort.chains)]


def looks(effort: dict[str, Any]) -> list[int]:
    """Generations that are measured: about twenty, evenly in their logarithm, and those shown."""
    spaced = np.geomspace(1, effort["generations"], 24).round().astype(int).tolist()
    return sorted({*spaced, *effort["shown"]})


def compute(
    part: dict[str, Any], effort: dict[str, Any], seed: int, report: Report
) -> list[dict[str, Any]]:
    """One row a measured generation; and, of the first chain, the points that the picture shows."""
    run, n = part["run"], effort["evaluate_n"]
    kept = run["n_real"]
    truth = mixture.grid(run["side"], run["spacing"], run["deviation"])
    reference = mixture.sample(truth, n, seeds.stream(seed, 0))
    wanted, model, rows = set(looks(effort)), truth, []
    for t in range(1, effort["generations"] + 1):
        rng = seeds.stream(seed, t)
        data = mixture.sample(model, run["n"] - (kept if t > 1 else 0), rng)
        if t == 1:
            real = data[:kept]
        else:
            data = np.concatenate([real, data])
        model = mixture.fit(data, model, run["start"], rng)
        if t not in wanted:
            continue
        points = mixture.sample(model, n, rng)
        precision, recall = precision_recall(reference, points, effort["k"])
        row = {
            "chain": part["chain"], "generation": t,
            "modes": mixture.modes_recovered(points, truth),
            "total_variance": mixture.total_variance(points),
            "precision": precision, "recall": recall,
            "weight_diversity": float(1 - np.sum(model.weights**2)),
        }  # fmt: skip
        # Of labels that are all inherited; real points bring others.
        exact = (1 - run["side"] ** -2) * (1 - 1 / run["n"]) ** t
        row["weight_diversity_exact"] = exact if kept == 0 else None
        if part["chain"] == 0 and t in effort["shown"]:
            row["points"] = " ".join(f"{x:.4g},{y:.4g}" for x, y in points[:SHOWN])
        rows.append(row)
        report(t, effort["generations"], f"{row['modes']} modes")
    return rows
