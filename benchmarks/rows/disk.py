"""Disk that a run takes, the ledger's cache with it, against its samples and checkpoints."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from rows import standing
from rows.base import default_content
from rows.line import Found, Line, median

REPEATS = 1
FEW = "bytes, the same in every run"
SECONDS = {"ours": 60}
#: What stays of a generation by itself, whatever keeps the books.
PAYLOAD = ("samples", "model")


def files(*folders: Path) -> dict[tuple[int, int], int]:
    """Bytes of files, a linked one once."""
    found = {}
    for folder in folders:
        for file in folder.rglob("*"):
            if file.is_file():
                at = file.stat()
                found[at.st_dev, at.st_ino] = at.st_size
    return found


def ours(quick: bool, turn: int) -> dict[str, Any]:
    content = default_content() | {"experiment": "disk"}
    if quick:
        content |= {"generations": 2}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        standing.repository(folder, content)
        # The default's pictures, and as many bytes of weights as its network has.
        root = standing.stand(folder, content, size=8, weights=650_000)
        standing.commit(folder)
        loops, cache = files(root / "loops"), files(folder / ".dvc" / "cache")
        held = files(*(path for path in (root / "loops").rglob("*") if path.name in PAYLOAD))
        # Of the cache, what no result is a link to; all of it, where files cannot be linked.
        linked = files(root)
        alone = sum(size for file, size in cache.items() if file not in linked)
        evaluations = files(root / "evaluation")
        return {
            "payload": sum(held.values()),
            "results": sum(loops.values()) + sum(evaluations.values()),
            "cache_alone": alone,
        }


SIDES = {"ours": ours}


def lines(found: Found) -> list[Line]:
    payload, results, alone = (
        median(found, "ours", key) for key in ("payload", "results", "cache_alone")
    )
    return [
        Line(
            "disk of a generation, DVC's cache with it",
            "its samples and checkpoint alone",
            f"{(results + alone) / 1e6:.1f} MB, {alone / 1e6:.1f} MB of it in the cache alone",
            f"{payload / 1e6:.1f} MB",
            (results + alone) / payload,
            "lower",
            1.1,
            quality="all loops of the default together; random pictures and weights of its sizes",
        )
    ]
