"""The lineage graph of each loop as shapes, for an SVG in the page: every generation, to scale."""

from __future__ import annotations

from typing import Any

from autophagy import lineage_figure
from autophagy.archive import Archive
from autophagy.lineage_figure import Generation

#: Distance of two training sets, width and greatest height of a bar, place of its foot.
STEP, WIDTH, HEIGHT, FOOT = 120, 44, 110, 150


def graphs(archive: Archive, chains: dict[str, Any]) -> list[dict[str, Any]]:
    """One graph a loop that has training sets: {name, told, width, height, generations}.

    A generation is {t, x, top, foot, rows, ancestors, bars, arrows}; see `_generation`.

    Args:
        chains: see `runs.chains_of`.
    """
    found = []
    for name, of in chains.items():
        known = [path for path in of["training_sets"] if path is not None]
        every = lineage_figure.generations(archive, known)
        if every:
            found.append(_graph(name, every))
    return found


def _graph(name: str, every: list[Generation]) -> dict[str, Any]:
    largest = max(generation.rows for generation in every)
    place = {generation.t: at for at, generation in enumerate(every)}
    last = every[-1]
    return {
        "name": name,
        "told": f"{name}: training sets of generations {every[0].t} to {last.t}; the last holds "
        f"{last.rows} rows, {last.depths.get(0, 0.0):.0%} real",
        "width": STEP * len(every) + 10,
        "height": FOOT + 52,
        "generations": [_generation(generation, place, largest) for generation in every],
    }


def _generation(of: Generation, place: dict[int, int], largest: int) -> dict[str, Any]:
    """Bars {y, height, depth, told} from the foot up; arrows {path, width, label, x, y}."""
    x = STEP * place[of.t] + 38
    height = HEIGHT * of.rows / largest
    bars, y = [], float(FOOT)
    for depth, share in sorted(of.depths.items()):
        y -= share * height
        kind = "real" if depth == 0 else f"depth {depth}"
        bars.append(
            {
                "y": round(y, 2),
                "height": round(share * height, 2),
                "depth": min(depth, lineage_figure.DEEPEST),
                "told": f"{share:.1%} of {of.rows} rows: {kind}",
            }
        )
    arrows = [
        _arrow(x, place[of.t] - place[origin], origin, share)
        for origin, share in of.parts.items()
        if origin in place
    ]
    return {
        "t": of.t,
        "x": x,
        "width": WIDTH,
        "top": round(FOOT - height, 2),
        "foot": FOOT,
        "rows": of.rows,
        "ancestors": of.real_ancestors,
        "real": f"{of.parts[0]:.0%} real" if 0 in of.parts else None,
        "bars": bars,
        "arrows": arrows,
    }


def _arrow(x: int, distance: int, origin: int, share: float) -> dict[str, Any]:
    """From the bar of an earlier generation; over more than one step it bends below the text."""
    start, end, y = x - STEP * distance + WIDTH, x - 4, FOOT - 14
    if distance == 1:
        path, label = f"M{start} {y}H{end}", f"{share:.0%}"
    else:
        bend = min(y + 12 + 9 * distance, FOOT + 44)
        path, label = f"M{start} {y}C{start + 20} {bend} {end - 20} {bend} {end} {y}", None
    return {
        "path": path,
        "width": round(1 + 2.5 * share, 2),
        "told": f"{share:.1%} from samples of generation {origin}",
        "label": label,
        "x": (start + end) // 2,
        "y": y - 7,
    }
