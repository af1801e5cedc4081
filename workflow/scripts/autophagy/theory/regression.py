"""Linear regression on its own predictions (Gerstgrasser et al. 2024, section 3).

Truth y = xᵀβ + noise of variance σ², x ~ N(0, I_d). Generation 1 is fitted to T real pairs; its
successors to labels that the model before gives the same T inputs, with new noise. Only XᵀX, a
Wishart matrix, and Xᵀ noise enter the fits, so the T pairs are never drawn.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autophagy.theory import gaussian


def errors(
    dimensions: int, pairs: int, noise: float, accumulate: bool, chains: int,
    rng: np.random.Generator,
) -> Iterator[np.ndarray]:  # fmt: skip
    """‖β̂_t - β‖², the excess test error, of C chains; one array (C,) a generation.

    replace: labels of the last model alone, which β̂ reproduces and adds a fit's noise to.
    accumulate: all generations' pairs together; with the same inputs β̂_t is the mean of the fits.

    Args:
        pairs: T > d + 1, or the expected error is infinite.
    """
    root = gaussian.bartlett(rng, chains, dimensions, pairs)
    inverse = np.linalg.inv(root).transpose(0, 2, 1)
    deviation = np.zeros((chains, dimensions))
    t = 0
    while True:
        t += 1
        fit_noise = noise * (inverse @ rng.standard_normal((chains, dimensions, 1)))[..., 0]
        deviation = deviation + fit_noise / (t if accumulate else 1)
        yield np.einsum("cd,cd->c", deviation, deviation)


def one_round(dimensions: int, pairs: int, noise: float) -> float:
    """E‖β̂_1 - β‖² = σ² d / (T - d - 1), exact."""
    return noise**2 * dimensions / (pairs - dimensions - 1)
