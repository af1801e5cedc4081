"""Numbers as a chart needs them."""

from __future__ import annotations

import math


def rounded(value: float) -> float | None:
    """Five significant digits, all that a chart can show; None for what has no value."""
    return float(f"{value:.5g}") if math.isfinite(value) else None
