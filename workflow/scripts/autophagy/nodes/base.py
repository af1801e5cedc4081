"""A node of the plan, and the nodes of single steps: mix, train, sample, evaluate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from autophagy import features, paths, regimes, seeds
from autophagy.config import Experiment
from autophagy.schema import plain

#: Pictures of one preview: the same seeds in every generation and loop, never mixed or measured.
PREVIEW = 100


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
    initial: str | None = None,
) -> Node:  # fmt: skip
    """G^t, fitted to the training set beside it; `initial` is the model whose weights it starts at.

    Every generation trains for as many steps, so a t-th of those that G^t has seen were on D^t.
    """
    params = {
        "model": plain(experiment.model),
        "train": plain(experiment.train),
        "threads": experiment.threads,
    }
    training_set = path.removesuffix("model") + "training_set.parquet"
    if initial is not None:
        shares = {training_set: 1 / t, initial: (t - 1) / t}
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


def sample(
    experiment: Experiment, path: str, home: str, n: int, bias: float,
    purpose: tuple[str | int, ...], labels: str = "balanced",
) -> Node:  # fmt: skip
    """`home` is the folder that holds the model and its training set."""
    pools = {"balanced": (), "real": ("real/loop",), "inherited": (f"{home}/training_set.parquet",)}
    return Node(
        path,
        "sample_set",
        "sample",
        _sample_params(experiment, n, bias) | {"labels": labels},
        seeds.derive("samples", *purpose),
        materials=(f"{home}/model", *pools[labels]),
    )


def preview(experiment: Experiment, path: str, home: str, bias: float) -> Node:
    return Node(
        path,
        "preview",
        "sample",
        _sample_params(experiment, PREVIEW, bias) | {"labels": "balanced"},
        seeds.derive("preview"),
        materials=(f"{home}/model",),
    )


def _sample_params(experiment: Experiment, n: int, bias: float) -> dict[str, Any]:
    return {
        "family": experiment.model.family,
        "n": n,
        "sampling_bias": bias,
        "sample": plain(experiment.sample),
        "threads": experiment.threads,
    }


def evaluate(
    experiment: Experiment, path: str, samples: str, unbiased: str, training_set: str,
    sources: tuple[str, ...],
) -> Node:  # fmt: skip
    views = {"output": samples, "model": unbiased}
    fixed = ("real/reference", paths.network_path(experiment), training_set)
    return Node(
        path,
        "evaluation",
        "evaluate",
        evaluate_params(experiment) | {"views": views},
        seeds.derive("evaluate", path),
        materials=tuple(dict.fromkeys(views.values())) + fixed,
        reads=sources,
    )


def evaluate_params(experiment: Experiment) -> dict[str, Any]:
    extra = experiment.evaluate.metrics
    return ({"metrics": list(extra)} if extra else {}) | {
        "n": experiment.evaluate.n,
        "k": experiment.evaluate.k,
        "features": features.name_of(experiment.evaluate.features),
        "threads": experiment.threads,
    }
