"""Metrics of generated samples: arrays of features and labels in, numbers out.

A new metric is a function in a file of this folder and an entry in `METRICS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from autophagy.metrics.base import Measured, Undefined
from autophagy.metrics.baseline import resplit_baseline
from autophagy.metrics.frechet import frechet_distance, frechet_is_biased
from autophagy.metrics.kernel import kernel_distance
from autophagy.metrics.labels import class_entropy, label_accuracy
from autophagy.metrics.memorisation import memorisation
from autophagy.metrics.spectral import spectral_distance
from autophagy.metrics.truth import modes_recovered, on_modes, tail_mass

__all__ = [
    "HEADLINE",
    "METRICS",
    "OF_FEATURES",
    "Measured",
    "Undefined",
    "frechet_is_biased",
    "measure",
    "resplit_baseline",
]

#: What a metric is.
Metric = Callable[[Measured], float]
#: Every metric by its name, in the order of the columns. Features are asked for by
#: `Measured.finite`, so that a metric without them is not touched by broken ones.
METRICS: dict[str, Metric] = {
    "frechet_distance": lambda m: frechet_distance(m.finite("generated"), m.finite("reference")),
    "kernel_distance": lambda m: kernel_distance(
        m.finite("generated"), m.finite("reference"), m.device
    ),
    "precision": lambda m: m.prdc["precision"],
    "recall": lambda m: m.prdc["recall"],
    "density": lambda m: m.prdc["density"],
    "coverage": lambda m: m.prdc["coverage"],
    "label_accuracy": lambda m: label_accuracy(m.requested, m.predicted),
    "class_entropy": lambda m: class_entropy(m.predicted, m.n_classes),
    "memorisation": lambda m: memorisation(
        m.finite("generated"), m.finite("train_real"), m.finite("reference"), m.device
    ),
    "frechet_distance_to_train": lambda m: frechet_distance(
        m.finite("generated"), m.finite("train")
    ),
    "spectral_distance": lambda m: spectral_distance(*m.spectra),
    "modes_recovered": lambda m: modes_recovered(*m.known_points()),
    "on_modes": lambda m: on_modes(*m.known_points()),
    "tail_mass": lambda m: tail_mass(*m.known_points()),
}
#: Those that every evaluation has.
HEADLINE = ("frechet_distance", "precision", "recall")
#: Those of feature space and nothing else, in which another network may be of another opinion.
OF_FEATURES = (
    "frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage",
)  # fmt: skip
#: Metrics that mean something for one kind of rows alone (`rows.KINDS`): others' tables have no
#: column for them. Points have one class, and no network that sees it.
ONLY = {
    "label_accuracy": "images",
    "class_entropy": "images",
    "spectral_distance": "images",
    "modes_recovered": "points",
    "on_modes": "points",
    "tail_mass": "points",
}


def names(kind: str) -> tuple[str, ...]:
    """The metrics of rows of one kind (`rows.KINDS`), in the order of the columns."""
    return tuple(name for name in METRICS if ONLY.get(name, kind) == kind)


def measure(
    measured: Measured, kind: str = "images", extra: dict[str, Metric] | None = None
) -> tuple[dict[str, float], dict[str, str]]:
    """The metrics of a kind of rows: their values, and by name why those that are NaN are.

    Args:
        kind: of the rows; a name in `rows.KINDS`.
        extra: name -> metric, of installed packages.
    """
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}
    asked = {name: METRICS[name] for name in names(kind)} | (extra or {})
    for name, metric in asked.items():
        try:
            # Overflow comes out as a reason, not as a warning on the terminal.
            with np.errstate(over="ignore", invalid="ignore"):
                value = float(metric(measured))
        except Undefined as undefined:
            value, reasons[name] = math.nan, str(undefined)
        else:
            if not math.isfinite(value):
                value, reasons[name] = math.nan, "not finite"
        values[name] = value
    return values, reasons
