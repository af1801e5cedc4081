"""The law of origins: every model starts where its regime says."""

from __future__ import annotations

from typing import Any

from autophagy.audit.case import Case, Findings, guarded


def origins(case: Case) -> Findings:
    """Every G^t is fitted to D^t alone, or tuned from G^(t-1) where the regime says so."""
    for path, root in case.loops():
        yield from guarded(path, _origins, case, root["params"])


def _origins(case: Case, params: dict[str, Any]) -> Findings:
    loop = params["loop"]
    for seed in params["seeds"]:
        start = f"real-only/{loop['start_from']}/seed-{seed}"
        folders = [start] + [
            f"loops/{loop['name']}/seed-{seed}/gen-{t:03d}"
            for t in range(2, params["generations"] + 1)
        ]
        for t in range(2, len(folders) + 1):
            training_set = f"{folders[t - 1]}/training_set.parquet"
            before = f"{folders[t - 2]}/model" if loop["start"] == "previous" else None
            yield from _model(case, f"{folders[t - 1]}/model", training_set, before, t)


def _model(case: Case, path: str, training_set: str, before: str | None, t: int) -> Findings:
    due = {training_set: 1.0} if before is None else {training_set: 1 / t, before: (t - 1) / t}
    manifest = case.archive.manifest(path)
    if set(case.archive.parents(path)) != set(due):
        yield path, f"is made from other sources than {' and '.join(sorted(due))}"
    elif manifest["params"].get("initial") != before:
        yield path, f"starts from {manifest['params'].get('initial')}, which is {before}"
    elif before is not None and manifest["params"].get("shares") != due:
        yield path, "its shares are not those of the steps it was trained for on each source"
