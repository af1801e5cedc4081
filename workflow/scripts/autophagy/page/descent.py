"""Where the pictures of each generation come from, for the page: shares read off the manifests."""

from __future__ import annotations

from typing import Any

from autophagy import lineage
from autophagy.archive import Archive


def of_loop(archive: Archive, loop: dict[str, Any]) -> list[dict[str, Any]]:
    """One entry a generation: its preview, model and training set, each with its hash.

    `sources` are the training set's: [{path, share}], `weights` the model's own where it has
    several (weights it was tuned from, say).
    """
    found = []
    for preview, model, training_set in zip(
        loop["previews"], loop["models"], loop["training_sets"], strict=True
    ):
        if training_set is None:
            found.append(_outside(archive, preview, model))
            continue
        depths = lineage.depths(archive, training_set)
        found.append(
            {
                "preview": _named(archive, preview),
                "bias": archive.manifest(preview)["params"]["sampling_bias"],
                "model": _named(archive, model) | {"seed": str(archive.manifest(model)["seed"])},
                "weights": _shares(archive, model),
                "training_set": _named(archive, training_set),
                "rows": archive.manifest(training_set)["rows"],
                "sources": _shares(archive, training_set),
                "real_share": depths.get(0, 0.0),
                "depth": lineage.mean_depth(depths),
                "outside": None,
                "real_ancestors": lineage.real_ancestors(archive, training_set),
            }
        )
    return found


def _outside(archive: Archive, preview: str, model: str | None) -> dict[str, Any]:
    """The entry of a start from outside, of which only its origin is told: that it is unknown."""
    of = preview if model is None else model
    return {
        "preview": _named(archive, preview),
        "bias": archive.manifest(preview)["params"].get("sampling_bias"),
        "model": _named(archive, of) | {"seed": ""},
        "weights": [],
        "training_set": None,
        "rows": 0,
        "sources": [],
        "outside": lineage.origin(archive, of),
        "real_share": 0.0,
        "depth": 0.0,
        "real_ancestors": 0,
    }


def depths(archive: Archive, chains: dict[str, Any]) -> dict[str, list[float]]:
    """Loop -> mean synthetic depth of its samples, by generation: 1 + that of its training set.

    Args:
        chains: see `runs.chains_of`.
    """
    return {
        name: [lineage.mean_depth(lineage.depths(archive, preview)) for preview in of["previews"]]
        for name, of in chains.items()
    }


def _named(archive: Archive, path: str) -> dict[str, str]:
    return {"path": path, "sha256": archive.digest(path)}


def _shares(archive: Archive, path: str) -> list[dict[str, Any]]:
    return [{"path": of, "share": share} for of, share in lineage.shares(archive, path).items()]
