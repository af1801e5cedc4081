"""The law of files: bytes are what manifests say, and parents are those that were used."""

from __future__ import annotations

from collections.abc import Container

from autophagy import dropped, manifests
from autophagy.audit.case import Case, Findings, guarded


def files(case: Case) -> Findings:
    """Every file matches its manifest; every parent is there and is the one that was used.

    A payload that the experiment's `keep` has dropped may be missing whole, never in part.
    """
    unreadable = list(guarded(dropped.NAME, _records, case))
    yield from unreadable
    excused = {} if unreadable else case.dropped
    for artifact in case.artifacts:
        yield from guarded(manifests.path_of(artifact), _artifact, case, artifact, excused)


def _records(case: Case) -> Findings:
    """Whether what was dropped can be read."""
    _ = case.dropped
    yield from ()


def _artifact(case: Case, artifact: str, excused: Container[str]) -> Findings:
    where = manifests.path_of(artifact)
    if wrong := case.unreadable(artifact):
        yield where, wrong
        return
    manifest = case.archive.manifest(artifact)
    if artifact not in excused:
        yield from _payload(case, artifact, manifest["files"])
    for material in manifest["materials"]:
        parent = case.root / manifests.path_of(material["path"])
        if not parent.is_file():
            yield where, f"its parent {material['path']} is missing"
        elif case.sha256(parent) != material["sha256"]:
            yield where, f"its parent {material['path']} is not the one it was made from"


def _payload(case: Case, artifact: str, listed: dict[str, str]) -> Findings:
    there = case.payload(artifact, listed)
    for name in sorted(listed.keys() | there.keys()):
        if name not in there:
            yield artifact, f"{name} is missing"
        elif name not in listed:
            yield artifact, f"{name} is not in its manifest"
        elif case.sha256(there[name]) != listed[name]:
            yield artifact, f"{name} is not what its manifest says"
