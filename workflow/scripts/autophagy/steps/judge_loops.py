"""The verdicts on a finished experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy.verdict import tables as verdicts


def judge_loops(root: str, plan: dict[str, Any]) -> None:
    """Write verdicts.csv and metrics.json.

    Args:
        plan: see `verdict.plan.asked`.
    """
    verdicts.write(Path(root), plan)
