"""What a training set D^t is made of: a regime as a point on a few independent axes.

Pure functions on counts; nothing here knows a picture, a path or torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

LabelRule = Literal["balanced", "real", "inherited"]


@dataclass(frozen=True)
class Regime:
    """The axes. A named regime is a preset of them.

    real: real rows in D^t (t >= 2): none, the same ones every generation, or unused ones.
    synthetic: whose samples are in D^t: none, or those of the previous generation.
    """

    real: Literal["none", "fixed", "fresh"]
    synthetic: Literal["none", "previous"]


#: Alemohammad et al. 2023, section 2: the three autophagous loops.
REGIMES: dict[str, Regime] = {
    "fully_synthetic": Regime(real="none", synthetic="previous"),
    "synthetic_augmentation": Regime(real="fixed", synthetic="previous"),
    "fresh_data": Regime(real="fresh", synthetic="previous"),
}


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


def compose(
    regime: Regime, generation: int, n_initial: int, n_real: int, n_synthetic: int
) -> tuple[Part, ...]:
    """The parts of D^t.

    Args:
        generation: t >= 1.
        n_initial, n_real, n_synthetic: the paper's n_ini, n_r and n_s.

    Returns:
        For t = 1 the first n_initial real rows; after that what the regime says, real rows first.
    """
    if generation == 1:
        return (Part("real", 0, 0, n_initial),)
    parts = []
    if regime.real == "fixed":
        parts.append(Part("real", 0, 0, n_real))
    elif regime.real == "fresh":
        parts.append(Part("real", 0, n_initial + (generation - 2) * n_real, n_real))
    if regime.synthetic == "previous":
        parts.append(Part("synthetic", generation - 1, 0, n_synthetic))
    return tuple(parts)


def real_rows_needed(regime: Regime, generations: int, n_initial: int, n_real: int) -> int:
    """How many rows of the loop split one seed's chain of `generations` uses."""
    last = [compose(regime, t, n_initial, n_real, 0) for t in range(1, generations + 1)]
    return max(part.start + part.count for parts in last for part in parts if part.origin == "real")


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
