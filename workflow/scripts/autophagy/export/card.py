"""Hugging Face cards of models and sample sets: README.md with YAML front matter.

The front matter's own section ``autophagy`` holds what no public key has a place for; its
real_share is that of the rows the model, or the sample set's model, was trained on.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from autophagy import export, lineage
from autophagy.archive import Archive

#: Licences as manifests name them -> the hub's names; others become `other` with their own name.
LICENCES = {
    "CC BY 4.0": "cc-by-4.0",
    "CC BY-SA 3.0": "cc-by-sa-3.0",
    "CC0 1.0": "cc0-1.0",
    "MIT": "mit",
}
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))


def files(archive: Archive) -> dict[str, str]:
    """{"<artifact>/README.md": card}, for every model and sample set of the experiment."""
    chosen = export.of_kind(archive, "model", "sample_set")
    return {f"{artifact}/README.md": card(archive, artifact) for artifact in chosen}


def card(archive: Archive, artifact: str) -> str:
    """The text of one card."""
    model = archive.manifest(artifact)["kind"] == "model"
    own = _own(archive, artifact)
    front = (_model if model else _samples)(archive, artifact) | {"autophagy": own}
    header = yaml.safe_dump(front, sort_keys=True, allow_unicode=True)
    return f"---\n{header}---\n\n{_body(archive, artifact, own)}"


def _own(archive: Archive, artifact: str) -> dict[str, Any]:
    distribution = lineage.depths(archive, artifact)
    return {
        "path": artifact,
        "manifest_sha256": export.identifier(archive, artifact),
        "mean_depth": lineage.mean_depth(distribution),
        "depths": distribution,
        "real_share": export.real_share(archive, artifact),
        "real_ancestors": lineage.real_ancestors(archive, artifact),
        "sampling_bias": archive.manifest(artifact)["params"].get("sampling_bias"),
        "parents": _parents(archive, artifact),
        "trained_on": [
            row for name in _training_sets(archive, artifact) for row in _parents(archive, name)
        ],
    }


def _parents(archive: Archive, artifact: str) -> list[dict[str, Any]]:
    shares = lineage.shares(archive, artifact)
    return [
        {
            "path": parent,
            "manifest_sha256": export.identifier(archive, parent),
            "share": shares.get(parent),
            "sampling_bias": archive.manifest(parent)["params"].get("sampling_bias"),
        }
        for parent in archive.parents(artifact)
    ]


def _training_sets(archive: Archive, artifact: str) -> list[str]:
    """The training sets of a model, or of a sample set's model."""
    models = [artifact, *_of(archive, artifact, "model")]
    chosen = [name for name in models if archive.manifest(name)["kind"] == "model"]
    return [found for name in chosen[:1] for found in _of(archive, name, "training_set")]


def _of(archive: Archive, artifact: str, kind: str) -> list[str]:
    return [name for name in archive.parents(artifact) if archive.manifest(name)["kind"] == kind]


def _common(archive: Archive) -> dict[str, Any]:
    licence = export.real_source(archive)["licence"]
    if licence in LICENCES:
        return {"license": LICENCES[licence]}
    return {"license": "other", "license_name": str(licence)}


def _model(archive: Archive, artifact: str) -> dict[str, Any]:
    tags = ["autophagy"] + (["synthetic"] if export.real_share(archive, artifact) < 1 else [])
    found = _common(archive) | {"tags": tags, "datasets": [export.real_source(archive)["name"]]}
    if "model_index.json" in archive.manifest(artifact)["files"]:
        found |= {"library_name": "diffusers", "pipeline_tag": "unconditional-image-generation"}
    if bases := _of(archive, artifact, "model"):
        found["base_model"] = [f"{archive.root.name}/{base}" for base in bases]
    return found


def _samples(archive: Archive, artifact: str) -> dict[str, Any]:
    rows = archive.manifest(artifact)["rows"]
    return _common(archive) | {
        "pretty_name": f"{archive.root.name}/{artifact}",
        "tags": ["autophagy", "synthetic"],
        "annotations_creators": ["machine-generated"],
        "source_datasets": [f"extended|{export.real_source(archive)['name']}"],
        "size_categories": [next((text for top, text in _SIZES if rows < top), "n>1M")],
    }


def _body(archive: Archive, artifact: str, own: dict[str, Any]) -> str:
    source = export.real_source(archive)
    bias = own["sampling_bias"]
    depths = ", ".join(f"{share:.1%} at depth {d}" for d, share in own["depths"].items())
    lines = [
        f"# {archive.root.name}/{artifact}",
        "",
        f"- Synthetic depth: mean {own['mean_depth']:g} ({depths})",
        f"- Real share of the training rows: {own['real_share']:.1%}",
        f"- Distinct real images in the ancestry: {own['real_ancestors']}",
        *([f"- Sampling bias λ: {bias:g}"] if bias is not None else []),
        f"- Real data: {_literal(source['name'])}; its licence: {_literal(source['licence'])}",
        f"- Manifest: sha256 {own['manifest_sha256']}",
        "",
        "Depth 0 is a real row; a sample has 1 + the depth of the rows its model was trained on.",
        "",
        "| made from | share | λ |",
        "|---|---|---|",
        *(_row(parent) for parent in own["parents"]),
        "",
        "| the model was trained on | share | λ |",
        "|---|---|---|",
        *(_row(parent) for parent in own["trained_on"]),
    ]
    return "\n".join(lines) + "\n"


def _literal(text: str) -> str:
    """Text of the data's as Markdown that shows it: on one line, no markup, no HTML."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~&$])", r"\\\1", " ".join(text.split()))


def _row(parent: dict[str, Any]) -> str:
    # A parent that gave no pictures lent labels, or it is the classifier of a filter.
    lent = "choice" if parent["path"].startswith("features/") else "labels"
    share = lent if parent["share"] is None else f"{parent['share']:.1%}"
    bias = "" if parent["sampling_bias"] is None else f"{parent['sampling_bias']:g}"
    return f"| {parent['path']} | {share} | {bias} |"
