"""What audit.json says, for the steps that only an experiment without findings may take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import store
from autophagy.errors import UserError

AUDIT = "audit.json"


def read(root: Path) -> dict[str, Any]:
    """The content of audit.json: the laws that were checked and the list of what they found.

    Raises:
        UserError: it cannot be read, or is no such file.
    """
    content = store.read_json(root / AUDIT)
    if not isinstance(content, dict) or not isinstance(content.get("findings"), list):
        raise UserError(
            f"{root / AUDIT}: holds no list of findings; delete it, and the run audits again"
        )
    return content


def require_clean(root: Path) -> None:
    """Refuse to go on from findings: `autophagy audit` writes them over what a run has written.

    Raises:
        UserError: audit.json cannot be read, or tells of broken laws.
    """
    if found := read(root)["findings"]:
        words = found[0].values() if isinstance(found[0], dict) else found[:1]
        raise UserError(
            f"{root / AUDIT}: tells of {len(found)} broken laws, first "
            f"{' '.join(map(str, words))}; where they are mended, or it was an unfinished run, "
            "delete it, and the run audits again"
        )
