"""The user's own files behind an experiment: which they are, and which is another than was read."""

from __future__ import annotations

from pathlib import Path

from autophagy import data, features, manifests, models, starts, store
from autophagy.ledger.nodes import stage_nodes
from autophagy.plan import Plan
from autophagy.schema import place, plain


def networks(plan: Plan) -> list[str]:
    """The user's own files that trainings read."""
    model = plain(plan.experiment.model)
    source = models.source(plan.experiment.model.family, model)
    return [] if source is None else [str(place(source))]


def sources(plan: Plan, stage: str) -> list[str]:
    """The user's own files that the data set, or the feature network, is read from."""
    if stage == "features":
        evaluate = plan.experiment.evaluate
        second = features.files(evaluate.second, None) if evaluate.second is not None else []
        return [*features.files(evaluate.features, evaluate.weights), *second]
    dataset = plain(plan.experiment.dataset)
    return data.module(dataset["name"]).files(dataset)


def other_data(plan: Plan, root: Path) -> str | None:
    """Which of the user's files or folders is another than what the real sets were read from.

    Those that are not here are not asked about: a clone may hold results without their data.
    """
    if not (root / manifests.path_of("real/loop")).is_file():
        return None
    read = manifests.read(root, "real/loop").get("facts", {}).get("source", {}).get("files", {})
    dataset = plain(plan.experiment.dataset)
    loader = data.module(dataset["name"])
    for path in map(Path, sources(plan, "real")):
        if path.is_file() and read.get(path.name, "") != store.sha256(path):
            return f"{path}: is not the file that the real images were read from"
        if (
            path.is_dir()
            and hasattr(loader, "source_files")
            and read != loader.source_files(dataset)
        ):
            return f"{path}: does not hold what the real images were read from"
    return None


def other_start(plan: Plan, root: Path, artifact: str) -> str | None:
    """What was brought from outside is no longer what lies there; not asked where nothing does."""
    start = plan.experiment.loops[artifact.split("/")[1]].start_from
    read = manifests.read(root, artifact)["facts"].get("source", {}).get("files", {})
    if place(start).exists() and starts.hashes(start) != read:
        return f"{start}: does not hold what {artifact} was read from"
    return None


def other_weights(plan: Plan, root: Path) -> str | None:
    """Which of the user's files is another than the one that the feature network was read from."""
    evaluate = plan.experiment.evaluate
    brought = zip(
        stage_nodes(plan)["features"],
        ((evaluate.features, evaluate.weights), (evaluate.second, None)),
        strict=False,
    )
    for network, named in brought:
        sources = [file for file in map(Path, features.files(*named)) if file.is_file()]
        read = manifests.read(root, network)["facts"].get("weights", {}) if sources else {}
        for file in sources:
            if read.get(file.name, "") != store.sha256(file):
                return f"{file}: is not the file that {network} was read from"
    return None
