"""A finished experiment as plain values: all that the page shows, read from its folder."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from autophagy import features, paths, store, tables
from autophagy.archive import Archive
from autophagy.page import charts, descent, lineage_graph, pictures, story
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
    table = tables.read(folder)
    judged = verdicts.read(folder)
    seed = asked["seeds"][0]
    floor = tables.resplits(folder, seed)
    sheets = Sheets()
    space = features.space(asked["features"])
    profiles = _profiles(folder, asked)
    dimensions = features.dimension(asked["features"], folder)
    data = {
        "experiment": asked["experiment"],
        "kind": asked["kind"],
        "generations": asked["generations"],
        "seed": seed,
        "classes": archive.manifest("real/reference")["facts"]["classes"],
        "loops": [{"name": name} for name in asked["loops"]],
        "curves": charts.curves(asked, table, floor, descent.depths(archive, asked), space),
        "plane": charts.plane(asked, table, space),
        "descent": {name: descent.of_loop(archive, loop) for name, loop in asked["loops"].items()},
        "maps": _maps(folder, asked, dimensions),
        "profiles": profiles,
        **pictures.gather(folder, archive, asked, sheets),
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
        "has_spectra": profiles["real"]["spectrum"] is not None,
        "generations": asked["generations"],
        "seed": seed,
        "seeds": asked["seeds"],
        "shown_seeds": [
            seed,
            *(other["seed"] for other in (data["pictures"] or {}).get("others", [])),
        ],
        "graphs": lineage_graph.graphs(archive, asked["loops"]),
        **_behind(folder, archive, asked),
    }
    return {"shell": shell, "data": data}


def _shown_seeds(data: dict[str, Any], seed: int) -> list[int]:
    """The run seeds whose previews are on the page."""
    others = data["pictures"]["others"] if data["pictures"] else []
    return [seed, *(other["seed"] for other in others)]


def _maps(folder: Path, asked: dict[str, Any], dimensions: int) -> dict[str, Any]:
    """Where real rows and previews lie in a plane, with the names of its axes."""
    found = store.read_json(folder / paths.MAPS)
    return {
        "real": found["real"],
        "axes": _axes(found, dimensions),
        "loops": {
            name: [found["places"][preview] for preview in loop["previews"]]
            for name, loop in asked["loops"].items()
        },
    }


def _axes(found: dict[str, Any], dimensions: int) -> list[str]:
    """What the axes of the plane are, see `plane.of_features`."""
    if dimensions <= 2:
        return ["first coordinate", "second coordinate"]
    first, second = found["explained"]
    return [f"first component ({first:.1%} of variance)", f"second ({second:.1%})"]


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
