"""The limit WD(n_r, n_s, λ) of a loop: its mean W2² after burn-in, with a standard error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from autophagy.theory import closed_forms, gaussian, loops
from autophagy.theory.gaussian import Gaussians
from autophagy.theory.loops import Loop

#: Moments of one chain at which W2² is taken, evenly over the window that follows burn-in.
LOOKS = 6


@dataclass(frozen=True)
class Effort:
    """How long and how often: chains that share nothing, and e-folds of relaxation.

    burn_in: e-folds thrown away, five at least; window: e-folds that are measured after them.
    """

    chains: int = 8
    burn_in: float = 5.0
    window: float = 2.5


@dataclass(frozen=True)
class Limit:
    """W2² in the limit, its standard error over chains, and how it was reached.

    drift: the window's later half less its earlier half, in standard errors of that difference
        (Student's t with chains - 1 degrees of freedom, where the loop has converged).
    """

    distance: float
    distance_se: float
    mean_square: float
    trace: float
    drift: float
    burn_in: int
    generations: int


def schedule(loop: Loop, effort: Effort) -> tuple[int, list[int]]:
    """Generations of burn-in, and the generations at which W2² is measured."""
    fold = closed_forms.relaxation(loop)
    burn_in = max(math.ceil(effort.burn_in * fold), loop.memory)
    window = max(math.ceil(effort.window * fold), LOOKS)
    return burn_in, [burn_in + math.ceil(window * (k + 1) / LOOKS) for k in range(LOOKS)]


def measure(loop: Loop, effort: Effort, rng: np.random.Generator) -> Limit:
    """Run chains to the limit and average over time, then over chains.

    Chains are independent, so the standard error over them holds whatever the correlation in time,
    and whatever fixed real data a chain was given.
    """
    burn_in, looks = schedule(loop, effort)
    # A fixed set of real data has to be seen by the chain from its first generation on.
    start = starting_point(loop, effort.chains, rng) if loop.real == "fresh" else None
    models = loops.chains(loop, effort.chains, rng, start)
    seen = np.array(list(_looks(models, looks)))
    found = seen[:, 0]
    mean, error = mean_and_error(found.mean(axis=0))
    half = LOOKS // 2
    shift, shift_error = mean_and_error(found[half:].mean(axis=0) - found[:half].mean(axis=0))
    return Limit(
        mean, error, float(seen[:, 1].mean()), float(seen[:, 2].mean()),
        shift / shift_error if shift_error else 0.0, burn_in, looks[-1],
    )  # fmt: skip


def _looks(models: Iterator[Gaussians], looks: list[int]) -> Iterator[np.ndarray]:
    """W2², ‖μ‖² and tr Σ of the chains at the chosen generations, each of shape (3, C)."""
    done = 0
    for generation in looks:
        model = next(islice(models, generation - done - 1, None))
        done = generation
        yield np.stack(
            [gaussian.distance(model), gaussian.mean_square(model), gaussian.trace(model)]
        )


def starting_point(loop: Loop, chains: int, rng: np.random.Generator) -> Gaussians:
    """A start that has the limit's E μ μᵀ and E Σ, so that only the covariance's noise must settle.

    The limit does not depend on it (the paper's claim on n_ini, fig. 10); burn-in gets shorter,
    most of all at λ < 1, where the mean forgets far more slowly than the covariance.
    """
    sizes = (loop.n_real, loop.n_synthetic, loop.sampling_bias)
    spread = closed_forms.covariance_limit(*sizes)
    # Of K > 1 models the mean varies less than this; it then settles within the burn-in.
    scale = math.sqrt(closed_forms.mean_limit(*sizes))
    identity = gaussian.truth(chains, loop.dimensions)
    mean = scale * rng.standard_normal((chains, loop.dimensions))
    return Gaussians(mean, math.sqrt(spread) * identity.root)


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean of independent values and its standard error; two values or more."""
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))
