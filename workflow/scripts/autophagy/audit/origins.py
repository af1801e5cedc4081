"""The law of origins: models start, and samples are drawn and chosen, as their regime says."""

from __future__ import annotations

from typing import Any

import numpy as np

from autophagy.audit.arrays import read_index
from autophagy.audit.case import Case, Findings, guarded
from autophagy.audit.mixes import IMPORTED


def origins(case: Case) -> Findings:
    """What models and samples of a loop are made from is what its regime says.

    Every G^t is fitted to D^t alone, or goes on from G^(t-1). Every S^t is drawn from G^t, and
    chosen and guided as the regime says; the samples of the other view, and those that guidance
    tunes on, are of the model alone.
    """
    for path, root in case.loops():
        yield from guarded(path, _origins, case, root["params"])


def _origins(case: Case, params: dict[str, Any]) -> Findings:
    loop = params["loop"]
    for seed in params["seeds"]:
        outside = loop["start_from"] == IMPORTED
        start = f"{IMPORTED}/{loop['name']}"
        start = start if outside else f"real-only/{loop['start_from']}/seed-{seed}"
        folders = [start] + [
            f"loops/{loop['name']}/seed-{seed}/gen-{t:03d}"
            for t in range(2, params["generations"] + 1)
        ]
        for t in range(2, len(folders) + 1):
            training_set = f"{folders[t - 1]}/training_set.parquet"
            before = f"{folders[t - 2]}/model" if loop["start"] == "previous" else None
            yield from _model(case, f"{folders[t - 1]}/model", training_set, before, t)
        for t, folder in enumerate(folders, start=1):
            own = f"loops/{loop['name']}/seed-{seed}/gen-{t:03d}"
            if loop["guidance"]:
                yield from _auxiliary(case, params, f"{own}/auxiliary", f"{folder}/model", t)
            for part in ("samples", "samples-unbiased", "preview"):
                if f"{own}/{part}" in case.artifacts:
                    yield from _samples(case, loop, f"{own}/{part}", own, f"{folder}/model")


def _model(case: Case, path: str, training_set: str, before: str | None, t: int) -> Findings:
    due = {training_set: 1.0} if before is None else {training_set: 1 / t, before: (t - 1) / t}
    manifest = case.archive.manifest(path)
    if set(case.archive.parents(path)) != set(due):
        yield path, f"is made from other sources than {' and '.join(sorted(due))}"
    elif manifest["params"].get("initial") != before:
        yield path, f"starts from {manifest['params'].get('initial')}, which is {before}"
    elif before is not None and manifest["params"].get("shares") != due:
        yield path, "its shares are not those of the steps it was trained for on each source"


def _auxiliary(case: Case, params: dict[str, Any], folder: str, model: str, t: int) -> Findings:
    """What guidance leads away from: G^t, tuned for its steps on the first n of its own samples."""
    guidance = params["loop"]["guidance"]
    training_set, samples = f"{folder}/training_set.parquet", f"{folder}/samples"
    index = read_index(case.root / training_set)
    rows = {part.artifact: index.row[part.positions] for part in index.parts}
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
