"""What the loops of an attribution have otherwise than its reference."""

from __future__ import annotations

from typing import Any

from autophagy import presets
from autophagy.config import Experiment
from autophagy.in_words import setting
from autophagy.models import budgets
from autophagy.schema import plain

#: The budget that takes rows from the training and the decay from its learning rate.
UNTIL_FLAT = "train.until_flat"


def compared(experiment: Experiment) -> list[str]:
    """The loops of the table, the reference first: those that start where it does."""
    reference = experiment.attribution
    start = experiment.loops[reference].start_from
    others = [name for name, loop in experiment.loops.items() if loop.start_from == start]
    return [reference, *(name for name in others if name != reference)]


def otherwise_trained(experiment: Experiment) -> list[str]:
    """The loops of the table whose models, from G^2 on, are not trained as G^1 was."""
    given = experiment.settings("train")
    return [name for name in compared(experiment) if experiment.settings("train", name) != given]


def changed(experiment: Experiment, name: str) -> list[str]:
    """What a loop has otherwise than the reference, as `train.steps 1000 → 2000`.

    Of a budget of another kind, `train.steps → train.until_flat`, what else follows from it too.
    """
    ours, theirs = (_said(experiment, loop) for loop in (name, experiment.attribution))
    rules = [_budget(said) for said in (theirs, ours)]
    other = rules[0] != rules[1]
    told = [" → ".join(rules)] if other else []
    told += [
        f"{key} {setting(theirs.get(key))} → {setting(ours.get(key))}"
        for key in theirs | ours
        if theirs.get(key) != ours.get(key) and not (other and key in rules)
    ]
    if other and UNTIL_FLAT in rules:
        before, after = ("none" if rule == UNTIL_FLAT else "to 0" for rule in rules)
        told.append(f"decay of the learning rate {before} → {after}")
        shares = [1.0 - said.get(UNTIL_FLAT, {}).get("held_out", 0.0) for said in (theirs, ours)]
        told.append(f"rows of D^t that train {100 * shares[0]:g}% → {100 * shares[1]:g}%")
    return told


def _budget(said: dict[str, Any]) -> str:
    """The key that states how long a loop's models train; empty where none does."""
    return next((f"train.{key}" for key in budgets.BUDGETS if f"train.{key}" in said), "")


def _said(experiment: Experiment, name: str) -> dict[str, Any]:
    loop = experiment.loops[name]
    found = {key: getattr(loop, key) for key in ("sampling_bias", "n_real", "n_synthetic")}
    found |= vars(presets.regime_of(loop))
    for section in ("train", "sample"):
        settings = experiment.settings(section, name)
        found |= {f"{section}.{key}": value for key, value in settings.items()}
    return {key: plain(value) if hasattr(value, "model_dump") else value
            for key, value in found.items()}  # fmt: skip
