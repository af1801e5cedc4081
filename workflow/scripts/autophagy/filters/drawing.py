"""Candidates drawn, judged and chosen until every picture of a sample set is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from autophagy import filters, seeds
from autophagy.errors import UserError
from autophagy.filters.base import Judged
from autophagy.progress import Report

#: Rounds of candidates before a filter that keeps too little is given up.
ROUNDS = 200
#: Candidates drawn and judged at once: memory does not grow with the set.
AT_ONCE = 8192


@dataclass(frozen=True)
class Chosen:
    """What a filter kept: pictures float32 n×H×W×C, labels int64 (n,), seeds uint64 (n,).

    candidates: how many were drawn for them.
    """

    pictures: np.ndarray
    labels: np.ndarray
    seeds: np.ndarray
    candidates: int


class Labels(Protocol):
    def __call__(self, k: int, draws: np.random.Generator) -> np.ndarray:
        """The labels of K candidates for each of n pictures, int64 n×K."""
        ...


def choose(
    n: int,
    options: dict[str, Any],
    seed: int,
    labels_of: Labels,
    draw: Callable[[np.ndarray, np.ndarray], np.ndarray],
    judge: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    report: Report,
) -> Chosen:
    """n pictures that a filter kept.

    What picture i is depends on the seed and i, not on n: candidate j of its round r has the seed
    ``derive(seed, "candidate", i, r, j)``, so that each stays a function of (model, seed, label).

    Args:
        options: of the filter, `kind` among them. seed: of the sample set.
        labels_of: the labels asked for, given K and a random stream.
        draw: pictures float32 m×H×W×C of labels (m,) and seeds (m,).
        judge: what the filter NEEDS of (pictures, labels, seeds): probabilities m×C or
            likelihoods (m,).

    Raises:
        UserError: the filter keeps too little.
    """
    kind = filters.module(options["kind"])
    k, made = kind.candidates(options), 0
    kept: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    waiting = np.arange(n)
    for number in range(ROUNDS):
        labels = labels_of(k, seeds.stream(seeds.derive("labels", seed), number))
        uniform = seeds.stream(seeds.derive("filter", seed), number).random(n)
        left = []
        for start in range(0, len(waiting), max(1, AT_ONCE // k)):
            places = waiting[start : start + max(1, AT_ONCE // k)]
            keys = np.stack(
                [seeds.derive_rows(k, seed, "candidate", int(i), number) for i in places]
            )
            asked = labels[places]
            pictures = draw(asked.ravel(), keys.ravel())
            found = judge(pictures, asked.ravel(), keys.ravel())
            found = found.reshape(len(places), k, *found.shape[1:])
            judged = Judged(asked, **{kind.NEEDS: found})
            choice = kind.choose(judged, options, uniform[places])
            made += keys.size
            rows = np.flatnonzero(choice >= 0)
            at = (rows, choice[rows])
            pictures = pictures.reshape(len(places), k, *pictures.shape[1:])
            kept.append((places[rows], pictures[at], asked[at], keys[at]))
            left.append(places[choice < 0])
        waiting = np.concatenate(left)
        report(n - len(waiting), n, f"pictures kept of {made} candidates")
        if not len(waiting):
            break
    else:
        raise UserError(
            f"filter: {len(waiting)} of {n} pictures found no candidate in {ROUNDS} rounds "
            f"({(n - len(waiting)) / made:.1%} of all were kept); let the filter keep more, or "
            "train the model longer"
        )
    order = np.argsort(np.concatenate([places for places, *_ in kept]))
    columns = [np.concatenate([entry[column] for entry in kept])[order] for column in (1, 2, 3)]
    return Chosen(*columns, candidates=made)
