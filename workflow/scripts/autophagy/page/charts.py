"""Curves, the quality-diversity plane and their table, as plain values for the page's script."""

from __future__ import annotations

from typing import Any

from autophagy import series
from autophagy.evaluated import VIEWS
from autophagy.page.numbers import rounded
from autophagy.tables import Metrics

#: Metric -> title, one line on how to read it, and its range where it is fixed.
CURVES: dict[str, tuple[str, str, tuple[float, float] | None]] = {
    "frechet_distance": ("Fréchet distance", "lower is better", None),
    "precision": ("Precision (quality)", "share of samples that look real", (0, 1)),
    "recall": ("Recall (diversity)", "share of real data that samples reach", (0, 1)),
    "density": ("Density", "as precision, robust to outliers; real is near 1", None),
    "coverage": ("Coverage", "as recall, robust to outliers", (0, 1)),
    "label_accuracy": ("Label accuracy", "samples seen as the class asked for", (0, 1)),
    "class_entropy": ("Class entropy", "in nats; falls as classes die", None),
    "spectral_distance": ("Spectral distance", "in dB: grid-like artefacts, blur", None),
    "kernel_distance": ("Kernel distance", "unbiased MMD²; real is 0 on average", None),
    "memorisation": ("Memorisation", "0.5: none; 1: copies of training data", (0, 1)),
    "frechet_distance_to_train": ("Distance to the training set", "rewards copying", None),
    "modes_recovered": ("Modes recovered", "share of the true density's modes", (0, 1)),
    "on_modes": ("Points on modes", "share of samples near a mode of the true density", (0, 1)),
    "tail_mass": ("Tail mass", "beyond the true 95% region, over its 5%; real is 1", None),
}
#: Of the numbers' table.
HEADLINE = (
    "frechet_distance", "precision", "recall", "spectral_distance", "modes_recovered", "tail_mass",
)  # fmt: skip


def curves(
    asked: dict[str, Any],
    table: Metrics,
    floor: dict[str, dict[str, float]],
    depths: dict[str, list[float]],
    space: str,
) -> list[dict[str, Any]]:
    """One entry a curve: {metric, title, hint, range, band, loops, real_only}.

    loops: name -> view -> {x, mean, sd, n}; sd is None where there is one seed. band: mean, low
    and high of real against real, or None. Metrics without any value are left out.

    Args:
        floor: see `evaluated.resplits`. depths: see `descent.depths`. space: of the features.
    """
    found = []
    for metric, (title, hint, limits) in CURVES.items():
        # Metrics of another kind of rows have no column.
        if metric not in table.columns:
            continue
        loops = {
            name: {view: _series(table, name, view, metric) for view in VIEWS}
            for name in asked["loops"]
        }
        if not any(value is not None for of in loops.values() for value in of["output"]["mean"]):
            continue
        found.append(
            {
                "metric": metric,
                "title": f"{title} ({space})" if metric == "frechet_distance" else title,
                "hint": hint,
                "range": limits,
                "band": {key: rounded(floor[metric][key]) for key in ("mean", "low", "high")}
                if metric in floor
                else None,
                "loops": loops,
                "real_only": {
                    f"{n} real {asked['kind']} alone": _series(
                        table, f"real-only/{name}", "model", metric
                    )
                    for name, n in asked["real_only"].items()
                },
            }
        )
    depth = {
        name: {"x": list(range(1, len(of) + 1)), "mean": [rounded(v) for v in of], "sd": None}
        for name, of in depths.items()
    }
    return [
        *found,
        {
            "metric": "synthetic_depth",
            "title": "Synthetic depth",
            "hint": "how many generations of models stand between a sample and real data",
            "range": None,
            "band": None,
            "loops": {name: dict.fromkeys(VIEWS, of) for name, of in depth.items()},
            "real_only": {},
        },
    ]


def plane(asked: dict[str, Any], table: Metrics, space: str) -> dict[str, Any]:
    """Precision against recall: loops as trajectories, real data and real-only models as points."""

    def points(loop: str, view: str) -> dict[str, Any]:
        precision, recall = (_series(table, loop, view, m) for m in ("precision", "recall"))
        return {"t": precision["x"], "x": recall["mean"], "y": precision["mean"]}

    return {
        "space": space,
        "loops": {name: {view: points(name, view) for view in VIEWS} for name in asked["loops"]},
        "marks": {f"real {asked['kind']}": points("real", "output")}
        | {
            f"{n} real {asked['kind']} alone": points(f"real-only/{name}", "model")
            for name, n in asked["real_only"].items()
        },
    }


def numbers(asked: dict[str, Any], table: Metrics) -> list[dict[str, Any]]:
    """The headline curves as tables: {title, generations, rows: [(name, cells)]}."""
    every = list(range(1, asked["generations"] + 1))
    found = []
    for metric in (name for name in HEADLINE if name in table.columns):
        listed = [(f"real {asked['kind']}", "real", "output")]
        listed += [
            (f"real only, {n} {asked['kind']}", f"real-only/{name}", "output")
            for name, n in asked["real_only"].items()
        ]
        for name, loop in asked["loops"].items():
            listed.append((name, name, "output"))
            if loop["sampling_bias"] < 1:
                listed.append((f"{name}, sampled at λ = 1", name, "model"))
        rows = [(title, _cells(table, loop, view, metric, every)) for title, loop, view in listed]
        if any(cell for _, cells in rows for cell in cells):
            found.append({"title": CURVES[metric][0], "generations": every, "rows": rows})
    return found


def _series(table: Metrics, loop: str, view: str, metric: str) -> dict[str, Any]:
    """Mean and standard deviation over seeds by generation."""
    spreads = series.over_generations(table.of(loop, view), metric)
    several = table.has_spread(loop)
    return {
        "x": list(spreads),
        "mean": [rounded(of.mean) for of in spreads.values()],
        "sd": [rounded(of.sd) for of in spreads.values()] if several else None,
    }


def _cells(table: Metrics, loop: str, view: str, metric: str, generations: list[int]) -> list[str]:
    of = _series(table, loop, view, metric)
    by_generation = dict(zip(of["x"], of["mean"], strict=True))
    if loop == "real":
        by_generation = {1: by_generation[0]}
    known = (by_generation.get(t) for t in generations)
    return ["" if value is None else f"{value:.3g}" for value in known]
