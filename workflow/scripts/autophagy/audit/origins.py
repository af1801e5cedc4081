"""The law of origins: models start, and samples are drawn and chosen, as their regime says."""

from __future__ import annotations

from typing import Any

import numpy as np

from autophagy import training_sets
from autophagy.audit import histories
from autophagy.audit.case import Case, Findings, guarded


def origins(case: Case) -> Findings:
    """What models and samples of a loop are made from is what its regime says.

    Every G^t is fitted to D^t alone, or goes on from G^(t-1). Every S^t is drawn from G^t, and
    chosen and guided as the regime says; the samples of the other view, and those that guidance
    tunes on, are of the model alone.
    """
    for path, root in case.loops():
        yield from guarded(path, _origins, case, root["params"])


def _origins(case: Case, params: dict[str, Any]) -> Findings:
    loop, shared = params["loop"], histories.shared(params)
    for seed in params["seeds"]:
        for t in range(shared + 1, params["generations"] + 1):
            folder = histories.folder(case, params, seed, t)
            own = f"loops/{loop['name']}/seed-{seed}/gen-{t:03d}"
            if t > 1:
                before = None
                if histories.goes_on(case, params, t):
                    before = f"{histories.folder(case, params, seed, t - 1)}/model"
                trainings = histories.trainings(case, params, t)
                training_set = f"{folder}/training_set.parquet"
                yield from _model(case, f"{folder}/model", training_set, before, trainings)
            if loop["guidance"]:
                yield from _auxiliary(case, params, f"{own}/auxiliary", f"{folder}/model")
            for part in ("samples", "samples-unbiased", "preview"):
                if f"{own}/{part}" in case.artifacts:
                    yield from _samples(case, loop, f"{own}/{part}", own, f"{folder}/model")


def _model(case: Case, path: str, training_set: str, before: str | None, k: int) -> Findings:
    """A model, fitted to D^t alone, or by the last of k trainings of its weights."""
    due = {training_set: 1.0} if before is None else {training_set: 1 / k, before: (k - 1) / k}
    manifest = case.archive.manifest(path)
    if set(case.archive.parents(path)) != set(due):
        yield path, f"is made from other sources than {' and '.join(sorted(due))}"
    elif manifest["params"].get("initial") != before:
        yield path, f"starts from {manifest['params'].get('initial')}, which is {before}"
    elif before is not None and manifest["params"].get("shares") != due:
        yield path, "its shares are not those of the steps it was trained for on each source"


def _auxiliary(case: Case, params: dict[str, Any], folder: str, model: str) -> Findings:
    """What guidance leads away from: G^t, tuned for its steps on the first n of its own samples."""
    guidance = params["loop"]["guidance"]
    training_set, samples = f"{folder}/training_set.parquet", f"{folder}/samples"
    index = training_sets.as_it_is(case.root / training_set)
    rows = {group.artifact: index.row[group.positions] for group in index.groups}
    if set(rows) != {samples} or not np.array_equal(rows[samples], np.arange(guidance["n"])):
        yield training_set, f"is not the first {guidance['n']} rows of {samples}"
    manifest = case.archive.manifest(f"{folder}/model")
    tuned = (manifest["params"].get("initial"), manifest["params"].get("steps"))
    if case.archive.parents(f"{folder}/model") != [training_set, model]:
        yield f"{folder}/model", f"is made from other sources than {training_set} and {model}"
    elif tuned != (model, guidance["steps"]):
        yield f"{folder}/model", f"is not {model} tuned for {guidance['steps']} steps"
    yield from _drawn(case, samples, [model], {"filter": None, "guidance": None})


def _samples(case: Case, loop: dict[str, Any], path: str, own: str, model: str) -> Findings:
    guidance, chosen = loop["guidance"], loop["filter"]
    due: dict[str, Any] = {"filter": chosen if path.endswith("/samples") else None}
    due |= {"guidance": None}
    models = [model]
    if guidance and not path.endswith("-unbiased"):
        away = f"{own}/auxiliary/model"
        due["guidance"] = {key: guidance[key] for key in ("kind", "weight")} | {"auxiliary": away}
        due["shares"] = {model: 1.0 + guidance["weight"], away: guidance["weight"]}
        models.append(away)
    yield from _drawn(case, path, models, due)


def _drawn(case: Case, path: str, models: list[str], due: dict[str, Any]) -> Findings:
    parents, params = case.archive.parents(path), case.archive.manifest(path)["params"]
    if [parent for parent in parents if case.archive.kind(parent) == "model"] != models:
        yield path, f"is drawn from other models than {' and '.join(models)}"
    judged = any(case.archive.kind(parent) == "feature_network" for parent in parents)
    if judged and not due["filter"]:
        yield path, "names a feature network, and its regime has no filter"
    for key, value in due.items():
        if params.get(key) != value:
            yield path, f"its {key} is {params.get(key)}; its regime demands {value}"
