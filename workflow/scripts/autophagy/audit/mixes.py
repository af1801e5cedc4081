"""The laws of training sets: real rows are used as the regime says, in the sizes it demands."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from autophagy import regimes, seeds, training_sets
from autophagy.audit import histories
from autophagy.audit.arrays import opened
from autophagy.audit.case import Case, Findings, guarded
from autophagy.errors import UserError
from autophagy.indices import Index
from autophagy.manifest_shape import MAX_POOL

REAL = "real/loop"


def real_rows(case: Case) -> Findings:
    """Fresh real rows are used once in a loop; a fixed real set is the same in every generation.

    Which rows they are, the run seed's permutation of the loop split says.
    """
    for path, root in case.loops():
        yield from guarded(path, _real_rows, case, root)


def composition(case: Case) -> Findings:
    """Every D^t has the sizes and sources, and every S^t the λ, that its regime demands."""
    for path, root in case.loops():
        yield from guarded(path, _composition, case, root)


def _real_rows(case: Case, root: dict[str, Any]) -> Findings:
    params = root["params"]
    regime = histories.regime(params["loop"])
    once = regime.pool != "subsample" and regime.counterfactual == "none"
    kind = regime.real if once else "drawn"
    count = case.archive.manifest(REAL)["rows"]
    for seed, chain in chains(case, params, 1).items():
        order = seeds.stream(seeds.derive("order of real rows", seed)).permutation(count)
        generation = np.zeros(count, np.int32)
        fixed: np.ndarray | None = None
        for t, path in chain.items():
            index = training_sets.as_it_is(case.root / path)
            rows = index.row[index.real]
            if t <= histories.shared(params):
                # The loop whose generation it is answers for it; here its rows are used.
                generation[rows[(rows >= 0) & (rows < count)]] = t
                continue
            if len(rows) and not 0 <= rows.min() <= rows.max() < count:
                yield path, f"holds real rows beyond {REAL}, which has {count}"
                continue
            if len(np.unique(rows)) < len(rows):
                yield path, "holds a real row twice"
            if kind == "fresh":
                again = rows[generation[rows] > 0]
                if len(again):
                    before = chain[int(generation[again[0]])]
                    yield path, f"real row {again[0]} was already used in {before}"
                generation[rows] = t
            elif kind == "fixed" and t > 1:
                if fixed is not None and not np.array_equal(np.sort(rows), fixed):
                    yield path, "its fixed real rows are not those of the generation before"
                fixed = np.sort(rows)
            due = _due(case, params, seed, t)
            cuts = [order[cut] for part, cut in due if part.origin == "real"]
            expected = np.concatenate([np.empty(0, np.int64), *cuts])
            if len(expected) == len(rows) and not np.array_equal(rows, expected):
                row = int((rows != expected).argmax())
                yield path, f"its real row {row} is not the one that run seed {seed} gives"


def _composition(case: Case, root: dict[str, Any]) -> Findings:
    params = root["params"]
    loop = params["loop"]
    start = histories.root_of_start(params)
    if start is not None and start not in [material["path"] for material in root["materials"]]:
        yield f"loops/{loop['name']}/manifest.json", f"does not name {start}, whose history it has"
    for seed, chain in chains(case, params, histories.shared(params) + 1).items():
        for t, path in chain.items():
            index = training_sets.as_it_is(case.root / path)
            counted: dict[tuple[str, int], int] = defaultdict(int)
            expected: dict[tuple[str, int], int] = defaultdict(int)
            for group in index.groups:
                counted[group.origin, group.generation] += len(group.positions)
            for part, rows in _due(case, params, seed, t):
                if len(rows):
                    expected[part.origin, part.generation] += len(rows)
            if counted != expected:
                yield path, f"holds {_told(counted)}; {loop['regime']} demands {_told(expected)}"
            stated = regimes.recipe(case.archive.manifest(path)["params"])
            if stated != _demanded(case, params, seed, t):
                yield path, f"its manifest's parts or draw are not those {loop['regime']} demands"
            yield from guarded(path, _sources, case, root, seed, t, path, index)
    for path in [material["path"] for material in root["materials"]]:
        manifest = case.archive.manifest(path)
        if manifest["kind"] in ("sample_set", "preview"):
            plain = path.endswith("-unbiased") or "/auxiliary/" in path
            demanded = 1.0 if plain else loop["sampling_bias"]
            bias = manifest["params"]["sampling_bias"]
            if bias != demanded:
                yield path, f"λ is {bias}; {loop['name']} demands {demanded}"


def _sources(
    case: Case, root: dict[str, Any], seed: int, t: int, path: str, index: Index
) -> Findings:
    """Rows come from the sets the manifest names, by the generation they say, with their labels."""
    parents = case.archive.parents(path)
    expected = {part.generation: rows for part, rows in _due(case, root["params"], seed, t)}
    for group in index.groups:
        artifact, generation, rows = group.artifact, group.generation, index.row[group.positions]
        if artifact not in parents:
            yield path, f"holds rows of {artifact}, which its manifest does not name"
            continue
        manifest = case.archive.manifest(artifact)
        if manifest["kind"] == "preview":
            yield path, f"mixes {artifact}, a preview"
        due = REAL
        if generation:
            due = histories.samples(case, root["params"], seed, generation)
        if artifact != due:
            yield path, f"holds rows of {artifact} as generation {generation}, which is {due}"
        if (group.origin == "real") != (manifest["kind"] == "real_set"):
            yield path, f"calls rows of {artifact} {group.origin}"
        count = manifest["rows"]
        if len(rows) and not 0 <= rows.min() <= rows.max() < count:
            yield path, f"holds rows beyond {artifact}, which has {count}"
            continue
        if artifact not in case.dropped:
            labels = opened(case.archive, artifact, "labels")
            if (labels[rows] != index.label[group.positions]).any():
                yield path, f"gives rows of {artifact} other labels than they have"
        # Which real rows are due is the law of real rows; how many, that of composition.
        demanded = expected.get(generation, rows)
        if generation and len(demanded) == len(rows) and not np.array_equal(rows, demanded):
            row = int(demanded[(rows != demanded).argmax()])
            yield path, f"its rows of {artifact} are not those due: row {row} is missing"
        if generation <= 0:
            continue
        made_by = histories.owner(case, root["params"], generation)["loop"]
        bias = manifest["params"].get("sampling_bias", made_by["sampling_bias"])
        if bias != made_by["sampling_bias"]:
            yield artifact, f"λ is {bias}; {made_by['name']} demands {made_by['sampling_bias']}"


def chains(case: Case, params: dict[str, Any], first: int) -> dict[int, dict[int, str]]:
    """Run seed -> generation, from the first one that is known -> training set of a loop."""
    if not histories.begins_known(case, params):
        first = max(first, 2)
    return {
        seed: {
            t: f"{histories.folder(case, params, seed, t)}/training_set.parquet"
            for t in range(first, params["generations"] + 1)
        }
        for seed in params["seeds"]
    }


Demand = tuple[tuple[regimes.Part, ...], regimes.Draw | None]


def _demanded(case: Case, params: dict[str, Any], seed: int, t: int) -> Demand:
    """The parts of D^t that the loop's regime demands, and what is drawn of them."""
    loop, n_initial = params["loop"], params["n_initial"]
    regime, fork = histories.regime(loop), histories.fork(case, params)
    parts = regimes.compose(regime, t, n_initial, loop["n_real"], loop["n_synthetic"], fork)
    if (total := sum(part.count for part in parts)) > MAX_POOL:
        raise UserError(f"D^{t} has {total} rows; at most {MAX_POOL} are looked at")
    seed = seeds.derive("draw", loop["name"], seed, t)
    return parts, regimes.draw(regime, parts, t, n_initial, seed)


def _due(
    case: Case, params: dict[str, Any], seed: int, t: int
) -> list[tuple[regimes.Part, np.ndarray]]:
    """The parts of D^t that the loop's regime demands, each with its rows in it."""
    parts, drawn = _demanded(case, params, seed, t)
    return list(zip(parts, regimes.chosen(parts, drawn), strict=True))


def _told(counts: dict[tuple[str, int], int]) -> str:
    return ", ".join(
        f"{count} {origin}" + (f" of generation {t}" if t else "")
        for (origin, t), count in sorted(counts.items())
    )
