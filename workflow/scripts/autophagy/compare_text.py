"""A comparison of two runs as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autophagy.compare import DEVIATIONS, IDENTICAL

#: Kind -> what it is called in a list, in the order in which a run makes them.
KINDS = {
    "real_set": "real sets",
    "feature_network": "feature networks",
    "training_set": "training sets",
    "model": "models",
    "sample_set": "sample sets",
    "imported_set": "imported pictures",
    "preview": "previews",
    "evaluation": "evaluations",
    "real_only_root": "real-only roots",
    "loop_root": "loop roots",
    "evaluation_root": "evaluation roots",
    "report": "tables and figures",
}
#: Paths named on one line.
NAMED = 3


def lines(found: dict[str, Any], a: str, b: str) -> Iterator[str]:
    """The lines that tell of `compare.compare`, the verdict last.

    Args:
        a, b: what the two folders are called.
    """
    yield f"A: {a}"
    yield f"B: {b}"
    yield from _by_kind(found["artifacts"])
    if found["causes"]:
        yield from _cause(found["causes"])
    if found["metrics"] is not None:
        yield from _metrics(found["metrics"])
    yield _verdict(found)


def _by_kind(artifacts: list[dict[str, str]]) -> Iterator[str]:
    listed = {entry["kind"] for entry in artifacts}
    for kind in [*(k for k in KINDS if k in listed), *sorted(listed - set(KINDS))]:
        by_status: dict[str, list[str]] = {}
        for entry in artifacts:
            if entry["kind"] == kind:
                by_status.setdefault(entry["status"], []).append(entry["path"])
        told = [
            f"{len(paths)} {status}" + ("" if status == IDENTICAL else f" ({_some(paths, 1)})")
            for status, paths in sorted(by_status.items(), key=lambda item: item[0] != IDENTICAL)
        ]
        yield f"  {KINDS.get(kind, kind):<18} {', '.join(told)}"


def _cause(causes: list[dict[str, Any]]) -> Iterator[str]:
    first, *others = causes
    yield f"first difference, after parents that are identical: {first['path']}"
    for key, (x, y) in list(first["differs"].items())[:NAMED]:
        yield f"  {key}: {_short(x)} in A, {_short(y)} in B"
    if len(first["differs"]) > NAMED:
        yield f"  and {len(first['differs']) - NAMED} more"
    if not first["differs"]:
        yield (
            "  only its bytes: params, seed, code, library versions and device agree, as between "
            "two processors"
        )
    if others:
        yield f"  so begin {len(others)} more: {_some([cause['path'] for cause in others])}"


def _metrics(judged: list[dict[str, Any]]) -> Iterator[str]:
    beyond = [value for value in judged if not value["within"]]
    yield (
        f"metrics: {len(judged) - len(beyond)} of {len(judged)} agree within "
        f"{DEVIATIONS:g}·√2 standard deviations"
    )
    numbers = [value for value in judged if value["a"] is not None and value["b"] is not None]
    if beyond:
        yield from (f"  {_told(value)}" for value in beyond[:NAMED])
        if len(beyond) > NAMED:
            yield f"  and {len(beyond) - NAMED} more"
    elif numbers:
        yield f"  furthest apart: {_told(max(numbers, key=_relative))}"


def _verdict(found: dict[str, Any]) -> str:
    if found["verdict"] == "identical":
        return (
            f"identical: all {len(found['artifacts'])} artifacts, by the hashes in their manifests "
            "(`autophagy audit` holds files against them)"
        )
    if found["verdict"] == "reproduced":
        return f"reproduced: metrics within the spread ({found['reason']})"
    return f"different: {found['reason']}"


def _told(value: dict[str, Any]) -> str:
    place = f"{value['loop']} seed {value['seed']} generation {value['generation']}"
    pair = " and ".join("undefined" if v is None else f"{v:.4g}" for v in (value["a"], value["b"]))
    return f"{place}, {value['view']}: {value['metric']} {pair}, allowed ± {value['allowed']:.2g}"


def _relative(value: dict[str, Any]) -> float:
    """How much of what is allowed a difference takes up."""
    apart = abs(value["a"] - value["b"])
    return apart / value["allowed"] if value["allowed"] else float(apart > 0)


def _some(paths: list[str], named: int = NAMED) -> str:
    return ", ".join(paths[:named]) + (", …" if len(paths) > named else "")


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"
