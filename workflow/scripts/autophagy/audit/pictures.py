"""The law of held-out rows: what metrics compare with, no model may have seen.

"Picture" stands for points too; copies are of equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autophagy import rows as kinds
from autophagy import training_sets
from autophagy.audit.arrays import blocks, opened
from autophagy.audit.case import Case, Findings, guarded

#: Splits that no model may see, nor any picture of.
HELD_OUT = ("real/reference", "real/features")


def fingerprints(images: np.ndarray) -> np.ndarray:
    """One number a picture, equal for equal bytes; uint64 of shape (N,).

    Others may be equal too: whoever finds two equal compares the pictures.
    """
    rows = np.ascontiguousarray(images).reshape(len(images), -1).view(np.uint8)
    width = -(-rows.shape[1] // 8) * 8
    if width != rows.shape[1]:
        rows = np.pad(rows, ((0, 0), (0, width - rows.shape[1])))
    words = rows.view(np.uint64)
    odd = np.random.Generator(np.random.Philox(key=0)).integers(
        0, 2**64, words.shape[1], dtype=np.uint64
    ) | np.uint64(1)
    # The high bits of a word reach the low ones only through the shift.
    return np.einsum("ij,j->i", words ^ (words >> np.uint64(32)), odd)


def rows_of(case: Case, artifact: str) -> np.ndarray:
    """The images or points of a set, mapped."""
    return opened(case.archive, artifact, kinds.of(case.archive.manifest(artifact)["facts"]).name)


@dataclass
class HeldOut:
    """The pictures of the held-out splits, ready to be asked for copies of them."""

    case: Case

    @cached_property
    def source_rows(self) -> np.ndarray:
        """Rows of the data set in either split, sorted."""
        return np.sort(
            np.concatenate([opened(self.case.archive, s, "source_rows") for s in HELD_OUT])
        )

    @cached_property
    def _known(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Fingerprints, sorted; of each, its split's number and its row there."""
        keys, places, rows = [], [], []
        for place, split in enumerate(HELD_OUT):
            images = rows_of(self.case, split)
            keys += [fingerprints(block) for block in blocks(images)]
            places.append(np.full(len(images), place))
            rows.append(np.arange(len(images)))
        found = np.concatenate(keys) if keys else np.empty(0, np.uint64)
        order = np.argsort(found, kind="stable")
        return found[order], np.concatenate(places)[order], np.concatenate(rows)[order]

    def copies(self, artifact: str, sampled: bool) -> dict[int, str]:
        """Row -> the split that holds the same picture.

        Args:
            sampled: leave out rows of one number (pictures of one grey level, points on a line),
                which a model draws by itself.
        """
        known, places, rows = self._known
        found: dict[int, str] = {}
        if not len(known):
            return found
        start = 0
        for block in blocks(rows_of(self.case, artifact)):
            keys = fingerprints(block)
            near = np.minimum(np.searchsorted(known, keys), len(known) - 1)
            for row in np.flatnonzero(known[near] == keys).tolist():
                picture = np.asarray(block[row])
                if sampled and (picture == picture.flat[0]).all():
                    continue
                last = np.searchsorted(known, keys[row], side="right")
                for match in range(int(near[row]), int(last)):
                    split = HELD_OUT[places[match]]
                    other = rows_of(self.case, split)[rows[match]]
                    if other.tobytes() == picture.tobytes():
                        found[start + row] = split
                        break
            start += len(block)
        return found


def held_out(case: Case) -> Findings:
    """No picture of the reference and features splits, by id or content, is in any training set.

    Nor in any sample set: there it would be measured against itself.
    """
    splits = HeldOut(case)
    copies: dict[str, dict[int, str]] = {}
    used: set[str] = set()
    for path in case.whole("real_set", "imported_set", "sample_set", "preview"):
        if path not in HELD_OUT:
            sampled = case.archive.manifest(path)["kind"] != "real_set"
            if found := splits.copies(path, sampled):
                copies[path] = found
    for path in case.of_kind("training_set"):
        yield from guarded(path, _training_set, case, path, splits, copies, used)
    for path, found in copies.items():
        if path not in used:
            row, split = next(iter(found.items()))
            yield path, f"its row {row} is a picture of {split}"


def _training_set(
    case: Case, path: str, splits: HeldOut, copies: dict[str, dict[int, str]], used: set[str]
) -> Findings:
    index = training_sets.as_it_is(case.root / path)
    for group in index.groups:
        artifact, rows = group.artifact, index.row[group.positions]
        if artifact in HELD_OUT:
            yield path, f"holds {len(rows)} rows of {artifact}"
            continue
        of_artifact = copies.get(artifact, {})
        held = rows[np.isin(rows, list(of_artifact))] if of_artifact else rows[:0]
        if len(held):
            used.add(artifact)
            yield path, f"row {held[0]} of {artifact} is a picture of {of_artifact[int(held[0])]}"
        if case.archive.manifest(artifact)["kind"] == "real_set":
            source = opened(case.archive, artifact, "source_rows")[rows]
            same = source[np.isin(source, splits.source_rows)]
            if len(same):
                yield path, f"holds source row {same[0]}, which is held out"
