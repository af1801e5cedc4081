"""Load the real data and cut it into disjoint splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import data, manifests, sets, store
from autophagy.data.split import split, unique_rows
from autophagy.progress import Report


def real(
    root: Path, records: list[dict[str, Any]], report: Report, dataset: dict[str, Any]
) -> None:
    """Write real/{loop, reference, features} from one source.

    Pictures that occur twice in the source are kept once, so that no split can hold a copy of
    another's picture; the number removed is among the facts.

    Args:
        dataset: the configuration's section, with its path.
    """
    source = data.load(dataset)
    rows = unique_rows(source.images)
    cuts = split(rows, dataset["splits"], records[0]["seed"])
    facts = {
        "size": source.images.shape[1],
        "channels": source.images.shape[3],
        "levels": source.levels,
        "classes": list(source.classes),
        "source": source.source,
        "source_rows": len(source.images),
        "duplicates_removed": len(source.images) - len(rows),
    }
    for record in records:
        chosen = cuts[record["params"]["split"]]
        with store.new_folder(root / record["path"]) as folder:
            sets.write_arrays(
                folder,
                images=source.images[chosen],
                labels=source.labels[chosen],
                source_rows=chosen,
            )
        manifests.write(root, record, rows=len(chosen), facts=facts)
    report(len(source.images), len(source.images), "pictures read")
