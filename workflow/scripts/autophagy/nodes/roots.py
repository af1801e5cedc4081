"""The roots of loops, real-only models and evaluations, and the report over all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from autophagy import layout, models, paths, presets, starts
from autophagy.config import Experiment
from autophagy.figures import SUFFIXES
from autophagy.nodes import outside
from autophagy.nodes.base import Node, evaluate_params
from autophagy.schema import plain


def of_real_only(experiment: Experiment, name: str) -> Node:
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


def of_loop(experiment: Experiment, name: str) -> Node:
    """Certifies a loop's whole history; its params are the loop's full effective configuration."""
    loop = experiment.loops[name]
    materials, said = ["real/loop"], plain(loop)
    if starts.is_outside(loop.start_from):
        # Where it lay on somebody's machine is no part of what it is.
        said |= {"start_from": starts.IMPORTED}
        materials += [node.path for node in outside.start(experiment, name)]
    elif starts.is_fork(loop.start_from):
        materials.append(paths.root_path("loops", loop.start_from.loop))
    else:
        materials.append(paths.root_path("real-only", loop.start_from))
    for seed in experiment.seeds:
        for t in range(1, experiment.generations + 1):
            made = (
                layout.training_set_path(experiment, name, seed, t),
                layout.model_path(experiment, name, seed, t),
                layout.samples_path(experiment, name, seed, t),
                layout.unbiased_path(experiment, name, seed, t),
                layout.preview_path(experiment, name, seed, t),
            )
            folder = paths.generation_folder(name, seed, t)
            materials += dict.fromkeys(path for path in made if path.startswith(folder))
            if presets.regime_of(loop).guidance and t > starts.shared(experiment, name):
                own = paths.auxiliary_folder(name, seed, t)
                materials += [
                    f"{own}/{part}" for part in ("training_set.parquet", "model", "samples")
                ]
    params = _shared_params(experiment) | {
        "generations": experiment.generations,
        "n_initial": starts.n_initial(experiment, name),
        "loop": {
            "name": name,
            **said,
            **asdict(presets.regime_of(loop)),
        },
    }
    return Node(
        paths.root_path("loops", name), "loop_root", "record_root", params, None, tuple(materials)
    )


def of_evaluation(experiment: Experiment, name: str, generations: Iterable[int]) -> Node:
    """Certifies what was measured of a loop, also of generations that it shares with another."""
    is_loop = name in experiment.loops
    return Node(
        paths.root_path("evaluation", name),
        "evaluation_root",
        "record_root",
        evaluate_params(experiment),
        None,
        tuple(
            layout.loop_evaluation(experiment, name, seed, t)
            if is_loop
            else paths.evaluation_path(name, seed, t)
            for seed in experiment.seeds
            for t in generations
        ),
    )


def report(experiment: Experiment, measured: list[str]) -> Node:
    previews = [
        layout.preview_path(experiment, name, seed, t)
        for name in experiment.loops
        for seed in experiment.seeds
        for t in range(1, experiment.generations + 1)
    ]
    roots = [paths.root_path("evaluation", name) for name in measured]
    figures = [
        f"figures/{name}.{suffix}"
        for name in layout.figure_names(experiment)
        for suffix in SUFFIXES
    ]
    params = {"experiment": experiment.experiment, "loops": list(experiment.loops)}
    return Node(
        paths.REPORT,
        "report",
        "report",
        params,
        None,
        materials=(*roots, "real/reference", *dict.fromkeys(previews)),
        payload=(*layout.table_names(experiment), *figures, paths.MAPS, paths.PAGE),
    )


def _shared_params(experiment: Experiment) -> dict[str, Any]:
    dataset = plain(experiment.dataset)
    # Loops see no other split; the sizes of those behind the metrics are no part of a loop.
    splits = {"loop": dataset["splits"]["loop"]}
    return {
        "dataset": {key: value for key, value in dataset.items() if key != "path"}
        | {"splits": splits},
        "model": models.recipe(experiment.model.family, plain(experiment.model)),
        "train": plain(experiment.train),
        "sample": plain(experiment.sample),
        "seeds": list(experiment.seeds),
        "threads": experiment.threads,
    }
