"""Fréchet and kernel distance, precision, recall, density, coverage of 10 000 × 10 000 × 84."""

from __future__ import annotations

from typing import Any

import numpy as np

from rows.base import clocked
from rows.line import Found, Line, median, ratio

REPEATS = 5
SECONDS = {"ours": 12, "published": 30}
#: The largest relative difference at which a metric is the same.
EQUAL = 1e-6
DIMENSIONS, K = 84, 5


def two_sets(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """float32, unlike in mean and covariance, as near as two generations are."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(DIMENSIONS, DIMENSIONS)) / 9
    other = mix + rng.normal(size=(DIMENSIONS, DIMENSIONS)) / 60
    shape = (rows, DIMENSIONS)
    return (
        (rng.normal(size=shape) @ mix).astype(np.float32),
        (rng.normal(size=shape) @ other + 0.05).astype(np.float32),
    )


def ours(quick: bool, turn: int) -> dict[str, Any]:
    from autophagy.metrics.frechet import frechet_distance
    from autophagy.metrics.kernel import kernel_distance
    from autophagy.metrics.neighbours import prdc

    reference, generated = two_sets(300 if quick else 10_000)
    # Once, so that no import is timed.
    prdc(reference[:9], generated[:9], K)
    found: dict[str, Any] = {}
    with clocked(found):
        values = prdc(reference, generated, K)
        values["frechet_distance"] = frechet_distance(generated, reference)
        values["kernel_distance"] = kernel_distance(generated, reference)
    return found | {"values": values}


def published(quick: bool, turn: int) -> dict[str, Any]:
    import plain_metrics
    import torch

    torch.set_num_threads(1)
    reference, generated = two_sets(300 if quick else 10_000)
    plain_metrics.measured(reference[:99], generated[:99], K)
    found: dict[str, Any] = {}
    with clocked(found):
        values = plain_metrics.measured(reference, generated, K)
    return found | {"values": values}


SIDES = {"ours": ours, "published": published}


def difference(found: Found) -> float:
    """The largest relative difference of a metric between the sides."""
    one, other = found["ours"][0]["values"], found["published"][0]["values"]
    return max(abs(one[name] - other[name]) / abs(other[name]) for name in one)


def lines(found: Found) -> list[Line]:
    off = difference(found)
    equal = off <= EQUAL
    quality = f"six metrics, largest relative difference {off:.0e}"
    against = "prdc and torchmetrics, one thread"
    peak = median(found, "ours", "peak_mb"), median(found, "published", "peak_mb")
    return [
        Line(
            "metrics of 10k × 10k × 84: processor time",
            against,
            f"{median(found, 'ours', 'cpu'):.1f} s",
            f"{median(found, 'published', 'cpu'):.1f} s",
            ratio(found, "published", "ours", "cpu"),
            reach=3.0,
            quality=quality,
            holds=equal,
        ),
        Line(
            "metrics of 10k × 10k × 84: peak memory of the process",
            against,
            f"{peak[0]:.0f} MB",
            f"{peak[1]:.0f} MB",
            ratio(found, "published", "ours", "peak_mb"),
            reach=3.0,
            quality="of the same values",
            holds=equal,
        ),
    ]
