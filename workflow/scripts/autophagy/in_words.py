"""What an experiment says of itself in words: budgets, starts, and what a loop has otherwise."""

from __future__ import annotations

from typing import Any

from autophagy import models, presets, starts
from autophagy.config import Experiment, Loop
from autophagy.schema import plain


def budget_line(experiment: Experiment, loop: str | None = None, *, otherwise: bool = True) -> str:
    """What a figure must say about itself: training budget, seeds, and the loop's sizes and λ.

    Args:
        loop: of which the figure is; None: of all.
        otherwise: does it show loops that train otherwise, too?
    """
    seeds = len(experiment.seeds)
    trained = budget(experiment, loop)
    parts = [
        trained + (_otherwise(experiment, trained) if otherwise and loop is None else ""),
        f"{seeds} seed{'s' if seeds > 1 else ''}",
    ]
    if loop is not None:
        chosen = experiment.loops[loop]
        parts = [
            f"λ = {chosen.sampling_bias:g}",
            f"{start_in_words(experiment, chosen)}, then {presets.rows_in_words(chosen)}",
            parts[0],
        ]
    return f"{loop or experiment.experiment}: {', '.join(parts)}"


def _otherwise(experiment: Experiment, trained: str) -> str:
    """` (fine: 4000 steps of 128)` of the one loop with another budget; of several, how many."""
    others = {
        name: other for name in experiment.loops if (other := budget(experiment, name)) != trained
    }
    if len(others) > 1:
        return f" ({len(others)} loops otherwise)"
    return "".join(f" ({name}: {other})" for name, other in others.items())


def budget(experiment: Experiment, loop: str | None = None) -> str:
    """The training budget of the experiment's models, or of those that a loop fits."""
    return models.budget(experiment.model.family, experiment.settings("train", loop))


def budget_of(experiment: Experiment, owner: str, t: int) -> str:
    """The budget of one evaluation's model; none of real rows and of a start from outside."""
    if owner not in experiment.loops:
        return "" if owner == "real" else budget(experiment)
    if t > 1:
        return budget(experiment, owner)
    return "" if starts.kind(experiment.loops[owner].start_from) else budget(experiment)


def setting(value: Any) -> str:
    """A key's plain value in words: `(weight 0.5, steps 100)` of a mapping."""
    if isinstance(value, dict):
        return f"({', '.join(f'{key} {setting(each)}' for key, each in value.items())})"
    return str(value)


def changes_of(loop: Loop) -> str:
    """What a loop has otherwise than the experiment: `train.steps 4000`."""
    return ", ".join(
        f"{section}.{key} {setting(value)}"
        for section in ("train", "sample")
        if (changes := getattr(loop, section)) is not None
        for key, value in plain(changes).items()
    )


def unlike_real_only(experiment: Experiment, loop: Loop) -> str:
    """What a loop has otherwise than the run's real-only models, `changes_of` and its labels.

    Their labels are balanced, and a class's share counts in every distance. Points have no classes.
    """
    labels = presets.regime_of(loop).labels
    said = [changes_of(loop)]
    if experiment.kind == "images" and labels != "balanced":
        said.append(f"labels {labels}")
    return ", ".join(filter(None, said))


def changes_in_words(experiment: Experiment) -> list[str]:
    """A line on each loop that trains or samples otherwise than the experiment does."""
    return [
        f"  {name}, from generation 2 on: {said}"
        for name, loop in experiment.loops.items()
        if (said := changes_of(loop))
    ]


def start_in_words(experiment: Experiment, loop: Loop) -> str:
    """What a loop starts from: `300 real images`."""
    if starts.is_fork(loop.start_from):
        return f"generations 1-{loop.start_from.generation} of {loop.start_from.loop}"
    kind = starts.kind(loop.start_from)
    if kind is None:
        return f"{experiment.real_only[loop.start_from]} real {experiment.kind}"
    return "a checkpoint from outside" if kind == starts.MODEL else "pictures from outside"
