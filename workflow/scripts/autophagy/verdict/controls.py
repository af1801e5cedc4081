"""Which real-only models loops should stand beside, and which of them an experiment lacks."""

from __future__ import annotations

from autophagy.config import Experiment
from autophagy.schema import plain
from autophagy.verdict.plan import asked


def lacking(experiment: Experiment) -> dict[int, list[str]]:
    """Size of a real-only model that there is not -> the loops that it should stand beside.

    Sizes are n_real, n_synthetic and their sum, as far as the split `loop` reaches. Between sizes
    verdicts interpolate; beyond them a loop has no control.
    """
    there = set(experiment.real_only.values())
    reach = plain(experiment.dataset)["splits"]["loop"]
    found: dict[int, list[str]] = {}
    for name, loop in asked(experiment)["loops"].items():
        n_real, n_synthetic = loop["n_real"], loop["n_synthetic"]
        for n in {n_real, n_synthetic, n_real + n_synthetic} - there:
            if 0 < n <= reach:
                found.setdefault(n, []).append(name)
    return dict(sorted(found.items()))


def told(lacks: dict[int, list[str]], kind: str) -> str:
    """The same in a line, for whoever checks a configuration."""
    sizes = "; ".join(f"{n} (beside {', '.join(loops)})" for n, loops in lacks.items())
    return (
        f"real_only: no model of as many {kind} as {sizes}: verdicts interpolate or have no control"
    )
