"""The page of an experiment of the exact loops: its figure, and its table to explore."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from autophagy import audited, tabular
from autophagy.archive import Archive
from autophagy.page.numbers import rounded

#: Figure -> its curves: (x, [(measure, column of the formula or None)], logarithmic axes).
CURVES: dict[str, tuple[str, list[tuple[str, str | None]], str]] = {
    "convergence": (
        "generation",
        [("w2", None), ("mean_square", "mean_square_exact"), ("trace", "trace_exact")],
        "",
    ),
    "collapse": (
        "generation",
        [
            ("w2", None), ("mean_square", "mean_square_exact"), ("trace", "trace_exact"),
            ("log_det", "log_det_exact"),
        ],
        "",
    ),
    "memory": ("memory", [("ratio", "ratio_formula")], ""),
    "share": ("n", [("n_e", "n_e_formula")], "xy"),
    "modes": (
        "generation",
        [
            ("modes", None), ("total_variance", None), ("precision", None), ("recall", None),
            ("weight_diversity", "weight_diversity_exact"),
        ],
        "x",
    ),
    "regression": ("generation", [("error", "error_exact")], "y"),
}  # fmt: skip
#: Figure -> the axis of its map of n_e/n_r besides n_synthetic.
MAPS = {"size-map": "n_real", "bias-map": "sampling_bias"}
#: Rows of theory.csv that stand on the page.
LISTED = 400
TITLES = {
    "w2": "W₂² to the truth", "mean_square": "‖μ‖²", "trace": "tr Σ", "log_det": "log det Σ",
    "ratio": "n_e / n_r", "n_e": "n_e", "modes": "modes recovered",
    "total_variance": "total variance", "precision": "precision", "recall": "recall",
    "weight_diversity": "1 − Σ weight²", "error": "test error in rounds",
    "generation": "generation", "memory": "K, the previous models that synthetic data come from",
    "n": "n = n_r + n_s",
}  # fmt: skip


def gather(root: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Everything on the page of an experiment of the exact loops; as `gather.gather`.

    Args:
        asked: see `asked.of_theory`.
    """
    folder, archive = Path(root), Archive(Path(root), tuple(asked["artifacts"]))
    table = tabular.read(folder / asked["table"], ("run",), more=True)
    figure = asked["figure"]
    software: dict[str, str] = {}
    for artifact in archive.artifacts():
        software |= archive.manifest(artifact)["software"]
    png = (folder / f"figures/{figure}.png").read_bytes()
    shell = {
        "title": asked["experiment"],
        "about": asked["title"],
        "runs": asked["runs"],
        "lead": _lead(table, figure),
        "caption": (folder / f"figures/{figure}.txt").read_text(encoding="utf-8"),
        "figure": "data:image/png;base64," + base64.b64encode(png).decode(),
        "columns": list(table.columns),
        "rows": [
            [_cell(value) for value in row] for row in table.head(LISTED).itertuples(index=False)
        ],
        "left_out": max(0, len(table) - LISTED),
        "audit": audited.read(folder),
        "roots": {"theory": archive.digest(asked["root"])},
        "configuration": yaml.safe_dump(
            asked["configuration"], sort_keys=False, allow_unicode=True
        ),
        "software": dict(sorted(software.items())),
        "artifacts": len(asked["artifacts"]),
    }
    data = {
        "experiment": asked["experiment"],
        "loops": [{"name": name} for name in asked["runs"]],
        "theory": {"curves": _curves(table, figure), "maps": _maps(table, figure)},
    }
    return {"shell": shell, "data": data}


def _lead(table: pd.DataFrame, figure: str) -> list[str]:
    """What was run, and for maps how much of each helps."""
    if figure not in MAPS:
        return [
            f"{table['run'].nunique()} runs, {len(table)} rows: Monte-Carlo means by the loops' "
            "sufficient statistics, marks with two standard errors; lines are the formulas."
        ]
    told = []
    for name, rows in table.groupby("run", sort=False):
        known = rows["ratio"].dropna()
        helps = int((known >= 1).sum())
        told.append(f"{name}: n_e ≥ n_r at {helps} of {len(known)} points")
    return ["Where synthetic data help (n_e / n_r ≥ 1), simulated. " + "; ".join(told) + "."]


def _curves(table: pd.DataFrame, figure: str) -> list[dict[str, Any]]:
    if figure not in CURVES:
        return []
    x, measures, logarithmic = CURVES[figure]
    table = table.copy()
    if x == "n":
        table["n"] = table["n_real"] + table["n_synthetic"]
        table["n_e_formula"] = table["ratio_formula"] * table["n_real"]
    found = []
    for measure, formula in measures:
        runs = {}
        for name, rows in table.groupby("run", sort=False):
            # Studies with a row a chain are drawn by their means.
            columns = [c for c in (measure, f"{measure}_se", formula) if c in rows]
            means = rows.groupby(x)[columns].mean()
            if f"{measure}_se" not in rows:
                means[f"{measure}_se"] = rows.groupby(x)[measure].sem()
            runs[str(name)] = {
                "x": [rounded(value) for value in means.index.to_numpy(float)],
                "y": [rounded(value) for value in means[measure]],
                "error": [rounded(2 * value) for value in means[f"{measure}_se"]],
                "formula": [rounded(value) for value in means[formula]]
                if formula in means
                else None,
            }
        found.append(
            {
                "title": TITLES[measure],
                "x": TITLES[x],
                "logarithmic": logarithmic,
                "runs": runs,
            }
        )
    return found


def _maps(table: pd.DataFrame, figure: str) -> list[dict[str, Any]]:
    """Per run: n_e/n_r over n_s and the other axis."""
    if figure not in MAPS:
        return []
    other = MAPS[figure]
    found = []
    for name, rows in table.groupby("run", sort=False):
        grid = rows.pivot_table(index=other, columns="n_synthetic", values="ratio")
        found.append(
            {
                "run": str(name),
                "y_title": {"n_real": "n_r", "sampling_bias": "λ"}[other],
                "y_log": other == "n_real",
                "x": [float(value) for value in grid.columns],
                "y": [float(value) for value in grid.index],
                "ratio": [[rounded(value) for value in row] for row in grid.to_numpy()],
            }
        )
    return found


def _cell(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.5g}"
    return str(value)
