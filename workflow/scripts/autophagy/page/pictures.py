"""The previews on the page: sheets of thumbnails, and the nearest real images of some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autophagy import paths, sets, store
from autophagy.archive import Archive
from autophagy.page import descent
from autophagy.page.sprites import Sheets

#: Pictures of each preview that the page shows.
SHOWN = 40
#: Characters of sheets beyond which no other run seed's previews are added.
LARGEST = 8 * 2**20


def gather(folder: Path, archive: Archive, asked: dict[str, Any], sheets: Sheets) -> dict[str, Any]:
    """The previews as sheets, loop by generation, real pictures of the same classes beside.

    `others` are those of run seeds after the first, as far as they fit: {seed, seeds, loops,
    descent}. Of points there is nothing (None).
    """
    facts = archive.manifest("real/reference")["facts"]
    if facts.get("levels") is None:
        return {"pictures": None, "neighbours": None}
    classes, levels = facts["classes"], facts["levels"]
    columns = columns_of(facts)
    first, _ = _first(archive, asked["loops"])
    labels = sets.read_array(folder, first, "labels")[:SHOWN]
    shown = _sheets(folder, asked["loops"], levels, columns, sheets)
    # Those of another seed take about as much.
    each = sheets.size
    real = sets.read_array(folder, "real/reference", "images")
    rows = _rows_of_classes(sets.read_array(folder, "real/reference", "labels"), labels)
    pictures: dict[str, Any] = {
        "columns": columns,
        "labels": [classes[label] for label in labels.tolist()],
        "seeds": _seeds(archive, folder, asked["loops"]),
        "real": {"sheet": sheets.add(real[rows], levels, columns), "rows": rows},
        "loops": shown,
        "others": [],
    }
    for seed in asked["seeds"][1:]:
        if sheets.size + each > LARGEST:
            break
        chains = {name: loop["others"][str(seed)] for name, loop in asked["loops"].items()}
        pictures["others"].append(
            {
                "seed": seed,
                "seeds": _seeds(archive, folder, chains),
                "loops": _sheets(folder, chains, levels, columns, sheets),
                "descent": {name: descent.of_loop(archive, of) for name, of in chains.items()},
            }
        )
    return {"pictures": pictures, "neighbours": _neighbours(folder, levels, sheets)}


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


def _neighbours(folder: Path, levels: int, sheets: Sheets) -> dict[str, Any]:
    """The nearest real images of each preview's first pictures, and one sheet a split of them."""
    found = store.read_json(folder / paths.MAPS)["neighbours"]
    content: dict[str, Any] = {"columns": 10, "previews": found}
    for split in ("loop", "reference"):
        rows = sorted({row for of in found.values() for row in of[split]["rows"]})
        images = sets.read_array(folder, f"real/{split}", "images")[rows]
        content[split] = {
            "sheet": sheets.add(images, levels, 10),
            "place": {str(row): place for place, row in enumerate(rows)},
        }
    return content
