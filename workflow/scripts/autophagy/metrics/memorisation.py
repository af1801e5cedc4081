"""Whether samples sit closer to the real training images than to unseen real ones."""

from __future__ import annotations

import numpy as np

from autophagy.metrics.base import Undefined
from autophagy.metrics.neighbours import nearest_distances


def memorisation(
    generated: np.ndarray, train_real: np.ndarray, held_out: np.ndarray, device: str = "cpu"
) -> float:
    """Probability that a generated row is nearer to the training set than to held-out rows.

    Nearer compares the nearest of m training rows with the nearest of m held-out rows; a tie
    counts one half. The result lies in [0, 1]: 0.5 where the generator treats both alike,
    1 where every sample sits on its training set. m = min(len(train_real), len(held_out)), as
    the larger of two sets is nearer by its size alone. The first m rows of each are taken, so
    the caller must have shuffled them. All are n×d.

    Meehan et al. 2020 ask the same with the same three sets. Their test ranks the distances to
    the training set of generated rows among those of held-out rows (Mann-Whitney, by cells of
    the feature space). This statistic compares two distances of one generated row: a generator
    that never saw either set scores 0.5, also a blurred or a narrow one.

    Raises Undefined if a set is empty.
    """
    for rows, name in (
        (train_real, "real rows in the training set"),
        (held_out, "held-out rows"),
        (generated, "generated rows"),
    ):
        if len(rows) == 0:
            raise Undefined(f"no {name}")
    m = min(len(train_real), len(held_out))
    to_train = nearest_distances(generated, train_real[:m], device)
    to_held_out = nearest_distances(generated, held_out[:m], device)
    return float(((to_train < to_held_out) + 0.5 * (to_train == to_held_out)).mean())
