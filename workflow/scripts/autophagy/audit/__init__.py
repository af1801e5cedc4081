"""The laws of an experiment, each a generator from its files to findings.

To add a law: a function of a `Case` that yields (path, message), in a module here, and an entry in
`LAWS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from autophagy import manifests, store
from autophagy.archive import Archive
from autophagy.audit import (
    belonging,
    budgets,
    consistency,
    files,
    forms,
    mixes,
    origins,
    pictures,
    seeds,
)
from autophagy.audit.case import Case, Findings, guarded
from autophagy.errors import UserError

#: Law -> what finds where it is broken; the law of files comes before all of them.
LAWS: dict[str, Callable[[Case], Findings]] = {
    "forms": forms.forms,
    "held-out": pictures.held_out,
    "real-rows": mixes.real_rows,
    "composition": mixes.composition,
    "origins": origins.origins,
    "seeds": seeds.seeds,
    "consistency": consistency.consistency,
    "budgets": budgets.budgets,
}


@dataclass(frozen=True)
class Finding:
    """One broken law: the file it is about and what is wrong with it."""

    law: str
    path: str
    message: str


@dataclass
class Report:
    """What an audit found, the laws it checked, and a line on each law that it could not."""

    findings: list[Finding] = field(default_factory=list)
    laws: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def audit(archive: Archive) -> list[Finding]:
    """Every finding, law by law; laws that read contents wait until the files are whole."""
    return _findings(Case(archive))


def examine(archive: Archive) -> Report:
    """Every law, that of the DVC ledger too, on a whole folder: what `autophagy audit` does.

    Raises:
        UserError: all its manifests are of another schema.
    """
    from autophagy.audit import recorded

    _require_schema(archive)
    try:
        ledger, why_not = recorded.find(archive.root)
        unreadable = None
    except UserError as error:
        ledger, why_not, unreadable = None, None, Finding(recorded.LAW, "dvc.lock", str(error))
    case = Case(archive, with_md5=ledger is not None)
    report = Report(_findings(case), ["files", *LAWS])
    if not report.findings and case.dropped:
        policies = ", ".join(sorted({f"`keep: {policy}`" for policy in case.dropped.values()}))
        report.unchecked.append(
            f"files: not checked: {len(case.dropped)} payloads that {policies} dropped; their "
            "manifests agree"
        )
    if why_not:
        report.unchecked.append(f"{recorded.LAW}: not checked: {why_not}")
        return report
    report.laws.append(recorded.LAW)
    if unreadable:
        report.findings.append(unreadable)
    else:
        found = guarded("", recorded.agrees, case, ledger)
        report.findings += [Finding(recorded.LAW, path, message) for path, message in found]
    return report


def as_json(found: list[Finding], laws: list[str] | None = None) -> dict[str, Any]:
    """The content of audit.json.

    Args:
        laws: those that were checked; None for all but the ledger's.
    """
    return {
        "schema": 1,
        "laws": ["files", *LAWS] if laws is None else laws,
        "findings": [asdict(finding) for finding in found],
    }


def _require_schema(archive: Archive) -> None:
    """Refuse results of another version; a single manifest of another schema is a finding."""
    found = set()
    for artifact in archive.artifacts():
        try:
            content = store.read_json(archive.root / manifests.path_of(artifact))
        except UserError:
            return
        found.add(json.dumps(content.get("schema") if isinstance(content, dict) else None))
    if len(found) == 1 and found != {str(manifests.SCHEMA)}:
        raise UserError(
            f"{archive.root}: manifests of schema {found.pop()} are not readable; this version "
            f"reads {manifests.SCHEMA}"
        )


def _findings(case: Case) -> list[Finding]:
    found = [Finding("files", path, message) for path, message in files.files(case)]
    whole = not found
    if case.archive.listed is None:
        leftovers = guarded(belonging.REPORT, belonging.belonging, case)
        found += [Finding("files", path, message) for path, message in leftovers]
    # What is left over does not keep the other laws from being checked, also on itself.
    if whole:
        for name, law in LAWS.items():
            found += [Finding(name, path, message) for path, message in guarded("", law, case)]
    return found
