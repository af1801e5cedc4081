"""The law of files: bytes are what manifests say, and parents are those that were used."""

from __future__ import annotations

import re
from collections.abc import Container
from pathlib import Path

from autophagy import dropped, manifests
from autophagy.audit.case import Case, Findings, guarded


def files(case: Case) -> Findings:
    """Every file matches its manifest; every parent is there and is the one that was used.

    A payload that the experiment's `keep` has dropped may be missing whole, never in part.
    """
    unreadable = list(guarded(dropped.NAME, _records, case))
    yield from unreadable
    excused = {} if unreadable else case.dropped
    # A run brings the records up to date itself, after its audit.
    if not unreadable and case.archive.listed is None:
        for path in case.artifacts:
            if re.fullmatch(r"loops/[^/]+/manifest\.json", path) and not case.unreadable(path):
                yield from guarded(path, _excess, case, path.split("/")[1])
    for artifact in case.artifacts:
        yield from guarded(manifests.path_of(artifact), _artifact, case, artifact, excused)


def _records(case: Case) -> Findings:
    """Whether what was dropped can be read."""
    _ = case.dropped
    yield from ()


def _excess(case: Case, loop: str) -> Findings:
    """Whether a loop's record of what was dropped lists nothing else."""
    if others := dropped.excess(case.archive, loop):
        what = f"{others[0]} and {len(others) - 1} more" if len(others) > 1 else others[0]
        yield dropped.path_of(loop), f"lists {what}, which its policy does not drop of the loop"


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
        if wrong := _differs(case, parent, material["sha256"], "is not the one it was made from"):
            yield where, f"its parent {material['path']} {wrong}"


def _payload(case: Case, artifact: str, listed: dict[str, str]) -> Findings:
    there = case.payload(artifact, listed)
    for name in sorted(listed.keys() | there.keys()):
        if name not in there:
            yield artifact, f"{name} is missing"
        elif name not in listed:
            yield artifact, f"{name} is not in its manifest"
        elif wrong := _differs(case, there[name], listed[name], "is not what its manifest says"):
            yield artifact, f"{name} {wrong}"


def _differs(case: Case, file: Path, digest: str, other: str) -> str | None:
    """Why a file is not the one with this SHA-256 (`other` where it is another), or None."""
    try:
        return None if case.sha256(file) == digest else other
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
