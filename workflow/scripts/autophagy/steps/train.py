"""Fit G^t to D^t."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from autophagy import devices, manifests, models, rows, sets, store
from autophagy.models.base import training_data
from autophagy.models.checkpoints import Checkpoint
from autophagy.progress import Report


def train(
    root: Path, records: list[dict[str, Any]], report: Report, scratch: Path | None = None
) -> None:
    """Write model/, fitted to the training set beside it.

    Args:
        scratch: folder, outside the results, for the checkpoint from which a killed training goes
            on; gone once the model stands.
    """
    [record] = records
    params = record["params"]
    options = params["train"] | ({"steps": params["steps"]} if "steps" in params else {})
    devices.prepare(params["threads"], record["device"], record["software"])
    training_set = record["materials"][0]
    facts = sets.row_facts(manifests.read(root, training_set))
    table = sets.read_index(root / training_set)
    kind = rows.of(facts)
    data = training_data(
        kind.name, sets.gather(root, table, kind.name), table["label"].to_numpy(copy=True), facts
    )
    checkpoint = Checkpoint(scratch, _key(root, record), lambda note: report(0, 1, note))
    family = models.module(params["model"]["family"])
    started = {}
    if params.get("initial"):
        started["initial"] = family.load(root / params["initial"], record["device"])
    model = family.fit(
        data,
        params["model"],
        options,
        record["seed"],
        record["device"],
        report,
        checkpoint,
        **started,
    )
    with store.new_folder(root / record["path"]) as folder:
        model.save(folder)
    manifests.write(root, record, facts=facts)
    checkpoint.clear()


def _key(root: Path, record: dict[str, Any]) -> str:
    """What the work is: all that the model's manifest will hold before it has files."""
    planned = {key: record[key] for key in ("path", *manifests.PLANNED)}
    materials = [manifests.material(root, path) for path in record["materials"]]
    content = planned | {"materials": materials}
    return hashlib.sha256(store.canonical_json(content).encode()).hexdigest()
