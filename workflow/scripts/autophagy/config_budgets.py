"""What no single key shows of budgets: one is stated, and models can be trained by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autophagy import models
from autophagy.errors import UserError
from autophagy.models import budgets
from autophagy.schema import plain

if TYPE_CHECKING:
    from autophagy.config import Experiment


def check(experiment: Experiment, size: int | None, loop: str | None = None) -> None:
    """Refuse what a family cannot be trained or sampled by, on the smallest training set.

    Args:
        size: side of the pictures or number of coordinates, where it is known.
        loop: whose settings are looked at; None for the experiment's.

    Raises:
        UserError: the key and what is allowed.
    """
    name, model = experiment.model.family, plain(experiment.model)
    train, sample = (experiment.settings(section, loop) for section in ("train", "sample"))
    if models.budgeted(name):
        budgets.check(train)
        if "until_flat" in train and not models.can(name, "flatten"):
            raise UserError(f"train.until_flat: is not allowed; no loss of {name} becomes flat")
    rows = _fewest_rows(experiment, loop)
    try:
        models.module(name).check(model, models.resolved(name, train, rows), sample, size)
    except UserError as error:
        stated = next((key for key in ("epochs", "until_flat") if key in train), None)
        if stated is None or "train.steps" not in str(error):
            raise
        # Steps stand in no file that states epochs.
        raise UserError(f"{error}, which train.{stated} gives on {rows} rows") from error


def _fewest_rows(experiment: Experiment, loop: str | None) -> int:
    """The size of the smallest D^t that is trained on; an augmented or growing one has more."""
    if loop is not None:
        chosen = [experiment.loops[loop]]
        known = []
    else:
        chosen, known = list(experiment.loops.values()), list(experiment.real_only.values())
    return max(1, min(known + [loop.n_real + loop.n_synthetic for loop in chosen]))
