"""The nodes of the real data: its splits, the feature network, real images measured."""

from __future__ import annotations

from collections.abc import Iterator

from autophagy import features, layout, paths, seeds
from autophagy.config import Experiment
from autophagy.nodes.base import Node, evaluate_params, networks
from autophagy.schema import plain

#: Random cuts of the real images that give the real-vs-real values their spread.
RESPLITS = 50


def sets(experiment: Experiment) -> Iterator[Node]:
    dataset = plain(experiment.dataset)
    # Where the files lie is no part of what they are (their hashes are among the facts), and a
    # split is not made anew when one that is cut after it changes its size.
    params = {key: value for key, value in dataset.items() if key not in ("path", "splits")}
    start = 0
    for split, count in dataset["splits"].items():
        cut = {"split": split, "start": start, "count": count}
        yield Node(f"real/{split}", "real_set", "real", params | cut, dataset["split_seed"])
        start += count
    yield _network(experiment, layout.network_path(experiment), "features", ())
    if (second := layout.second_path(experiment)) is not None:
        yield _network(experiment, second, "features_second", ("second",))


def _network(experiment: Experiment, path: str, step: str, purpose: tuple[str, ...]) -> Node:
    name = path.removeprefix("features/")
    params = {
        "network": name,
        "training": features.module(name).TRAINING,
        "threads": experiment.threads,
    }
    seed = seeds.derive("features", *purpose)
    return Node(path, "feature_network", step, params, seed, materials=("real/features",))


def measured(experiment: Experiment, seed: int) -> Node:
    return Node(
        paths.evaluation_path("real", seed, 0),
        "evaluation",
        "evaluate_real",
        evaluate_params(experiment) | {"resplits": RESPLITS},
        seeds.derive("order of real rows", seed),
        materials=("real/loop", "real/reference", *networks(experiment)),
    )
