"""What of one run seed follows the page's slider: previews, lineage, places, profiles, numbers."""

from __future__ import annotations

import json
from operator import itemgetter
from pathlib import Path
from typing import Any

from autophagy import paths, store
from autophagy.archive import Archive
from autophagy.metrics import HEADLINE
from autophagy.page import descent, pictures
from autophagy.page.numbers import rounded
from autophagy.page.sprites import Sheets
from autophagy.tables import Metrics

#: Characters beyond which no other run seed is added.
LARGEST = 8 * 2**20


def gather(
    folder: Path,
    archive: Archive,
    asked: dict[str, Any],
    table: Metrics,
    places: dict[str, Any],
    sheets: Sheets,
) -> list[dict[str, Any]]:
    """The run seeds, the first of them and as many more as fit.

    Each is {seed, pictures, descent, places, profiles, metrics}: by loop a list over generations,
    but for pictures, see `pictures.of_run`, which are None of points.

    Args:
        table: metrics.csv.
        places: preview -> where its rows lie in the plane, see `paths.MAPS`.
    """
    found: list[dict[str, Any]] = []
    whole = largest = 0
    for seed in asked["seeds"]:
        # The next seed takes about as much as the largest so far.
        if found and whole + largest > LARGEST:
            break
        before = sheets.size
        chains = chains_of(asked, seed)
        run = {
            "seed": seed,
            "pictures": pictures.of_run(folder, archive, chains, sheets),
            "descent": {name: descent.of_loop(archive, of) for name, of in chains.items()},
            "places": {name: [places[p] for p in of["previews"]] for name, of in chains.items()},
            "profiles": {
                name: [_profiles(folder, path) for path in of["evaluations"]]
                for name, of in chains.items()
            },
            "metrics": {name: _metrics(table, name, seed) for name in chains},
        }
        size = sheets.size - before + len(json.dumps(run))
        whole, largest = whole + size, max(largest, size)
        found.append(run)
    return found


def chains_of(asked: dict[str, Any], seed: int) -> dict[str, Any]:
    """Loop -> its artifacts of a run seed, see `asked.of_images`."""
    return {name: loop["runs"][str(seed)] for name, loop in asked["loops"].items()}


def real_profiles(folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """The histogram and the spectrum of real rows."""
    return _profiles(folder, paths.evaluation_path("real", asked["seeds"][0], 0))


def _profiles(folder: Path, evaluation: str) -> dict[str, Any]:
    """Of the samples as the loop feeds on them."""
    return store.read_json(folder / evaluation)["output"]["profiles"]


def _metrics(table: Metrics, name: str, seed: int) -> dict[str, list[float | None]]:
    rows = [row for row in table.of(name, "output") if row["seed"] == seed]
    rows.sort(key=itemgetter("generation"))
    return {metric: [rounded(row[metric]) for row in rows] for metric in HEADLINE}
