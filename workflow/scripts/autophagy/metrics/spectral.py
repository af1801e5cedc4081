"""The radial power spectrum of pictures, and how far one set's is from another's.

Grid-like artefacts, which loops amplify (Alemohammad et al. 2023, Fig. 1), stand out as power at
high spatial frequencies (Durall et al. 2020).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from autophagy.metrics.base import Undefined

#: Pictures transformed at once.
BLOCK = 1024


def ring_power(images: np.ndarray, levels: int) -> np.ndarray:
    """Power of each picture by spatial frequency, n×R.

    Column r holds the mean of |F|² / (H·W) over channels and over the frequencies whose radius, in
    cycles per shorter side, rounds to r + 1; the last ring is the corner, where a checkerboard
    lies. The mean grey (frequency 0) is left out. Pictures are scaled to 0..1, and the power of
    rounding to their grey levels, 1 / (12 (levels − 1)²), is added to every ring: below it a
    spectrum says nothing, and a blank picture keeps a logarithm.

    Args:
        images: unsigned n×H×W×C with values 0..levels−1.
    """
    n, height, width, _ = images.shape
    average = _rings(height, width)
    found = np.empty((n, average.shape[1]))
    for start in range(0, n, BLOCK):
        block = images[start : start + BLOCK].astype(np.float64) / (levels - 1)
        power = (np.abs(np.fft.fft2(block, axes=(1, 2))) ** 2).mean(axis=3) / (height * width)
        found[start : start + BLOCK] = power.reshape(len(block), -1) @ average
    return found + 1 / (12 * (levels - 1) ** 2)


def spectral_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square over rings of 10 log₁₀ (mean power of a / mean power of b), in decibels.

    The log-spectral distance of two sets' mean spectra: 0 where they are equal, 10 where every
    ring of one set has ten times the power.

    Args:
        a, b: `ring_power` of the two sets, n×R and m×R. Raises Undefined if one is empty or if
            pictures are too small to have a ring.
    """
    for rows, name in ((a, "generated"), (b, "reference")):
        if 0 in rows.shape:
            raise Undefined(f"no {name} spectra")
    decibels = 10 * np.log10(a.mean(axis=0) / b.mean(axis=0))
    return float(np.sqrt((decibels**2).mean()))


@cache
def _rings(height: int, width: int) -> np.ndarray:
    """(H·W)×R: the weights by which a power spectrum is averaged over each ring."""
    y, x = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
    radius = np.rint(np.hypot(y, x) * min(height, width)).astype(int).ravel()
    members = radius[:, None] == np.arange(1, radius.max() + 1)[None, :]
    return members / members.sum(axis=0).clip(min=1)
