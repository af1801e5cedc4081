"""What the metrics say of real data against real data: the noise floor of every comparison."""

from __future__ import annotations

import numpy as np

from autophagy.metrics.base import Undefined, as_features
from autophagy.metrics.frechet import frechet_distance
from autophagy.metrics.kernel import kernel_distance
from autophagy.metrics.neighbours import prdc
from autophagy.metrics.spectral import spectral_distance


def resplit_baseline(
    pool_a: np.ndarray,
    pool_b: np.ndarray,
    n_generated: int,
    n_reference: int,
    k: int,
    repeats: int,
    seed: int,
    spectra: tuple[np.ndarray, np.ndarray] | None = None,
    device: str = "cpu",
) -> dict[str, dict[str, float]]:
    """Metrics between random disjoint cuts of the real rows in both pools (features, n×d).

    spectra: `spectral.ring_power` of the same rows, where they are pictures. device: cpu or cuda.

    Each of `repeats` ≥ 2 cuts takes n_generated rows in the role of samples and n_reference
    others in the role of the reference. The draws are numpy's Philox keyed by `seed`, one after
    the other: fewer repeats are a prefix of more.

    Returns {metric: {"mean", "sd", "low", "high"}} for frechet_distance, kernel_distance,
    precision, recall, density, coverage and, with spectra, spectral_distance; low and high are the
    2.5 and 97.5 percentiles, sd is over repeats - 1. Cuts of one pool share rows, so the spread is
    that of the cut, and smaller than that of fresh draws.

    Raises Undefined if the pools are too small for the cuts, or a metric has no value on them.
    """
    if repeats < 2:
        raise Undefined(f"a spread needs 2 repeats or more, not {repeats}")
    pool = np.concatenate([as_features(pool_a), as_features(pool_b)])
    needed = n_generated + n_reference
    if needed > len(pool):
        raise Undefined(
            f"disjoint cuts of {n_generated} and {n_reference} rows need {needed} real rows,"
            f" not {len(pool)}"
        )
    power = None if spectra is None else np.concatenate(spectra)
    rng = np.random.Generator(np.random.Philox(key=seed))
    cuts = []
    for _ in range(repeats):
        order = rng.permutation(len(pool))
        one, other = order[:n_generated], order[n_generated:needed]
        cut = _compare(pool[one], pool[other], k, device)
        if power is not None:
            cut["spectral_distance"] = spectral_distance(power[one], power[other])
        cuts.append(cut)
    return {name: _spread(np.array([cut[name] for cut in cuts])) for name in cuts[0]}


def _compare(generated: np.ndarray, reference: np.ndarray, k: int, device: str) -> dict[str, float]:
    return {
        "frechet_distance": frechet_distance(generated, reference),
        "kernel_distance": kernel_distance(generated, reference, device),
        **prdc(reference, generated, k, device),
    }


def _spread(values: np.ndarray) -> dict[str, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return {
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)),
        "low": float(low),
        "high": float(high),
    }
