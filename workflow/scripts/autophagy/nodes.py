"""What an experiment's artifacts are made from, and how: the nodes of the plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from autophagy import config as configuration
from autophagy import paths, regimes, seeds
from autophagy.config import Experiment
from autophagy.features import TRAINING
from autophagy.schema import plain

#: Pictures of one preview: the same seeds in every generation and loop, never mixed or measured.
PREVIEW = 100
#: Random cuts of the real images that give the real-vs-real values their spread.
RESPLITS = 50


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


def of_experiment(experiment: Experiment) -> Iterator[Node]:
    """Every artifact of an experiment, each once."""
    yield from _real(experiment)
    for seed in experiment.seeds:
        yield _evaluate_real(experiment, seed)
        for name in experiment.real_only:
            yield from _real_only(experiment, name, seed)
        for name in experiment.loops:
            for generation in range(1, experiment.generations + 1):
                yield from _generation(experiment, name, seed, generation)
    for name in experiment.real_only:
        yield _real_only_root(experiment, name)
    for name in experiment.loops:
        yield _loop_root(experiment, name)
    every = range(1, experiment.generations + 1)
    measured = {"real": range(1)} | dict.fromkeys(experiment.real_only, range(1, 2))
    measured |= dict.fromkeys(experiment.loops, every)
    for name, generations in measured.items():
        yield _evaluation_root(experiment, name, generations)
    yield _report(experiment, list(measured))


def _real(experiment: Experiment) -> Iterator[Node]:
    dataset = plain(experiment.dataset)
    # Where the files lie is no part of what they are (their hashes are among the facts), and a
    # split is not made anew when one that is cut after it changes its size.
    params = {key: value for key, value in dataset.items() if key not in ("path", "splits")}
    start = 0
    for split, count in dataset["splits"].items():
        cut = {"split": split, "start": start, "count": count}
        yield Node(f"real/{split}", "real_set", "real", params | cut, dataset["split_seed"])
        start += count
    yield Node(
        paths.network_path(experiment),
        "feature_network",
        "features",
        {
            "network": experiment.evaluate.features,
            "training": TRAINING,
            "threads": experiment.threads,
        },
        seeds.derive("features"),
        materials=("real/features",),
    )


def _evaluate_real(experiment: Experiment, seed: int) -> Node:
    return Node(
        paths.evaluation_path("real", seed, 0),
        "evaluation",
        "evaluate_real",
        _evaluate_params(experiment) | {"resplits": RESPLITS},
        seeds.derive("order of real rows", seed),
        materials=("real/loop", "real/reference", paths.network_path(experiment)),
    )


def _real_only(experiment: Experiment, name: str, seed: int) -> Iterator[Node]:
    folder, owner = paths.real_only_folder(name, seed), f"real-only/{name}"
    parts = regimes.compose(regimes.REGIMES["fully_synthetic"], 1, experiment.real_only[name], 0, 0)
    yield _mix(f"{folder}/training_set.parquet", parts, seed, {0: "real/loop"})
    yield _train(experiment, f"{folder}/model", owner, seed, 1, ("real/loop",))
    n = paths.real_only_samples(experiment, name)
    yield _sample(experiment, f"{folder}/samples", folder, n, 1.0, (owner, seed, 1))
    yield _preview(experiment, f"{folder}/preview", folder, 1.0)
    yield _evaluate(
        experiment, paths.evaluation_path(name, seed, 1), f"{folder}/samples", f"{folder}/samples",
        f"{folder}/training_set.parquet", ("real/loop",),
    )  # fmt: skip


def _generation(experiment: Experiment, name: str, seed: int, t: int) -> Iterator[Node]:
    """D^t, G^t, S^t, its preview and evaluation; of t = 1 only what the real-only start lacks."""
    loop = experiment.loops[name]
    folder = paths.generation_folder(name, seed, t)
    samples = paths.samples_path(experiment, name, seed, t)
    sources: tuple[str, ...] = ("real/loop",)
    if t > 1:
        parts = regimes.compose(
            configuration.regime_of(loop), t, experiment.real_only[loop.start_from],
            loop.n_real, loop.n_synthetic,
        )  # fmt: skip
        of_generation = {0: "real/loop"} | {
            part.generation: paths.samples_path(experiment, name, seed, part.generation)
            for part in parts
            if part.origin == "synthetic"
        }
        sources = tuple(dict.fromkeys(of_generation[part.generation] for part in parts))
        yield _mix(f"{folder}/training_set.parquet", parts, seed, of_generation)
        yield _train(experiment, f"{folder}/model", name, seed, t, sources)
    model = paths.model_path(experiment, name, seed, t).removesuffix("/model")
    n = max(loop.n_synthetic, experiment.evaluate.n)
    if samples.startswith(folder):
        yield _sample(
            experiment, samples, model, n, loop.sampling_bias, (name, seed, t), loop.labels
        )
        yield _preview(experiment, f"{folder}/preview", model, loop.sampling_bias)
    unbiased = paths.unbiased_path(experiment, name, seed, t)
    if unbiased.endswith("-unbiased"):
        yield _sample(
            experiment, unbiased, model, experiment.evaluate.n, 1.0,
            (name, seed, t, "unbiased"), loop.labels,
        )  # fmt: skip
    yield _evaluate(
        experiment, paths.evaluation_path(name, seed, t), samples, unbiased,
        paths.training_set_path(experiment, name, seed, t), sources,
    )  # fmt: skip


def _mix(
    path: str, parts: tuple[regimes.Part, ...], seed: int, of_generation: dict[int, str]
) -> Node:
    listed = [{"artifact": of_generation[part.generation], **asdict(part)} for part in parts]
    return Node(
        path,
        "training_set",
        "mix",
        {"parts": listed},
        seeds.derive("order of real rows", seed),
        materials=tuple(dict.fromkeys(part["artifact"] for part in listed)),
    )


def _train(
    experiment: Experiment, path: str, owner: str, seed: int, t: int, sources: tuple[str, ...]
) -> Node:
    params = {
        "model": plain(experiment.model),
        "train": plain(experiment.train),
        "threads": experiment.threads,
    }
    training_set = path.removesuffix("model") + "training_set.parquet"
    return Node(
        path,
        "model",
        "train",
        params,
        seeds.derive("train", owner, seed, t),
        materials=(training_set,),
        reads=sources,
    )


def _sample(
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


def _preview(experiment: Experiment, path: str, home: str, bias: float) -> Node:
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


def _evaluate(
    experiment: Experiment, path: str, samples: str, unbiased: str, training_set: str,
    sources: tuple[str, ...],
) -> Node:  # fmt: skip
    views = {"output": samples, "model": unbiased}
    fixed = ("real/reference", paths.network_path(experiment), training_set)
    return Node(
        path,
        "evaluation",
        "evaluate",
        _evaluate_params(experiment) | {"views": views},
        seeds.derive("evaluate", path),
        materials=tuple(dict.fromkeys(views.values())) + fixed,
        reads=sources,
    )


def _evaluate_params(experiment: Experiment) -> dict[str, Any]:
    return {
        "n": experiment.evaluate.n,
        "k": experiment.evaluate.k,
        "features": experiment.evaluate.features,
        "threads": experiment.threads,
    }


def _real_only_root(experiment: Experiment, name: str) -> Node:
    materials = ["real/loop"]
    for seed in experiment.seeds:
        folder = paths.real_only_folder(name, seed)
        materials += [
            f"{folder}/{part}" for part in ("training_set.parquet", "model", "samples", "preview")
        ]
    params = _shared_params(experiment) | {"n": experiment.real_only[name]}
    return Node(
        paths.root_path("real-only", name), "real_only_root", "record_root", params, None,
        tuple(materials),
    )  # fmt: skip


def _loop_root(experiment: Experiment, name: str) -> Node:
    """Certifies a loop's whole history; its params are the loop's full effective configuration."""
    loop = experiment.loops[name]
    materials = ["real/loop", paths.root_path("real-only", loop.start_from)]
    for seed in experiment.seeds:
        for t in range(1, experiment.generations + 1):
            made = (
                paths.training_set_path(experiment, name, seed, t),
                paths.model_path(experiment, name, seed, t),
                paths.samples_path(experiment, name, seed, t),
                paths.unbiased_path(experiment, name, seed, t),
                paths.preview_path(experiment, name, seed, t),
            )
            folder = paths.generation_folder(name, seed, t)
            materials += dict.fromkeys(path for path in made if path.startswith(folder))
    params = _shared_params(experiment) | {
        "generations": experiment.generations,
        "n_initial": experiment.real_only[loop.start_from],
        "loop": {
            "name": name,
            **plain(loop),
            **asdict(configuration.regime_of(loop)),
        },
    }
    return Node(
        paths.root_path("loops", name), "loop_root", "record_root", params, None, tuple(materials)
    )


def _evaluation_root(experiment: Experiment, name: str, generations: Iterable[int]) -> Node:
    return Node(
        paths.root_path("evaluation", name),
        "evaluation_root",
        "record_root",
        _evaluate_params(experiment),
        None,
        tuple(
            paths.evaluation_path(name, seed, t) for seed in experiment.seeds for t in generations
        ),
    )


def _report(experiment: Experiment, measured: list[str]) -> Node:
    previews = [
        paths.preview_path(experiment, name, seed, t)
        for name in experiment.loops
        for seed in experiment.seeds
        for t in range(1, experiment.generations + 1)
    ]
    roots = [paths.root_path("evaluation", name) for name in measured]
    figures = [
        f"figures/{name}.{suffix}"
        for name in paths.figure_names(experiment)
        for suffix in ("png", "pdf")
    ]
    params = {"experiment": experiment.experiment, "loops": list(experiment.loops)}
    return Node(
        paths.REPORT,
        "report",
        "report",
        params,
        None,
        materials=(*roots, "real/reference", *dict.fromkeys(previews)),
        payload=(*paths.table_names(experiment), *figures),
    )


def _shared_params(experiment: Experiment) -> dict[str, Any]:
    dataset = plain(experiment.dataset)
    # Loops see no other split; the sizes of those behind the metrics are no part of a loop.
    splits = {"loop": dataset["splits"]["loop"]}
    return {
        "dataset": {key: value for key, value in dataset.items() if key != "path"}
        | {"splits": splits},
        "model": plain(experiment.model),
        "train": plain(experiment.train),
        "sample": plain(experiment.sample),
        "seeds": list(experiment.seeds),
        "threads": experiment.threads,
    }
