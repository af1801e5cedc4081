"""Ancestry, read off manifests alone: what an artifact is made from, and what is made from it.

Synthetic depth: a real row has depth 0; a sample has 1 + the depth of the row mix that its model
was trained on. So S^t has the depth distribution of D^t, shifted by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autophagy import manifests, store
from autophagy.errors import UserError

#: The manifests by which an experiment's folder is known: of pictures, and of the exact loops.
LANDMARKS = ("real/loop.manifest.json", "theory/manifest.json")
#: Artifacts whose rows are drawn from a model: one deeper than what it was trained on.
_SAMPLED = ("sample_set", "preview")


@dataclass(frozen=True)
class Archive:
    """The manifests of one experiment's folder, each read once.

    listed: the artifacts to consider; None for all that have a manifest there.
    """

    root: Path
    listed: tuple[str, ...] | None = None
    _read: dict[str, dict[str, Any]] = field(default_factory=dict)

    def manifest(self, artifact: str) -> dict[str, Any]:
        """The manifest of an artifact; see `manifests.read` for its errors."""
        if artifact not in self._read:
            self._read[artifact] = manifests.read(self.root, artifact)
        return self._read[artifact]

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


def is_experiment(folder: Path) -> bool:
    """Is this an experiment's folder, results/<experiment>?"""
    return any((folder / landmark).is_file() for landmark in LANDMARKS)


def locate(path: Path) -> tuple[Archive, str]:
    """The experiment a path lies in, and the artifact it names there.

    A file inside an artifact, or an artifact's manifest, names the artifact.

    Raises:
        UserError: the path is in no experiment, or is no artifact of it.
    """
    path = Path(path)
    for root in path.absolute().parents:
        if is_experiment(root):
            break
    else:
        raise UserError(f"{path}: lies in no experiment; give a path below results/<experiment>/")
    name = path.absolute().relative_to(root).as_posix().removesuffix(".manifest.json")
    for candidate in (name, *(parent.as_posix() for parent in Path(name).parents)):
        if candidate != "." and (root / manifests.path_of(candidate)).is_file():
            return Archive(root), candidate
    if (root / name / "manifest.json").is_file():
        return Archive(root), f"{name}/manifest.json"
    raise UserError(f"{path}: is no artifact of {root.name}: it has no manifest")


def shares(archive: Archive, artifact: str) -> dict[str, float]:
    """Parent -> its share of the artifact's rows.

    A training set's parents have the shares of its rows; whatever else is made from a parent is
    made from all of it.
    """
    manifest = archive.manifest(artifact)
    if manifest["kind"] != "training_set":
        return dict.fromkeys(archive.parents(artifact), 1.0)
    found: dict[str, float] = {}
    for part in manifest["params"]["parts"]:
        share = part["count"] / manifest["rows"]
        found[part["artifact"]] = found.get(part["artifact"], 0.0) + share
    return found


def depths(archive: Archive, artifact: str) -> dict[int, float]:
    """Depth -> share of the artifact's rows (of a model: of what it was trained on)."""
    known: dict[str, dict[int, float]] = {}
    for name in _ancestors_first(archive, artifact):
        kind = archive.manifest(name)["kind"]
        if kind == "real_set":
            known[name] = {0: 1.0}
            continue
        mixed: dict[int, float] = {}
        deeper = 1 if kind in _SAMPLED else 0
        for parent, share in _sources(archive, name).items():
            for depth, of_parent in known[parent].items():
                mixed[depth + deeper] = mixed.get(depth + deeper, 0.0) + share * of_parent
        known[name] = dict(sorted(mixed.items()))
    return known[artifact]


def mean_depth(distribution: dict[int, float]) -> float:
    return sum(depth * share for depth, share in distribution.items())


def real_ancestors(archive: Archive, artifact: str) -> int:
    """Distinct real images anywhere in the artifact's ancestry.

    Real parts are cut from one permutation of the loop split for each run seed, so the images are
    counted as the union of intervals.
    """
    intervals: dict[int, list[tuple[int, int]]] = {}
    whole: set[str] = set()
    for name in _ancestors_first(archive, artifact):
        manifest = archive.manifest(name)
        if manifest["kind"] == "real_set" and name == artifact:
            whole.add(name)
        if manifest["kind"] == "training_set":
            for part in manifest["params"]["parts"]:
                if part["origin"] == "real":
                    end = part["start"] + part["count"]
                    intervals.setdefault(manifest["seed"], []).append((part["start"], end))
    rows = sum(archive.manifest(name)["rows"] for name in whole)
    return rows + sum(_union(found) for found in intervals.values())


def tree(archive: Archive, artifact: str) -> dict[str, Any]:
    """The ancestry as nested dictionaries.

    Each node is {path, kind, rows, share, sha256, parents}; a training set also has
    {real_share, mean_depth, depths, real_ancestors}. An ancestor that occurs again further on is
    listed there without its own parents, with `seen: true`.
    """
    seen: set[str] = set()

    def node(name: str, share: float) -> dict[str, Any]:
        manifest = archive.manifest(name)
        found = {
            "path": name,
            "kind": manifest["kind"],
            "rows": manifest["rows"],
            "share": share,
            "sha256": store.sha256(archive.root / manifests.path_of(name)),
        }
        if name in seen:
            return found | {"seen": True, "parents": []}
        seen.add(name)
        if manifest["kind"] == "training_set":
            distribution = depths(archive, name)
            found |= {
                "real_share": distribution.get(0, 0.0),
                "mean_depth": mean_depth(distribution),
                "depths": {str(depth): value for depth, value in distribution.items()},
                "real_ancestors": real_ancestors(archive, name),
            }
        of_parents = shares(archive, name)
        return found | {"parents": [node(parent, of_parents[parent]) for parent in of_parents]}

    return node(artifact, 1.0)


def descendants(archive: Archive, artifact: str) -> dict[str, float]:
    """Every artifact made from this one -> how much of it is.

    Of a training set: the share of rows that come from it, through however many generations; of a
    model or sample set: the share of what it was trained on; anything measured or certified with
    it is touched whole.
    """
    tainted = {artifact: 1.0}
    for name in _everything_parents_first(archive):
        if name == artifact:
            continue
        touched = {p: s for p, s in shares(archive, name).items() if p in tainted}
        if not touched:
            continue
        if archive.manifest(name)["kind"] in ("training_set", "model", *_SAMPLED):
            tainted[name] = sum(
                share * tainted[parent]
                for parent, share in _sources(archive, name).items()
                if parent in tainted
            )
        else:
            tainted[name] = 1.0
    del tainted[artifact]
    return tainted


def _sources(archive: Archive, artifact: str) -> dict[str, float]:
    """Parents that rows or weights come from, with their shares, which add up to one."""
    found = shares(archive, artifact)
    if archive.manifest(artifact)["kind"] in _SAMPLED:
        # Labels may be drawn from another parent; pictures come from the model alone.
        found = {p: 1.0 for p in found if archive.manifest(p)["kind"] == "model"}
    total = sum(found.values())
    return {parent: share / total for parent, share in found.items()}


def _union(intervals: list[tuple[int, int]]) -> int:
    covered, reached = 0, 0
    for start, end in sorted(intervals):
        covered += max(0, end - max(start, reached))
        reached = max(reached, end)
    return covered


def _ancestors_first(archive: Archive, artifact: str) -> list[str]:
    """The artifact and all its ancestors, parents before children."""
    return _parents_first(archive, [artifact])


def _everything_parents_first(archive: Archive) -> list[str]:
    return _parents_first(archive, list(archive.artifacts()))


def _parents_first(archive: Archive, artifacts: list[str]) -> list[str]:
    # A stack instead of recursion: chains of hundreds of generations are meant to be long.
    order: list[str] = []
    done: set[str] = set()
    stack = list(reversed(artifacts))
    while stack:
        name = stack[-1]
        missing = [parent for parent in archive.parents(name) if parent not in done]
        if name in done or not missing:
            stack.pop()
            if name not in done:
                done.add(name)
                order.append(name)
        else:
            stack += missing
    return order
