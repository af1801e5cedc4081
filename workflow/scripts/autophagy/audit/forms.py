"""The law of forms: arrays are what a manifest's reader expects; other laws rely on it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autophagy import rows
from autophagy.audit.arrays import blocks, opened
from autophagy.audit.case import Case, Findings, guarded


def forms(case: Case) -> Findings:
    """Every set holds the rows, shape, type and grey levels that its manifest states.

    A row that is stored otherwise (as other numbers, in another shape) would be no one's copy.
    """
    for path in case.whole("real_set", "imported_set", "sample_set", "preview"):
        yield from guarded(path, _form, case, path)


def _exact(case: Case, path: str, images: np.ndarray) -> Findings:
    """Samples that are kept unrounded, too, are the same samples."""
    manifest = case.archive.manifest(path)
    asked = manifest["params"].get("sample", {}).get("exact") and manifest["kind"] == "sample_set"
    if bool(asked) != ("exact.npy" in manifest["files"]):
        yield path, "holds unrounded pictures, or lacks them, against what its params say"
    elif asked:
        exact, levels = opened(case.archive, path, "exact"), manifest["facts"]["levels"]
        if exact.dtype != np.float32 or exact.shape != images.shape:
            yield path, f"its exact pictures are {exact.dtype} {exact.shape}"
        elif any(
            not np.isfinite(block).all() or (rows.rounded(block, levels) != stored).any()
            for block, stored in zip(blocks(exact), _alike(images, exact), strict=True)
        ):
            yield path, "its pictures are not its exact ones, rounded and clipped"


def _alike(images: np.ndarray, exact: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of `images` in blocks as long as those of `exact`."""
    start = 0
    for block in blocks(exact):
        yield images[start : start + len(block)]
        start += len(block)


def _form(case: Case, path: str) -> Findings:
    manifest = case.archive.manifest(path)
    facts, count = manifest["facts"], manifest["rows"]
    kind = rows.of(facts)
    array = opened(case.archive, path, kind.name)
    dtype, shape = np.dtype(kind.dtype), (count, *kind.shape(facts))
    if array.dtype != dtype or array.shape != shape:
        held = f"{array.dtype} {array.shape}"
        yield path, f"its {kind.name} are {held}; expected {dtype} {shape}"
    else:
        faults = (kind.fault(block, facts) for block in blocks(array))
        yield from ((path, fault) for fault in list(filter(None, faults))[:1])
        yield from _exact(case, path, array)
    keys = "source_rows" if manifest["kind"] in ("real_set", "imported_set") else "seeds"
    labels = opened(case.archive, path, "labels")
    for name, array in (("labels", labels), (keys, opened(case.archive, path, keys))):
        if array.shape != (count,) or not np.issubdtype(array.dtype, np.integer):
            yield path, f"its {name} are {array.dtype} {array.shape}; expected {count} integers"
            return
    if count and not 0 <= labels.min() <= labels.max() < len(facts["classes"]):
        yield path, f"its labels are not all below {len(facts['classes'])}"
