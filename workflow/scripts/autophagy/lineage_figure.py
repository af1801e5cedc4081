"""The lineage graph of an experiment's loops, drawn from their manifests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from autophagy import lineage, regimes
from autophagy.archive import Archive
from autophagy.figures import WIDTH, drawing

#: Generations drawn of a longer loop: the first ones and the last two.
DRAWN = 7
#: Depths with a colour of their own; deeper ones share the last.
DEEPEST = 8
_REAL = "#009E73"
_WIDTH = 0.36


@dataclass(frozen=True)
class Generation:
    """D^t of one generation.

    parts: share of its rows by generation of origin, 0 = real. depths: share by synthetic depth.
    """

    t: int
    rows: int
    parts: dict[int, float]
    depths: dict[int, float]
    real_ancestors: int


def generations(archive: Archive, training_sets: list[str]) -> list[Generation]:
    """What the graph shows of a loop's training sets, in the order of generations."""
    found = []
    for path in training_sets:
        manifest = archive.manifest(path)
        parts: dict[int, float] = {}
        for part, count in regimes.shares(manifest["params"]):
            share = count / manifest["rows"]
            parts[part["generation"]] = parts.get(part["generation"], 0.0) + share
        found.append(
            Generation(
                _generation(path),
                manifest["rows"],
                parts,
                lineage.depths(archive, path),
                lineage.real_ancestors(archive, path),
            )
        )
    return found


def _generation(path: str) -> int:
    """Read off the folder gen-ttt; a real-only model is generation 1."""
    found = re.search(r"/gen-(\d{3})/", path)
    return int(found[1]) if found else 1


def title(experiment: str, seed: int) -> str:
    """What the graph of one run seed is called."""
    return (
        f"{experiment}: what each training set holds, by synthetic depth, and where it came from "
        f"(seed {seed})"
    )


def draw(loops: dict[str, list[Generation]], title: str) -> Any:
    """One panel a loop: what each training set holds, by synthetic depth, and where it came from.

    Args:
        loops: name -> its generations.
    """
    loops = {name: found for name, found in loops.items() if found}
    if not loops:
        with drawing() as Figure:
            figure = Figure(figsize=(WIDTH, 1.0))
            figure.text(0.02, 0.3, "no training sets: every loop is a start from outside alone")
            figure.suptitle(title, x=0.02, ha="left")
        return figure
    deepest = max(max(g.depths) for found in loops.values() for g in found)
    with drawing() as Figure:
        from matplotlib.patches import Patch

        shown = max(len(_shown(found)) for found in loops.values())
        figure = Figure(figsize=(WIDTH, 1.5 * len(loops) + 0.95))
        figure.subplots_adjust(
            left=0.02, right=0.98, top=1 - 0.62 / figure.get_figheight(), hspace=0.35,
            bottom=0.35 / figure.get_figheight(),
        )  # fmt: skip
        panels = figure.subplots(len(loops), 1, squeeze=False)[:, 0]
        for axes, (name, found) in zip(panels, loops.items(), strict=True):
            _panel(axes, name, found)
            axes.set_xlim(-0.45, shown - 0.2)
        labels = ["real", *(f"depth {depth}" for depth in range(1, min(deepest, DEEPEST) + 1))]
        if deepest > DEEPEST:
            labels[-1] += " and more"
        patches = [Patch(color=colour(depth), label=text) for depth, text in enumerate(labels)]
        figure.legend(handles=patches, loc="lower center", ncols=len(patches), fontsize="small")
        figure.suptitle(title, x=0.02, y=1 - 0.08 / figure.get_figheight(), ha="left")
    return figure


def caption(loops: dict[str, list[Generation]], title: str) -> str:
    """What the graph shows, in words: of each loop, its last training set."""
    told = []
    for name, found in loops.items():
        if found:
            last = found[-1]
            depth = sum(depth * share for depth, share in last.depths.items())
            told.append(
                f"{name}, generation {last.t}: {last.rows} rows, "
                f"{last.depths.get(0, 0.0):.0%} real, mean synthetic depth {depth:.3g}, "
                f"{last.real_ancestors} distinct real rows anywhere in the ancestry"
            )
    longest = max(map(len, loops.values()), default=0)
    left_out = f" Of {longest} generations the first and the last two." if longest > DRAWN else ""
    return (
        f"{title[0].upper()}{title[1:]}. Bars: rows of each training set by synthetic depth "
        "(green: real); arrows: the share of real data and of earlier generations' samples."
        f"{left_out} {'; '.join(told)}."
    )


def _panel(axes: Any, name: str, found: list[Generation]) -> None:
    axes.set_title(name, fontweight="bold")
    axes.set_ylim(-0.36, 1.5)
    axes.set_axis_off()
    shown = _shown(found)
    place_of = {generation.t: place for place, generation in enumerate(shown)}
    largest = max(generation.rows for generation in found)
    for place, generation in enumerate(shown):
        height = generation.rows / largest
        _bar(axes, place, height, generation)
        _arrows(axes, place, height, generation, place_of)
        if place and generation.t > shown[place - 1].t + 1:
            axes.text(place - 0.4, 0.5, "…", ha="center", va="center", fontsize="x-large")


def _bar(axes: Any, place: int, height: float, generation: Generation) -> None:
    bottom = 0.0
    for depth, share in sorted(generation.depths.items()):
        axes.bar(
            place, share * height, _WIDTH, bottom, color=colour(depth), edgecolor="white", lw=0.5
        )
        bottom += share * height
    axes.text(place, height + 0.03, f"$D^{{{generation.t}}}$", ha="center", va="bottom")
    axes.text(
        place,
        -0.05,
        f"{generation.rows} rows\n{generation.real_ancestors} real ancestors",
        ha="center",
        va="top",
        fontsize="small",
        color="0.3",
    )


def _arrows(
    axes: Any, place: int, height: float, generation: Generation, place_of: dict[int, int]
) -> None:
    """Real rows come in from above; samples of an earlier generation from its training set."""
    style = {"arrowstyle": "-|>", "color": "0.45", "shrinkA": 0, "shrinkB": 0}
    for origin, share in generation.parts.items():
        if origin == 0:
            axes.annotate(
                "", (place, height + 0.22), (place, height + 0.5),
                arrowprops=style | {"color": _REAL, "lw": 0.8 + 1.5 * share},
            )  # fmt: skip
            axes.text(
                place + 0.05,
                height + 0.4,
                f"{share:.0%} real",
                fontsize="small",
                color=_REAL,
                va="center",
            )
        elif origin in place_of:
            start, distance = place_of[origin] + _WIDTH / 2, place - place_of[origin]
            at = 0.25 if distance == 1 else 0.15
            bend = "arc3" if distance == 1 else f"arc3,rad={0.12 + 0.05 * distance:.2f}"
            axes.annotate(
                "", (place - _WIDTH / 2, at), (start, at),
                arrowprops=style | {"lw": 0.8 + 1.5 * share, "connectionstyle": bend},
            )  # fmt: skip
            if distance == 1:
                text = f"$G^{{{origin}}}$ → $S^{{{origin}}}$\n{share:.0%}"
                middle = (start + place - _WIDTH / 2) / 2
                axes.text(middle, at + 0.05, text, ha="center", va="bottom", fontsize="small")


def _shown(found: list[Generation]) -> list[Generation]:
    return found if len(found) <= DRAWN else found[: DRAWN - 2] + found[-2:]


def colour(depth: int) -> Any:
    """Real rows green, synthetic ones from yellow to dark red the deeper they are."""
    from matplotlib import colormaps

    if depth == 0:
        return _REAL
    return colormaps["YlOrRd"](0.2 + 0.8 * (min(depth, DEEPEST) - 1) / (DEEPEST - 1))
