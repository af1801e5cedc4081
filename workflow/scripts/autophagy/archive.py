"""The manifests of one experiment's folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autophagy import manifests, store
from autophagy.errors import UserError

#: The manifests by which an experiment's folder is known: of rows, of the exact loops, and of
#: either's report, should the first be lost.
LANDMARKS = ("real/loop.manifest.json", "theory/manifest.json", "figures/manifest.json")


@dataclass(frozen=True)
class Archive:
    """The manifests of one experiment's folder, each read once.

    listed: the artifacts to consider; None for all that have a manifest there.
    """

    root: Path
    listed: tuple[str, ...] | None = None
    _read: dict[str, dict[str, Any]] = field(default_factory=dict)
    _digests: dict[str, str] = field(default_factory=dict)

    def manifest(self, artifact: str) -> dict[str, Any]:
        """The manifest of an artifact; see `manifests.read` for its errors."""
        if artifact not in self._read:
            path = self.root / manifests.path_of(artifact)
            if not os.path.lexists(path):
                raise UserError(
                    f"{path}: is missing; `autophagy audit {self.root}` names all that is wrong"
                )
            self._read[artifact] = manifests.read(self.root, artifact)
        return self._read[artifact]

    def digest(self, artifact: str) -> str:
        """The SHA-256 of an artifact's manifest, by which its children name it."""
        if artifact not in self._digests:
            self._digests[artifact] = store.sha256(self.root / manifests.path_of(artifact))
        return self._digests[artifact]

    def files(self, artifact: str) -> dict[str, str]:
        """Name -> SHA-256 of an artifact's files; a root's are relative to the experiment."""
        return self.manifest(artifact)["files"]

    def kind(self, artifact: str) -> str:
        return self.manifest(artifact)["kind"]

    def parents(self, artifact: str) -> list[str]:
        return [material["path"] for material in self.manifest(artifact)["materials"]]

    def artifacts(self) -> Iterator[str]:
        """The artifacts listed, or every one that has a manifest, in the order of their paths."""
        if self.listed is not None:
            yield from sorted(self.listed)
            return
        suffix = ".manifest.json"
        for file in sorted(self.root.rglob("*manifest.json")):
            name = file.relative_to(self.root).as_posix()
            yield name.removesuffix(suffix) if name.endswith(suffix) else name

    def parents_first(self, artifacts: Iterable[str] | None = None) -> list[str]:
        """The artifacts (all of the folder by default) and their ancestors, parents first.

        Raises:
            UserError: an artifact is its own ancestor, or a manifest is missing.
        """
        # A stack instead of recursion: chains of hundreds of generations are meant to be long.
        order: list[str] = []
        done: set[str] = set()
        opened: set[str] = set()
        stack = list(self.artifacts() if artifacts is None else artifacts)[::-1]
        while stack:
            name = stack[-1]
            missing = [parent for parent in self.parents(name) if parent not in done]
            if name in done or not missing:
                stack.pop()
                if name not in done:
                    done.add(name)
                    order.append(name)
                continue
            if name in opened:
                raise UserError(
                    f"{self.root / manifests.path_of(name)}: is made from itself, by way of "
                    f"{missing[0]}"
                )
            opened.add(name)
            stack += missing
        return order


def is_experiment(folder: Path) -> bool:
    """Is this an experiment's folder, results/<experiment>?"""
    return any((folder / landmark).is_file() for landmark in LANDMARKS)


def require_experiment(folder: Path) -> None:
    """
    Raises:
        UserError: it is missing, or no experiment's folder.
    """
    if not folder.exists():
        raise UserError(f"{folder}: is missing; it is there when its workflow has run")
    if not is_experiment(folder):
        raise UserError(f"{folder}: is no experiment's folder; give results/<experiment>")
