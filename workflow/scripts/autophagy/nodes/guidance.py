"""The nodes of guidance: what a model becomes when it is tuned on its own samples."""

from __future__ import annotations

from collections.abc import Iterator

from autophagy import layout, paths, presets, seeds
from autophagy.config import Experiment
from autophagy.nodes.base import Drawn, Node, mix, sample, train_params, trainings
from autophagy.regimes import Part


def auxiliary(experiment: Experiment, name: str, seed: int, t: int) -> Iterator[Node]:
    """n samples of G^t at λ = 1, the index of them, and G^t tuned on it."""
    folder, guidance = paths.auxiliary_folder(name, seed, t), _guidance(experiment, name)
    model = layout.model_path(experiment, name, seed, t)
    drawn, purpose = (
        Drawn(model.removesuffix("/model"), 1.0, loop=name),
        (name, seed, t, "auxiliary"),
    )
    samples, training_set = f"{folder}/samples", f"{folder}/training_set.parquet"
    yield sample(experiment, samples, drawn, guidance["n"], purpose)
    part = Part("synthetic", t, 0, guidance["n"])
    yield mix(training_set, (part,), seed, {t: samples})
    params = train_params(experiment, name) | {
        "initial": model,
        "steps": guidance["steps"],
        "shares": shares(experiment, name, t, training_set, model),
    }
    yield Node(
        f"{folder}/model",
        "model",
        "train",
        params,
        seeds.derive("train", *purpose),
        materials=(training_set, model),
        reads=(samples,),
    )


def shares(
    experiment: Experiment, name: str, t: int, training_set: str, model: str
) -> dict[str, float]:
    """How much of the training that the auxiliary model has seen was on each source."""
    steps = _guidance(experiment, name)["steps"]
    of_model = experiment.train.steps * trainings(experiment, name, t)
    return {training_set: steps / (steps + of_model), model: of_model / (steps + of_model)}


def _guidance(experiment: Experiment, name: str) -> dict:
    return presets.regime_of(experiment.loops[name]).guidance
