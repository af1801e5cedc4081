"""The previews on the page: sheets of thumbnails, and the nearest real images of some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autophagy import sets
from autophagy.archive import Archive
from autophagy.page.sprites import Sheets

#: Pictures of each preview that the page shows.
SHOWN = 40


def gather(
    folder: Path,
    archive: Archive,
    followed: list[dict[str, Any]],
    near: dict[str, Any],
    sheets: Sheets,
) -> dict[str, Any]:
    """What the previews of all run seeds share: columns, labels, real pictures of the same classes.

    `neighbours` are the nearest real images of each preview's first pictures. Of points there is
    nothing (None).

    Args:
        followed: see `runs.gather`.
        near: preview -> its nearest real rows by split, see `paths.MAPS`.
    """
    facts = archive.manifest("real/reference")["facts"]
    if facts.get("levels") is None:
        return {"pictures": None, "neighbours": None}
    classes, levels = facts["classes"], facts["levels"]
    columns = columns_of(facts)
    previews = [
        step["preview"]["path"]
        for run in followed
        for steps in run["descent"].values()
        for step in steps
    ]
    labels = sets.read_array(folder, previews[0], "labels")[:SHOWN]
    real = sets.read_array(folder, "real/reference", "images")
    rows = _rows_of_classes(sets.read_array(folder, "real/reference", "labels"), labels)
    pictures = {
        "columns": columns,
        "labels": [classes[label] for label in labels.tolist()],
        "real": {"sheet": sheets.add(real[rows], levels, columns), "rows": rows},
    }
    found = {preview: near[preview] for preview in previews}
    return {"pictures": pictures, "neighbours": _neighbours(folder, levels, found, sheets)}


def of_run(
    folder: Path, archive: Archive, chains: dict[str, Any], sheets: Sheets
) -> dict[str, Any] | None:
    """The previews of a run seed: {seeds, loops}, the sheets of each loop by generation.

    Args:
        chains: see `runs.chains_of`.
    """
    facts = archive.manifest("real/reference")["facts"]
    if facts.get("levels") is None:
        return None
    return {
        "seeds": _seeds(archive, folder, chains),
        "loops": _sheets(folder, chains, facts["levels"], columns_of(facts), sheets),
    }


def columns_of(facts: dict[str, Any]) -> int:
    """Pictures side by side in a sheet: one of each class, where there are a few."""
    classes = len(facts["classes"])
    return min(classes, 10) if classes > 1 else 10


def _sheets(
    folder: Path, chains: dict[str, Any], levels: int, columns: int, sheets: Sheets
) -> dict[str, list[int]]:
    """Loop -> the sheets of its previews, generation by generation."""
    shown: dict[str, int] = {}
    for preview in dict.fromkeys(path for chain in chains.values() for path in chain["previews"]):
        images = sets.read_array(folder, preview, "images")[:SHOWN]
        shown[preview] = sheets.add(images, levels, columns)
    return {name: [shown[path] for path in chain["previews"]] for name, chain in chains.items()}


def _seeds(archive: Archive, folder: Path, chains: dict[str, Any]) -> list[str]:
    """The seeds of a preview's pictures; a number of JavaScript could not hold them."""
    first, key = _first(archive, chains)
    return [str(seed) for seed in sets.read_array(folder, first, key)[:SHOWN].tolist()]


def _first(archive: Archive, chains: dict[str, Any]) -> tuple[str, str]:
    """A preview, and the name of its array of seeds.

    Pictures from outside have none; only where there is nothing else do their rows stand.
    """
    every = [preview for chain in chains.values() for preview in chain["previews"]]
    drawn = [preview for preview in every if archive.kind(preview) == "preview"]
    return (drawn[0], "seeds") if drawn else (every[0], "source_rows")


def _rows_of_classes(classes: np.ndarray, labels: np.ndarray) -> list[int]:
    """A row with each label, the next one of its class each time; any row where there is none."""
    taken: dict[int, int] = {}
    rows = []
    for label in labels.tolist():
        known = np.flatnonzero(classes == label)
        known = known if len(known) else np.arange(len(classes))
        rows.append(int(known[taken.get(label, 0) % len(known)]))
        taken[label] = taken.get(label, 0) + 1
    return rows


def _neighbours(folder: Path, levels: int, found: dict[str, Any], sheets: Sheets) -> dict[str, Any]:
    """The nearest real images of each preview's first pictures, and one sheet a split of them."""
    content: dict[str, Any] = {"columns": 10, "previews": found}
    for split in ("loop", "reference"):
        rows = sorted({row for of in found.values() for row in of[split]["rows"]})
        images = sets.read_array(folder, f"real/{split}", "images")[rows]
        content[split] = {
            "sheet": sheets.add(images, levels, 10),
            "place": {str(row): place for place, row in enumerate(rows)},
        }
    return content
