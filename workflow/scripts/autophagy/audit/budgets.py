"""The law of budgets: a model was trained for as long as the rule that its params state says."""

from __future__ import annotations

from autophagy.audit.case import Case, Findings, differ, guarded
from autophagy.models import budgets as rules
from autophagy.plugins import is_built_in

#: The package of our families. Their table would make every audit stale at each new one.
_FAMILIES = rules.__name__.rpartition(".")[0]


def budgets(case: Case) -> Findings:
    """Steps that no file states follow from D^t, or from the looks at its held-out rows."""
    for path in case.of_kind("model"):
        yield from guarded(path, _budget, case, path)


def _budget(case: Case, path: str) -> Findings:
    manifest = case.archive.manifest(path)
    params = manifest["params"]
    # A start from outside was trained by nobody here, and an added family may count otherwise.
    family = params.get("model", {}).get("family")
    if not isinstance(family, str) or not is_built_in(family, _FAMILIES):
        return
    told = manifest["facts"].get("budget", {})
    rows = case.archive.manifest(case.archive.parents(path)[0])["rows"]
    due = rules.facts(params["train"], rows, told.get("losses"))
    if wrong := [key for key in sorted(told.keys() | due) if told.get(key) != due.get(key)]:
        yield path, f"{differ(wrong)} from what its budget comes to on {rows} rows"
