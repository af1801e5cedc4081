"""Make the feature network: most are trained on a split that no model and no metric sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import devices, features, manifests, sets, store
from autophagy.progress import Report


def train_features(
    root: Path, records: list[dict[str, Any]], report: Report, source: str | None = None
) -> None:
    """Write features/<network>.

    Args:
        source: where the user's files of a network that was trained elsewhere lie.
    """
    [record] = records
    devices.prepare(record["params"]["threads"], record["device"], record["software"])
    [split] = record["materials"]
    facts = sets.row_facts(manifests.read(root, split))
    real = sets.read_rows(root, split, facts)
    labels = sets.read_array(root, split, "labels")
    network = features.fit(
        record["params"]["network"], source, real, labels, facts, record["seed"],
        record["device"], report,
    )  # fmt: skip
    of_others = {"weights": network.config["source"]} if "source" in network.config else {}
    with store.new_folder(root / record["path"]) as folder:
        network.save(folder)
    manifests.write(root, record, rows=len(real), facts=facts | of_others)
