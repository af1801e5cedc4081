"""Load the real data and cut it into disjoint splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import data, manifests, rows, sets, store
from autophagy.data.split import split, unique_rows
from autophagy.progress import Report


def real(
    root: Path, records: list[dict[str, Any]], report: Report, dataset: dict[str, Any]
) -> None:
    """Write real/{loop, reference, features} from one source.

    Rows that occur twice in the source are kept once, so that no split can hold a copy of
    another's; the number removed is among the facts.

    Args:
        dataset: the configuration's section, with its path.
    """
    source = data.load(dataset)
    kind = rows.of(source.facts)
    distinct = unique_rows(source.rows)
    cuts = split(distinct, dataset["splits"], records[0]["seed"])
    facts = {
        **source.facts,
        "classes": list(source.classes),
        "source": source.source,
        "source_rows": len(source.rows),
        "duplicates_removed": len(source.rows) - len(distinct),
    }
    for record in records:
        chosen = cuts[record["params"]["split"]]
        with store.new_folder(root / record["path"]) as folder:
            sets.write_arrays(
                folder,
                labels=source.labels[chosen],
                source_rows=chosen,
                **{kind.name: source.rows[chosen]},
            )
        manifests.write(root, record, rows=len(chosen), facts=facts)
    report(len(source.rows), len(source.rows), f"{kind.name} read")
