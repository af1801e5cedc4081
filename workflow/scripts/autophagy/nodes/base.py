"""A node of the plan, and the nodes of single steps: mix, train, sample, evaluate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from autophagy import data, features, layout, models, presets, regimes, rows, seeds, starts
from autophagy.config import Experiment
from autophagy.schema import plain

#: Keys of a data set that do not change the density it is drawn from.
_NO_TRUTH = ("path", "splits", "split_seed", "data_seed", "count")


@dataclass(frozen=True)
class Node:
    """One artifact to be.

    path: relative to the experiment's folder.
    materials: artifacts it is made from. reads: artifacts whose files its step opens besides,
        all of them ancestors of its materials (the pictures a training set's index points at).
    """

    path: str
    kind: str
    step: str
    params: dict[str, Any]
    seed: int | None
    materials: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    payload: tuple[str, ...] = ()


def mix(
    path: str, parts: tuple[regimes.Part, ...], seed: int, of_generation: dict[int, str],
    drawn: regimes.Draw | None = None,
) -> Node:  # fmt: skip
    """A training set: its parts, or what is drawn of them."""
    listed = [{"artifact": of_generation[part.generation], **asdict(part)} for part in parts]
    return Node(
        path,
        "training_set",
        "mix",
        {"parts": listed} | ({"draw": asdict(drawn)} if drawn else {}),
        seeds.derive("order of real rows", seed),
        materials=tuple(dict.fromkeys(part["artifact"] for part in listed)),
    )


def train(
    experiment: Experiment, path: str, owner: str, seed: int, t: int, sources: tuple[str, ...],
    initial: str | None = None, trainings: int = 1,
) -> Node:  # fmt: skip
    """G^t, fitted to the training set beside it; `initial` is the model whose weights it starts at.

    Args:
        trainings: k that G^t has seen, this one too. Every generation trains for as many steps, so
            a k-th of those that G^t has seen were on D^t.
    """
    params = train_params(experiment, owner)
    training_set = path.removesuffix("model") + "training_set.parquet"
    if initial is not None:
        shares = {training_set: 1 / trainings, initial: (trainings - 1) / trainings}
        params |= {"initial": initial, "shares": shares}
    return Node(
        path,
        "model",
        "train",
        params,
        seeds.derive("train", owner, seed, t),
        materials=(training_set, *([initial] if initial else [])),
        reads=sources,
    )


def trainings(experiment: Experiment, name: str, t: int) -> int:
    """How many trainings the weights of G^t have gone through: 1 where it was fitted from scratch.

    A fork may go on from weights that a loop of another regime left.
    """
    count = 1
    while t > 1 and _goes_on(experiment, starts.owner(experiment, name, t)):
        count, t = count + 1, t - 1
    return count


def _goes_on(experiment: Experiment, name: str) -> bool:
    return presets.regime_of(experiment.loops[name]).start == "previous"


def train_params(experiment: Experiment, owner: str) -> dict[str, Any]:
    """How a model is fitted, by a loop or for a real-only model, whose `owner` is no loop."""
    return {
        "model": models.recipe(experiment.model.family, plain(experiment.model)),
        "train": experiment.settings("train", owner if owner in experiment.loops else None),
        "threads": experiment.threads,
    }


@dataclass(frozen=True)
class Drawn:
    """How S^t is drawn of the model in a folder, which holds its training set too.

    auxiliary: the model that guidance leads away from. network: what a filter sees classes by.
    loop: whose settings of the sampler hold; None for the experiment's.
    """

    home: str
    bias: float
    labels: str = "balanced"
    guidance: dict[str, Any] | None = None
    auxiliary: str = ""
    filter: dict[str, Any] | None = None
    network: str = ""
    loop: str | None = None


def sample(
    experiment: Experiment, path: str, drawn: Drawn, n: int, purpose: tuple[str | int, ...]
) -> Node:
    pools = {
        "balanced": (),
        "real": ("real/loop",),
        "inherited": (f"{drawn.home}/training_set.parquet",),
    }
    params, models = _drawn_params(experiment, drawn, n)
    step, chosen_by = "sample", ()
    if drawn.filter:
        step = f"sample_{drawn.filter['kind']}"
        params |= {"filter": drawn.filter}
        chosen_by = (drawn.network,) if drawn.network else ()
    return Node(
        path,
        "sample_set",
        step,
        params | {"labels": drawn.labels},
        seeds.derive("samples", *purpose),
        materials=(*models, *pools[drawn.labels], *chosen_by),
    )


def preview(experiment: Experiment, path: str, drawn: Drawn) -> Node:
    """The same seeds everywhere, so guided as the samples are, but never filtered."""
    params, models = _drawn_params(experiment, drawn, rows.KINDS[experiment.kind].preview)
    return Node(
        path,
        "preview",
        "sample",
        params | {"labels": "balanced"},
        seeds.derive("preview"),
        materials=models,
    )


def _drawn_params(
    experiment: Experiment, drawn: Drawn, n: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Params and the models that draw; of two each counts as much as its weight, signs aside."""
    params, model = _sample_params(experiment, n, drawn), f"{drawn.home}/model"
    if not drawn.guidance:
        return params, (model,)
    kind, weight = drawn.guidance["kind"], drawn.guidance["weight"]
    params |= {
        "guidance": {"kind": kind, "weight": weight, "auxiliary": drawn.auxiliary},
        "shares": {model: 1.0 + weight, drawn.auxiliary: weight},
    }
    return params, (model, drawn.auxiliary)


def _sample_params(experiment: Experiment, n: int, drawn: Drawn) -> dict[str, Any]:
    return {
        "family": experiment.model.family,
        "n": n,
        "sampling_bias": drawn.bias,
        "sample": experiment.settings("sample", drawn.loop),
        "threads": experiment.threads,
    }


def evaluate(
    experiment: Experiment, path: str, samples: str, unbiased: str, training_set: str | None,
    sources: tuple[str, ...],
) -> Node:  # fmt: skip
    views = {"output": samples, "model": unbiased}
    fixed = ("real/reference", *networks(experiment))
    # What a start from outside was trained on, nobody here knows.
    fixed += () if training_set is None else (training_set,)
    return Node(
        path,
        "evaluation",
        "evaluate",
        evaluate_params(experiment) | {"views": views},
        seeds.derive("evaluate", path),
        materials=tuple(dict.fromkeys(views.values())) + fixed,
        reads=sources,
    )


def networks(experiment: Experiment) -> tuple[str, ...]:
    """The feature networks that everything is measured in."""
    second = layout.second_path(experiment)
    return (layout.network_path(experiment), *([second] if second is not None else []))


def evaluate_params(experiment: Experiment) -> dict[str, Any]:
    extra, second = experiment.evaluate.metrics, experiment.evaluate.second
    params = {"metrics": list(extra)} if extra else {}
    params |= {"second": features.name_of(second)} if second is not None else {}
    params |= {
        "n": experiment.evaluate.n,
        "k": experiment.evaluate.k,
        "features": features.name_of(experiment.evaluate.features),
        "threads": experiment.threads,
    }
    if hasattr(data.module(experiment.dataset.name), "truth"):
        drawn = plain(experiment.dataset)
        params["truth"] = {key: drawn[key] for key in drawn if key not in _NO_TRUTH}
    return params
