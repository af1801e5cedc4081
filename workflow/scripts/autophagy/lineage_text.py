"""Ancestry as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def drawn(node: dict[str, Any], indent: str = "") -> Iterator[str]:
    """The lines of `lineage.tree`."""
    rows = "" if node["rows"] is None else f", {node['rows']} rows"
    share = "" if node["share"] == 1.0 else f"{node['share']:.1%} "
    line = f"{indent}{share}{node['path']} ({node['kind']}{rows}) {node['sha256'][:12]}"
    yield line + ("  (see above)" if node.get("seen") else "")
    if "depths" in node:
        depths = ", ".join(f"{depth}: {value:.1%}" for depth, value in node["depths"].items())
        yield (
            f"{indent}    real share {node['real_share']:.1%}, mean synthetic depth "
            f"{node['mean_depth']:.2f} ({depths}), {node['real_ancestors']} distinct real ancestors"
        )
    for parent in node["parents"]:
        yield from drawn(parent, indent + "  ")


def told(step: dict[str, Any]) -> str:
    """One step of `trace.trace`."""
    text = f"{step['path']} row {step['row']}: label {step['label']}"
    if step["kind"] == "real_set":
        return f"{text}, a real image: row {step['source_row']} of {step['source']}"
    if step["kind"] == "training_set":
        return f"{text}, {step['origin']}"
    return (
        f"{text}, drawn from {step['model']} with seed {step['seed']} at λ = "
        f"{step['sampling_bias']:g}; the model was trained on {step['training_rows']} rows "
        f"({step['real_share']:.1%} real, mean synthetic depth {step['mean_depth']:.2f}, "
        f"{step['real_ancestors']} distinct real ancestors)"
    )


def made_again(found: dict[str, Any]) -> str:
    """The result of `trace.regenerate`."""
    if found["identical"]:
        return "made again from its model and seed: the same bytes"
    why = "" if found["same_code"] else "; it was made by other code than this"
    return (
        f"made again from its model and seed: DIFFERENT by up to {found['largest_difference']} "
        f"grey levels{why}"
    )
