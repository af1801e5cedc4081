"""What no single key shows of trainings: one budget is stated, and the rows are enough for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autophagy import filters, models, presets, regimes, starts
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
    """The size of the smallest D^t that is trained on.

    Of a loop, whose start must be known by then, it is that of the first generation of its own:
    later ones are no smaller. Of all together, before any start is known, it is n_real +
    n_synthetic: loops that grow have more, and one that subsamples is looked at by itself.
    """
    if loop is not None:
        return max(1, _first_size(experiment, loop)[1])
    sizes = [loop.n_real + loop.n_synthetic for loop in experiment.loops.values()]
    return max(1, min([*experiment.real_only.values(), *sizes]))


def _first_size(experiment: Experiment, name: str) -> tuple[int, int]:
    """The first generation that a loop makes itself from a D^t, and the rows of that."""
    loop, t = experiment.loops[name], max(1, starts.shared(experiment, name)) + 1
    rows = regimes.size(
        presets.regime_of(loop), t, starts.n_initial(experiment, name), loop.n_real,
        loop.n_synthetic, starts.fork(experiment, name),
    )  # fmt: skip
    return t, rows


def check_rows(experiment: Experiment, size: int | None) -> None:
    """Refuse training sets of fewer rows than the family can be fitted to.

    What that is a family says by ``fewest(model, size, likelihood)``, where it has such a
    function: the number of rows, and why in words. `likelihood` asks for a model that a filter can
    judge by.

    Args:
        size: side of the pictures or number of coordinates, where it is known.

    Raises:
        UserError: the training set's key, its rows, and how many are needed.
    """
    fewest = getattr(models.module(experiment.model.family), "fewest", None)
    if fewest is None:
        return
    model = plain(experiment.model)
    judged = {
        name: bool(chosen := presets.regime_of(loop).filter)
        and filters.module(chosen["kind"]).NEEDS == "likelihoods"
        for name, loop in experiment.loops.items()
    }
    for start, n in experiment.real_only.items():
        likelihood = any(
            judged[name] for name, loop in experiment.loops.items() if loop.start_from == start
        )
        needed, why = fewest(model, size, likelihood)
        if n < needed:
            raise UserError(f"real_only.{start}: {n} is not allowed; {why}")
    for name, loop in experiment.loops.items():
        t, n = _first_size(experiment, name)
        needed, why = fewest(model, size, judged[name])
        if t <= experiment.generations and n < needed:
            raise UserError(
                f"loops.{name}: n_real {loop.n_real} and n_synthetic {loop.n_synthetic} make "
                f"training sets of {n}, which is not allowed; {why}"
            )
