"""Every evaluation that an experiment makes, in the order of its tidy table."""

from __future__ import annotations

from typing import Any

from autophagy import paths, starts
from autophagy.config import Experiment
from autophagy.in_words import budget_of


def of(experiment: Experiment) -> list[dict[str, Any]]:
    """Every evaluation of an experiment, in the order of the table.

    Each is {loop, seed, generation, sampling_bias, budget, path}, the budget in words; the real
    baseline is loop `real`, generation 0, real-only models are `real-only/<name>`, generation 1.
    What a fork shares with another loop is listed for both.
    """
    every = range(1, experiment.generations + 1)
    # What is listed -> whose evaluations they are, and of which generation.
    listed = {"real": [("real", 0)]}
    listed |= {f"real-only/{name}": [(name, 1)] for name in experiment.real_only}
    for name in experiment.loops:
        listed[name] = [(starts.owner(experiment, name, t), t) for t in every]
    biases = {name: loop.sampling_bias for name, loop in experiment.loops.items()}
    return [
        {
            "loop": loop,
            "seed": seed,
            "generation": t,
            "sampling_bias": biases.get(owner, 1.0),
            "budget": budget_of(experiment, owner, t),
            "path": paths.evaluation_path(owner, seed, t),
        }
        for loop, made in listed.items()
        for seed in experiment.seeds
        for owner, t in made
    ]
