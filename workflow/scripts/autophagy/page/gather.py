"""A finished experiment as plain values: all that the page shows, read from its folder."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from autophagy import features, paths, sets, store, tables
from autophagy.archive import Archive
from autophagy.page import charts, descent, story
from autophagy.page.sprites import Sheets
from autophagy.verdict import tables as verdicts

#: Pictures of each preview that the page shows.
SHOWN = 40


def gather(root: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Everything on the page of an experiment with pictures or points.

    Args:
        asked: see `asked.of_images`.

    Returns:
        shell: what the HTML is made of. data: what its script reads.
    """
    folder, archive = Path(root), Archive(Path(root), tuple(asked["artifacts"]))
    table = tables.read(folder)
    judged = verdicts.read(folder)
    seed = asked["seeds"][0]
    floor = tables.resplits(folder, seed)
    sheets = Sheets()
    space = features.space(asked["features"])
    profiles = _profiles(folder, asked)
    data = {
        "experiment": asked["experiment"],
        "generations": asked["generations"],
        "seed": seed,
        "classes": archive.manifest("real/reference")["facts"]["classes"],
        "loops": [{"name": name} for name in asked["loops"]],
        "curves": charts.curves(asked, table, floor, descent.depths(archive, asked), space),
        "plane": charts.plane(asked, table, space),
        "descent": {name: descent.of_loop(archive, loop) for name, loop in asked["loops"].items()},
        "maps": _maps(folder, asked),
        "profiles": profiles,
        **_pictures(folder, archive, asked, sheets),
    }
    data["sheets"] = sheets.urls
    shell = {
        "title": asked["experiment"],
        "lead": story.lead(asked, table, judged, space),
        "loops": story.loops(asked, table, judged),
        "numbers": charts.numbers(asked, table),
        "has_pictures": data["pictures"] is not None,
        "has_spectra": profiles["real"]["spectrum"] is not None,
        "generations": asked["generations"],
        "seed": seed,
        "seeds": asked["seeds"],
        "lineage_figure": data_url(folder / "figures/lineage.png"),
        **_behind(folder, archive, asked),
    }
    return {"shell": shell, "data": data}


def _pictures(
    folder: Path, archive: Archive, asked: dict[str, Any], sheets: Sheets
) -> dict[str, Any]:
    """The previews as sheets, loop by generation, real pictures of the same classes beside."""
    facts = archive.manifest("real/reference")["facts"]
    if facts.get("levels") is None:
        return {"pictures": None, "neighbours": None}
    classes, levels = facts["classes"], facts["levels"]
    columns = min(len(classes), 10) if len(classes) > 1 else 10
    every = [preview for loop in asked["loops"].values() for preview in loop["previews"]]
    # Pictures from outside have no seeds; only where there is nothing else do their rows stand.
    drawn = [preview for preview in every if archive.kind(preview) == "preview"]
    first, keys = (drawn[0], "seeds") if drawn else (every[0], "source_rows")
    labels = sets.read_array(folder, first, "labels")[:SHOWN]
    shown: dict[str, int] = {}
    for loop in asked["loops"].values():
        for preview in loop["previews"]:
            if preview not in shown:
                images = sets.read_array(folder, preview, "images")[:SHOWN]
                shown[preview] = sheets.add(images, levels, columns)
    real = sets.read_array(folder, "real/reference", "images")
    rows = _rows_of_classes(sets.read_array(folder, "real/reference", "labels"), labels)
    pictures = {
        "columns": columns,
        "labels": [classes[label] for label in labels.tolist()],
        # Beyond what a number of JavaScript can hold.
        "seeds": [str(seed) for seed in sets.read_array(folder, first, keys)[:SHOWN].tolist()],
        "real": {"sheet": sheets.add(real[rows], levels, columns), "rows": rows},
        "loops": {
            name: [shown[preview] for preview in loop["previews"]]
            for name, loop in asked["loops"].items()
        },
    }
    return {"pictures": pictures, "neighbours": _neighbours(folder, levels, sheets)}


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


def _maps(folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    found = store.read_json(folder / paths.MAPS)
    return {
        "real": found["real"],
        "explained": found["explained"],
        "loops": {
            name: [found["places"][preview] for preview in loop["previews"]]
            for name, loop in asked["loops"].items()
        },
    }


def _profiles(folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Histograms and spectra behind the metrics, of the samples as the loop feeds on them."""
    real = paths.evaluation_path("real", asked["seeds"][0], 0)
    read = {"real": [real]} | {name: loop["evaluations"] for name, loop in asked["loops"].items()}
    of = {
        name: [store.read_json(folder / path)["output"]["profiles"] for path in listed]
        for name, listed in read.items()
    }
    return {"real": of.pop("real")[0], "loops": of}


def _behind(folder: Path, archive: Archive, asked: dict[str, Any]) -> dict[str, Any]:
    """Audit, roots, configuration and software."""
    software: dict[str, str] = {}
    for artifact in archive.artifacts():
        software |= archive.manifest(artifact)["software"]
    return {
        "audit": store.read_json(folder / paths.AUDIT),
        "roots": {name: archive.digest(loop["root"]) for name, loop in asked["loops"].items()},
        "configuration": yaml.safe_dump(
            asked["configuration"], sort_keys=False, allow_unicode=True
        ),
        "software": dict(sorted(software.items())),
        "artifacts": len(asked["artifacts"]),
    }


def data_url(png: Path) -> str:
    """A PNG file as an address that needs no network."""
    return "data:image/png;base64," + base64.b64encode(png.read_bytes()).decode()
