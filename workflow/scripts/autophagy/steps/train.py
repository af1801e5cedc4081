"""Fit G^t to D^t."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import devices, manifests, models, rows, sets, store, training_sets
from autophagy.models import budgets, group
from autophagy.models.base import training_data
from autophagy.models.checkpoints import Checkpoint
from autophagy.progress import Report
from autophagy.steps import together


def train(
    root: Path, records: list[dict[str, Any]], report: Report, scratch: Path | None = None,
    source: str | None = None,
) -> None:  # fmt: skip
    """Write model/, fitted to the training set beside it.

    Args:
        scratch: folder, outside the results, for the checkpoint from which a killed training goes
            on; gone once the model stands.
        source: folder of the user's with a part of the model; see `models.source`.
    """
    [record] = records
    params = record["params"]
    if (processes := params["train"].get("processes", 1)) > 1 and not group.is_launched():
        together.launch(root, record, report, scratch, processes, source)
        return
    devices.prepare(params["threads"], record["device"], record["software"])
    training_set = record["materials"][0]
    facts = sets.row_facts(manifests.read(root, training_set))
    index = training_sets.read(root / training_set)
    kind = rows.of(facts)
    images = kind.name == "images"
    held = (
        training_sets.gather_exact(root, index)
        if images
        else training_sets.gather(root, index, kind.name)
    )
    data = training_data(kind.name, held, index.label, facts)
    checkpoint = Checkpoint(scratch, _key(root, record), lambda note: report(0, 1, note))
    name, n = params["model"]["family"], len(data.labels)
    family, asked = models.module(name), params["train"]
    if "steps" in params:
        asked = budgets.merged(asked, {"steps": params["steps"]})
    stated = asked if models.budgeted(name) else {}
    data, flattening = budgets.divided(stated, data, record["seed"])
    started: dict[str, Any] = {"flattening": flattening} if flattening else {}
    # A family that can say more does.
    remedy = "free memory, or make the model or its batch smaller"
    with devices.memory_needed("train: fitting the model", remedy):
        if params.get("initial"):
            started["initial"] = family.load(root / params["initial"], record["device"])
        if source:
            started["source"] = source
        model = family.fit(
            data,
            params["model"],
            models.resolved(name, asked, n),
            record["seed"],
            record["device"],
            report,
            checkpoint,
            **started,
        )
    if group.rank() > 0:
        return
    with store.new_folder(root / record["path"]) as folder:
        model.save(folder)
    spent = budgets.facts(stated, n, flattening and flattening.losses)
    manifests.write(root, record, facts=facts | ({"budget": spent} if spent else {}))
    checkpoint.clear()


def _key(root: Path, record: dict[str, Any]) -> str:
    """What the work is: all that the model's manifest will hold before it has files."""
    planned = {key: record[key] for key in ("path", *manifests.PLANNED)}
    materials = [manifests.material(root, path) for path in record["materials"]]
    content = planned | {"materials": materials}
    return store.content_hash(content)
