"""Audit what a run has made, before anything is told of it."""

from __future__ import annotations

from pathlib import Path

from autophagy import audit, paths, store
from autophagy.archive import Archive
from autophagy.errors import UserError


def audit_experiment(root: str, artifacts: list[str]) -> None:
    """Write audit.json.

    Args:
        artifacts: what the plan holds; leftovers of other configurations beside it are not
            audited here, but by `autophagy audit`.

    Raises:
        UserError: a law is broken; with the first finding and how many there are.
    """
    found = audit.audit(Archive(Path(root), tuple(artifacts)))
    if found:
        first = found[0]
        more = f" (and {len(found) - 1} more: autophagy audit {root})" if len(found) > 1 else ""
        raise UserError(f"{first.path}: {first.law}: {first.message}{more}")
    store.write_json(Path(root) / paths.AUDIT, audit.as_json(found))
