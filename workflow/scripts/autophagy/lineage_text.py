"""Ancestry as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autophagy.errors import one_line
from autophagy.lineage import FILTER, SAMPLED

#: Entries of a depth distribution on one line.
LISTED_DEPTHS = 8


def drawn(tree: dict[str, Any], margin: str = "", first: str = "") -> Iterator[str]:
    """The lines of `lineage.tree`: the longest line of descent runs straight down.

    Args:
        margin: stands before every line. first: stands before the first line instead.
    """
    node, begin, relation = tree, first or margin, ""
    while True:
        yield f"{begin}● {relation}{_named(node)}"
        parents = node["parents"]
        if "depths" in node:
            yield f"{margin}{'│' if parents else ' '}   {_depths(node)}"
        if not parents:
            return
        spine = next((p for p in reversed(parents) if p["parents"]), parents[-1])
        for parent in parents:
            if parent is not spine:
                branch = drawn(parent, f"{margin}│  ", f"{margin}├──")
                head = next(branch)
                yield head.replace("● ", f"● {_relation(node, parent)}", 1)
                yield from branch
        yield f"{margin}│"
        relation, node, begin = _relation(node, spine), spine, margin


def _named(node: dict[str, Any]) -> str:
    rows = "" if node["rows"] is None else f", {node['rows']} rows"
    again = "  (repeated)" if node.get("seen") else ""
    again += f"  origin {node['origin']}" if "origin" in node else ""
    return f"{node['path']}  {node['kind'].replace('_', ' ')}{rows}  {node['sha256'][:12]}{again}"


def _depths(node: dict[str, Any]) -> str:
    entries = [f"{depth}: {value:.1%}" for depth, value in node["depths"].items()]
    if len(entries) > LISTED_DEPTHS:
        entries[LISTED_DEPTHS - 2 : -1] = ["…"]
    depths = ", ".join(entries)
    outside = (
        f"; {node['unknown']:.1%} descend from outside, origin unknown: depth counts from there"
        if node["unknown"]
        else ""
    )
    return (
        f"real share {node['real_share']:.1%}, {node['real_ancestors']} distinct real ancestors, "
        f"mean synthetic depth {node['mean_depth']:.2f} ({depths}){outside}"
    )


def _relation(child: dict[str, Any], parent: dict[str, Any]) -> str:
    if parent["share"] is not None:
        return "" if parent["share"] == 1.0 else f"{parent['share']:.1%} of its rows: "
    if child["kind"] in SAMPLED:
        return "chosen by: " if parent["kind"] == FILTER else "labels from: "
    return ""


def told(step: dict[str, Any]) -> Iterator[str]:
    """The lines of one step of `trace.trace`."""
    if "dropped" in step:
        yield f"{step['path']} row {step['row']}: {step['dropped']}"
        return
    head = f"{step['path']} row {step['row']}: label {step['label']}"
    if step["kind"] == "real_set":
        source = one_line(step["source"])
        yield f"{head}, a real {one(step)}: row {step['source_row']} of {source}"
        return
    if step["kind"] == "training_set":
        yield f"{head}, {step['origin']}"
        return
    if step["kind"] == "imported_set":
        source = one_line(f"{step['source']}; its origin is {step['origin']}")
        yield f"{head}, row {step['source_row']} of {source}"
        return
    yield (
        f"{head}, drawn in generation {step['generation']} with seed {step['seed']} at λ = "
        f"{step['sampling_bias']:g}"
    )
    for model in step["models"]:
        trained = (
            f"trained on {model['training_rows']} rows"
            if model["training_set"] is not None
            else "its training is unknown: it was brought by the user"
        )
        yield f"    by {model['path']}, {trained}"
    direct, all_of_them = len(step["real_source_rows"]), len(step["real_ancestor_rows"])
    yield (
        f"    {_share(step['real_share'])} of them real, mean synthetic depth "
        f"{step['mean_depth']:.2f}; real {step['holds']} seen: {direct} by itself, "
        f"{all_of_them} in its whole ancestry (their rows: --json)"
    )


def listed(found: dict[str, float | None], of: str) -> Iterator[str]:
    """The lines of `lineage.descendants`."""
    for path, share in found.items():
        yield f"{'touched' if share is None else f'{share:.1%}':>8}  {path}"
    holding = sum(share is not None for share in found.values())
    yield (
        f"{_counted(holding, 'artifact')} made of {of}, {_counted(len(found) - holding, 'more')} "
        "touched: measured, chosen, labelled or certified with it"
    )


def made_again(found: dict[str, Any]) -> str:
    """The result of `trace.regenerate`."""
    if found["identical"]:
        return "made again from its model and seed: the same bytes"
    why = "" if found["same_code"] else "; it was made by other code than this"
    return (
        f"made again from its model and seed: DIFFERENT by up to {found['largest_difference']:g} "
        f"{found['unit']}{why}"
    )


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 or noun == "more" else f"{n} {noun}s"


def one(step: dict[str, Any]) -> str:
    """What one row of a step is: an image, a point."""
    return step["holds"].removesuffix("s")


def _share(share: float | None) -> str:
    return "an unknown share" if share is None else f"{share:.1%}"
