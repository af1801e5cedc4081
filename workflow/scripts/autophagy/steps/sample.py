"""Draw sample sets from a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autophagy import devices, filters, manifests, models, rows, seeds, sets, store, training_sets
from autophagy.progress import Report
from autophagy.regimes import requested_labels


def sample(root: Path, records: list[dict[str, Any]], report: Report) -> None:
    """Write every sample set of the records, all of one model: samples, their preview."""
    devices.prepare(records[0]["params"]["threads"], records[0]["device"], records[0]["software"])
    model_path = records[0]["materials"][0]
    model = load_model(root, records[0]["params"], model_path, records[0]["device"])
    facts = sets.row_facts(manifests.read(root, model_path))
    kind = rows.of(facts)
    for record in records:
        made, halved = _within_memory(root, record, model, facts, report)
        drawn, labels, row_seeds, extra = made
        kept, accidents = kind.stored(drawn, facts)
        n = len(kept)
        if accidents["not_finite"]:
            report(0, n, f"{accidents['not_finite']} of {n} {kind.name} are not finite")
        arrays = {kind.name: kept}
        # A preview trains nothing.
        if record["params"]["sample"].get("exact") and record["kind"] == "sample_set":
            arrays["exact"] = rows.exact(drawn, facts["levels"])
        with store.new_folder(root / record["path"]) as folder:
            sets.write_arrays(folder, labels=labels, seeds=row_seeds, **arrays)
        manifests.write(root, record, rows=n, facts=facts | accidents | extra | halved)


def load_model(root: Path, params: dict[str, Any], path: str, device: str) -> Any:
    """The model that draws a sample set: that of a path, guided where the set's params say so."""
    family = models.module(params["family"])
    model, guidance = family.load(root / path, device), params.get("guidance")
    if not guidance:
        return model
    auxiliary = family.load(root / guidance["auxiliary"], device)
    return family.guide(model, auxiliary, guidance["kind"], guidance["weight"])


_Made = tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]


def _within_memory(
    root: Path, record: dict[str, Any], model: Any, facts: dict[str, Any], report: Report
) -> tuple[_Made, dict[str, int]]:
    """A set, and as a fact its batch size where memory allowed less than was asked for."""
    params, pool = record["params"], _label_pool(root, record)
    asked = params["sample"].get("batch_size")
    if asked is None:
        return _made(root, record, model, facts, pool, report), {}

    def made(size: int) -> _Made:
        options = params["sample"] | {"batch_size": size}
        smaller = record | {"params": params | {"sample": options}}
        return _made(root, smaller, model, facts, pool, report)

    found, size = devices.within_memory(made, asked, lambda note: report(0, params["n"], note))
    return found, {"batch_size": size} if size != asked else {}


def _made(
    root: Path,
    record: dict[str, Any],
    model: Any,
    facts: dict[str, Any],
    pool: np.ndarray,
    report: Report,
) -> _Made:
    if record["params"].get("filter"):
        # By name: what chooses is code behind the sets that are chosen, and behind no others.
        kind = rows.of(facts)
        return filters.module("sampling").made(root, record, model, facts, pool, kind, report)
    return _plain(record, model, facts, pool, report)


def _plain(
    record: dict[str, Any], model: Any, facts: dict[str, Any], pool: np.ndarray, report: Report
) -> _Made:
    """Rows, labels and seeds of a set: every row drawn is in it."""
    params = record["params"]
    labels = requested_labels(
        params["n"],
        len(facts["classes"]),
        params["labels"],
        pool,
        seeds.stream(seeds.derive("labels", record["seed"])),
    )
    row_seeds = seeds.derive_rows(params["n"], record["seed"])
    drawn = model.sample(labels, row_seeds, params["sampling_bias"], params["sample"], report)
    return drawn, labels, row_seeds, {}


def _label_pool(root: Path, record: dict[str, Any]) -> np.ndarray:
    """The labels that requested labels are drawn from, empty where they are balanced."""
    if record["params"]["labels"] == "balanced":
        return np.empty(0, np.int64)
    if record["params"]["labels"] == "real":
        return sets.read_array(root, "real/loop", "labels")
    [pool] = [path for path in record["materials"] if path.endswith(".parquet")]
    return training_sets.read(root / pool).label
