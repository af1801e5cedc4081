"""What of a plan the page needs, as plain values for a rule's params."""

from __future__ import annotations

from typing import Any

from autophagy import features, models, paths, presets, starts, tables
from autophagy.config import Experiment, Loop
from autophagy.plan import Plan
from autophagy.schema import plain
from autophagy.theory import plan as theory


def of_images(plan: Plan) -> dict[str, Any]:
    """What `gather.gather` needs."""
    experiment = plan.experiment
    seed, *others = experiment.seeds
    every = range(1, experiment.generations + 1)
    whole = plain(experiment)
    # What is retained is no part of what was found: another policy makes no other page.
    del whole["keep"]
    # Where files lie is no part of what they are, and a folder of another means nothing here.
    whole["dataset"].pop("path", None)
    whole["evaluate"].pop("weights", None)
    for loop in whole["loops"].values():
        if starts.is_outside(loop["start_from"]):
            loop["start_from"] = starts.IMPORTED
    whole["evaluate"]["features"] = features.name_of(experiment.evaluate.features)
    return {
        "experiment": experiment.experiment,
        "generations": experiment.generations,
        "seeds": list(experiment.seeds),
        "kind": experiment.kind,
        "budget": models.budget(experiment.model.family, plain(experiment.train)),
        "features": features.name_of(experiment.evaluate.features),
        "real_only": dict(experiment.real_only),
        "loops": {
            name: {
                "rule": _rule(experiment, loop),
                "sampling_bias": loop.sampling_bias,
                **_chain(experiment, name, seed),
                "others": {str(other): _chain(experiment, name, other) for other in others},
                "evaluations": [paths.loop_evaluation(experiment, name, seed, t) for t in every],
                "root": paths.root_path("loops", name),
            }
            for name, loop in experiment.loops.items()
        },
        "configuration": whole,
        "artifacts": plan.audited(),
    }


def _chain(experiment: Experiment, name: str, seed: int) -> dict[str, list[str | None]]:
    """The previews, models and training sets of a loop and run seed, generation by generation.

    None where a start from outside has none, or none that is known.
    """
    every = range(1, experiment.generations + 1)
    return {
        "previews": [paths.preview_path(experiment, name, seed, t) for t in every],
        "models": [_model(experiment, name, seed, t) for t in every],
        "training_sets": [
            paths.training_set_path(experiment, name, seed, t)
            if paths.has_training_set(experiment, name, t)
            else None
            for t in every
        ],
    }


def _model(experiment: Experiment, name: str, seed: int, t: int) -> str | None:
    start = starts.kind(starts.first(experiment, name))
    if t == 1 and start == starts.PICTURES:
        return None
    return paths.model_path(experiment, name, seed, t)


def _rule(experiment: Experiment, loop: Loop) -> str:
    """What a loop feeds on, and its λ, in words."""
    return (
        f"{loop.regime.replace('_', ' ')}: {tables.start_in_words(experiment, loop)}, then "
        f"{presets.rows_in_words(loop)} a generation; λ = {loop.sampling_bias:g}"
        f"{'; ' + changes if (changes := tables.changes_of(loop)) else ''}"
    )


def of_theory(plan: Plan) -> dict[str, Any]:
    """What `theory.gather` needs."""
    experiment = plan.experiment
    return {
        "experiment": experiment.experiment,
        "title": experiment.title,
        "figure": experiment.figure,
        "study": experiment.study,
        "table": theory.TABLE,
        "root": theory.ROOT,
        "runs": list(experiment.runs),
        "configuration": plain(experiment),
        "artifacts": plan.audited(),
    }
