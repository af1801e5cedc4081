"""Payloads that `keep` has dropped: deleting them, the record of it, and what it excuses."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from autophagy import keep, manifests, store
from autophagy.archive import Archive
from autophagy.errors import UserError

SCHEMA = 1
NAME = "dropped.json"


def path_of(loop: str) -> str:
    """Where the record of a loop's dropped payloads lies: DVC versions it with the loop."""
    return f"loops/{loop}/{NAME}"


def drop(root: Path, loop: str, policy: str, artifacts: list[str]) -> None:
    """Write the record, then delete the payloads that it lists; their manifests stay.

    Raises:
        UserError: an artifact has no manifest to be made again by, or cannot be deleted.
    """
    for artifact in artifacts:
        manifests.read(root, artifact)
    content = {"schema": SCHEMA, "keep": policy, "artifacts": artifacts}
    store.write_json(root / path_of(loop), content)
    for artifact in artifacts:
        path = root / artifact
        # Renamed before it is emptied: whoever looks meanwhile finds all of it or nothing.
        aside = path.with_name(f".{path.name}.partial")
        try:
            if path.is_dir():
                if aside.exists():
                    shutil.rmtree(aside)
                path.rename(aside)
            if aside.exists():
                shutil.rmtree(aside)
        except OSError as error:
            raise UserError(f"{path}: cannot be deleted: {error.strerror or error}") from error


def listed(root: Path, loop: str) -> tuple[str, frozenset[str]]:
    """The policy and the artifacts of a loop's record; `all` and none where there is no record.

    Raises:
        UserError: it is no such record, or of another schema.
    """
    path = root / path_of(loop)
    if not os.path.lexists(path):
        return keep.ALL, frozenset()
    content = store.read_json(path)
    found = content.get("schema") if isinstance(content, dict) else None
    if found != SCHEMA:
        raise UserError(f"{path}: schema {found!r} is not readable; this version reads {SCHEMA}")
    policy, artifacts = content.get("keep"), content.get("artifacts")
    if not isinstance(policy, str) or not re.fullmatch(keep.PATTERN, policy):
        raise UserError(f"{path}: keep: {policy!r} is not allowed; allowed: {keep.ALLOWED}")
    if not isinstance(artifacts, list) or not all(isinstance(name, str) for name in artifacts):
        raise UserError(f"{path}: artifacts: must be a list of paths")
    return policy, frozenset(artifacts)


def missing(archive: Archive, artifacts: Iterable[str]) -> dict[str, str]:
    """Artifacts whose payload was dropped and is not there -> the policy that dropped it.

    The record of the loop must list it, and the loop's root must have such an artifact for the
    policy to drop: a record alone excuses neither the last generation nor a training set.

    Raises:
        UserError: a record cannot be read.
    """
    found: dict[str, str] = {}
    of_loop: dict[str, tuple[str, frozenset[str]]] = {}
    for artifact in artifacts:
        group, _, rest = artifact.partition("/")
        loop = rest.partition("/")[0]
        there = os.path.lexists(archive.root / artifact)
        if group != "loops" or manifests.is_root(artifact) or there:
            continue
        if loop not in of_loop:
            of_loop[loop] = _recorded(archive, loop)
        policy, dropped = of_loop[loop]
        if artifact in dropped:
            found[artifact] = policy
    return found


def stale(root: Path, record: dict[str, Any]) -> str | None:
    """`manifests.stale` for an artifact that the policy drops: its payload may be missing.

    The record of its loop must list it then.
    """
    artifact = record["path"]
    loop = artifact.split("/")[1]
    if os.path.lexists(root / artifact) or artifact not in listed(root, loop)[1]:
        return manifests.stale(root, record)
    name = manifests.path_of(artifact)
    if not (root / name).is_file():
        return f"{name}: is missing"
    manifest = manifests.read(root, artifact)
    for key in manifests.PLANNED:
        if manifest.get(key) != record[key]:
            return f"{name}: its {key} is not what the configuration and code say"
    if manifest.get("materials") != [manifests.material(root, p) for p in record["materials"]]:
        return f"{name}: its parents have changed"
    return None


def again(archive: Archive, artifact: str, policy: str) -> str:
    """One line that says that an artifact was dropped and how to make it again."""
    return (
        f"was dropped by `keep: {policy}`; make it again with `snakemake --cores all --configfile "
        f"CONFIG -- results/{archive.root.name}/{artifact}`"
    )


def require(archive: Archive, artifact: str) -> None:
    """Refuse an artifact that was dropped, saying how to make it again."""
    for path, policy in missing(archive, [artifact]).items():
        raise UserError(f"{path}: {again(archive, path, policy)}")


def excess(archive: Archive, loop: str) -> list[str]:
    """What a loop's record lists without its policy dropping it of the loop's root, sorted.

    Not what the root certifies and has lost its manifest: that has a finding of its own.

    Raises:
        UserError: the record, or a manifest, cannot be read.
    """
    policy, artifacts = listed(archive.root, loop)
    if not artifacts:
        return []
    lost = {path for path, there in _certified(archive, loop).items() if not there}
    return sorted(artifacts - lost - _droppable(archive, loop, policy))


def _recorded(archive: Archive, loop: str) -> tuple[str, frozenset[str]]:
    """The record, cut down to what the policy that it states drops of the loop's root."""
    policy, artifacts = listed(archive.root, loop)
    return policy, artifacts & _droppable(archive, loop, policy) if artifacts else artifacts


def _droppable(archive: Archive, loop: str, policy: str) -> frozenset[str]:
    """What a policy drops of a loop's root; nothing where there is no root."""
    root = _root_of(loop)
    if not (archive.root / root).is_file():
        return frozenset()
    made = [
        (path, archive.kind(path)) for path, there in _certified(archive, loop).items() if there
    ]
    generations = archive.manifest(root)["params"]["generations"]
    return frozenset(keep.dropped_of(policy, made, generations))


def _certified(archive: Archive, loop: str) -> dict[str, bool]:
    """What a loop's root is made from -> is its manifest there?"""
    return {
        path: (archive.root / manifests.path_of(path)).is_file()
        for path in archive.parents(_root_of(loop))
    }


def _root_of(loop: str) -> str:
    return f"loops/{loop}/manifest.json"
