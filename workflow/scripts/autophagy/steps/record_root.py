"""Write the root of a loop or of a real-only model: one hash that certifies its whole history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import manifests
from autophagy.progress import Report


def record_root(root: Path, records: list[dict[str, Any]], report: Report) -> None:
    """Write manifest.json over the manifests of every artifact of the loop."""
    [record] = records
    manifests.write(root, record)
    report(len(record["materials"]), len(record["materials"]), "manifests")
