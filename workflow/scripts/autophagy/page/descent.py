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
                "real_ancestors": lineage.real_ancestors(archive, training_set),
            }
        )
    return found


def depths(archive: Archive, asked: dict[str, Any]) -> dict[str, list[float]]:
    """Loop -> mean synthetic depth of its samples, by generation: 1 + that of its training set."""
    return {
        name: [lineage.mean_depth(lineage.depths(archive, preview)) for preview in loop["previews"]]
        for name, loop in asked["loops"].items()
    }


def _named(archive: Archive, path: str) -> dict[str, str]:
    return {"path": path, "sha256": archive.digest(path)}


def _shares(archive: Archive, path: str) -> list[dict[str, Any]]:
    return [{"path": of, "share": share} for of, share in lineage.shares(archive, path).items()]
