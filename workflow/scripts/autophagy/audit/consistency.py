"""The law of consistency: one code and one setting made all generations of a loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autophagy.audit.case import Case, Findings, differ, guarded
from autophagy.models import budgets

#: What a step's parameters and its loop's root both hold.
SETTINGS = ("model", "train", "sample", "threads")


def consistency(case: Case) -> Findings:
    """Code, libraries, device and settings of a step are the same along a loop, and its root's."""
    for path, root in case.loops():
        yield from guarded(path, _consistency, case, path, root)
    for path in case.of_kind("real_only_root"):
        yield from guarded(path, _settings, case, path, case.archive.manifest(path))


def _consistency(case: Case, name: str, root: dict[str, Any]) -> Findings:
    yield from _settings(case, name, root)
    first: dict[str, tuple[str, dict[str, Any]]] = {}
    for path in _history(case, root):
        manifest = case.archive.manifest(path)
        same = {key: manifest[key] for key in ("code", "software", "device")}
        known, expected = first.setdefault(manifest["step"], (path, same))
        differing = [key for key in same if same[key] != expected[key]]
        if differing:
            yield path, f"{differ(differing)} from that of {known}"


def _settings(case: Case, name: str, root: dict[str, Any]) -> Findings:
    loop = root["params"].get("loop", {})
    for material in root["materials"]:
        manifest = case.archive.manifest(material["path"])
        params, due = manifest["params"], root["params"]
        if not manifest["kind"].endswith("_root"):
            # What a loop has otherwise than its start and the experiment.
            own = [key for key in SETTINGS if loop.get(key)]
            due = due | {key: budgets.merged(due[key], loop[key]) for key in own}
        both = [key for key in SETTINGS if key in params and key in due]
        differing = [key for key in both if params[key] != due[key]]
        if differing:
            yield material["path"], f"{differ(differing)} from that of {name}"


def _history(case: Case, root: dict[str, Any]) -> Iterator[str]:
    """What a loop's root certifies, the artifacts of its start or shared history first."""
    for material in root["materials"]:
        path = material["path"]
        if case.archive.manifest(path)["kind"] in ("real_only_root", "loop_root"):
            yield from _history(case, case.archive.manifest(path))
        elif case.archive.manifest(path)["kind"] != "real_set":
            yield path
