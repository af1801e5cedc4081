"""The figures of what is inferred over seeds: effective sample sizes, and attribution of drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autophagy.figures import COLOURS, MARKERS, WIDTH, drawing, legend_columns
from autophagy.verdict.learning_curve import LearningCurve

if TYPE_CHECKING:
    import pandas as pd


def effective_size(curve: LearningCurve, sizes: pd.DataFrame, title: str, space: str) -> Any:
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
        loops = list(dict.fromkeys(sizes["loop"]))
        for place, name in enumerate(loops):
            rows = sizes[sizes["loop"] == name]
            colour = COLOURS[place % len(COLOURS)]
            marker = MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]
            _inverted(left, rows.iloc[-1], colour, marker)
            single = rows[rows["first_generation"] == rows["last_generation"]]
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


def caption(curve: LearningCurve, sizes: pd.DataFrame, title: str, space: str) -> str:
    """What the figure shows, in words; arguments as in `effective_size`."""
    if curve.lacks:
        return f"Effective sample sizes: {curve.lacks}. {title}."
    loops = ", ".join(dict.fromkeys(sizes["loop"]))
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


def _inverted(axes: Any, row: pd.Series, colour: str, marker: str) -> None:
    """A loop's distance after burn-in, as its interval of n_e; at the edge where n_e is outside."""
    n_e, *ends = row[["n_e", "n_e_low", "n_e_high"]].astype(float).clip(row["n_min"], row["n_max"])
    axes.plot(ends, [row["distance"]] * 2, color=colour, lw=2.5, alpha=0.35)
    if n_e == row["n_e"]:
        axes.vlines(n_e, 0, row["distance"], color=colour, lw=0.8, ls=":")
    face = colour if n_e == row["n_e"] else "white"
    axes.plot(n_e, row["distance"], marker, color=colour, ms=5, mfc=face)


def _over_generations(
    axes: Any, rows: pd.DataFrame, name: str, colour: str, marker: str, place: int, loops: int
) -> None:
    """n_e by generation, loops side by side; hollow at the edge where it lies outside the curve."""
    t = rows["first_generation"] + 0.5 * ((place + 0.5) / loops - 0.5)
    low, high = (
        rows[end].clip(rows["n_min"] / 1.25, rows["n_max"] * 1.25)
        for end in ("n_e_low", "n_e_high")
    )
    n_e = rows["n_e"].clip(rows["n_min"], rows["n_max"])
    axes.vlines(t, low, high, color=colour, lw=2, alpha=0.35)
    axes.plot(t, n_e, "-", color=colour, lw=1)
    axes.plot([], [], "-", marker=marker, color=colour, ms=4, lw=1, label=name)
    for outside, face in ((False, colour), (True, "white")):
        chosen = (rows["n_e"] != n_e) == outside
        axes.plot(t[chosen], n_e[chosen], marker, color=colour, mfc=face, ms=4)


def attribution(found: pd.DataFrame, title: str, space: str) -> Any:
    """The drift of each loop with its interval, the reference first.

    Args:
        found: attribution.csv. space: what the space of the distance is called.
    """
    with drawing() as Figure:
        figure = Figure(figsize=(WIDTH, 0.9 + 0.3 * len(found)), layout="constrained")
        axes, places = figure.subplots(), np.arange(len(found))[::-1]
        axes.axvline(0, color="0.6", lw=0.8)
        axes.axvline(found["drift"].iloc[0], color="0.6", lw=0.8, ls=":")
        interval = (found["drift_low"], found["drift_high"])
        axes.hlines(places, *interval, color=COLOURS[0], lw=2.5, alpha=0.35)
        axes.plot(found["drift"], places, MARKERS[0], color=COLOURS[0], ms=5)
        changed = found["changed"].fillna("")
        told = zip(found["loop"], changed, strict=True)
        labels = [f"{loop}\n{what}".strip() for loop, what in told]
        axes.set_yticks(places, labels)
        axes.set_ylim(-0.6, len(found) - 0.4)
        axes.set_xlabel(f"Fréchet distance ({space}), λ = 1: rise a generation, 95% interval")
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def attribution_caption(found: pd.DataFrame, title: str, space: str) -> str:
    """What the figure shows, in words; arguments as in `attribution`."""
    reference = found.iloc[0]
    return (
        f"How fast the Fréchet distance ({space}, λ = 1) rises in loops that differ from "
        f"{reference['loop']} in what is named, from the same first model: least-squares slope "
        f"over generations, mean over {reference['seeds']} seeds and 95% interval. Dotted: that of "
        f"{reference['loop']}. {title}."
    )
