"""Write the root of a loop, a real-only model or a report: one hash that certifies all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import audited, manifests
from autophagy.progress import Report


def record_root(root: Path, records: list[dict[str, Any]], report: Report) -> None:
    """Write manifest.json over the manifests of every artifact of the loop, or of the report.

    Raises:
        UserError: of a report whose audit.json tells of findings.
    """
    [record] = records
    if record["step"] == "report":
        audited.require_clean(root)
    manifests.write(root, record)
    report(len(record["materials"]), len(record["materials"]), "manifests")
