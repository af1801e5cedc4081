"""How long a model is trained: for fixed steps, for fixed epochs, or until its loss is flat.

A family is always told a number of `steps`. Under `until_flat` that is the most it may take: it
looks at the loss on held-out rows of D^t, and of D^t alone, so that no other row has a say in a
model, and `Flattening` says when to stop. Which rows are held out is a function of the training's
seed; they train nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import Field

from autophagy import seeds as seeding
from autophagy.errors import UserError
from autophagy.schema import Count, Options, Sparse

Data = TypeVar("Data")

#: The keys of `train` that state a budget, of which there is one.
BUDGETS = ("steps", "epochs", "until_flat")
#: Looks at the held-out loss that one training may take at most: each stands in its manifest.
MOST_LOOKS = 1000


class UntilFlat(Options):
    """Stop where the lowest loss has not fallen by more than `tolerance` of itself for a while.

    held_out: the share of D^t that is looked at and trains nothing. interval: steps between two
    looks. patience: how many looks back the loss is compared with.
    """

    held_out: Annotated[float, Field(gt=0.0, lt=1.0)]
    interval: Count
    patience: Annotated[int, Field(ge=1, le=MOST_LOOKS)]
    tolerance: Annotated[float, Field(ge=0.0, lt=1.0)]
    max_steps: Count


class Budgeted(Sparse):
    """The base of a family's `Train`: one of three budgets; `check` refuses none and several."""

    steps: Count | None = None
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    until_flat: UntilFlat | None = None


def merged(section: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A section with changes laid over it: a budget that they state replaces the other one."""
    replaced = BUDGETS if any(key in changes for key in BUDGETS) else ()
    return {key: section[key] for key in section if key not in replaced} | dict(changes)


def check(train: Mapping[str, Any]) -> None:
    """Refuse a section without a budget, with several, or with looks that do not fit into it.

    Raises:
        UserError: the keys.
    """
    stated = [key for key in BUDGETS if key in train]
    if len(stated) != 1:
        told = f"{' and '.join(stated)} are" if stated else "none is"
        raise UserError(f"train: {told} stated of {', '.join(BUDGETS)}; state exactly one budget")
    if (rule := train.get("until_flat")) is None:
        return
    looks = rule["max_steps"] // rule["interval"]
    if not rule["patience"] < looks <= MOST_LOOKS:
        raise UserError(
            f"train.until_flat: {rule['max_steps']} max_steps are {looks} looks, one each "
            f"{rule['interval']} steps (interval); more than patience = {rule['patience']} are "
            f"needed, and at most {MOST_LOOKS} allowed"
        )


def rows_a_step(train: Mapping[str, Any]) -> int:
    """Rows of D^t that one step passes; a gan's critic takes several batches in each."""
    return train["batch_size"] * train.get("n_critic", 1)


def resolved(train: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """The options as a family is told them: `steps`, whatever budget states how many.

    Args:
        rows: of the training set. An epoch passes each once; the last step may begin another one.

    Raises:
        UserError: nothing is left to train on, or to look at.
    """
    told = {key: train[key] for key in train if key not in BUDGETS}
    if (epochs := train.get("epochs")) is not None:
        return told | {"steps": math.ceil(epochs * rows / rows_a_step(train))}
    if (rule := train.get("until_flat")) is not None:
        _held_out(rule, rows)
        return told | {"steps": rule["max_steps"]}
    return dict(train)


def told(train: Mapping[str, Any]) -> str:
    """A budget in words, e.g. "1000 steps of 128"."""
    size = train["batch_size"]
    if (epochs := train.get("epochs")) is not None:
        return f"{epochs} epochs in batches of {size}"
    if (rule := train.get("until_flat")) is not None:
        return (
            f"batches of {size} until the loss on {100 * rule['held_out']:g}% of D^t is flat "
            f"within {rule['tolerance']:.3g} for {rule['patience']} × {rule['interval']} steps, at "
            f"most {rule['max_steps']} steps"
        )
    return f"{train['steps']} steps of {size}"


def flat(rule: Mapping[str, Any], losses: Sequence[float]) -> bool:
    """Has the lowest loss fallen by no more than the tolerance over the last `patience` looks?"""
    if len(losses) <= rule["patience"]:
        return False
    before = min(losses[: -rule["patience"]])
    return before - min(losses) <= rule["tolerance"] * abs(before)


def steps_taken(rule: Mapping[str, Any], losses: Sequence[float]) -> int | None:
    """The steps of a training with these looks; None where the rule says that there are others."""
    for looks in range(1, len(losses)):
        if flat(rule, losses[:looks]):
            return None
    if flat(rule, losses):
        return len(losses) * rule["interval"]
    return rule["max_steps"] if len(losses) == rule["max_steps"] // rule["interval"] else None


def _held_out(rule: Mapping[str, Any], rows: int) -> int:
    """How many rows are held out: at least 1, and at least 1 is left."""
    count = max(1, round(rule["held_out"] * rows))
    if count >= rows:
        raise UserError(
            f"train.until_flat.held_out: {rule['held_out']} of {rows} rows leaves none to train on"
        )
    return count


class Flattening:
    """The looks of one training at its held-out rows, and when they end it.

    rows: the held-out ones, as families take rows. Its state is a part of a checkpoint.
    """

    def __init__(self, rule: Mapping[str, Any], rows: Any) -> None:
        self.rule, self.rows = rule, rows
        self.losses: list[float] = []

    def due(self, done: int) -> bool:
        """Is it time to look, after `done` steps?"""
        return done % self.rule["interval"] == 0

    def ends(self, done: int, loss: float) -> bool:
        """Note a look after `done` steps; does the training end here?

        Raises:
            UserError: the loss is not finite.
        """
        if not math.isfinite(loss):
            raise UserError(
                f"train: the held-out loss is {loss} at step {done}; lower train.learning_rate"
            )
        # As a manifest has it: whoever reads it comes to the same end.
        self.losses.append(float(f"{loss:.9g}"))
        return flat(self.rule, self.losses)

    def state_dict(self) -> dict[str, Any]:
        return {"losses": list(self.losses)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.losses = list(state["losses"])


def divided(train: Mapping[str, Any], data: Data, seed: int) -> tuple[Data, Flattening | None]:
    """What trains, and the looks at what is held out of it; all of it, and None, without such.

    Args:
        data: rows as families take them, `base.TrainingData` or `TrainingPoints`.
        seed: of the training.
    """
    if (rule := train.get("until_flat")) is None:
        return data, None
    rows = len(data.labels)
    order = seeding.stream(seeding.derive("held out", seed)).permutation(rows)
    count = _held_out(rule, rows)
    return _chosen(data, np.sort(order[count:])), Flattening(rule, _chosen(data, order[:count]))


def _chosen(data: Data, rows: np.ndarray) -> Data:
    arrays = {field.name: getattr(data, field.name) for field in fields(data)}
    return replace(data, **{key: a[rows] for key, a in arrays.items() if isinstance(a, np.ndarray)})


def facts(
    train: Mapping[str, Any], rows: int, losses: Sequence[float] | None = None
) -> dict[str, Any]:
    """What a model's manifest says of a budget that does not state its steps itself; else nothing.

    Args:
        rows: of its training set. losses: of its looks, where it looked.

    Raises:
        UserError: nothing is left to train on.
    """
    if (rule := train.get("until_flat")) is not None:
        looked = list(losses or ())
        ends = {"losses": looked, "steps": steps_taken(rule, looked)}
        return {"rows": rows, "held_out": _held_out(rule, rows), **ends}
    if "epochs" in train:
        steps = resolved(train, rows)["steps"]
        return {"rows": rows, "rows_a_step": rows_a_step(train), "steps": steps}
    return {}
