"""The law of seeds: every sample is a draw of its own."""

from __future__ import annotations

import numpy as np

from autophagy import seeds as seed_streams
from autophagy.audit.arrays import opened
from autophagy.audit.case import Case, Findings

#: Seeds held at once; more are looked at in several passes, by remainder.
HELD = 4_000_000


def seeds(case: Case) -> Findings:
    """No seed is used twice; previews have seeds of their own, the same in each."""
    previews = np.empty(0, np.uint64)
    first = ""
    for preview in case.of_kind("preview"):
        drawn = np.sort(opened(case.archive, preview, "seeds").astype(np.uint64))
        if first and not np.array_equal(drawn, previews):
            yield preview, f"its seeds are not those of {first}"
        if not first:
            previews, first = drawn, preview
    paths = case.of_kind("sample_set")
    passes = max(1, -(-sum(case.archive.manifest(path)["rows"] for path in paths) // HELD))
    told: set[str] = set()
    for remainder in range(passes):
        drawn, owners = _drawn(case, paths, passes, remainder)
        for index in np.unique(owners[np.isin(drawn, previews)]).tolist():
            if paths[index] not in told:
                told.add(paths[index])
                yield paths[index], "shares a seed with the previews"
        order = np.argsort(drawn, kind="stable")
        drawn, owners = drawn[order], owners[order]
        twice = np.flatnonzero(drawn[1:] == drawn[:-1])
        for at in twice.tolist():
            one, other = paths[owners[at]], paths[owners[at + 1]]
            if other not in told:
                told.add(other)
                seed = int(drawn[at])
                yield (
                    other,
                    "uses a seed twice" if one == other else f"shares seed {seed} with {one}",
                )


def _seeds(case: Case, path: str) -> np.ndarray:
    """The seeds of a sample set; of a dropped one those that it would be made again with."""
    if path not in case.dropped:
        return np.asarray(opened(case.archive, path, "seeds"))
    manifest = case.archive.manifest(path)
    if manifest["params"].get("filter"):
        # Which candidates were kept is not known before they are drawn and judged again.
        return np.empty(0, np.uint64)
    return seed_streams.derive_rows(manifest["rows"], manifest["seed"])


def _drawn(
    case: Case, paths: list[str], passes: int, remainder: int
) -> tuple[np.ndarray, np.ndarray]:
    """The seeds of one remainder, and the number of the set that each is of."""
    drawn = [np.empty(0, np.uint64)]
    owners = [np.empty(0, np.int32)]
    for number, path in enumerate(paths):
        of_set = _seeds(case, path).astype(np.uint64)
        chosen = of_set if passes == 1 else of_set[of_set % np.uint64(passes) == remainder]
        drawn.append(chosen)
        owners.append(np.full(len(chosen), number, np.int32))
    return np.concatenate(drawn), np.concatenate(owners)
