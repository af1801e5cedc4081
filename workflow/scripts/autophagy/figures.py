"""Figures as PNG and PDF: picture grids and curves over generations, in one style."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autophagy import store

if TYPE_CHECKING:
    import pandas as pd

STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "savefig.dpi": 150,
}
#: Okabe & Ito's palette, told apart by every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
#: Metric -> the title of its panel; `{space}` is where distances are taken.
CURVES = {
    "frechet_distance": "Fréchet distance ({space})",
    "precision": "Precision",
    "recall": "Recall",
}
#: Panels that follow where the data's true density is known.
KNOWN = {"modes_recovered": "Share of modes recovered", "tail_mass": "Tail mass, over the truth's"}


def save(figure: Any, stem: Path) -> None:
    """Write `<stem>.png` and `<stem>.pdf`, without dates: the same figure is the same bytes."""
    from matplotlib import rc_context

    for suffix, metadata in ((".png", {}), (".pdf", {"CreationDate": None, "ModDate": None})):
        target = stem.with_name(stem.name + suffix)
        # Resolution and fonts are looked up when a figure is saved, not when it is drawn.
        with store.new_file(target) as file, rc_context(STYLE):
            figure.savefig(file, format=suffix[1:], metadata=metadata, bbox_inches="tight")


def grid(rows: dict[str, np.ndarray], levels: int, title: str) -> Any:
    """A picture grid.

    Args:
        rows: label -> uint8 n×H×W×C pictures with values 0..levels-1, the same n in every row.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        strips = [_strip(images, levels) for images in rows.values()]
        sheet = np.concatenate(strips, axis=0)
        width = 8.0
        figure = Figure(figsize=(width, width * sheet.shape[0] / sheet.shape[1]))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        heights = [strip.shape[0] for strip in strips]
        centres = np.cumsum(heights) - np.array(heights) / 2 - 0.5
        axes.set_yticks(centres, list(rows))
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(title)
    return figure


def _strip(images: np.ndarray, levels: int, gap: int = 1) -> np.ndarray:
    """Pictures side by side, white between them; floats 0..1, H×W or H×W×3."""
    n, height, width, channels = images.shape
    strip = np.ones((height + gap, n * (width + gap), channels))
    for place, image in enumerate(images.astype(float) / (levels - 1)):
        left = place * (width + gap)
        strip[:height, left : left + width] = image
    return strip if channels == 3 else strip[..., 0]


def curves(
    table: pd.DataFrame,
    loops: list[str],
    floor: dict[str, dict[str, float]],
    title: str,
    space: str,
) -> Any:
    """Distance, precision and recall over generations, all loops, the real baseline behind.

    And what is known of the tails and modes of points.

    Args:
        table: metrics.csv.
        loops: names, in the order of their colours.
        floor: metric -> {"mean", "low", "high"} of real against real.
        space: what the space of the distance is called.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        known = [name for name in KNOWN if name in table and table[name].notna().any()]
        shown = CURVES | {name: KNOWN[name] for name in known}
        figure = Figure(figsize=(3.5 * len(shown), 3.4), layout="constrained")
        panels = figure.subplots(1, len(shown))
        real = table[table["loop"] == "real"]
        for axes, (metric, label) in zip(panels, shown.items(), strict=True):
            if band := floor.get(metric):
                axes.axhspan(band["low"], band["high"], color="0.85", lw=0, zorder=0)
            level = band["mean"] if band else real[metric].mean()
            axes.axhline(level, color="0.5", lw=1, zorder=1, label="real against real")
            for place, loop in enumerate(loops):
                _curve(axes, table[table["loop"] == loop], metric, loop, place)
            axes.set_title(label.format(space=space))
            axes.set_xlabel("generation")
            axes.xaxis.get_major_locator().set_params(integer=True)
            if metric not in ("frechet_distance", "tail_mass"):
                axes.set_ylim(0, 1.02)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def _curve(axes: Any, rows: pd.DataFrame, metric: str, loop: str, place: int) -> None:
    # After one round of colours the markers move on by one, so that no two loops look the same.
    colour = COLOURS[place % len(COLOURS)]
    marker = MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]
    styles = {"output": "-"}
    biased = (rows["sampling_bias"] < 1.0).any()
    if _differ(rows, metric):
        styles["model"] = ":"
    for view, line in styles.items():
        by_generation = rows[rows["view"] == view].groupby("generation")[metric]
        mean, spread = by_generation.mean(), by_generation.std()
        alone = "sampled at λ = 1" if biased else "the model alone"
        name = loop if view == "output" else f"{loop}, {alone}"
        axes.plot(mean.index, mean, line, color=colour, marker=marker, ms=4, lw=1.5, label=name)
        if spread.notna().all():
            axes.fill_between(
                mean.index, mean - spread, mean + spread, color=colour, alpha=0.15, lw=0
            )


def _differ(rows: pd.DataFrame, metric: str) -> bool:
    """Are the two views of a loop measured on different samples?"""
    output, model = (rows[rows["view"] == view][metric].to_numpy() for view in ("output", "model"))
    return bool((rows["sampling_bias"] < 1.0).any()) or not np.array_equal(
        output, model, equal_nan=True
    )
