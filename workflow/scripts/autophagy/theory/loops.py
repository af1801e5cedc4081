"""Autophagous loops of Gaussians: which statistics every G^t is fitted to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from autophagy.errors import UserError
from autophagy.theory import gaussian
from autophagy.theory.gaussian import Gaussians, Statistics

Real = Literal["none", "fixed", "fresh"]
Pool = Literal["replace", "accumulate", "subsample"]

#: No sample is larger.
MOST_POINTS = 1_000_000_000
MOST_DIMENSIONS = 1_000
#: A covariance of each is kept, and drawn from anew in every generation.
MOST_MODELS = 1_000
#: Numbers of 8 bytes that all chains hold at once.
MOST_NUMBERS = 100_000_000
#: Matrices that a chain holds beside its K models while a generation is computed.
_WORK = 4


@dataclass(frozen=True)
class Loop:
    """A loop around N(0, I) in d dimensions.

    n_initial, n_real, n_synthetic: the paper's n_ini, n_r and n_s. Fixed real data are the first
        n_real of the initial ones.
    memory: K, the number of previous models that the n_synthetic points come from, in equal shares
        and anew in every generation (App. G, experiment 1).
    pool: replace the synthetic data in every generation; accumulate all of them (Gerstgrasser et
        al. 2024); or subsample: keep everything and fit to n_initial points of it, drawn without
        replacement (Kazdan et al. 2025). Drawn points that are met again have no small sufficient
        statistic, so only there the cost grows with n.
    """

    dimensions: int
    n_initial: int
    n_real: int
    n_synthetic: int
    sampling_bias: float = 1.0
    real: Real = "fresh"
    memory: int = 1
    pool: Pool = "replace"

    @property
    def n(self) -> int:
        """Points that a G^t with t > 1 is fitted to (of accumulate, in generation 2)."""
        return self.n_initial if self.pool == "subsample" else self.n_real + self.n_synthetic

    @property
    def real_share(self) -> float:
        """p = n_r / (n_r + n_s)."""
        return self.n_real / (self.n_real + self.n_synthetic)


def check(loop: Loop, key: str, count: int, generations: int | None = None) -> None:
    """Refuse loops that cannot be run.

    Args:
        key: where the loop stands in the configuration, for messages.
        count: chains that run at once.
        generations: T, where the loop has an end; a pool of subsample needs one.

    Raises:
        UserError: the number that does not fit, and what is allowed.
    """
    if not 1 <= loop.dimensions <= MOST_DIMENSIONS:
        raise UserError(
            f"{key}.dimensions: {loop.dimensions} is not allowed; 1 to {MOST_DIMENSIONS}"
        )
    for name in ("n_real", "n_synthetic", "n_initial"):
        if getattr(loop, name) > MOST_POINTS:
            raise UserError(
                f"{key}.{name}: {getattr(loop, name)} is not allowed; at most {MOST_POINTS}"
            )
    if not 0.0 < loop.sampling_bias <= 1.0:
        raise UserError(
            f"{key}.sampling_bias: {loop.sampling_bias} is not allowed; λ lies in (0, 1]"
        )
    if loop.n_initial < 2:
        raise UserError(
            f"{key}.n_initial: {loop.n_initial} is not allowed; an unbiased covariance needs at "
            "least 2 points"
        )
    if loop.n_synthetic < 1:
        raise UserError(f"{key}.n_synthetic: {loop.n_synthetic} is not allowed; at least 1")
    if loop.real == "none" and loop.n_real:
        raise UserError(f"{key}.n_real: {loop.n_real} is not allowed; with real: none it must be 0")
    if loop.real != "none" and loop.n_real < 1:
        raise UserError(
            f"{key}.n_real: {loop.n_real} is not allowed; real: {loop.real} needs at least 1"
        )
    if loop.real == "fixed" and loop.n_real > loop.n_initial:
        raise UserError(
            f"{key}.n_real: {loop.n_real} exceeds n_initial = {loop.n_initial}; fixed real points "
            "are some of the initial ones"
        )
    if loop.n < 2:
        raise UserError(
            f"{key}.n_synthetic: n_real + n_synthetic = {loop.n} is not allowed; an unbiased "
            "covariance needs at least 2 points"
        )
    if loop.memory < 1 or loop.memory > loop.n_synthetic:
        raise UserError(
            f"{key}.memory: {loop.memory} is not allowed; 1 to n_synthetic = {loop.n_synthetic}"
        )
    if loop.memory > MOST_MODELS:
        raise UserError(f"{key}.memory: {loop.memory} is not allowed; at most {MOST_MODELS}")
    if loop.memory > 1 and loop.pool != "replace":
        raise UserError(
            f"{key}.memory: {loop.memory} is not allowed; pool: {loop.pool} takes new points from "
            "the last model alone, so it must be 1"
        )
    if generations is not None and loop.memory >= max(generations, 2):
        raise UserError(
            f"{key}.memory: {loop.memory} previous models never exist in {generations} "
            f"generations; at most {max(generations - 1, 1)}"
        )
    total = count * held(loop, generations or 1)
    if total > MOST_NUMBERS:
        what = "points that are kept" if loop.pool == "subsample" else "dimensions² of covariances"
        raise UserError(
            f"{key}.dimensions: {loop.dimensions} is not allowed; {count} chains times {what} are "
            f"{total} numbers at once; at most {MOST_NUMBERS}"
        )


def held(loop: Loop, generations: int = 1) -> int:
    """Numbers that a chain holds at its end: all points that are kept, or covariances."""
    if loop.pool != "subsample":
        return (loop.memory + _WORK) * loop.dimensions**2
    start = loop.n_real if loop.real == "fixed" else 0
    new = loop.n_synthetic + (loop.n_real if loop.real == "fresh" else 0)
    return max(loop.n_initial, start + new * (generations - 1)) * loop.dimensions


def chains(
    loop: Loop, count: int, rng: np.random.Generator, start: Gaussians | None = None
) -> Iterator[Gaussians]:
    """G^1, G^2, … of `count` independent chains.

    Args:
        start: what stands for G^1; None fits it to n_initial real points, as the paper does. A loop
            with fixed real data starts from those.
    """
    if loop.pool == "subsample":
        yield from _subsampled(loop, count, rng)
        return
    fixed, model = None, start
    if model is None:
        initial = _real(loop, loop.n_initial, count, rng)
        if loop.real == "fixed":
            fixed = _real(loop, loop.n_real, count, rng)
            spare = loop.n_initial - loop.n_real
            initial = gaussian.pool(fixed, _real(loop, spare, count, rng)) if spare else fixed
        model = gaussian.fit(initial)
    kept: tuple[Statistics, ...] = ()
    previous = deque([model], maxlen=loop.memory)
    while True:
        yield previous[-1]
        parts = []
        if loop.real == "fresh":
            parts = [_real(loop, loop.n_real, count, rng)]
        elif fixed is not None:
            parts = [fixed]
        shares = _shares(loop.n_synthetic, len(previous))
        drawn = [
            gaussian.draw(source, n, loop.sampling_bias, rng)
            for source, n in zip(previous, shares, strict=True)
        ]
        if loop.pool == "accumulate":
            kept = (gaussian.pool(*kept, *drawn),)
            drawn = list(kept)
        previous.append(gaussian.fit(gaussian.pool(*parts, *drawn)))


def _real(loop: Loop, n: int, count: int, rng: np.random.Generator) -> Statistics:
    return gaussian.draw_real(n, count, loop.dimensions, rng)


def _shares(n: int, parts: int) -> list[int]:
    """n in parts that differ by one at most."""
    return [n // parts + (place < n % parts) for place in range(parts)]


def _subsampled(loop: Loop, count: int, rng: np.random.Generator) -> Iterator[Gaussians]:
    """Everything is kept, point by point; each G^t sees n_initial points of it."""
    d, n, scale = loop.dimensions, loop.n_initial, np.sqrt(loop.sampling_bias)
    points = rng.standard_normal((count, n, d))
    chosen = points
    points = points[:, : loop.n_real if loop.real == "fixed" else 0]
    while True:
        model = gaussian.fit(statistics_of(chosen))
        yield model
        rank = model.root.shape[2]
        noise = rng.standard_normal((count, loop.n_synthetic, rank))
        synthetic = model.mean[:, None] + scale * noise @ model.root.transpose(0, 2, 1)
        new = [synthetic]
        if loop.real == "fresh":
            new.append(rng.standard_normal((count, loop.n_real, d)))
        points = np.concatenate([points, *new], axis=1)
        available = points.shape[1]
        order = rng.random((count, available)).argsort(axis=1)[:, : min(n, available)]
        chosen = np.take_along_axis(points, order[..., None], axis=1)


def statistics_of(points: np.ndarray) -> Statistics:
    """The statistics of points themselves, C×n×d."""
    _, n, d = points.shape
    mean = points.mean(axis=1)
    centred = points - mean[:, None]
    if n <= d:
        return Statistics(n, mean, centred.transpose(0, 2, 1))
    return Statistics(n, mean, np.linalg.qr(centred, mode="r").transpose(0, 2, 1))
