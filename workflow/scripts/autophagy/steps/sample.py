"""Draw sample sets from a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autophagy import devices, filters, manifests, models, seeds, sets, store
from autophagy.progress import Report
from autophagy.regimes import requested_labels


def sample(root: Path, records: list[dict[str, Any]], report: Report) -> None:
    """Write every sample set of the records, all of one model: samples, their preview."""
    devices.prepare(records[0]["params"]["threads"], records[0]["device"])
    model_path = records[0]["materials"][0]
    model = load_model(root, records[0]["params"], model_path, records[0]["device"])
    facts = sets.picture_facts(manifests.read(root, model_path))
    for record in records:
        pool = _label_pool(root, record)
        if record["params"].get("filter"):
            # By name: what chooses is code behind the sets that are chosen, and behind no others.
            made = filters.module("sampling").made(
                root, record, model, facts, pool, quantise, report
            )
        else:
            made = _plain(record, model, facts, pool, report)
        pictures, labels, row_seeds, extra = made
        images, accidents = quantise(pictures, facts["levels"])
        n = len(images)
        if accidents["not_finite"]:
            report(0, n, f"{accidents['not_finite']} of {n} pictures are not finite")
        with store.new_folder(root / record["path"]) as folder:
            sets.write_arrays(folder, images=images, labels=labels, seeds=row_seeds)
        manifests.write(root, record, rows=n, facts=facts | accidents | extra)


def load_model(root: Path, params: dict[str, Any], path: str, device: str) -> Any:
    """The model that draws a sample set: that of a path, guided where the set's params say so."""
    family = models.module(params["family"])
    model, guidance = family.load(root / path, device), params.get("guidance")
    if not guidance:
        return model
    auxiliary = family.load(root / guidance["auxiliary"], device)
    return family.guide(model, auxiliary, guidance["kind"], guidance["weight"])


_Made = tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]


def _plain(
    record: dict[str, Any], model: Any, facts: dict[str, Any], pool: np.ndarray, report: Report
) -> _Made:
    """Pictures, labels and seeds of a set: every picture drawn is in it."""
    params = record["params"]
    labels = requested_labels(
        params["n"],
        len(facts["classes"]),
        params["labels"],
        pool,
        seeds.stream(seeds.derive("labels", record["seed"])),
    )
    row_seeds = seeds.derive_rows(params["n"], record["seed"])
    pictures = model.sample(labels, row_seeds, params["sampling_bias"], params["sample"], report)
    return pictures, labels, row_seeds, {}


def quantise(pictures: np.ndarray, levels: int) -> tuple[np.ndarray, dict[str, float]]:
    """Pictures in [-1, 1] as grey levels 0..levels-1, and what was lost by it.

    Values outside [-1, 1] are clipped; pixels that are NaN become 0. Both feed back into the next
    generation, so both are recorded rather than hidden: `not_finite` counts pictures, `clipped` is
    the share of pixels that lay outside by more than half a level.
    """
    finite = np.nan_to_num(pictures, nan=-1.0, posinf=np.inf, neginf=-np.inf)
    accidents = {
        "not_finite": int((~np.isfinite(pictures).all(axis=(1, 2, 3))).sum()),
        "clipped": float((np.abs(finite) > 1.0 + 1.0 / (levels - 1)).mean()),
    }
    unit = (finite.clip(-1.0, 1.0) + 1.0) / 2.0
    return np.rint(unit * (levels - 1)).astype(np.uint8), accidents


def _label_pool(root: Path, record: dict[str, Any]) -> np.ndarray:
    """The labels that requested labels are drawn from, empty where they are balanced."""
    if record["params"]["labels"] == "balanced":
        return np.empty(0, np.int64)
    if record["params"]["labels"] == "real":
        return sets.read_array(root, "real/loop", "labels")
    [pool] = [path for path in record["materials"] if path.endswith(".parquet")]
    return sets.read_index(root / pool)["label"].to_numpy()
