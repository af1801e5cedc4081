"""What no single key of a configuration can show: keys that do not fit each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autophagy import (
    config_budgets,
    config_regimes,
    config_starts,
    data,
    features,
    filters,
    models,
    plugins,
    presets,
    regimes,
    starts,
)  # fmt: skip
from autophagy.config_messages import short
from autophagy.data.table import CLASSES
from autophagy.errors import UserError, unreadable
from autophagy.features import checks as feature_checks
from autophagy.models.table import FAMILIES
from autophagy.schema import plain

if TYPE_CHECKING:
    from autophagy.config import Experiment, Loop

#: Loop names the results' layout uses for itself.
RESERVED = ("real", "imported")


def check(experiment: Experiment, data_at_hand: bool = True) -> None:
    """Refuse sizes, names and options that contradict each other.

    Args:
        data_at_hand: the data set's files must be there, too.

    Raises:
        UserError: the keys that do not fit each other, and by how much.
    """
    splits = experiment.dataset.splits
    if len(set(experiment.seeds)) < len(experiment.seeds):
        raise UserError(f"seeds: {experiment.seeds} holds a seed twice; each may stand once")
    _check_kind(experiment)
    dataset = data.module(experiment.dataset.name)
    plain_dataset = plain(experiment.dataset)
    try:
        if data_at_hand:
            dataset.check(plain_dataset)
    # Names that are too long for the file system, loops of links, folders one may not enter.
    except OSError as error:
        raise unreadable("dataset.path", error) from error
    available = dataset.rows(plain_dataset)
    asked = splits.loop + splits.reference + splits.features
    if available is not None and asked > available:
        raise UserError(
            f"dataset.splits: loop + reference + features ask for {asked} {experiment.kind} "
            f"and {experiment.dataset.name} has {available}: disjoint splits are "
            f"{asked - available} short"
        )
    shape = dataset.shape(plain_dataset)
    try:
        feature_checks.check(experiment.evaluate.features, experiment.evaluate.weights, shape)
    except OSError as error:
        raise unreadable("evaluate.features", error) from error
    if experiment.evaluate.second is not None:
        _check_second(experiment, shape)
    try:
        models.require(experiment.model.family, plain(experiment.model), shape)
    except OSError as error:
        raise unreadable("model", error) from error
    config_budgets.check(experiment, None if shape is None else shape[0])

    if experiment.evaluate.n > splits.loop:
        raise UserError(
            f"evaluate.n: {experiment.evaluate.n} exceeds dataset.splits.loop = {splits.loop}; "
            f"the real-vs-real row needs as many real {experiment.kind} as there are samples"
        )
    smallest = min(experiment.evaluate.n, splits.reference)
    if experiment.evaluate.k >= smallest:
        raise UserError(
            f"evaluate.k: {experiment.evaluate.k} must be below both evaluate.n and "
            f"dataset.splits.reference, that is below {smallest}"
        )
    _check_metrics(experiment.evaluate.metrics or [])
    for name, n in experiment.real_only.items():
        _check_name(f"real_only.{name}", name)
        if n > splits.loop:
            raise UserError(
                f"real_only.{name}: {n} real {experiment.kind} exceed dataset.splits.loop = "
                f"{splits.loop}; {n - splits.loop} are missing"
            )
    for name, loop in experiment.loops.items():
        _check_name(f"loops.{name}", name)
        _check_start(name, loop, experiment)
    # Only now can the history of a loop be walked, whichever loops it is made of.
    for name, loop in experiment.loops.items():
        _check_loop(name, loop, experiment)
    config_budgets.check_rows(experiment, None if shape is None else shape[0])
    if experiment.attribution is not None:
        _check_attribution(experiment)
    _check_case([*experiment.real_only, *experiment.loops])


def _check_attribution(experiment: Experiment) -> None:
    """Refuse a table of one loop, and one without a slope."""
    name, loops = experiment.attribution, experiment.loops
    if name not in loops:
        raise UserError(f"attribution: {name!r} is no loop; allowed: {', '.join(loops)}")
    if [loop.start_from for loop in loops.values()].count(loops[name].start_from) < 2:
        raise UserError(f"attribution: no other loop starts where {name} does")
    if experiment.generations < 2:
        raise UserError(f"attribution: {name} has no drift in {experiment.generations} generation")


def _check_second(experiment: Experiment, shape: tuple[int, ...] | None) -> None:
    """Refuse a second network that is not there, or that is the first one."""
    second, first = experiment.evaluate.second, experiment.evaluate.features
    try:
        feature_checks.check(second, None, shape)
    except OSError as error:
        raise unreadable("evaluate.second", error) from error
    except UserError as error:
        raise UserError(str(error).replace("evaluate.features", "evaluate.second", 1)) from error
    if features.name_of(second) == features.name_of(first):
        raise UserError(f"evaluate.second: {short(second)} is evaluate.features; name another one")


def _check_metrics(names: list[str]) -> None:
    known = plugins.added("metrics")
    for name in names:
        if name not in known:
            raise UserError(
                f"evaluate.metrics: {name!r} is not allowed; those that are built in are always "
                f"measured, and installed packages add: {', '.join(known) or 'none'}"
            )
        plugins.load("metrics", name)
    if len(set(names)) < len(names):
        raise UserError(f"evaluate.metrics: {names} holds a metric twice")


def _check_kind(experiment: Experiment) -> None:
    """Refuse a kind that is not that of the data, and a family that does not model it."""
    of_data = data.kind(experiment.dataset.name)
    if experiment.kind != of_data:
        raise UserError(
            f"kind: {experiment.kind} does not fit dataset.name = {experiment.dataset.name}, whose "
            f"rows are {of_data}; write kind: {of_data}"
        )
    family = experiment.model.family
    if of_data not in models.kinds(family):
        able = [other for other in FAMILIES if of_data in models.kinds(other)]
        raise UserError(
            f"model.family: {family} models {' and '.join(models.kinds(family))}, and the rows of "
            f"dataset.name = {experiment.dataset.name} are {of_data}; allowed: {', '.join(able)}"
        )


def _check_name(key: str, name: str) -> None:
    if name.lower() in RESERVED:
        raise UserError(f"{key}: the name {name!r} is taken by the results themselves; rename it")


def _check_case(names: list[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise UserError(
                f"loops and real_only: {other} and {name} differ by case alone, and are one folder "
                "on some disks; rename one"
            )


def _check_start(name: str, loop: Loop, experiment: Experiment) -> None:
    if name in experiment.real_only:
        raise UserError(f"loops.{name}: real_only has this name too; every name may stand once")
    if loop.regime not in presets.known():
        raise UserError(
            f"loops.{name}.regime: {short(loop.regime)} is not allowed; allowed: "
            f"{', '.join(presets.known())}"
        )
    if loop.regime not in presets.REGIMES:
        config_regimes.check_added(name, loop)
    config_starts.check(name, loop, experiment)


def _check_loop(name: str, loop: Loop, experiment: Experiment) -> None:
    regime = presets.regime_of(loop)
    config_regimes.check_axes(f"loops.{name}", loop, regime, experiment.generations)
    if regime.start == "previous" and not models.can(experiment.model.family, "fine_tune"):
        raise UserError(
            f"loops.{name}.start: previous is not allowed; {experiment.model.family} cannot go on "
            "from the weights of an earlier model"
        )
    if loop.sampling_bias < 1.0:
        try:
            models.check_biased(experiment.model.family, plain(experiment.model))
        except UserError as error:
            raise UserError(f"loops.{name}.sampling_bias: {error}") from error
    _check_changes(name, loop, regime, experiment)
    if regime.filter:
        _check_filter(f"loops.{name}.filter", regime.filter, experiment)
    if regime.guidance:
        _check_guidance(f"loops.{name}.guidance", regime.guidance, experiment)
    n_initial, split = starts.n_initial(experiment, name), experiment.dataset.splits.loop
    fork = starts.fork(experiment, name)
    needed = regimes.real_rows_needed(
        regime, experiment.generations, n_initial, loop.n_real, loop.n_synthetic, fork
    )
    if needed > split:
        raise UserError(
            f"loops.{name}: {experiment.generations} generations of {loop.regime} need {needed} "
            f"real {experiment.kind} (n_initial {n_initial}, n_real {loop.n_real}{_besides(loop)}) "
            f"and dataset.splits.loop holds {split}: {needed - split} are missing"
        )
    config_starts.check_history(name, loop, experiment)


def _check_changes(name: str, loop: Loop, regime: regimes.Regime, experiment: Experiment) -> None:
    """Refuse settings of a loop that its family cannot have, or that make shares untrue."""
    for section in ("train", "sample"):
        if (changes := getattr(loop, section)) is None:
            continue
        if not plain(changes):
            raise UserError(f"loops.{name}.{section}: states no change; leave it out")
    try:
        config_budgets.check(experiment, None, name)
    except UserError as error:
        dot = ": " if loop.train is None and loop.sample is None else "."
        raise UserError(f"loops.{name}{dot}{error}") from error
    every = [
        experiment.loops[starts.owner(experiment, name, t)]
        for t in range(1, experiment.generations + 1)
    ]
    tuned = "start: previous" if regime.start == "previous" else "guidance"
    if any(other.train for other in every) and (regime.guidance or regime.start == "previous"):
        raise UserError(
            f"loops.{name}.train: is not allowed with {tuned}, whose shares count trainings of "
            "one length"
        )
    if (regime.guidance or regime.start == "previous") and "steps" not in plain(experiment.train):
        raise UserError(
            f"loops.{name}: {tuned} is not allowed without train.steps, since shares count "
            "trainings of one length"
        )


def _besides(loop: Loop) -> str:
    """What else a loop needs real rows for, in words."""
    counterfactual = presets.regime_of(loop).counterfactual == "real"
    return f", and as many as its {loop.n_synthetic} synthetic ones" if counterfactual else ""


def _check_filter(key: str, chosen: dict[str, Any], experiment: Experiment) -> None:
    """Refuse filters that keep nothing, or that nothing in the experiment can judge for."""
    kind = filters.module(chosen["kind"])
    try:
        kind.check(chosen)
    except UserError as error:
        raise UserError(f"{key}.{error}") from error
    family, network = experiment.model.family, features.name_of(experiment.evaluate.features)
    if kind.NEEDS == "likelihoods" and not models.can(family, "likelihood"):
        raise UserError(f"{key}.kind: likelihood is not allowed; {family} gives no likelihood")
    classifies = getattr(features.module(network), "CLASSIFIES", False)
    if kind.NEEDS == "probabilities" and not classifies:
        raise UserError(
            f"{key}.kind: {chosen['kind']} is not allowed with evaluate.features: {network}, which "
            "tells no classes apart; use lenet"
        )
    n_classes = CLASSES.get(experiment.dataset.name)
    asked = max(chosen.get("classes", [0]))
    if n_classes is not None and asked >= n_classes:
        raise UserError(
            f"{key}.classes: {asked} is not allowed; the classes of {experiment.dataset.name} are "
            f"0 to {n_classes - 1}"
        )


def _check_guidance(key: str, guidance: dict[str, Any], experiment: Experiment) -> None:
    """Refuse guidance that the family cannot do, or a tuning that its training cannot be."""
    family = experiment.model.family
    if not all(models.can(family, ability) for ability in ("guide", "fine_tune")):
        raise UserError(f"{key}: is not allowed; {family} cannot be guided away from another model")
    model, train, sample = map(plain, (experiment.model, experiment.train, experiment.sample))
    try:
        models.module(family).check(model, train | {"steps": guidance["steps"]}, sample, None)
    except UserError as error:
        raise UserError(f"{key}.steps: {guidance['steps']} is not allowed: {error}") from error
