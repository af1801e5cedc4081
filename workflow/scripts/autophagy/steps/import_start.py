"""Bring a loop's start from outside into the experiment's layout: G^1, or S^1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from autophagy import data, devices, manifests, models, seeds, sets, starts, store
from autophagy.data.base import RealSet
from autophagy.errors import UserError
from autophagy.progress import Report
from autophagy.schema import place

#: What manifests say of where an imported artifact is from; see `lineage.ORIGIN`.
ORIGIN = "unknown: brought by the user"


def import_model(root: Path, records: list[dict[str, Any]], report: Report, source: str) -> None:
    """Write imported/<loop>/model, the checkpoint in `source` as a model of the family.

    Raises:
        UserError: it is no checkpoint that the family can adopt, or of other pictures.
    """
    [record] = records
    params = record["params"]
    devices.prepare(params["threads"], record["device"])
    facts = sets.row_facts(manifests.read(root, "real/loop"))
    family = models.module(params["family"])
    with _told_by(record):
        model = family.adopt(place(source), facts, params["biased"], record["device"])
    with store.new_folder(root / record["path"]) as folder:
        model.save(folder)
    manifests.write(root, record, facts=facts | _of_outside("checkpoint", source))
    report(1, 1, "checkpoint brought in")


def import_pictures(root: Path, records: list[dict[str, Any]], report: Report, source: str) -> None:
    """Write imported/<loop>/samples and its preview, from the pictures in `source`.

    The pictures are put in an order drawn by the record's seed: a prefix of them is mixed and
    measured, and folders are sorted by class. Their 256 levels become those of the data set.

    Raises:
        UserError: too few pictures, or of other classes, size or channels than the data set's.
    """
    facts = sets.row_facts(manifests.read(root, "real/loop"))
    with _told_by(records[0]):
        section = starts.dataset(source, facts)
        found = data.module(section["name"]).load(section)
        images, labels = _as_ours(found, facts)
        # A preview of few pictures repeats them.
        needed = max(
            (r["params"]["n"] for r in records if r["path"].endswith("/samples")), default=1
        )
        if len(images) < needed:
            raise UserError(f"holds {len(images)} pictures and {needed} are needed")
    order = seeds.stream(records[0]["seed"]).permutation(len(images))
    for record in records:
        rows = order
        if record["path"].endswith("/preview"):
            rows = order[_interleaved(labels[order], record["params"]["n"])]
        with store.new_folder(root / record["path"]) as folder:
            sets.write_arrays(
                folder, images=images[rows], labels=labels[rows],
                source_rows=rows.astype(np.int64),
            )  # fmt: skip
        manifests.write(root, record, rows=len(rows), facts=facts | _of_outside("pictures", source))
    report(len(images), len(images), "pictures brought in")


def _of_outside(name: str, source: str) -> dict[str, Any]:
    return {
        "origin": ORIGIN,
        "source": {
            "name": f"{name} of the user's",
            "licence": "not stated",
            "files": starts.hashes(source),
        },
    }


def _as_ours(found: RealSet, facts: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and labels in the data set's grey levels and classes."""
    size, channels = found.images.shape[1], found.images.shape[3]
    if (size, channels) != (facts["size"], facts["channels"]):
        raise UserError(
            f"its pictures have {size} pixels a side and {channels} channels; those of the data "
            f"set {facts['size']} and {facts['channels']}"
        )
    unit = found.images.astype(np.float64) / (found.levels - 1)
    images = np.rint(unit * (facts["levels"] - 1)).astype(np.uint8)
    classes = facts["classes"]
    if len(classes) == 1:
        return images, np.zeros(len(images), np.int64)
    unknown = [name for name in found.classes if name not in classes]
    if unknown:
        raise UserError(
            f"its class {unknown[0]!r} is none of the data set's ({', '.join(classes)[:200]}); "
            "give a folder one subfolder a class, a .npz labels"
        )
    return images, np.array([classes.index(name) for name in found.classes])[found.labels]


def _interleaved(labels: np.ndarray, n: int) -> np.ndarray:
    """n rows whose classes take turns, as far as there are any; in repetition of few rows."""
    turn = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        turn[rows] = np.arange(len(rows))
    by_turn = np.lexsort((labels, turn))
    return np.resize(by_turn, n)


@contextmanager
def _told_by(record: dict[str, Any]) -> Iterator[None]:
    """Within it, errors begin with the key of the loop that a record is of."""
    try:
        yield
    except UserError as error:
        told = str(error).removeprefix("dataset.path: ")
        loop = record["path"].split("/")[1]
        raise UserError(f"loops.{loop}.start_from: {told}") from error
