"""A finished experiment as plain values: all that the page shows, read from its folder."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from autophagy import audited, evaluated, features, paths, plane, store, tables
from autophagy.archive import Archive
from autophagy.page import charts, descent, extra_tables, lineage_graph, pictures, runs, story
from autophagy.page.sprites import Sheets
from autophagy.verdict import tables as verdicts


def gather(root: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Everything on the page of an experiment with pictures or points.

    Args:
        asked: see `asked.of_images`.

    Returns:
        shell: what the HTML is made of. data: what its script reads.
    """
    folder, archive = Path(root), Archive(Path(root), tuple(asked["artifacts"]))
    table = tables.metrics(folder)
    judged = verdicts.by_loop(folder)
    seed = asked["seeds"][0]
    floor = evaluated.resplits(folder, seed)
    sheets = Sheets()
    space = features.space(asked["features"])
    real_profiles = runs.real_profiles(folder, asked)
    maps = store.read_json(folder / paths.MAPS)
    followed = runs.gather(folder, archive, asked, table, maps["places"], sheets)
    chains = runs.chains_of(asked, seed)
    dimensions = features.dimension(asked["features"], folder)
    data = {
        "experiment": asked["experiment"],
        "kind": asked["kind"],
        "generations": asked["generations"],
        "classes": archive.manifest("real/reference")["facts"]["classes"],
        "loops": [{"name": name} for name in asked["loops"]],
        "curves": charts.curves(asked, table, floor, descent.depths(archive, chains), space),
        "plane": charts.plane(asked, table, space),
        "ground": _ground(maps, dimensions),
        "real": real_profiles,
        "runs": followed,
        **pictures.gather(folder, archive, followed, maps["neighbours"], sheets),
    }
    data["sheets"] = sheets.urls
    shell = {
        "title": asked["experiment"],
        "lead": story.lead(asked, table, judged, space),
        "loops": story.loops(asked, table, judged),
        "numbers": charts.numbers(asked, table),
        "has_pictures": data["pictures"] is not None,
        "kind": asked["kind"],
        "has_classes": len(data["classes"]) > 1,
        "is_plane": dimensions <= 2,
        "has_spectra": real_profiles["spectrum"] is not None,
        "generations": asked["generations"],
        "seed": seed,
        "seeds": asked["seeds"],
        "shown_seeds": [run["seed"] for run in followed],
        "tables": extra_tables.gather(folder, asked),
        "graphs": lineage_graph.graphs(archive, chains),
        **_behind(folder, archive, asked),
    }
    return {"shell": shell, "data": data}


def _ground(maps: dict[str, Any], dimensions: int) -> dict[str, Any]:
    """Where real rows lie in a plane, and the names of its axes."""
    return {"real": maps["real"], "axes": plane.axes_in_words(maps["explained"], dimensions)}


def _behind(folder: Path, archive: Archive, asked: dict[str, Any]) -> dict[str, Any]:
    """Audit, roots, configuration and software."""
    software: dict[str, str] = {}
    for artifact in archive.artifacts():
        software |= archive.manifest(artifact)["software"]
    return {
        "audit": audited.read(folder),
        "roots": {name: archive.digest(loop["root"]) for name, loop in asked["loops"].items()},
        "configuration": yaml.safe_dump(
            asked["configuration"], sort_keys=False, allow_unicode=True
        ),
        "software": dict(sorted(software.items())),
        "artifacts": len(asked["artifacts"]),
    }


def data_url(png: Path) -> str:
    """A PNG file as an address that needs no network."""
    with store.opened(png) as file:
        return "data:image/png;base64," + base64.b64encode(file.read()).decode()
