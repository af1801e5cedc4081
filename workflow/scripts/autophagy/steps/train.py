"""Fit G^t to D^t."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import devices, manifests, models, sets, store
from autophagy.models.base import TrainingData
from autophagy.progress import Report


def train(root: Path, records: list[dict[str, Any]], report: Report) -> None:
    """Write model/, fitted to the training set beside it."""
    [record] = records
    params = record["params"]
    devices.prepare(params["threads"], record["device"])
    [training_set] = record["materials"]
    facts = sets.picture_facts(manifests.read(root, training_set))
    table = sets.read_index(root / training_set)
    training_data = TrainingData(
        images=sets.gather(root, table),
        labels=table["label"].to_numpy(copy=True),
        levels=facts["levels"],
        n_classes=len(facts["classes"]),
    )
    model = models.module(params["model"]["family"]).fit(
        training_data, params["model"], params["train"], record["seed"], record["device"], report
    )
    with store.new_folder(root / record["path"]) as folder:
        model.save(folder)
    manifests.write(root, record, facts=facts)
