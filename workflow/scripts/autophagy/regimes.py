"""What a training set D^t is made of: a regime as a point on a few independent axes.

Pure functions on counts; nothing here knows a picture, a path or torch. Named points: `presets`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

import numpy as np

from autophagy import seeds

LabelRule = Literal["balanced", "real", "inherited"]
Real = Literal["none", "fixed", "fresh"]
Pool = Literal["replace", "accumulate", "subsample"]
Start = Literal["scratch", "previous"]
Counterfactual = Literal["none", "real"]
#: Values of the axis `synthetic`.
SYNTHETIC = r"^(none|previous|all|last-([2-9]|[1-9]\d{1,2}))$"
#: The pattern in words, for messages.
SYNTHETIC_ALLOWED = "none, previous, all or last-K with K from 2 to 999"


@dataclass(frozen=True)
class Regime:
    """The axes. A named regime is a preset of them.

    real: real rows in D^t (t >= 2): none, the same ones every generation, or unused ones.
    synthetic: whose samples may be in D^t: none's, those of the previous generation, of the last K
        generations (`last-K`), or of all before.
    pool: replace: n_synthetic rows in all, in equal shares from these generations, each row used
        once in a loop (Alemohammad et al. 2023, app. G: drawn anew). accumulate: the same
        n_synthetic rows of each of them (Gerstgrasser et al. 2024). subsample: all of that is
        kept, fresh real rows of earlier generations too, and D^t is n_initial rows of it, drawn
        without replacement (Kazdan et al. 2025). `theory.loops` has the same definitions.
    start: G^t is fitted from scratch, or goes on from the weights of G^(t-1).
    labels: what labels are asked of a generator; see `requested_labels`.
    filter: which of several candidates become S^t: {kind, …} of `filters`, or None.
    guidance: {kind, weight, n, steps}: S^t is drawn from G^t guided away, by weight w, from what it
        becomes when it is tuned for `steps` on n of its own samples; or None.
    counterfactual: real: D^t is what the other axes make it, but for its synthetic rows: as many
        real rows stand in their place, the first ones that are not in it already. They may be in
        several generations, for none of these models sees another's samples.
    """

    real: Real
    synthetic: str
    pool: Pool = "replace"
    start: Start = "scratch"
    labels: LabelRule = "balanced"
    filter: dict[str, Any] | None = None
    guidance: dict[str, Any] | None = None
    counterfactual: Counterfactual = "none"


#: The names of the axes.
AXES = tuple(Regime.__dataclass_fields__)


@dataclass(frozen=True)
class Part:
    """`count` consecutive rows of one source, from row `start` on.

    A real part counts rows in the order of the run seed's permutation of the loop split; a
    synthetic part counts rows of S^generation. `generation` is 0 for real rows.
    """

    origin: Literal["real", "synthetic"]
    generation: int
    start: int
    count: int


@dataclass(frozen=True)
class Fork:
    """Where a loop leaves the history that it shares with another.

    generation: K >= 1, the last one that is shared. real_rows: of the loop split that the history
        up to it has used; unused rows are those after them.
    """

    generation: int
    real_rows: int


@dataclass(frozen=True)
class Draw:
    """`count` rows of a pool of parts, drawn without replacement by the stream of `seed`."""

    count: int
    seed: int


def compose(
    regime: Regime, generation: int, n_initial: int, n_real: int, n_synthetic: int,
    fork: Fork | None = None,
) -> tuple[Part, ...]:  # fmt: skip
    """The parts of D^t; under `subsample` those of the pool that it is drawn from.

    Args:
        generation: t >= 1; of a fork, of generations after the shared ones.
        n_initial, n_real, n_synthetic: the paper's n_ini, n_r and n_s.
        fork: None for a loop whose history is its own.

    Returns:
        For t = 1 the first n_initial real rows; after that what the regime says, real rows first,
        then synthetic ones, the oldest first. No part is empty.
    """
    if generation == 1:
        return initial(n_initial)
    parts = []
    # Before the rows of this generation: those of the history, then those of generations since.
    fork = fork or Fork(1, n_initial)
    used = fork.real_rows + (generation - 1 - fork.generation) * n_real
    if regime.real == "fixed":
        parts.append(Part("real", 0, 0, n_real))
    elif regime.real == "fresh" and regime.pool == "subsample":
        parts.append(Part("real", 0, n_initial, used + n_real - n_initial))
    elif regime.real == "fresh":
        parts.append(Part("real", 0, used, n_real))
    for source in _window(regime, generation):
        start, count = _taken(regime, generation, source, n_synthetic)
        parts.append(Part("synthetic", source, start, count))
    if regime.counterfactual == "real":
        parts = _swapped(parts)
    return tuple(part for part in parts if part.count)


def _swapped(parts: list[Part]) -> list[Part]:
    """The parts with real rows for synthetic ones: the first that are not among them already."""
    real = [part for part in parts if part.origin == "real"]
    missing, gap = sum(part.count for part in parts if part.origin == "synthetic"), 0
    swapped = list(real)
    for part in real:
        count = min(missing, part.start - gap)
        swapped.append(Part("real", 0, gap, count))
        missing, gap = missing - count, part.start + part.count
    return [*swapped, Part("real", 0, gap, missing)]


def initial(n: int) -> tuple[Part, ...]:
    """The parts of D^1 and of a real-only model's training set: the first n real rows."""
    return (Part("real", 0, 0, n),)


def draw(
    regime: Regime, parts: Iterable[Part], generation: int, n_initial: int, seed: int
) -> Draw | None:
    """What is drawn of the pool `parts` in generation t; None where D^t is all of them.

    Args:
        seed: of the draw, recorded with it.
    """
    if regime.pool != "subsample" or generation == 1:
        return None
    return Draw(min(n_initial, sum(part.count for part in parts)), seed)


def chosen(parts: Iterable[Part], drawn: Draw | None = None) -> list[np.ndarray]:
    """The rows of each part that are in D^t, ascending int64 numbers of its source's rows.

    The draw is the first `count` of a permutation of the pool, so it depends on nothing but its
    own seed and the sizes of the parts.
    """
    rows = [np.arange(part.start, part.start + part.count, dtype=np.int64) for part in parts]
    if drawn is None:
        return rows
    total = sum(map(len, rows))
    kept = np.zeros(total, bool)
    kept[seeds.stream(drawn.seed).permutation(total)[: drawn.count]] = True
    ends = list(accumulate(map(len, rows)))
    return [part[kept[end - len(part) : end]] for part, end in zip(rows, ends, strict=True)]


def recipe(params: dict[str, Any]) -> tuple[tuple[Part, ...], Draw | None]:
    """The parts that a training set's manifest lists, and what is drawn of them.

    Args:
        params: {"parts": [{artifact, origin, generation, start, count}], "draw": {count, seed}}.
    """
    keys = ("origin", "generation", "start", "count")
    parts = tuple(Part(**{key: listed[key] for key in keys}) for listed in params["parts"])
    return parts, Draw(**params["draw"]) if params.get("draw") else None


def mixed(params: dict[str, Any]) -> list[tuple[dict[str, Any], np.ndarray]]:
    """The parts that a training set's manifest lists, each with its rows in the set."""
    return list(zip(params["parts"], chosen(*recipe(params)), strict=True))


def shares(params: dict[str, Any]) -> list[tuple[dict[str, Any], int]]:
    """The parts that a training set's manifest lists, each with its number of rows in the set."""
    if not params.get("draw"):
        return [(part, part["count"]) for part in params["parts"]]
    return [(part, len(rows)) for part, rows in mixed(params)]


def size(
    regime: Regime, generation: int, n_initial: int, n_real: int, n_synthetic: int,
    fork: Fork | None = None,
) -> int:  # fmt: skip
    """How many rows D^t has."""
    parts = compose(regime, generation, n_initial, n_real, n_synthetic, fork)
    drawn = draw(regime, parts, generation, n_initial, seed=0)
    return drawn.count if drawn else sum(part.count for part in parts)


def real_rows_needed(
    regime: Regime, generations: int, n_initial: int, n_real: int, n_synthetic: int,
    fork: Fork | None = None,
) -> int:  # fmt: skip
    """How many rows of the loop split one seed's chain of `generations` uses.

    Args:
        n_synthetic: counts where real rows stand in their place.
    """
    first = 2 if fork is None else fork.generation + 1
    needed = n_initial if fork is None else fork.real_rows
    for t in range(first, generations + 1):
        parts = compose(regime, t, n_initial, n_real, n_synthetic, fork)
        ends = [part.start + part.count for part in parts if part.origin == "real"]
        needed = max([needed, *ends])
    return needed


def synthetic_rows_needed(regime: Regime, generation: int, n_synthetic: int) -> int:
    """How many rows of S^t its loop uses, however many generations follow.

    Under `replace` and `last-K` shares are larger while fewer than K generations lie behind: S^1
    gives all of D^2, half of D^3 and so on.
    """
    if regime.synthetic == "none" or regime.counterfactual == "real":
        return 0
    if regime.pool != "replace":
        return n_synthetic
    last = generation + _memory(regime, generation + 1)
    start, count = _taken(regime, last, generation, n_synthetic)
    return start + count


def _memory(regime: Regime, generation: int) -> int:
    """How many generations back D^t reaches at most."""
    known = {"none": 0, "previous": 1, "all": generation - 1}
    if regime.synthetic in known:
        return known[regime.synthetic]
    return int(regime.synthetic.removeprefix("last-"))


def _window(regime: Regime, generation: int) -> range:
    """The generations whose samples may be in D^t, oldest first."""
    return range(max(1, generation - _memory(regime, generation)), generation)


def _taken(regime: Regime, generation: int, source: int, n_synthetic: int) -> tuple[int, int]:
    """Start and count of the rows of S^source in D^t (or its pool)."""
    if regime.pool != "replace":
        return 0, n_synthetic
    before = (_share(regime, t, source, n_synthetic) for t in range(source + 1, generation))
    return sum(before), _share(regime, generation, source, n_synthetic)


def _share(regime: Regime, generation: int, source: int, n: int) -> int:
    """The rows of n that are S^source's: equal shares, what is left over goes to the oldest."""
    window = _window(regime, generation)
    return n // len(window) + (source - window.start < n % len(window))


def requested_labels(
    n: int, n_classes: int, rule: LabelRule, pool: np.ndarray, draws: np.random.Generator
) -> np.ndarray:
    """The labels asked of a generator, int64 (n,).

    balanced: 0, 1, …, n_classes-1 interleaved, so that every prefix is balanced too; it keeps the
    class marginal uniform, so no class can die. real, inherited: drawn with replacement from
    `pool`, the labels of the real loop split or of D^t; only under `inherited` can a class die.
    """
    if rule == "balanced":
        return np.arange(n, dtype=np.int64) % n_classes
    return pool[draws.integers(0, len(pool), size=n)].astype(np.int64)
