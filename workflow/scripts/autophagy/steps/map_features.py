"""Where the previews' rows lie in feature space, generation by generation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autophagy import devices, features, figures, manifests, plane, sets, store
from autophagy.figures import maps
from autophagy.paths import MAPS

#: Rows drawn of each preview, and of real ones as the ground that samples are seen against.
DRAWN = 300
#: Pictures of each preview whose nearest real images are shown.
COMPARED = 10


def map_features(
    root: str,
    network: str,
    previews: dict[str, dict[str, list[str]]],
    title: str,
    stem: str,
    threads: int,
    report: Any = None,
) -> None:
    """Write figures/maps.json, and draw the plane of the first run seed.

    The file holds `explained`, the share of variance along each axis of the plane; `real`, places
    of held-out real images; `places`, preview -> places of its pictures; and `neighbours`, preview
    -> {loop, reference}, each the rows of the nearest of equally many images and their distances.
    The plane is that of the held-out real images' principal components, the same for all.

    Args:
        network: the feature network's name.
        previews: loop -> run seed -> its previews, by generation.
        stem: output path of the figure without its suffix.
    """
    folder = Path(root)
    devices.prepare(threads, "cpu")
    known = features.module(network).load(folder / f"features/{network}", "cpu")
    facts = sets.row_facts(manifests.read(folder, "real/reference"))
    read = {
        name: known(sets.read_rows(folder, f"real/{name}", facts))[0]
        for name in ("loop", "reference")
    }
    ground = plane.of_features(read["reference"])
    # Of a larger set the nearest image is nearer by its size alone.
    equal = min(map(len, read.values()))
    places: dict[str, Any] = {}
    neighbours: dict[str, Any] = {}
    every = (path for runs in previews.values() for chain in runs.values() for path in chain)
    for preview in dict.fromkeys(every):
        found, _ = known(sets.read_rows(folder, preview, facts))
        places[preview] = _rounded(ground.places(found[:DRAWN]))
        neighbours[preview] = {
            name: _pair(*plane.nearest(found[:COMPARED], rows[:equal]))
            for name, rows in read.items()
        }
    content = {
        "explained": _rounded(np.array(ground.explained)),
        "real": _rounded(ground.places(read["reference"][:DRAWN])),
        "places": places,
        "neighbours": neighbours,
    }
    store.write_json(folder / MAPS, content)
    first = {name: next(iter(runs.values())) for name, runs in previews.items()}
    drawn = (
        content["real"],
        {name: [places[preview] for preview in chain] for name, chain in first.items()},
        plane.axes_in_words(content["explained"], features.dimension(network, folder)),
        title,
    )
    space = features.space(network)
    figures.save(maps.draw(*drawn), maps.caption(*drawn, space), Path(stem))


def _pair(rows: np.ndarray, distances: np.ndarray) -> dict[str, Any]:
    return {"rows": rows.tolist(), "distances": _rounded(distances)}


def _rounded(values: np.ndarray) -> Any:
    """To what a screen can show; not finite ones as None."""
    finite = np.round(values.astype(np.float64), 3).astype(object)
    finite[~np.isfinite(values.astype(np.float64))] = None
    return finite.tolist()
