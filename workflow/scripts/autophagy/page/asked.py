"""What of a plan the page needs, as plain values for a rule's params."""

from __future__ import annotations

from typing import Any

from autophagy import features, in_words, layout, models, paths, presets, starts
from autophagy.config import Experiment, Loop
from autophagy.plan import Plan
from autophagy.schema import plain
from autophagy.theory import plan as theory


def of_images(plan: Plan) -> dict[str, Any]:
    """What `gather.gather` needs."""
    experiment = plan.experiment
    whole = plain(experiment)
    # What is retained is no part of what was found: another policy makes no other page.
    del whole["keep"]
    # Where files lie is no part of what they are, and a folder of another means nothing here.
    whole["dataset"].pop("path", None)
    whole["model"] = models.recipe(experiment.model.family, whole["model"])
    whole["evaluate"].pop("weights", None)
    if whole["evaluate"].pop("second", None) is not None:
        whole["evaluate"]["second"] = features.name_of(experiment.evaluate.second)
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
        "tables": layout.table_names(experiment),
        "loops": {
            name: {
                "rule": _rule(experiment, loop),
                "sampling_bias": loop.sampling_bias,
                "trains": _trains(loop),
                "unlike": in_words.unlike_real_only(experiment, loop),
                "runs": {str(seed): _chain(experiment, name, seed) for seed in experiment.seeds},
                "root": paths.root_path("loops", name),
            }
            for name, loop in experiment.loops.items()
        },
        "configuration": whole,
        "artifacts": plan.audited(),
    }


def _chain(experiment: Experiment, name: str, seed: int) -> dict[str, list[str | None]]:
    """The artifacts of a loop and run seed that the page reads, by kind, generation by generation.

    None where a start from outside has none, or none that is known.
    """
    every = range(1, experiment.generations + 1)
    return {
        "previews": [layout.preview_path(experiment, name, seed, t) for t in every],
        "models": [_model(experiment, name, seed, t) for t in every],
        "training_sets": [
            layout.training_set_path(experiment, name, seed, t)
            if layout.has_training_set(experiment, name, t)
            else None
            for t in every
        ],
        "evaluations": [layout.loop_evaluation(experiment, name, seed, t) for t in every],
    }


def previews(plan: Plan) -> dict[str, dict[str, list[str]]]:
    """Loop -> run seed -> its previews, generation by generation."""
    return {
        name: {seed: chain["previews"] for seed, chain in loop["runs"].items()}
        for name, loop in of_images(plan)["loops"].items()
    }


def _trains(loop: Loop) -> str:
    """How a loop trains where it is not from scratch with the experiment's budget, in words."""
    said = [
        "whose later models go on from the weights of the one before"
        if presets.regime_of(loop).start == "previous"
        else "",
        "which starts from outside" if starts.is_outside(loop.start_from) else "",
        f"which has {changes}" if (changes := in_words.changes_of(loop)) else "",
    ]
    return " and ".join(filter(None, said))


def _model(experiment: Experiment, name: str, seed: int, t: int) -> str | None:
    start = starts.kind(starts.first(experiment, name))
    if t == 1 and start == starts.PICTURES:
        return None
    return layout.model_path(experiment, name, seed, t)


def _rule(experiment: Experiment, loop: Loop) -> str:
    """What a loop feeds on, and its λ, in words."""
    return (
        f"{loop.regime.replace('_', ' ')}: {in_words.start_in_words(experiment, loop)}, then "
        f"{presets.rows_in_words(loop)} a generation; λ = {loop.sampling_bias:g}"
        f"{'; ' + changes if (changes := in_words.changes_of(loop)) else ''}"
    )


def of_theory(plan: Plan) -> dict[str, Any]:
    """What `theory.gather` needs."""
    experiment = plan.experiment
    return {
        "experiment": experiment.experiment,
        "title": experiment.title,
        "figure": experiment.figure,
        "study": experiment.study,
        "table": paths.THEORY_CSV,
        "root": theory.ROOT,
        "runs": list(experiment.runs),
        "configuration": plain(experiment),
        "artifacts": plan.audited(),
    }
