"""The figures of what is inferred over seeds: effective sample sizes, and attribution of drift."""

from __future__ import annotations

from typing import Any

import numpy as np

from autophagy.figures import COLOURS, MARKERS, WIDTH, drawing, legend_columns
from autophagy.tabular import Rows, grouped
from autophagy.verdict.learning_curve import LearningCurve


def effective_size(curve: LearningCurve, sizes: Rows, title: str, space: str) -> Any:
    """Two panels: real-only distance over n with every loop's inversion, and n_e over generations.

    Args:
        sizes: effective_size.csv.
        space: what the space of the distance is called.

    Where the curve lacks something, the figure says what.
    """
    if curve.lacks:
        with drawing() as Figure:
            figure = Figure(figsize=(WIDTH, 1.0))
            figure.text(0.01, 0.4, curve.lacks)
            figure.suptitle(title, x=0.01, ha="left")
        return figure
    with drawing() as Figure:
        figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        _curve(left, curve)
        loops = grouped(sizes, "loop")
        for place, ((name,), rows) in enumerate(loops.items()):
            colour = COLOURS[place % len(COLOURS)]
            marker = MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]
            _inverted(left, rows[-1], colour, marker)
            single = [row for row in rows if row["first_generation"] == row["last_generation"]]
            _over_generations(right, single, name, colour, marker, place, len(loops))
        for axes, sides in ((left, "x"), (right, "y")):
            axis = getattr(axes, f"{sides}axis")
            axes.set(**{f"{sides}scale": "log"})
            axis.set_ticks(curve.sizes, [str(n) for n in curve.sizes])
            axis.set_ticks([], minor=True)
        left.set(xlabel="real rows alone, n", ylabel=f"Fréchet distance ({space}), λ = 1")
        left.set_ylim(0)
        left.set_title("Learning curve, and loops inverted")
        right.set(xlabel="generation", ylabel="effective sample size $n_e$")
        right.set_ylim(curve.sizes[0] / 1.25, curve.sizes[-1] * 1.25)
        right.set_title("Effective sample size, 95% intervals")
        right.xaxis.get_major_locator().set_params(integer=True)
        for edge in (curve.sizes[0], curve.sizes[-1]):
            right.axhline(edge, color="0.7", lw=0.8, ls=":")
        handles, labels = left.get_legend_handles_labels()
        more = right.get_legend_handles_labels()
        labels = labels + more[1]
        figure.legend(
            handles + more[0], labels, loc="outside lower center", ncols=legend_columns(labels)
        )
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def caption(curve: LearningCurve, sizes: Rows, title: str, space: str) -> str:
    """What the figure shows, in words; arguments as in `effective_size`."""
    if curve.lacks:
        return f"Effective sample sizes: {curve.lacks}. {title}."
    loops = ", ".join(name for (name,) in grouped(sizes, "loop"))
    return (
        f"Effective sample sizes n_e of {loops}. Left: Fréchet distance ({space}, λ = 1) of models "
        f"of {', '.join(map(str, curve.sizes))} real rows alone, {len(curve.distances)} seeds, "
        "with a monotone fit; every loop's mean distance after burn-in inverted on it (thick: 95% "
        "interval). Right: n_e by generation. Hollow marks lie outside the sizes that were "
        f"measured. {title}."
    )


def _curve(axes: Any, curve: LearningCurve) -> None:
    grid = np.geomspace(curve.sizes[0], curve.sizes[-1], 200)
    fitted = np.interp(1 / grid, 1 / curve.sizes[::-1], curve.fitted[::-1])
    axes.plot(grid, fitted, color="0.4", lw=1.2, label="real-only models, monotone fit")
    every = np.tile(curve.sizes, len(curve.distances))
    axes.plot(every, curve.distances.ravel(), ".", color="0.4", ms=5, label="one seed")


def _inverted(axes: Any, row: dict[str, Any], colour: str, marker: str) -> None:
    """A loop's distance after burn-in, as its interval of n_e; at the edge where n_e is outside."""
    told = [row["n_e"], row["n_e_low"], row["n_e_high"]]
    n_e, *ends = np.clip(told, row["n_min"], row["n_max"])
    axes.plot(ends, [row["distance"]] * 2, color=colour, lw=2.5, alpha=0.35)
    if n_e == row["n_e"]:
        axes.vlines(n_e, 0, row["distance"], color=colour, lw=0.8, ls=":")
    face = colour if n_e == row["n_e"] else "white"
    axes.plot(n_e, row["distance"], marker, color=colour, ms=5, mfc=face)


def _over_generations(
    axes: Any, rows: Rows, name: str, colour: str, marker: str, place: int, loops: int
) -> None:
    """n_e by generation, loops side by side; hollow at the edge where it lies outside the curve."""
    columns = ("first_generation", "n_e", "n_e_low", "n_e_high", "n_min", "n_max")
    t, told, low, high, least, most = (
        np.array([row[name] for row in rows], dtype=float) for name in columns
    )
    t = t + 0.5 * ((place + 0.5) / loops - 0.5)
    low, high = (np.clip(end, least / 1.25, most * 1.25) for end in (low, high))
    n_e = np.clip(told, least, most)
    axes.vlines(t, low, high, color=colour, lw=2, alpha=0.35)
    axes.plot(t, n_e, "-", color=colour, lw=1)
    axes.plot([], [], "-", marker=marker, color=colour, ms=4, lw=1, label=name)
    for outside, face in ((False, colour), (True, "white")):
        chosen = (told != n_e) == outside
        axes.plot(t[chosen], n_e[chosen], marker, color=colour, mfc=face, ms=4)


def attribution(found: Rows, title: str, space: str) -> Any:
    """The drift of each loop with its interval, the reference first.

    Args:
        found: attribution.csv. space: what the space of the distance is called.
    """
    with drawing() as Figure:
        figure = Figure(figsize=(WIDTH, 0.9 + 0.3 * len(found)), layout="constrained")
        axes, places = figure.subplots(), np.arange(len(found))[::-1]
        axes.axvline(0, color="0.6", lw=0.8)
        drift, low, high = (
            [row[name] for row in found] for name in ("drift", "drift_low", "drift_high")
        )
        axes.axvline(drift[0], color="0.6", lw=0.8, ls=":")
        axes.hlines(places, low, high, color=COLOURS[0], lw=2.5, alpha=0.35)
        axes.plot(drift, places, MARKERS[0], color=COLOURS[0], ms=5)
        labels = [f"{row['loop']}\n{row['changed']}".strip() for row in found]
        axes.set_yticks(places, labels)
        axes.set_ylim(-0.6, len(found) - 0.4)
        axes.set_xlabel(f"Fréchet distance ({space}), λ = 1: rise a generation, 95% interval")
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def attribution_caption(found: Rows, title: str, space: str) -> str:
    """What the figure shows, in words; arguments as in `attribution`."""
    reference = found[0]
    return (
        f"How fast the Fréchet distance ({space}, λ = 1) rises in loops that differ from "
        f"{reference['loop']} in what is named, from the same first model: least-squares slope "
        f"over generations, mean over {reference['seeds']} seeds and 95% interval. Dotted: that of "
        f"{reference['loop']}. {title}."
    )
