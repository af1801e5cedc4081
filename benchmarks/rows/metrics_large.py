"""The metrics of 60 000 × 60 000 × 84, which the published packages have no memory for."""

from __future__ import annotations

from typing import Any

from rows.base import clocked
from rows.line import Found, Line, median, ratio
from rows.metrics import K, two_sets

REPEATS = 1
FEW = "60 000 take 100 to 200 s, and what is asked is an order: memory, and time over quadratic"
SECONDS = {"small": 30, "large": 200}
SMALL, LARGE = 20_000, 60_000


def _measured(rows: int) -> dict[str, Any]:
    from autophagy.metrics.frechet import frechet_distance
    from autophagy.metrics.kernel import kernel_distance
    from autophagy.metrics.neighbours import prdc

    reference, generated = two_sets(rows)
    prdc(reference[:9], generated[:9], K)
    told: list[int] = []
    found: dict[str, Any] = {"rows": rows}
    with clocked(found):
        values = prdc(reference, generated, K, tell=lambda done, total: told.append(done))
        values["frechet_distance"] = frechet_distance(generated, reference)
        values["kernel_distance"] = kernel_distance(generated, reference)
    return found | {"values": values, "told": len(told)}


def small(quick: bool, turn: int) -> dict[str, Any]:
    return _measured(200 if quick else SMALL)


def large(quick: bool, turn: int) -> dict[str, Any]:
    return _measured(600 if quick else LARGE)


SIDES = {"small": small, "large": large}


def lines(found: Found) -> list[Line]:
    few, many = found["small"][0]["rows"], found["large"][0]["rows"]
    seconds = median(found, "large", "cpu")
    pairs = 3 * many**2
    return [
        Line(
            f"metrics of {many // 1000}k × {many // 1000}k × 84: peak memory",
            "nothing fits",
            f"{median(found, 'large', 'peak_mb'):.0f} MB",
            f"three matrices: {pairs * 8 / 1e9:.0f} GB",
            median(found, "large", "peak_mb") / 1000,
            "lower",
            2.0,
            "GB",
            f"progress told {found['large'][0]['told']} times",
        ),
        Line(
            f"metrics of {many // 1000}k × {many // 1000}k × 84: time over quadratic",
            f"{(many / few) ** 2:.0f} times that of {few // 1000}k",
            f"{seconds:.0f} s, {1e9 * seconds / pairs:.1f} ns a pair",
            f"{(many / few) ** 2 * median(found, 'small', 'cpu'):.0f} s",
            ratio(found, "large", "small", "cpu") * (few / many) ** 2,
            "lower",
            1.2,
        ),
    ]
