"""Compose a training set: an index of rows, no data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import manifests, seeds, sets, store
from autophagy.progress import Report
from autophagy.regimes import recipe


def mix(root: Path, records: list[dict[str, Any]], report: Report) -> None:
    """Write training_set.parquet, the D^t that the record's parts describe."""
    [record] = records
    parts, drawn = recipe(record["params"])
    artifacts = {p["generation"]: p["artifact"] for p in record["params"]["parts"]}
    sources = {
        generation: sets.Source(artifact, sets.read_array(root, artifact, "labels"))
        for generation, artifact in artifacts.items()
    }
    loop_rows = manifests.read(root, "real/loop")["rows"]
    order = seeds.stream(record["seed"]).permutation(loop_rows)
    table = sets.index(parts, sources, order, drawn)
    with store.new_file(root / record["path"]) as file:
        sets.write_index(file, table)
    real = int((table["origin"] == "real").sum())
    facts = sets.row_facts(manifests.read(root, record["materials"][0]))
    manifests.write(
        root,
        record,
        rows=len(table),
        facts=facts | {"real_rows": real, "synthetic_rows": len(table) - real},
    )
    report(len(table), len(table), f"rows, {real} of them real")
