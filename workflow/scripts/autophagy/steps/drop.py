"""Let go of what an audited experiment does not retain."""

from __future__ import annotations

from pathlib import Path

from autophagy import dropped


def drop_payloads(root: str, loop: str, policy: str, artifacts: list[str]) -> None:
    """Write loops/<loop>/dropped.json and delete the payloads that it lists."""
    dropped.drop(Path(root), loop, policy, artifacts)
