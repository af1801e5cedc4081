"""What an experiment's artifacts are made from, and how: the nodes of the plan."""

from __future__ import annotations

from collections.abc import Iterator

from autophagy.config import Experiment
from autophagy.nodes import generation, outside, real, roots
from autophagy.nodes.base import Node


def of_experiment(experiment: Experiment) -> Iterator[Node]:
    """Every artifact of an experiment, each once."""
    yield from real.sets(experiment)
    for name in experiment.loops:
        yield from outside.start(experiment, name)
    for seed in experiment.seeds:
        yield real.measured(experiment, seed)
        for name in experiment.real_only:
            yield from generation.of_real_only(experiment, name, seed)
        for name in experiment.loops:
            for t in range(1, experiment.generations + 1):
                yield from generation.of_loop(experiment, name, seed, t)
    for name in experiment.real_only:
        yield roots.of_real_only(experiment, name)
    for name in experiment.loops:
        yield roots.of_loop(experiment, name)
    every = range(1, experiment.generations + 1)
    measured = {"real": range(1)} | dict.fromkeys(experiment.real_only, range(1, 2))
    measured |= dict.fromkeys(experiment.loops, every)
    for name, generations in measured.items():
        yield roots.of_evaluation(experiment, name, generations)
    yield roots.report(experiment, list(measured))
