"""Manifests: the small JSON beside each artifact that says by hash what it is and is made from.

A manifest holds its parents' manifest hashes, so the manifests of an experiment form a Merkle
DAG: change one byte anywhere and every hash downstream changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import fingerprint, manifest_shape, store
from autophagy.errors import UserError

SCHEMA = 1

#: What the plan fixes before a step runs; the rest of a manifest the step finds.
PLANNED = ("kind", "step", "params", "seed", "code", "software", "device")


def path_of(artifact: str) -> str:
    """Where the manifest of an artifact lies; a root is its own manifest."""
    return artifact if is_root(artifact) else f"{artifact}.manifest.json"


def is_root(artifact: str) -> bool:
    """Is this a root: the manifest of a whole loop, real-only model, evaluation or report?"""
    return artifact.endswith("/manifest.json")


def write(
    root: Path, record: dict[str, Any], rows: int | None = None, facts: dict[str, Any] | None = None
) -> None:
    """Write the manifest of a finished artifact, from its plan record and what is on disk.

    Args:
        root: the experiment's folder; every path in a manifest is relative to it.
        record: the plan's record (see `plan.Node.record`).
        rows: images, points or index rows the artifact holds.
        facts: what the step found and others need (picture shape, grey levels, counts).

    Raises:
        UserError: a parent's manifest is missing.
    """
    artifact = record["path"]
    content = {
        "schema": SCHEMA,
        "path": artifact,
        "files": payload_hashes(root, record),
        "rows": rows,
        "facts": facts or {},
        "materials": [material(root, path) for path in record["materials"]],
        **{key: record[key] for key in PLANNED},
    }
    store.write_json(root / path_of(artifact), content)


def payload_hashes(root: Path, record: dict[str, Any]) -> dict[str, str]:
    """{file name: sha256} of what an artifact vouches for by itself; see `plan.Node.payload`.

    Raises:
        OSError: a file is missing or cannot be read.
    """
    if not is_root(record["path"]):
        return store.hashes(root / record["path"])
    return {name: store.sha256(root / name) for name in record["payload"]}


def payload_paths(record: dict[str, Any]) -> list[str]:
    """The files and folders of an artifact, without its manifest."""
    return record["payload"] if is_root(record["path"]) else [record["path"]]


def material(root: Path, artifact: str) -> dict[str, str]:
    """A parent as a manifest names it: its path and the SHA-256 of its manifest."""
    manifest = root / path_of(artifact)
    if not manifest.is_file():
        raise UserError(f"{manifest}: is missing; run the workflow to make it")
    return {"path": artifact, "sha256": store.sha256(manifest)}


def read(root: Path, artifact: str) -> dict[str, Any]:
    """The manifest of an artifact.

    Raises:
        UserError: it is missing, not JSON, of another schema, or holds what `manifest_shape`
            refuses, such as paths that lead out of the experiment's folder.
    """
    if not manifest_shape.is_inside(artifact):
        raise UserError(f"{root}: {artifact!r} is no path below it; no manifest is read there")
    content = _read(root, artifact)
    manifest_shape.require(content, root / path_of(artifact))
    return content


def _read(root: Path, artifact: str) -> dict[str, Any]:
    """Any JSON of this schema, for those who compare it with what it should be."""
    path = root / path_of(artifact)
    content = store.read_json(path, manifest_shape.MAX_BYTES)
    found = content.get("schema") if isinstance(content, dict) else None
    # True and 1.0 are equal to 1.
    if found != SCHEMA or type(found) is not int:
        raise UserError(f"{path}: schema {found!r} is not readable; this version reads {SCHEMA}")
    return content


def stale(root: Path, record: dict[str, Any]) -> str | None:
    """Why an artifact on disk is not the one the plan describes, or None where it is.

    Compares the manifest with the plan, the payload's hashes with the manifest, and the parents'
    manifests with the hashes it holds.
    """
    artifact = record["path"]
    if not (root / path_of(artifact)).is_file():
        return f"{path_of(artifact)}: is missing"
    manifest = _read(root, artifact)
    for key in PLANNED:
        if manifest.get(key) != record[key]:
            return f"{path_of(artifact)}: its {key} is not what the configuration and code say"
    for path in payload_paths(record):
        if not (root / path).exists():
            return f"{path}: is missing"
    try:
        found = payload_hashes(root, record)
    except OSError as error:
        return f"{error.filename or artifact}: cannot be read: {error.strerror or error}"
    if found != manifest.get("files"):
        return f"{artifact}: its files are not those of its manifest"
    listed = manifest.get("materials")
    held = listed if isinstance(listed, list) else []
    for parent, entry in zip(record["materials"], held, strict=False):
        if not (root / path_of(parent)).is_file() or material(root, parent) != entry:
            return f"{path_of(artifact)}: its parent {parent} has changed"
    if len(held) != len(record["materials"]):
        return f"{path_of(artifact)}: its parents are not those of the plan"
    return None


def require_software(record: dict[str, Any]) -> None:
    """Refuse to run a step with other libraries than its record holds."""
    fingerprint.require_versions(record["software"])
