"""What theory says beside a run of docs/science.md: of labels that drift, of a Gaussian loop."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from autophagy import layout, seeds, training_sets
from autophagy.theory import effective, gaussian, limits, loops

#: Columns of labels.csv.
LABELS = ("loop", "seed", "generation", "n", "classes", "diversity")
#: Dimensions in which the Gaussian predicts n_e/n_r: the pixels of a digit.
DIMENSIONS = 64
#: Gaussian chains over whose generations n_e is taken, and chains of labels.
CHAINS, REPEATS = 400, 4000
#: (loop, run seed) -> generation -> rows of each label that D^t has.
Counted = dict[tuple[str, int], dict[int, np.ndarray]]


def labels_of(results: Path, experiment: Any) -> Counted:
    """How many rows of every D^t, the start's with them, have each label."""
    return {
        (loop, seed): {
            t: _counts(results / layout.training_set_path(experiment, loop, seed, t))
            for t in range(1, experiment.generations + 1)
            if layout.has_training_set(experiment, loop, t)
        }
        for loop in experiment.loops
        for seed in experiment.seeds
    }


def _counts(training_set: Path) -> np.ndarray:
    """The rows of each label that there is, the most first."""
    return np.sort(np.unique_counts(training_sets.read(training_set).label).counts)[::-1]


def labels_table(counted: Counted) -> pd.DataFrame:
    """Columns loop, seed, generation, n, classes, diversity.

    n: rows. classes: how many have a row at all. diversity: 1 − Σp² of the labels.
    """
    rows = [
        (loop, seed, t, int(counts.sum()), len(counts), float(_diversity(counts)))
        for (loop, seed), generations in counted.items()
        for t, counts in generations.items()
    ]
    return pd.DataFrame(rows, columns=list(LABELS))


def _diversity(counts: np.ndarray) -> np.ndarray:
    """1 − Σp² over the last axis."""
    shares = counts / counts.sum(axis=-1, keepdims=True)
    return 1.0 - np.square(shares).sum(axis=-1)


def drift_table(counted: Counted, names: list[str]) -> pd.DataFrame:
    """Columns loop, law, low, high: what is left of 1 − Σp² where labels are drawn from labels.

    law: (1 − 1/n)^t, what is expected under the Wright-Fisher model. low, high: between them lies
    the mean over as many seeds as were run, from their first labels, in 95 of 100 repeats.
    """
    rng = seeds.stream(seeds.derive("science", 2))
    rows = []
    for name in names:
        left = []
        for generations in (counted[key] for key in counted if key[0] == name):
            first, last = min(generations), max(generations)
            n, steps = int(generations[last].sum()), last - first
            left.append(inherited(generations[first], n, steps, rng))
        low, high = np.quantile(np.mean(left, axis=0), [0.025, 0.975])
        rows.append((name, (1.0 - 1.0 / n) ** steps, low, high))
    return pd.DataFrame(rows, columns=["loop", "law", "low", "high"])


def inherited(counts: np.ndarray, n: int, steps: int, rng: np.random.Generator) -> np.ndarray:
    """Shares of 1 − Σp² left after `steps` draws of n labels from those before, of `REPEATS`."""
    shares = np.tile(counts / counts.sum(), (REPEATS, 1))
    for _ in range(steps):
        shares = rng.multinomial(n, shares) / n
    return _diversity(shares) / _diversity(counts)


def gaussian_table(
    experiment: Any, names: list[str], sizes: pd.DataFrame, dimensions: int = DIMENSIONS
) -> pd.DataFrame:
    """n_e/n_r of exact Gaussian loops: in the generations of the run's own n_e, and in the limit.

    All loops are compared with one curve of real points alone, and start at n_real of them. One
    thread, so that the last digits do not depend on the machine's cores.

    Args:
        sizes: effective_size.csv, which says in which generations n_e was taken.

    Returns:
        Columns loop, dimensions, first_generation, last_generation, within, within_se, ratio and
        ratio_se.
    """
    from threadpoolctl import threadpool_limits

    rng = seeds.stream(seeds.derive("science", 1))
    windows = sizes.groupby("loop").tail(1).set_index("loop")
    rows = []
    with threadpool_limits(1):
        curve = effective.real_only(dimensions, rng)
        for name in dict.fromkeys(names):
            if name not in windows.index:
                continue
            loop, last = experiment.loops[name], windows.loc[name]
            window = [int(last[f"{end}_generation"]) for end in ("first", "last")]
            n_real = loop.n_real
            exact = loops.Loop(dimensions, n_real, n_real, loop.n_synthetic, loop.sampling_bias)
            limit = limits.measure(exact, limits.Effort(), rng)
            ratios = [
                np.array(curve.effective_size(*found)) / n_real
                for found in (_within(exact, *window, rng), (limit.distance, limit.distance_se))
            ]
            rows.append((name, dimensions, *window, *ratios[0], *ratios[1]))
    heads = ["loop", "dimensions", "first_generation", "last_generation"]
    return pd.DataFrame(rows, columns=[*heads, "within", "within_se", "ratio", "ratio_se"])


def _within(
    loop: loops.Loop, first: int, last: int, rng: np.random.Generator
) -> tuple[float, float]:
    """W2² over generations first to last, from n_real points on: mean and standard error."""
    models = islice(loops.chains(loop, CHAINS, rng), first - 1, last)
    found = np.array([gaussian.distance(model) for model in models])
    return limits.mean_and_error(found.mean(axis=0))
