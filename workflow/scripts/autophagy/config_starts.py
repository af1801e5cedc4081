"""What no single key shows of where loops start: names, paths, and generations of other loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autophagy import models, presets, regimes, starts
from autophagy.config_messages import short
from autophagy.errors import UserError, unreadable
from autophagy.regimes import Part, Regime
from autophagy.schema import place

if TYPE_CHECKING:
    from autophagy.config import Experiment, Loop


def check(name: str, loop: Loop, experiment: Experiment) -> None:
    """Refuse starts that are not there, or that the loop or family cannot take.

    Raises:
        UserError: the key, and what is allowed.
    """
    if starts.is_fork(loop.start_from):
        _check_fork(name, loop, experiment)
    elif starts.is_outside(loop.start_from):
        _check_outside(name, loop, experiment)
    elif loop.start_from not in experiment.real_only:
        raise UserError(
            f"loops.{name}.start_from: {loop.start_from!r} is no real-only model; allowed: "
            f"{', '.join(experiment.real_only)}; a path, with a {starts.SEPARATOR} in it; or a "
            "mapping of loop and generation"
        )


def _check_fork(name: str, loop: Loop, experiment: Experiment) -> None:
    """Refuse forks of nothing, of a generation too late, and of what holds too few samples."""
    key, fork = f"loops.{name}.start_from", loop.start_from
    others = [other for other in experiment.loops if other != name]
    if fork.loop not in others:
        raise UserError(
            f"{key}.loop: {fork.loop!r} is no other loop; allowed: {', '.join(others) or 'none'}"
        )
    if fork.generation >= experiment.generations:
        raise UserError(
            f"{key}.generation: {fork.generation} is not allowed; it must be below generations = "
            f"{experiment.generations}, or nothing is left to change"
        )
    before = experiment.loops[fork.loop].start_from
    if starts.is_fork(before) and fork.generation <= before.generation:
        raise UserError(
            f"{key}.generation: {fork.generation} is not allowed; {fork.loop} shares its first "
            f"{before.generation} generations with {before.loop}, so start from {before.loop}"
        )


def check_history(name: str, loop: Loop, experiment: Experiment) -> None:
    """Refuse a regime that asks more of the history that a fork shares than there is."""
    key, regime = f"loops.{name}", presets.regime_of(loop)
    shared, n_initial = starts.shared(experiment, name), starts.n_initial(experiment, name)
    if not shared:
        return
    if starts.is_outside(starts.first(experiment, name)):
        _check_unknown(key, regime, "its history starts from a path, so D^1 is not known")
    fork = starts.fork(experiment, name)
    for t in range(shared + 1, experiment.generations + 1):
        parts = regimes.compose(regime, t, n_initial, loop.n_real, loop.n_synthetic, fork)
        for part in parts:
            if part.origin == "real" or part.generation > shared:
                continue
            there = _there(experiment, starts.owner(experiment, name, part.generation), part)
            if part.start + part.count > there:
                raise UserError(
                    f"{key}.n_synthetic: {loop.n_synthetic} is not allowed; D^{t} needs "
                    f"{part.start + part.count} rows of generation {part.generation}, and "
                    f"{loop.start_from.loop} has {there} there"
                )


def _there(experiment: Experiment, owner: str, part: Part) -> int:
    """How many rows of a loop's sample set there are for certain; see `layout.loop_samples`."""
    loop = experiment.loops[owner]
    regime = presets.regime_of(loop)
    used = regimes.synthetic_rows_needed(regime, part.generation, loop.n_synthetic)
    return max(used, experiment.evaluate.n)


def _check_outside(name: str, loop: Loop, experiment: Experiment) -> None:
    """Refuse a start from outside that is not there, or that the loop or family cannot take."""
    key = f"loops.{name}"
    if experiment.kind != "images":
        raise UserError(
            f"{key}.start_from: {short(loop.start_from)} is a path; only loops of images start "
            "from outside"
        )
    try:
        starts.check(loop.start_from)
    except OSError as error:
        raise unreadable(f"{key}.start_from", error) from error
    except UserError as error:
        raise UserError(f"{key}.start_from: {error}") from error
    family, regime = experiment.model.family, presets.regime_of(loop)
    is_model = starts.kind(loop.start_from) == starts.MODEL
    if is_model and not models.can(family, "adopt"):
        raise UserError(
            f"{key}.start_from: {family} cannot start from a checkpoint; a folder of pictures or a "
            ".npz can be S^1"
        )
    why = "start_from is a path, so D^1 is not known"
    if is_model and regime.labels == "inherited":
        raise UserError(f"{key}.labels: inherited is not allowed; {why}")
    if is_model:
        try:
            sample = experiment.settings("sample", name)
            models.check_adopted(family, place(loop.start_from), sample)
        except UserError as error:
            raise UserError(f"{key}.start_from: {error}") from error
    if regime.guidance:
        raise UserError(f"{key}.guidance: is not allowed; {why}, nor G^1 one of these models")
    _check_unknown(key, regime, why)


def _check_unknown(key: str, regime: Regime, why: str) -> None:
    """Refuse axes that need a G^1 of these models, or a known D^1."""
    if regime.start == "previous":
        raise UserError(f"{key}.start: previous is not allowed; {why}, nor G^1 one of these models")
    if regime.pool == "subsample":
        raise UserError(f"{key}.pool: subsample is not allowed; {why}, nor n_initial, its size")
