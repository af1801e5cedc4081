"""Ancestry, read off manifests alone: what an artifact is made from, and what is made from it.

Synthetic depth: a real row has depth 0; a sample has 1 + the depth of the row mix that its model
was trained on. So S^t has the depth distribution of D^t, shifted by one.

What a user brought from outside (`starts`) has no parents, and nobody here knows what it was made
from: its manifest says so under `facts.origin`. Depth is then counted from it, as if it had been
made of real rows, and `unknown` says how much of an artifact that is true of; only rows that are
known to be real count as real.

A model may have several sources: its training set, the weights that it was tuned or extrapolated
from. A sample set may be drawn from several models, one guiding away from another. Such a manifest
states in its params under `shares` how much each source counts; the row mix is the mixture.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autophagy import regimes, training_sets
from autophagy.archive import Archive
from autophagy.errors import UserError

#: Kind of artifact -> kinds of parents that its pictures (or what it knows of pictures) come from.
#: Other parents lend it labels or are what it is compared with.
SOURCES: dict[str, tuple[str, ...]] = {
    "training_set": ("real_set", "sample_set", "imported_set"),
    "model": ("training_set", "model"),
    "sample_set": ("model",),
    "preview": ("model",),
    "feature_network": ("real_set",),
}
#: Artifacts whose rows are drawn from a model: one deeper than what it was trained on.
SAMPLED = ("sample_set", "preview")
#: A parent that chose among candidate samples: its training images are ancestors of what it kept.
FILTER = "feature_network"

#: Key of an artifact's facts that says that its origin is not known.
ORIGIN = "origin"

Intervals = tuple[tuple[int, int], ...]


def shares(archive: Archive, artifact: str) -> dict[str, float]:
    """Source -> its share of the artifact's row mix; they add up to one. Empty for what has none.

    A training set's sources have the shares of its rows, those of any other artifact the weights
    in its params.

    Raises:
        UserError: an artifact of several sources does not state their shares.
    """
    manifest = archive.manifest(artifact)
    if manifest["kind"] == "training_set":
        found: dict[str, float] = {}
        for part, count in regimes.shares(manifest["params"]):
            # A pool may hold sources of which none was drawn.
            if count:
                share = count / manifest["rows"]
                found[part["artifact"]] = found.get(part["artifact"], 0.0) + share
        return found
    kinds = SOURCES.get(manifest["kind"], ())
    sources = [parent for parent in archive.parents(artifact) if archive.kind(parent) in kinds]
    if len(sources) < 2:
        return dict.fromkeys(sources, 1.0)
    stated = manifest["params"].get("shares")
    if not isinstance(stated, dict) or set(stated) != set(sources):
        raise UserError(f"{artifact}: its manifest states no shares of {', '.join(sources)}")
    total = sum(stated.values())
    return {parent: stated[parent] / total for parent in sources}


def depths(archive: Archive, artifact: str) -> dict[int, float]:
    """Depth -> share of the artifact's rows (of a model: of what it was trained on)."""
    return _depths(archive, archive.parents_first([artifact]))[artifact]


def mean_depth(distribution: dict[int, float]) -> float:
    return sum(depth * share for depth, share in distribution.items())


def origin(archive: Archive, artifact: str) -> str | None:
    """What the manifest of an artifact from outside says of its origin; None for any other."""
    return archive.manifest(artifact)["facts"].get(ORIGIN)


def unknown(archive: Archive, artifact: str) -> float:
    """How much of the artifact's row mix descends from what was brought from outside."""
    return _unknown(archive, archive.parents_first([artifact]))[artifact]


def real_ancestors(archive: Archive, artifact: str) -> int:
    """Distinct real images anywhere in the artifact's ancestry, filters' training images too."""
    return _count(_real_images(archive, archive.parents_first([artifact]))[artifact])


def tree(archive: Archive, artifact: str) -> dict[str, Any]:
    """The ancestry as nested dictionaries.

    Each node is {path, kind, rows, share, sha256, parents}; `share` is how much of the child's row
    mix comes from it, None where the child takes no pictures from it. A training set also has
    {real_share, mean_depth, depths, real_ancestors, unknown}, what was brought from outside
    {origin}. An ancestor that occurs again further on is
    listed there without its own parents, with `seen: true`.
    """
    order = archive.parents_first([artifact])
    of_depth, of_images = _depths(archive, order), _real_images(archive, order)
    of_unknown = _unknown(archive, order)
    seen: set[str] = set()

    def node(name: str, share: float | None) -> dict[str, Any]:
        manifest = archive.manifest(name)
        found = {
            "path": name,
            "kind": manifest["kind"],
            "rows": manifest["rows"],
            "share": share,
            "sha256": archive.digest(name),
            "parents": [],
        }
        if name in seen:
            return found | {"seen": True}
        seen.add(name)
        if (brought := origin(archive, name)) is not None:
            found["origin"] = brought
        if manifest["kind"] == "training_set":
            found |= {
                "unknown": of_unknown[name],
                "real_share": of_depth[name].get(0, 0.0),
                "mean_depth": mean_depth(of_depth[name]),
                "depths": {str(depth): value for depth, value in of_depth[name].items()},
                "real_ancestors": _count(of_images[name]),
            }
        return found

    top = node(artifact, 1.0)
    stack = [top]
    while stack:
        parent_of = stack.pop()
        if "seen" in parent_of:
            continue
        of_source = shares(archive, parent_of["path"])
        names = dict.fromkeys([*of_source, *archive.parents(parent_of["path"])])
        # What is new is set apart before any of it is gone into: it stands nearest to the top.
        parent_of["parents"] = [node(name, of_source.get(name)) for name in names]
        stack += reversed(parent_of["parents"])
    return top


def flat(tree: dict[str, Any]) -> dict[str, Any]:
    """A tree as a graph, which nests no deeper for a longer loop.

    Returns:
        {"path": the artifact, "nodes": what `tree` says of each ancestor, once, "edges":
        [{"child", "parent", "share"}]}.
    """
    nodes: dict[str, dict[str, Any]] = {}
    edges, stack = [], [tree]
    while stack:
        node = stack.pop()
        for parent in node["parents"]:
            edges.append(
                {"child": node["path"], "parent": parent["path"], "share": parent["share"]}
            )
        if "seen" not in node:
            kept = {key: value for key, value in node.items() if key not in ("parents", "share")}
            nodes[node["path"]] = kept
        stack += reversed(node["parents"])
    return {"path": tree["path"], "nodes": list(nodes.values()), "edges": edges}


def descendants(archive: Archive, artifact: str, row: int | None = None) -> dict[str, float | None]:
    """Every artifact made from this one, in the order of paths -> how much of it is.

    Of a training set: the share of rows that come from it, through however many generations; of a
    model or sample set: the share of what it was trained on. None: it was measured, chosen,
    labelled or certified with it, and takes no pictures from it.

    Args:
        row: one row of a real or sample set, to withdraw alone.
    """
    if row is not None:
        _require_row(archive, artifact, row)
    tainted: dict[str, float | None] = {artifact: 1.0}
    for name in archive.parents_first():
        touched = [parent for parent in archive.parents(name) if parent in tainted]
        if name == artifact or not touched:
            continue
        taken = {p: s for p, s in shares(archive, name).items() if tainted.get(p) is not None}
        if row is not None and artifact in taken:
            taken[artifact] = _share_of_row(archive, name, artifact, row)
            if not taken[artifact] and len(touched) == 1:
                continue
        amount = sum(share * tainted[parent] for parent, share in taken.items())
        tainted[name] = amount if taken else None
    del tainted[artifact]
    # What holds some of it comes before what was only touched.
    return dict(sorted(tainted.items(), key=lambda entry: (entry[1] is None, entry[0])))


def _require_row(archive: Archive, artifact: str, row: int) -> None:
    kind, rows = archive.kind(artifact), archive.manifest(artifact)["rows"]
    if kind not in ("real_set", "imported_set", *SAMPLED):
        raise UserError(f"{artifact}: is a {kind}; a row of a real or sample set can be withdrawn")
    if not 0 <= row < rows:
        raise UserError(f"{artifact}: has no row {row}; its rows are 0..{rows - 1}")


def _share_of_row(archive: Archive, training_set: str, artifact: str, row: int) -> float:
    """How much of a set's child is one of its rows; a child that is no training set took all."""
    if archive.kind(training_set) != "training_set":
        return 1 / archive.manifest(artifact)["rows"]
    index = training_sets.read(archive.root / training_set)
    if not len(index):
        raise UserError(f"{training_set}: holds no rows")
    return np.count_nonzero(index.row[index.of(artifact)] == row) / len(index)


def _depths(archive: Archive, order: list[str]) -> dict[str, dict[int, float]]:
    """The depth distribution of every artifact, parents before children."""
    known: dict[str, dict[int, float]] = {}
    for name in order:
        kind = archive.kind(name)
        mixed: dict[int, float] = {0: 1.0} if kind == "real_set" else {}
        if origin(archive, name) is not None:
            # A model as if it were fitted to real rows, samples as if they were such a model's.
            mixed = {1 if kind == "imported_set" else 0: 1.0}
        deeper = 1 if kind in SAMPLED else 0
        for parent, share in shares(archive, name).items():
            for depth, of_parent in known[parent].items():
                mixed[depth + deeper] = mixed.get(depth + deeper, 0.0) + share * of_parent
        known[name] = dict(sorted(mixed.items()))
    return known


def _unknown(archive: Archive, order: list[str]) -> dict[str, float]:
    """The share of every artifact that descends from outside, parents before children."""
    known: dict[str, float] = {}
    for name in order:
        found = sum(share * known[parent] for parent, share in shares(archive, name).items())
        known[name] = 1.0 if origin(archive, name) is not None else found
    return known


def _real_images(
    archive: Archive, order: list[str]
) -> dict[str, dict[tuple[str, int | None], Intervals]]:
    """The real images in every artifact's ancestry, parents before children.

    They are intervals of (real set, run seed): real parts of training sets are cut from one
    permutation of the loop split for each run seed. Seed None is the set in its own order.
    """
    known: dict[str, dict[tuple[str, int | None], Intervals]] = {}
    for name in order:
        manifest = archive.manifest(name)
        if manifest["kind"] == "real_set":
            known[name] = {(name, None): ((0, manifest["rows"]),)}
            continue
        parents = list(shares(archive, name))
        if manifest["kind"] in SAMPLED:
            parents += [p for p in archive.parents(name) if archive.kind(p) == FILTER]
        found: dict[tuple[str, int | None], Intervals] = {}
        for parent in parents:
            if manifest["kind"] == "training_set" and archive.kind(parent) == "real_set":
                continue
            for images, intervals in known[parent].items():
                found[images] = _union(found.get(images, ()) + intervals)
        if manifest["kind"] == "training_set":
            for part, cuts in _cuts(manifest["params"]):
                if part["origin"] == "real":
                    images = (part["artifact"], manifest["seed"])
                    found[images] = _union((*found.get(images, ()), *cuts))
        known[name] = found
    return known


def _cuts(params: dict[str, Any]) -> list[tuple[dict[str, Any], Intervals]]:
    """The parts of a training set, each as the intervals of its source's rows that are in it."""
    if not params.get("draw"):
        parts = params["parts"]
        return [(part, ((part["start"], part["start"] + part["count"]),)) for part in parts]
    return [(part, _intervals(rows)) for part, rows in regimes.mixed(params)]


def _intervals(rows: np.ndarray) -> Intervals:
    """Ascending rows as intervals of consecutive ones."""
    if not len(rows):
        return ()
    breaks = np.flatnonzero(np.diff(rows) > 1)
    starts, ends = rows[np.r_[0, breaks + 1]], rows[np.r_[breaks, len(rows) - 1]] + 1
    return tuple(zip(starts.tolist(), ends.tolist(), strict=True))


def _union(intervals: Intervals) -> Intervals:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _count(images: dict[tuple[str, int | None], Intervals]) -> int:
    return sum(end - start for intervals in images.values() for start, end in intervals)
