"""A sample set that a filter chooses: the model draws, a classifier or the model itself judges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autophagy import features, rows
from autophagy.errors import UserError
from autophagy.filters import drawing
from autophagy.progress import Report
from autophagy.regimes import requested_labels


def made(
    root: Path,
    record: dict[str, Any],
    model: Any,
    facts: dict[str, Any],
    pool: np.ndarray,
    kind: rows.Kind,
    report: Report,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Rows, labels and seeds of the set, and how many candidates they were chosen from.

    Args:
        pool: labels that requested ones are drawn from where they are not balanced.
        kind: of the rows, which are judged as they will be stored.

    Raises:
        UserError: the filter keeps too little, or asks for what the data have not.
    """
    params, n, n_classes = record["params"], record["params"]["n"], len(facts["classes"])
    options = params["sample"]

    def labels_of(k: int, draws: np.random.Generator) -> np.ndarray:
        if params["labels"] == "balanced":
            # All candidates of a picture have its label, so that the set stays balanced.
            return np.repeat(np.arange(n, dtype=np.int64)[:, None] % n_classes, k, axis=1)
        return requested_labels(n * k, n_classes, params["labels"], pool, draws).reshape(n, k)

    def draw(labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        return model.sample(labels, seeds, params["sampling_bias"], options, _unsaid)

    network = _network(root, record)

    def judge(drawn: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        stored, _ = kind.stored(drawn, facts)
        if network is not None:
            return network.probabilities(stored)
        return model.log_likelihoods(kind.samples(stored, facts), labels, seeds, options)

    try:
        chosen = drawing.choose(n, params["filter"], record["seed"], labels_of, draw, judge, report)
    except UserError as error:
        raise UserError(f"{record['path']}: {error}") from error
    counted = {"candidates": chosen.candidates, "kept_share": n / chosen.candidates}
    return chosen.pictures, chosen.labels, chosen.seeds, counted


def _network(root: Path, record: dict[str, Any]) -> Any:
    """The classifier among the set's materials, or None where the model judges by itself."""
    for path in record["materials"]:
        if path.startswith("features/"):
            name = path.removeprefix("features/")
            return features.module(name).load(root / path, record["device"])
    return None


def _unsaid(done: int, total: int, note: str) -> None:
    """Progress is told in pictures kept, not in candidates."""
