"""The law of budgets: a model was trained for as long as the rule that its params state says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy.audit.case import Case, Findings, differ, guarded
from autophagy.models import budgets as rules

#: Where our families lie. Their table would make every audit stale at each new one.
_FAMILIES = Path(rules.__file__).parent


def budgets(case: Case) -> Findings:
    """Steps that no file states follow from D^t, or from the looks at its held-out rows."""
    for path in case.of_kind("model"):
        yield from guarded(path, _budget, case, path)


def _budget(case: Case, path: str) -> Findings:
    manifest = case.archive.manifest(path)
    params = manifest["params"]
    # A start from outside was trained by nobody here, and an added family may count otherwise.
    if not _is_ours(params.get("model", {}).get("family")):
        return
    told = manifest["facts"].get("budget", {})
    rows = case.archive.manifest(case.archive.parents(path)[0])["rows"]
    due = rules.facts(params["train"], rows, told.get("losses"))
    if wrong := [key for key in sorted(told.keys() | due) if told.get(key) != due.get(key)]:
        yield path, f"{differ(wrong)} from what its budget comes to on {rows} rows"


def _is_ours(family: Any) -> bool:
    """Is it a family that no package has added?"""
    return (
        isinstance(family, str) and family.isidentifier() and (_FAMILIES / f"{family}.py").is_file()
    )
