"""What of a plan the page needs, as plain values for a rule's params."""

from __future__ import annotations

from typing import Any

from autophagy import features, models, paths, presets
from autophagy.config import Experiment, Loop
from autophagy.plan import Plan
from autophagy.schema import plain
from autophagy.theory import plan as theory


def of_images(plan: Plan) -> dict[str, Any]:
    """What `gather.gather` needs."""
    experiment = plan.experiment
    seed, every = experiment.seeds[0], range(1, experiment.generations + 1)
    whole = plain(experiment)
    # Where files lie is no part of what they are, and a folder of another means nothing here.
    whole["dataset"].pop("path", None)
    whole["evaluate"].pop("weights", None)
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
                "previews": [paths.preview_path(experiment, name, seed, t) for t in every],
                "models": [paths.model_path(experiment, name, seed, t) for t in every],
                "training_sets": paths.training_sets(experiment, seed)[name],
                "evaluations": [paths.evaluation_path(name, seed, t) for t in every],
                "root": paths.root_path("loops", name),
            }
            for name, loop in experiment.loops.items()
        },
        "configuration": whole,
        "artifacts": plan.audited(),
    }


def _rule(experiment: Experiment, loop: Loop) -> str:
    """What a loop feeds on, and its λ, in words."""
    return (
        f"{loop.regime.replace('_', ' ')}: {experiment.real_only[loop.start_from]} real "
        f"{experiment.kind}, then {presets.rows_in_words(loop)} a generation; "
        f"λ = {loop.sampling_bias:g}"
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
