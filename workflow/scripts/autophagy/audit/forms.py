"""The law of forms: arrays are what a manifest's reader expects; other laws rely on it."""

from __future__ import annotations

import numpy as np

from autophagy.audit.arrays import blocks, opened
from autophagy.audit.case import Case, Findings, guarded


def forms(case: Case) -> Findings:
    """Every set of pictures holds the rows, shape, type and grey levels that its manifest states.

    A picture that is stored otherwise (as other numbers, in another shape) would be no one's copy.
    """
    for path in case.whole("real_set", "sample_set", "preview"):
        yield from guarded(path, _form, case, path)


def _form(case: Case, path: str) -> Findings:
    manifest = case.archive.manifest(path)
    facts, rows = manifest["facts"], manifest["rows"]
    images = opened(case.archive, path, "images")
    expected = (rows, facts["size"], facts["size"], facts["channels"])
    if images.dtype != np.uint8 or images.shape != expected:
        yield path, f"its images are {images.dtype} {images.shape}; expected uint8 {expected}"
    elif any((block >= facts["levels"]).any() for block in blocks(images)):
        yield path, f"its images have grey levels beyond {facts['levels'] - 1}"
    keys = "source_rows" if manifest["kind"] == "real_set" else "seeds"
    labels = opened(case.archive, path, "labels")
    for name, array in (("labels", labels), (keys, opened(case.archive, path, keys))):
        if array.shape != (rows,) or not np.issubdtype(array.dtype, np.integer):
            yield path, f"its {name} are {array.dtype} {array.shape}; expected {rows} integers"
            return
    if rows and not 0 <= labels.min() <= labels.max() < len(facts["classes"]):
        yield path, f"its labels are not all below {len(facts['classes'])}"
