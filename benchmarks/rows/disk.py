"""Disk that a run takes, the ledger's cache with it, against its samples and checkpoints."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from rows import standing
from rows.base import Found, Line, default_content, median

REPEATS = 1
#: What stays of a generation by itself, whatever keeps the books.
PAYLOAD = ("samples", "model")


def size(*folders: Path) -> int:
    """Bytes of files, a linked one once."""
    found = {}
    for folder in folders:
        for file in folder.rglob("*"):
            if file.is_file():
                at = file.stat()
                found[at.st_dev, at.st_ino] = at.st_size
    return sum(found.values())


def ours(quick: bool, turn: int) -> dict[str, Any]:
    content = default_content() | {"experiment": "disk"}
    if quick:
        content |= {"generations": 2}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        standing.repository(folder, content)
        # The default's pictures, and as many bytes of weights as its network has.
        root = standing.stand(folder, content, size=8, weights=700_000)
        standing.commit(folder)
        payload = [path for path in root.rglob("*") if path.is_dir() and path.name in PAYLOAD]
        return {
            "payload": size(*payload),
            "results": size(root),
            "with_cache": size(root, folder / ".dvc" / "cache"),
        }


SIDES = {"ours": ours}


def lines(found: Found) -> list[Line]:
    payload, whole = median(found, "ours", "payload"), median(found, "ours", "with_cache")
    return [
        Line(
            "disk of the default: results and DVC's cache",
            "its samples and checkpoints alone",
            f"{whole / 1e6:.1f} MB, results {median(found, 'ours', 'results') / 1e6:.1f} MB",
            f"{payload / 1e6:.1f} MB",
            whole / payload,
            "lower",
            1.1,
            quality="random pictures and weights of the default's sizes",
        )
    ]
