"""Compose a training set: an index of rows, no data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import indices, manifests, seeds, sets, store, training_sets
from autophagy.progress import Report
from autophagy.regimes import recipe


def mix(root: Path, records: list[dict[str, Any]], report: Report) -> None:
    """Write training_set.parquet, the D^t that the record's parts describe."""
    [record] = records
    parts, drawn = recipe(record["params"])
    artifacts = {p["generation"]: p["artifact"] for p in record["params"]["parts"]}
    sources = {
        generation: indices.Source(artifact, sets.read_array(root, artifact, "labels"))
        for generation, artifact in artifacts.items()
    }
    loop_rows = manifests.read(root, "real/loop")["rows"]
    order = seeds.stream(record["seed"]).permutation(loop_rows)
    index = indices.compose(parts, sources, order, drawn)
    with store.new_file(root / record["path"]) as file:
        training_sets.write_index(file, index)
    real = int(index.real.sum())
    facts = sets.row_facts(manifests.read(root, record["materials"][0]))
    manifests.write(
        root,
        record,
        rows=len(index),
        facts=facts | {"real_rows": real, "synthetic_rows": len(index) - real},
    )
    report(len(index), len(index), f"rows, {real} of them real")
