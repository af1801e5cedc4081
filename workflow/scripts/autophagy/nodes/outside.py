"""The nodes of what comes from outside: the start of a loop, in our layout."""

from __future__ import annotations

from collections.abc import Iterator

from autophagy import layout, rows, seeds, starts
from autophagy.config import Experiment
from autophagy.nodes.base import Node


def start(experiment: Experiment, name: str) -> Iterator[Node]:
    """G^1 or S^1 of a loop whose start_from is a path; without parents, and shared by all seeds."""
    loop, folder = experiment.loops[name], starts.folder(name)
    kind = starts.kind(loop.start_from)
    if kind == starts.MODEL:
        params = {
            "family": experiment.model.family,
            "biased": loop.sampling_bias < 1.0,
            "threads": experiment.threads,
        }
        yield Node(f"{folder}/model", "model", "import_model", params, None, reads=("real/loop",))
    elif kind == starts.PICTURES:
        n = layout.loop_samples(experiment, loop, 1)
        for part, count in (("samples", n), ("preview", rows.KINDS[experiment.kind].preview)):
            yield Node(
                f"{folder}/{part}", "imported_set", "import_pictures", {"n": count},
                seeds.derive("import", name), reads=("real/loop",),
            )  # fmt: skip
