"""Make the feature network: most are trained on a split that no model and no metric sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import devices, features, manifests, sets, store
from autophagy.progress import Report


def train_features(root: Path, records: list[dict[str, Any]], report: Report) -> None:
    """Write features/<network>."""
    [record] = records
    devices.prepare(record["params"]["threads"], record["device"])
    [split] = record["materials"]
    facts = sets.picture_facts(manifests.read(root, split))
    images = sets.read_array(root, split, "images")
    labels = sets.read_array(root, split, "labels")
    network = features.module(record["params"]["network"]).fit(
        images, labels, facts, record["seed"], record["device"], report
    )
    with store.new_folder(root / record["path"]) as folder:
        network.save(folder)
    manifests.write(root, record, rows=len(images), facts=facts)
