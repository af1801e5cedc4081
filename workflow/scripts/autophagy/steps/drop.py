"""Let go of what an audited experiment does not retain."""

from __future__ import annotations

from pathlib import Path

from autophagy import audited, dropped


def drop_payloads(root: str, loop: str, policy: str, artifacts: list[str]) -> None:
    """Write loops/<loop>/dropped.json and delete the payloads that it lists.

    Raises:
        UserError: audit.json tells of findings, a manifest is missing, or a payload stays.
    """
    audited.require_clean(Path(root))
    dropped.drop(Path(root), loop, policy, artifacts)
