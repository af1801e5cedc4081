"""What the Gaussian loops must do: exact recursions, and laws to leading order in 1/n.

Exact: `moments`, `log_det_step`, `covariance_limit`. Leading order in 1/n with n_r >> d:
`distance_limit`, `effective_ratio` and what they are built from.
"""

from __future__ import annotations

import math

import numpy as np

from autophagy.theory.loops import Loop


def moments(loop: Loop, generations: int) -> tuple[np.ndarray, np.ndarray]:
    """E‖μ_t‖² and E tr Σ_t for t = 1 … generations, exact.

    The pooled estimator makes both, and the product c of the mean with that of fixed real data,
    follow a linear recursion: of the sum of scatters, and of the scatter between the two means.

    Raises:
        ValueError: the loop is none whose recursion is known (see `has_moments`).
    """
    if not has_moments(loop):
        raise ValueError(f"no closed recursion for {loop}")
    bias, n_r, n_s = loop.sampling_bias, loop.n_real, loop.n_synthetic
    mean, spread, cross = 1 / loop.n_initial, 1.0, 1 / loop.n_initial
    found = [(mean, spread)]
    kept = loop.n_initial
    for _ in range(generations - 1):
        if loop.pool == "accumulate":
            total = kept + n_s
            mean += n_s * bias * spread / total**2
            spread *= (kept - 1 + bias * (n_s - 1 + kept / total)) / (total - 1)
            kept = total
        else:
            n, p, q = n_r + n_s, n_r / (n_r + n_s), n_s / (n_r + n_s)
            sampled = mean + bias * spread / n_s
            inner = cross if loop.real == "fixed" else 0.0
            if n_r:
                within = (n_r - 1) + (n_s - 1) * bias * spread
                between = n * p * q * (sampled + 1 / n_r - 2 * inner)
                spread = (within + between) / (n - 1)
            else:
                spread *= bias
            mean = p / n + 2 * p * q * inner + q**2 * sampled
            cross = 1 / n + q * cross
        found.append((mean, spread))
    means, spreads = loop.dimensions * np.array(found).T
    return means, spreads


def has_moments(loop: Loop) -> bool:
    """Whether `moments` knows the loop."""
    if loop.pool == "accumulate":
        return loop.real == "fixed" and loop.n_real == loop.n_initial
    return loop.pool == "replace" and loop.memory == 1


def log_det_step(dimensions: int, n: int, bias: float = 1.0) -> float:
    """How much E log det Σ changes in one fully synthetic generation of n > d points, exact."""
    from scipy.special import digamma

    places = np.arange(dimensions)
    rate = dimensions * math.log(2 * bias / (n - 1))
    return float(np.sum(digamma((n - 1 - places) / 2)) + rate)


def covariance_limit(n_real: int, n_synthetic: int, bias: float) -> float:
    """σ² of the fresh loop's limit E Σ = σ² I, exact for the pooled estimator."""
    n, p = n_real + n_synthetic, n_real / (n_real + n_synthetic)
    kappa = (1 - p) / ((n - 1) * (2 - p))
    return p * (1 + kappa) / (1 - (1 - p) * bias * (1 + kappa))


def mean_limit(n_real: int, n_synthetic: int, bias: float) -> float:
    """E‖μ‖²/d in the fresh loop's limit, exact for the pooled estimator."""
    n, p = n_real + n_synthetic, n_real / (n_real + n_synthetic)
    spread = covariance_limit(n_real, n_synthetic, bias)
    return ((1 - p) * bias * spread + p) / (n * p * (2 - p))


def real_only_distance(n: np.ndarray | float, dimensions: int) -> np.ndarray | float:
    """E W2² of a Gaussian fitted to n real points, to leading order: d/n + d(d+1)/(4(n-1))."""
    return dimensions / n + dimensions * (dimensions + 1) / (4 * (n - 1))


def distance_limit(n_real: int, n_synthetic: int, bias: float, dimensions: int) -> float:
    """W2² in the fresh loop's limit, to leading order in the covariance's fluctuation.

    Around σ² I a fluctuation Δ costs tr Δ² / (4σ³), and E tr Δ² = d(d+1) v, where v solves
    v = ((1-p)λ)² v + ((1-p)λ²σ⁴ + p)/n. At λ = 1 this is (d + d(d+1)/4) / ((2-p) n_r).
    """
    n, p = n_real + n_synthetic, n_real / (n_real + n_synthetic)
    spread = covariance_limit(n_real, n_synthetic, bias)
    fluctuation = ((1 - p) * (bias * spread) ** 2 + p) / n / (1 - ((1 - p) * bias) ** 2)
    around = dimensions * (dimensions + 1) * fluctuation / (4 * spread**1.5)
    offset = dimensions * (1 - math.sqrt(spread)) ** 2
    return dimensions * mean_limit(n_real, n_synthetic, bias) + offset + around


def effective_ratio(loop: Loop) -> float:
    """n_e / n_r in the loop's limit, to leading order.

    At λ = 1 alone. Fresh: 2 - p, and with K models 1/p over `last_k_variance`. Fixed
    (augmentation): (2-p)/(3-2p) < 1.

    Raises:
        ValueError: no law is known for the loop.
    """
    p = loop.real_share
    if loop.pool == "replace" and loop.sampling_bias == 1.0:
        if loop.real == "fresh":
            return 1 / (p * last_k_variance(p, loop.memory))
        if loop.real == "fixed" and loop.memory == 1:
            return (2 - p) / (3 - 2 * p)
    raise ValueError(f"no leading-order law for {loop}")


def last_k_variance(p: float, memory: int) -> float:
    """n times the limit variance of a fresh λ = 1 loop fed by K models, to leading order.

    A deviation follows x_t = (1-p)/K Σ_k x_{t-k} + noise of variance 1/n, an autoregression of
    order K; the Yule-Walker equations give its variance: 1/(p(2-p)) for K = 1, 1 for K → ∞.
    """
    weight = (1 - p) / memory
    system = np.eye(memory + 1)
    for lag in range(memory + 1):
        for back in range(1, memory + 1):
            system[lag, abs(lag - back)] -= weight
    return float(np.linalg.solve(system, np.eye(memory + 1)[0])[0])


def relaxation(loop: Loop) -> float:
    """Generations for one e-fold of the slowest of what decides W2² in the loop's limit.

    Variances forget with the square of the mean's factor z, 1/(2(1-z)), which is n/(2 n_r) for
    K = 1. At λ < 1 the covariance's bias forgets with its own factor, 1/(1-(1-p)λ) for K = 1. The
    mean of fresh data is short of both: `limits.starting_point` has its limit's law. Fixed data
    leave no such start, so there the slower of the two counts.
    """
    q = 1 - loop.real_share
    mean = 0.5 / (1 - slowest_factor(q, loop.memory))
    if loop.sampling_bias == 1.0:
        return mean
    covariance = 1 / (1 - slowest_factor(q * loop.sampling_bias, loop.memory))
    return max(mean, covariance) if loop.real == "fixed" else covariance


def slowest_factor(weight: float, memory: int) -> float:
    """The largest root of z^K = weight/K (z^(K-1) + … + 1), weight in [0, 1 - 1e-12], K >= 1.

    It is the one positive root. With z = e^-s, 1 = weight/K Σ e^(js) over j = 1 … K, which grows
    with s; their largest and (by convexity) the middle one bound it, with room for rounding here.
    """
    if memory == 1 or weight == 0.0:
        return weight
    from scipy.optimize import brentq

    least = -math.log(weight)

    def excess(s: float) -> float:
        ratio = math.log(math.expm1(-s * memory) / math.expm1(-s))
        return s * memory + ratio - math.log(memory) - least

    return math.exp(-brentq(excess, 0.5 * least / memory, 4 * least / (memory + 1), xtol=1e-300))


def regression_error(generations: int, accumulate: bool) -> float:
    """Test error of `generations` rounds of linear regression, in units of one round's.

    Gerstgrasser et al. 2024, theorem 1 and 2: replacing grows without bound, Σ 1; accumulating is
    below Σ 1/i² < π²/6.
    """
    rounds = np.arange(1, generations + 1)
    return float(np.sum(1 / rounds**2) if accumulate else generations)
