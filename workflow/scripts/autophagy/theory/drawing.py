"""Figures of the exact loops: Monte-Carlo points with error bars, the formula laid over them.

Bars are two standard errors. Lines without marks are formulas: dashed to leading order, solid
exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from autophagy.figures import COLOURS, MARKERS, WIDTH, drawing, legend_columns


def draw(figure: str, table: pd.DataFrame, title: str) -> Any:
    """The figure of a name in `studies.table.FIGURES`.

    Args:
        table: the runs' tables with a column `run`, in the order of their colours.
    """
    with drawing():
        drawn = _DRAW[figure](table)
        drawn.suptitle(title, x=0.01, ha="left")
    return drawn


def caption(figure: str, table: pd.DataFrame, title: str) -> str:
    """What a figure shows, in words; arguments as in `draw`."""
    names = [str(name) for name in table["run"].unique()]
    counted = f"{len(names)} run{'s' if len(names) > 1 else ''} ({', '.join(names)})"
    return f"{title}. {_SHOWS[figure]} {counted}, {len(table)} rows of theory.csv."


def _figure(height: float, width: float = WIDTH) -> Any:
    """Inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _runs(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame, dict[str, Any]]]:
    """(name, its rows, its style) of every run."""
    return [
        (
            str(name),
            rows,
            {
                "color": COLOURS[place % len(COLOURS)],
                "marker": MARKERS[(place + place // len(COLOURS)) % len(MARKERS)],
            },
        )
        for place, (name, rows) in enumerate(table.groupby("run", sort=False))
    ]


def _points(axes: Any, x: Any, rows: pd.DataFrame, name: str, label: str, style: dict) -> None:
    """Marks at up to 25 places, with two standard errors."""
    chosen = np.unique(np.linspace(0, len(rows) - 1, 25).round().astype(int))
    axes.errorbar(
        np.asarray(x)[chosen], rows[name].to_numpy()[chosen],
        2 * rows[f"{name}_se"].to_numpy()[chosen],
        ls="", ms=3.5, elinewidth=1, label=label, **style,
    )  # fmt: skip


def _legend(figure: Any, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    columns = legend_columns(labels)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


_PANELS = {
    "w2": "$W_2^2$ to the truth",
    "mean_square": "‖μ‖²",
    "trace": "tr Σ",
    "log_det": "log det Σ",
}


def _trajectories(table: pd.DataFrame, logarithmic: tuple[str, ...], panels: tuple[str, ...]):
    lines, columns = (1, 3) if len(panels) == 3 else (2, 2)
    figure = _figure(2.1 * lines + 0.6)
    for axes, measure in zip(figure.subplots(lines, columns).flat, panels, strict=True):
        for name, rows, style in _runs(table):
            _points(axes, rows["generation"], rows, measure, name, style)
            exact = f"{measure}_exact"
            if exact in rows and rows[exact].notna().any():
                axes.plot(rows["generation"], rows[exact], color=style["color"], lw=1.2)
            elif measure == "w2":
                axes.plot(rows["generation"], rows[measure], color=style["color"], lw=0.6)
        axes.set_title(_PANELS[measure] + ("" if measure == "w2" else "; lines: exact"))
        axes.set_xlabel("generation")
        if measure in logarithmic:
            axes.set_yscale("log")
    _legend(figure, figure.axes[0])
    return figure


def _convergence(table: pd.DataFrame) -> Any:
    return _trajectories(table, (), ("w2", "mean_square", "trace"))


def _collapse(table: pd.DataFrame) -> Any:
    return _trajectories(table, ("w2", "mean_square", "trace"), tuple(_PANELS))


def _map(table: pd.DataFrame, column: str, label: str, scale: str, title: str) -> Any:
    """n_e/n_r over n_s and another axis, a panel a run, with the frontier n_e = n_r."""
    from matplotlib.colors import TwoSlopeNorm
    from matplotlib.lines import Line2D

    groups = list(table.groupby("run", sort=False))
    figure = _figure(2.9)
    logs = np.log2(table["ratio"])
    norm = TwoSlopeNorm(0.0, min(float(logs.min()), -0.1), max(float(logs.max()), 0.1))
    panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for axes, (_, rows) in zip(panels, groups, strict=True):
        grid, formula = (
            np.log2(rows.pivot_table(index=column, columns="n_synthetic", values=name))
            for name in ("ratio", "ratio_formula")
        )
        x, y = grid.columns.to_numpy(float), grid.index.to_numpy(float)
        drawn = axes.pcolormesh(x, y, grid, norm=norm, cmap="RdBu", shading="nearest")
        for values, (line, colour) in ((grid, _SIMULATED), (formula, _FORMULA)):
            if values.min(axis=None) < 0 < values.max(axis=None):
                axes.contour(x, y, values, [0.0], colors=colour, linestyles=line)
        axes.set_xscale("log")
        axes.set_yscale(scale)
        axes.set_title(title.format(**rows.iloc[0]))
        axes.set_xlabel("$n_s$")
    panels[0].set_ylabel(label)
    low, high = np.ceil(norm.vmin), np.floor(norm.vmax)
    ticks = np.unique([*np.arange(0, low - 0.1, -max(1, round(-low / 4))), 0, *np.arange(high + 1)])
    bar = figure.colorbar(drawn, ax=panels, ticks=ticks)
    bar.ax.set_yticklabels([f"{2.0**tick:.3g}" for tick in ticks])
    bar.ax.minorticks_off()
    bar.set_label("$n_e / n_r$ (blue: synthetic data help)")
    handles = [Line2D([], [], ls=line, color=colour) for line, colour in (_SIMULATED, _FORMULA)]
    worst = (table["ratio_se"] / table["ratio"]).max()
    names = [
        f"$n_e = n_r$, simulated (standard error of $n_e$ at most {worst:.1%} anywhere)",
        "$n_e = n_r$, leading order",
    ]
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure


#: Line and colour of a frontier.
_SIMULATED, _FORMULA = ("-", "black"), ("--", "#E69F00")


def _size_map(table: pd.DataFrame) -> Any:
    return _map(table, "n_real", "$n_r$", "log", "λ = {sampling_bias:g}")


def _bias_map(table: pd.DataFrame) -> Any:
    return _map(table, "sampling_bias", "λ", "linear", "$n_r$ = {n_real}")


def _memory(table: pd.DataFrame) -> Any:
    figure = _figure(3.2, 4.6)
    axes = figure.subplots()
    for name, rows, style in _runs(table):
        _points(axes, rows["memory"], rows, "ratio", name, style)
        axes.plot(rows["memory"], rows["ratio_formula"], "--", color=style["color"], lw=1.2)
    axes.set_xlabel("K, the previous models that synthetic data come from")
    axes.set_ylabel("$n_e / n_r$ (dashed: leading order)")
    axes.legend()
    return figure


def _share(table: pd.DataFrame) -> Any:
    """n_e over n at constant shares of real data: every share at λ = 1; every λ at one share."""
    table = table.assign(n=table["n_real"] + table["n_synthetic"])
    sums = table.groupby("run")[["n_real", "n"]].transform("sum")
    table["p"] = sums["n_real"] / sums["n"]
    biased = table["sampling_bias"] < 1
    one = table.loc[biased, "p"].iloc[0] if biased.any() else table["p"].iloc[0]
    panels = (
        ("λ = 1", table[~biased], "{p:.2g} real"),
        (f"{one:.2g} real", table[np.isclose(table["p"], one, rtol=0.02)], "λ = {sampling_bias:g}"),
    )
    figure = _figure(3.4)
    styles = {name: style for name, _, style in _runs(table)}
    ends = np.array([table["n"].min(), table["n"].max()])
    for axes, (title, chosen, label) in zip(
        figure.subplots(1, 2, sharex=True, sharey=True), panels, strict=True
    ):
        for name, rows in chosen.groupby("run", sort=False):
            style = styles[str(name)]
            _points(axes, rows["n"], rows, "n_e", label.format(**rows.iloc[0]), style)
            formula = rows["ratio_formula"] * rows["n_real"]
            axes.plot(rows["n"], formula, "--", color=style["color"], lw=1.2)
        axes.plot(ends, ends, color="0.5", lw=1, label="real data alone")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(title)
        axes.set_xlabel("$n = n_r + n_s$")
        axes.legend(fontsize="small")
    figure.axes[0].set_ylabel("$n_e$ (dashed: leading order)")
    return figure


def _modes(table: pd.DataFrame) -> Any:
    first = table.dropna(subset=["points"])
    first = first[first["run"] == first["run"].iloc[0]]
    figure = _figure(4.4)
    pictures, curves = figure.subfigures(2, 1, height_ratios=(1.0, 0.9))
    clouds = [
        np.array([pair.split(",") for pair in text.split()], dtype=float)
        for text in first["points"]
    ]
    reach = 1.15 * max(np.abs(cloud).max() for cloud in clouds)
    panels = pictures.subplots(1, len(first), squeeze=False)[0]
    for axes, t, cloud in zip(panels, first["generation"], clouds, strict=True):
        axes.plot(*cloud.T, ".", ms=2, color=COLOURS[0])
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
        axes.set_title(f"generation {t}")
    measures = {
        "modes": "modes recovered",
        "total_variance": "total variance",
        "precision": "precision",
        "recall": "recall",
        "weight_diversity": "1 - Σ weight²",
    }
    panels = curves.subplots(1, len(measures))
    for axes, (measure, label) in zip(panels, measures.items(), strict=True):
        for name, rows, style in _runs(table):
            by_generation = rows.groupby("generation")[measure]
            mean, error = by_generation.mean(), by_generation.sem()
            axes.errorbar(
                mean.index, mean, 2 * error, ms=3, lw=1, elinewidth=1, label=name, **style
            )
            exact = rows.groupby("generation")["weight_diversity_exact"].mean()
            if measure == "weight_diversity" and exact.notna().any():
                [line] = axes.plot(exact.index, exact, color="black", lw=1.2, label="∝ (1 - 1/n)ᵗ")
                axes.legend(handles=[line], fontsize="small")
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_title(label)
        axes.set_xlabel("generation")
    if len(table["run"].unique()) > 1:
        _legend(curves, panels[0])
    return figure


def _regression(table: pd.DataFrame) -> Any:
    figure = _figure(3.2, 4.6)
    axes = figure.subplots()
    for name, rows, style in _runs(table):
        _points(axes, rows["generation"], rows, "error", name, style)
        axes.plot(rows["generation"], rows["error_exact"], color=style["color"], lw=1.2)
    axes.axhline(np.pi**2 / 6, color="0.5", lw=1, ls=":", label="π²/6")
    axes.set_yscale("log")
    axes.set_xlabel("generation")
    axes.set_ylabel("test error in rounds (lines: exact)")
    axes.legend()
    return figure


_DRAW = {
    "convergence": _convergence,
    "collapse": _collapse,
    "size-map": _size_map,
    "bias-map": _bias_map,
    "memory": _memory,
    "share": _share,
    "modes": _modes,
    "regression": _regression,
}

_BARS = "Marks: simulated, bars of two standard errors."
_MAP = (
    "Colour: the limit's effective sample size over the fresh real data of a generation, n_e/n_r, "
    "simulated (blue: synthetic data help; red: they do harm). Lines: n_e = n_r, simulated (solid) "
    "and to leading order (dashed)."
)
_SHOWS = {
    "convergence": f"Distance to the truth and moments by generation. {_BARS} Lines: exact.",
    "collapse": f"Distance to the truth and moments by generation. {_BARS} Lines: exact.",
    "size-map": f"{_MAP} Axes: synthetic points n_s and real points n_r of a generation.",
    "bias-map": f"{_MAP} Axes: synthetic points n_s of a generation and sampling bias λ.",
    "memory": f"n_e/n_r where synthetic data come from K previous models. {_BARS} Dashed: the "
    "formula to leading order.",
    "share": f"n_e over n = n_r + n_s at constant shares of real data. {_BARS} Dashed: the formula "
    "to leading order; grey: real data alone.",
    "modes": "Top: samples of the first run. Below: means over chains by generation, bars of two "
    "standard errors; black: exact.",
    "regression": f"Test error by generation. {_BARS} Lines: exact; dotted: π²/6.",
}
