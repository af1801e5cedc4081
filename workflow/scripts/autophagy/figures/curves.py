"""Curves over generations: distance, precision and recall, and what else can be lost."""

from __future__ import annotations

from typing import Any

import numpy as np

from autophagy import series
from autophagy.evaluated import VIEWS
from autophagy.figures import COLOURS, MARKERS, WIDTH, drawing, legend_columns
from autophagy.tables import Metrics

#: Metric -> the title of its panel; `{space}` is where distances are taken.
CURVES = {
    "frechet_distance": "Fréchet distance ({space})",
    "precision": "Precision",
    "recall": "Recall",
}
#: Panels that follow where the data's true density is known.
KNOWN = {"modes_recovered": "Share of modes recovered", "tail_mass": "Tail mass, over the truth's"}
#: The one that follows where classes can die.
CLASSES = {"class_entropy": "Class entropy (nats)"}
#: Metrics that do not lie between 0 and 1.
UNBOUNDED = ("frechet_distance", "tail_mass", *CLASSES)


def draw(
    table: Metrics,
    loops: list[str],
    floor: dict[str, dict[str, float]],
    title: str,
    space: str,
    classes: bool = False,
) -> Any:
    """Distance, precision and recall over generations, all loops, the real baseline behind.

    And what is known of the tails and modes of points, or how evenly classes are seen.

    Args:
        table: metrics.csv.
        loops: names, in the order of their colours.
        floor: metric -> {"mean", "low", "high"} of real against real.
        space: what the space of the distance is called.
        classes: does a loop inherit its labels, so that classes can die?
    """
    with drawing() as Figure:
        shown = _shown(table, classes)
        across = 2 if len(shown) == 4 else min(len(shown), 3)
        lines = -(-len(shown) // across)
        figure = Figure(figsize=(WIDTH, 2.3 * lines + 0.6), layout="constrained")
        panels = figure.subplots(lines, across, squeeze=False).ravel()
        real = table.of("real", "output")
        for axes, (metric, label) in zip(panels, shown.items(), strict=False):
            if band := floor.get(metric):
                axes.axhspan(band["low"], band["high"], color="0.85", lw=0, zorder=0)
            level = band["mean"] if band else series.spread([row[metric] for row in real]).mean
            axes.axhline(level, color="0.5", lw=1, zorder=1, label="real against real")
            for place, loop in enumerate(loops):
                _curve(axes, table, metric, loop, place)
            axes.set_title(label.format(space=space))
            axes.set_xlabel("generation")
            axes.xaxis.get_major_locator().set_params(integer=True)
            if metric not in UNBOUNDED:
                axes.set_ylim(0, 1.02)
        handles, labels = panels[0].get_legend_handles_labels()
        for axes in panels[len(shown) :]:
            axes.set_visible(False)
        columns = legend_columns(labels)
        figure.legend(handles, labels, loc="outside lower center", ncols=columns)
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def caption(
    table: Metrics,
    loops: list[str],
    floor: dict[str, dict[str, float]],
    title: str,
    space: str,
    classes: bool = False,
) -> str:
    """What the curves show, in words; arguments as in `draw`."""
    real = table.of("real", "output")[0]
    shown = _shown(table, classes)
    panels = [label.format(space=space) for label in shown.values()]
    seeds = len({row["seed"] for row in table.rows})
    told = [
        f"{', '.join(panels)} over generations of {', '.join(loops)}: {int(real['n_samples'])} "
        f"samples against {int(real['n_reference'])} held-out real ones.",
        f"Lines are means over {seeds} seeds, shades one standard deviation."
        if seeds > 1
        else "One seed: no spread, and nothing is decided by it.",
        "Grey line: real data against real data"
        + ("; band: its 95% range over random cuts." if set(floor) & set(shown) else "."),
    ]
    if any(_differ(table, "frechet_distance", loop) for loop in loops):
        told.append("Dotted: the same models sampled at λ = 1, without filter or guidance.")
    return f"{' '.join(told)} {title}."


def _shown(table: Metrics, classes: bool) -> dict[str, str]:
    """Metric -> title, of the panels."""
    more = KNOWN | (CLASSES if classes else {})
    return CURVES | {name: label for name, label in more.items() if table.measured(name)}


def _curve(axes: Any, table: Metrics, metric: str, loop: str, place: int) -> None:
    # After one round of colours the markers move on by one, so that no two loops look the same.
    colour = COLOURS[place % len(COLOURS)]
    marker = MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]
    styles = {"output": "-"}
    if _differ(table, metric, loop):
        styles["model"] = ":"
    for view, line in styles.items():
        spreads = series.over_generations(table.of(loop, view), metric)
        mean, sd = np.array(list(spreads.values())).T
        alone = "sampled at λ = 1" if table.is_biased(loop) else "the model alone"
        name = loop if view == "output" else f"{loop}, {alone}"
        axes.plot(list(spreads), mean, line, color=colour, marker=marker, label=name)
        if not np.isnan(sd).any():
            axes.fill_between(list(spreads), mean - sd, mean + sd, color=colour, alpha=0.15, lw=0)


def _differ(table: Metrics, metric: str, loop: str) -> bool:
    """Are the two views of a loop measured on different samples?"""
    output, model = ([row[metric] for row in table.of(loop, view)] for view in VIEWS)
    return table.is_biased(loop) or not np.array_equal(output, model, equal_nan=True)
