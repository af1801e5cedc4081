"""What audit.json says, for the steps that only an experiment without findings may take."""

from __future__ import annotations

from pathlib import Path

from autophagy import store
from autophagy.errors import UserError

AUDIT = "audit.json"


def require_clean(root: Path) -> None:
    """Refuse to go on from findings: `autophagy audit` writes them over what a run has written.

    Raises:
        UserError: audit.json cannot be read, or tells of broken laws.
    """
    file = root / AUDIT
    content = store.read_json(file)
    found = content.get("findings") if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise UserError(f"{file}: holds no list of findings; delete it, and the run audits again")
    if found:
        words = found[0].values() if isinstance(found[0], dict) else found[:1]
        raise UserError(
            f"{file}: tells of {len(found)} broken laws, first {' '.join(map(str, words))}; where "
            "they are mended, or it was an unfinished run, delete it, and the run audits again"
        )
