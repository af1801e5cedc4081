"""What a root certifies: everything below it in the Merkle DAG of manifests, hashed anew.

The folder alone is read, neither configuration nor code, so that whoever was given it can check it.
It may come from anyone: a manifest is believed only where its own hash is the one expected, and no
path that it names leads out of the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from autophagy import dropped, keep, manifests, store
from autophagy.errors import UserError

#: (file or artifact, what is wrong with it)
Finding = tuple[str, str]


@dataclass(frozen=True)
class Link:
    """An artifact as its descendants name it: its path and the SHA-256 of its manifest."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Checked:
    """One artifact, compared with the hashes that certify it.

    files: its payload, relative to the experiment's folder.
    dropped: `keep` has dropped the payload, so that there is none to compare.
    """

    kind: str = "unknown"
    parents: tuple[Link, ...] = ()
    files: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    dropped: bool = False


def closure(root: Path, start: Link, known: dict[Link, Checked]) -> dict[Link, Checked]:
    """An artifact and all that it descends from, each checked.

    Args:
        root: the experiment's folder.
        known: what is checked already, which this adds to: roots share most of what they certify.
    """
    found: dict[Link, Checked] = {}
    ahead = [start]
    while ahead:
        link = ahead.pop()
        if link in found:
            continue
        if link not in known:
            known[link] = check(root, link)
        found[link] = known[link]
        ahead += reversed(known[link].parents)
    return found


def check(root: Path, link: Link) -> Checked:
    """Compare one artifact's manifest with its hash, and its payload with its manifest."""
    name = manifests.path_of(link.path)
    if not _is_inside(name):
        return Checked(findings=((name, "is no path below the experiment's folder"),))
    try:
        with store.opened(root / name) as file:
            content = file.read()
    except OSError as error:
        return Checked(findings=((name, _unreadable(error)),))
    # Hashed and parsed from one reading: a file that changes in between would be two.
    if hashlib.sha256(content).hexdigest() != link.sha256:
        return Checked(findings=((name, "is not the manifest that was certified"),))
    try:
        manifest = json.loads(content)
        schema = manifest.get("schema")
        kind, listed = str(manifest["kind"]), dict(manifest["files"])
        parents = tuple(Link(str(m["path"]), str(m["sha256"])) for m in manifest["materials"])
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return Checked(findings=((name, "is not a manifest"),))
    if schema != manifests.SCHEMA:
        message = f"schema {schema!r} is not readable; this version reads {manifests.SCHEMA}"
        return Checked(kind, findings=((name, message),))
    there = os.path.lexists(root / link.path)
    if kind in keep.DROPPABLE and not there and _dropped(root, link.path):
        return Checked(kind, parents, dropped=True)
    files = _payload(root, link.path, listed)
    return Checked(
        kind,
        parents,
        tuple(file.relative_to(root).as_posix() for file in files.values()),
        tuple(_compared(link.path, listed, files)),
    )


def strays(root: Path, folder: str, certified: dict[Link, Checked]) -> Iterator[Finding]:
    """Files below a folder that belong to none of the artifacts certified.

    They would pass for certified beside those that are.
    """
    vouched = {manifests.path_of(link.path) for link in certified}
    vouched.update(file for checked in certified.values() for file in checked.files)
    vouched.add(f"{folder}/{dropped.NAME}")
    for file in sorted((root / folder).rglob("*")):
        name = file.relative_to(root).as_posix()
        if not (file.is_dir() or name in vouched or store.is_bookkeeping(file)):
            yield name, "is certified by no signed root"


def _dropped(root: Path, artifact: str) -> bool:
    """Does the record of the artifact's loop say that its payload was dropped?

    Whether a policy drops such an artifact is for the audit.
    """
    group, _, rest = artifact.partition("/")
    try:
        return group == "loops" and artifact in dropped.listed(root, rest.partition("/")[0])[1]
    except UserError:
        return False


def _payload(root: Path, artifact: str, listed: dict[str, Any]) -> dict[str, Path]:
    """The files on disk that an artifact's manifest speaks of, by the names it uses."""
    if manifests.is_root(artifact):
        names = [name for name in listed if _is_inside(name)]
        return {name: root / name for name in names if os.path.lexists(root / name)}
    path = root / artifact
    return store.payload_files(path) if os.path.lexists(path) else {}


def _compared(artifact: str, listed: dict[str, Any], there: dict[str, Path]) -> Iterator[Finding]:
    for name in sorted(listed.keys() | there.keys()):
        if name not in there:
            yield artifact, f"{name} is missing"
        elif name not in listed:
            yield artifact, f"{name} is not in its manifest"
        else:
            try:
                same = store.sha256(there[name]) == listed[name]
            except OSError as error:
                yield artifact, f"{name} {_unreadable(error)}"
            else:
                if not same:
                    yield artifact, f"{name} is not what its manifest says"


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _unreadable(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "is missing"
    return f"cannot be read: {error.strerror}"
