"""Two runs of an experiment, artifact by artifact: the same bytes, or metrics within the spread.

What manifests say is compared; whether files are what their manifests say is for the audit.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterator
from typing import Any

from autophagy import evaluated, manifests, rows
from autophagy.archive import Archive
from autophagy.errors import UserError
from autophagy.evaluated import VIEWS
from autophagy.metrics import HEADLINE

#: Two values agree if they differ by at most this many standard deviations of a difference.
DEVIATIONS = 3.0
#: Statuses of an artifact. `same files`: its manifest differs, such as by a parent's hash.
IDENTICAL, SAME_FILES, DIFFERENT = "identical", "same files", "different"
ONLY_A, ONLY_B = "only in A", "only in B"
#: What a manifest says of how its artifact was made, besides its parents.
_MADE_BY = ("kind", "step", "params", "seed", "code", "software", "device")
#: Of these, what may differ between runs whose metrics are comparable.
_CIRCUMSTANCES = ("code", "software", "device")
_EVALUATION = re.compile(r"evaluation/(.+)/seed-(\d+)/gen-(\d+)/metrics\.json")


def compare(a: Archive, b: Archive) -> dict[str, Any]:
    """Compare two experiments' folders.

    Returns a JSON-able mapping:
        verdict: `identical` (every manifest), `reproduced` (what was asked is the same, and every
            headline metric agrees within the spread; see `metrics`) or `different`.
        reason: of `different`, why; of `reproduced`, what it rests on; else None.
        artifacts: [{path, kind, status}], parents first.
        causes: [{path, differs}]: differing artifacts without a differing parent, parents first.
            `differs` maps keys of the manifest to their two values; it is empty where the same
            work gave other bytes.
        metrics: see `metrics`; None where the runs are identical or not comparable.

    Raises:
        UserError: a manifest is missing or lacks something.
    """
    artifacts = [_compared(a, b, path) for path in _order(a, b)]
    status = {entry["path"]: entry["status"] for entry in artifacts}
    found: dict[str, Any] = {
        "verdict": IDENTICAL,
        "reason": None,
        "artifacts": artifacts,
        "causes": list(_causes(a, b, status)),
        "metrics": None,
    }
    if set(status.values()) == {IDENTICAL}:
        return found
    other = next(_asked_otherwise(a, b, artifacts), None)
    if other:
        return found | {"verdict": DIFFERENT, "reason": other}
    judged = metrics(a, b)
    beyond = [value for value in judged if not value["within"]]
    reason = f"{len(judged) - len(beyond)} of {len(judged)} metrics agree within the spread"
    verdict = DIFFERENT if beyond else "reproduced"
    return found | {"verdict": verdict, "reason": reason, "metrics": judged}


def difference(a: dict[str, Any], b: dict[str, Any]) -> dict[str, list[Any]]:
    """How two manifests of one artifact say that it was made: {key: [in A, in B]} of what differs.

    Keys are dotted down to single values: `params.train.steps`, `software.torch`.
    """
    found = dict(_leaves({key: [a[key], b[key]] for key in _MADE_BY}))
    parents = [[material["path"] for material in manifest["materials"]] for manifest in (a, b)]
    return found | ({"materials": parents} if parents[0] != parents[1] else {})


def metrics(a: Archive, b: Archive) -> list[dict[str, Any]]:
    """Every headline metric of every evaluation in both, and whether the two values agree.

    Two runs with one seed on different processors are like two draws, so their difference has √2
    times the spread over seeds; they agree up to `DEVIATIONS` of that. The spread is the standard
    deviation over seeds, from both runs, and at least that of the experiment's random cuts of
    real images: with one seed there is no other, with few it can be small by chance.

    Returns [{loop, seed, generation, view, metric, a, b, allowed, within}]; a value may be None
    (undefined), which agrees with None alone.
    """
    known, other = values(a), values(b)
    floors = _resplits(a)
    found = []
    for key in known:
        loop, seed, generation, view, metric = key
        if key not in other:
            continue
        beside = [
            [run[at] for at in run if (at[0], *at[2:]) == (loop, generation, view, metric)]
            for run in (known, other)
        ]
        spread = max(_pooled(beside), floors.get(metric, 0.0))
        allowed = DEVIATIONS * math.sqrt(2) * spread
        x, y = known[key], other[key]
        found.append(
            {
                "loop": loop, "seed": seed, "generation": generation, "view": view,
                "metric": metric, "a": x, "b": y, "allowed": allowed,
                "within": _agree(x, y, allowed),
            }
        )  # fmt: skip
    return found


def _order(a: Archive, b: Archive) -> Iterator[str]:
    """The artifacts of A, parents first, and then those that B alone has."""
    yield from a.parents_first()
    known = set(a.artifacts())
    yield from (path for path in b.parents_first() if path not in known)


def _compared(a: Archive, b: Archive, path: str) -> dict[str, str]:
    in_a, in_b = ((run.root / manifests.path_of(path)).is_file() for run in (a, b))
    manifest = _checked(a if in_a else b, path)
    if not in_a or not in_b:
        status = ONLY_A if in_a else ONLY_B
    elif a.digest(path) == b.digest(path):
        status = IDENTICAL
    # A root has no files of its own: it is the hash of its history.
    elif manifest["files"] and manifest["files"] == _checked(b, path)["files"]:
        status = SAME_FILES
    else:
        status = DIFFERENT
    return {"path": path, "kind": manifest["kind"], "status": status}


def _checked(archive: Archive, path: str) -> dict[str, Any]:
    manifest = archive.manifest(path)
    for key in ("files", "materials", *_MADE_BY):
        if key not in manifest:
            raise UserError(f"{archive.root / manifests.path_of(path)}: lacks {key!r}")
    return manifest


def _causes(a: Archive, b: Archive, status: dict[str, str]) -> Iterator[dict[str, Any]]:
    for path, found in status.items():
        if found not in (SAME_FILES, DIFFERENT):
            continue
        parents = {*a.parents(path), *b.parents(path)}
        if all(status.get(parent) == IDENTICAL for parent in parents):
            yield {"path": path, "differs": difference(a.manifest(path), b.manifest(path))}


def _asked_otherwise(a: Archive, b: Archive, artifacts: list[dict[str, str]]) -> Iterator[str]:
    """Why the metrics of two runs are not to be compared."""
    for entry in artifacts:
        path, status = entry["path"], entry["status"]
        if status in (ONLY_A, ONLY_B):
            yield f"{path} is {status}"
        elif status != IDENTICAL:
            found = difference(a.manifest(path), b.manifest(path))
            for key in found:
                if key.split(".")[0] not in _CIRCUMSTANCES:
                    yield f"{path}: {key} is another"
            if entry["kind"] == "real_set" and status == DIFFERENT:
                yield f"{path}: its {rows.of(b.manifest(path)['facts']).name} are others"


def _leaves(pairs: dict[str, list[Any]], prefix: str = "") -> Iterator[tuple[str, list[Any]]]:
    for key, (x, y) in pairs.items():
        if isinstance(x, dict) and isinstance(y, dict):
            inner = {name: [x.get(name), y.get(name)] for name in sorted({*x, *y})}
            yield from _leaves(inner, f"{prefix}{key}.")
        elif x != y:
            yield f"{prefix}{key}", [x, y]


def values(archive: Archive) -> dict[tuple[str, int, int, str, str], float | None]:
    """(loop, seed, generation, view, metric) -> value; views of one sample set are told once."""
    found = {}
    for path in archive.artifacts():
        place = _EVALUATION.fullmatch(path)
        if not place:
            continue
        content = evaluated.read(archive.root / path)
        sources = archive.manifest(path)["params"].get("views", {})
        one = sources.get("output") == sources.get("model")
        for view in VIEWS[:1] if one else VIEWS:
            for metric in HEADLINE:
                key = (place[1], int(place[2]), int(place[3]), view, metric)
                found[key] = content[view][metric]
    return found


def _resplits(archive: Archive) -> dict[str, float]:
    """Metric -> standard deviation over random cuts of real images, the mean over run seeds."""
    places = filter(None, map(_EVALUATION.fullmatch, archive.artifacts()))
    seeds = [int(place[2]) for place in places if place[1] == "real"]
    found = [evaluated.resplits(archive.root, seed) for seed in seeds]
    if not found:
        return {}
    return {metric: statistics.fmean(one[metric]["sd"] for one in found) for metric in HEADLINE}


def _pooled(runs: list[list[float | None]]) -> float:
    """The standard deviation over seeds, pooled over runs; 0 where no run has two values."""
    variances = [
        statistics.variance(known)
        for values in runs
        if len(known := [value for value in values if value is not None]) > 1
    ]
    return math.sqrt(statistics.fmean(variances)) if variances else 0.0


def _agree(x: float | None, y: float | None, allowed: float) -> bool:
    if x is None or y is None:
        return x is y
    # The last digits of a float are no finding where the spread happens to be nil.
    return abs(x - y) <= allowed or math.isclose(x, y, rel_tol=1e-9)
