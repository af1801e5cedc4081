"""Two experiments side by side: what was asked otherwise, and what came out otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from autophagy import compare
from autophagy.archive import Archive
from autophagy.verdict import inference

_ROOT = re.compile(r"(?:(loops|real-only|evaluation)/([^/]+)|theory)/manifest\.json")


def configuration(a: Archive, b: Archive) -> dict[str, list[Any]]:
    """{dotted key: [in A, in B]} of what the roots say was asked otherwise; None: not there.

    What a loop alone sets stands under `loops.<loop>`, the sizes of real-only models under
    `real_only`, how is measured under `evaluate`, and what loops share under its own name.
    """
    one, other = _asked(a), _asked(b)
    keys = sorted({*one, *other})
    return {key: [one.get(key), other.get(key)] for key in keys if one.get(key) != other.get(key)}


def changes(a: Archive, b: Archive) -> list[dict[str, Any]]:
    """B less A of every headline metric at the last generation that both have, loop by loop.

    Returns [{loop, generation, view, metric, a, b, difference, low, high, seeds}]. Where at least
    two run seeds are in both, low and high are the 95% t-interval of the paired differences; with
    one there is none (None). What is undefined anywhere is left out.
    """
    values, other = compare.values(a), compare.values(b)
    shared: dict[tuple[str, str, str], dict[int, dict[int, tuple[float, float]]]] = {}
    for key, x in values.items():
        loop, seed, generation, view, metric = key
        y = other.get(key)
        if x is not None and y is not None and loop != "real":
            of = shared.setdefault((loop, view, metric), {})
            of.setdefault(generation, {})[seed] = (x, y)
    found = []
    for (loop, view, metric), by_generation in shared.items():
        generation = max(by_generation)
        pairs = np.array(list(by_generation[generation].values()))
        differences = pairs[:, 1] - pairs[:, 0]
        several = inference.mean(differences) if len(differences) > 1 else None
        found.append(
            {
                "loop": loop, "generation": generation, "view": view, "metric": metric,
                "a": float(pairs[:, 0].mean()), "b": float(pairs[:, 1].mean()),
                "difference": float(differences.mean()),
                "low": several.low if several else None,
                "high": several.high if several else None,
                "seeds": len(differences),
            }
        )  # fmt: skip
    return found


def lines(asked: dict[str, list[Any]], found: list[dict[str, Any]]) -> Iterator[str]:
    """Both in words; nothing of what is the same."""
    if asked:
        yield "configuration:"
        yield from (f"  {key}: {_told(x)} in A, {_told(y)} in B" for key, (x, y) in asked.items())
    moved = [change for change in found if change["difference"]]
    if moved:
        yield "B less A, at the last generation of both (mean over seeds, 95% interval):"
    for change in moved:
        interval = (
            "one seed: no interval"
            if change["low"] is None
            else f"{change['low']:+.3g} to {change['high']:+.3g}, {change['seeds']} seeds"
        )
        yield (
            f"  {change['loop']} generation {change['generation']}, {change['view']}: "
            f"{change['metric']} {change['a']:.3g} → {change['b']:.3g}, "
            f"{change['difference']:+.3g} ({interval})"
        )


def _asked(archive: Archive) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in archive.artifacts():
        place = _ROOT.fullmatch(path)
        if not place:
            continue
        group, name = place.groups()
        params = dict(archive.manifest(path)["params"])
        if group == "evaluation":
            found |= dict(_leaves(params, "evaluate."))
        elif group == "real-only":
            found[f"real_only.{name}"] = params.get("n")
        else:
            own = {"n_initial": params.pop("n_initial", None)} | params.pop("loop", {})
            found |= dict(_leaves(own, f"loops.{name}.")) if group else {}
            found |= dict(_leaves(params, ""))
    return found


def _leaves(section: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _told(value: Any) -> str:
    return "nothing" if value is None else str(value)
