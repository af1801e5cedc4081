"""What stands behind a number and is drawn rather than compared: histograms and spectra."""

from __future__ import annotations

from typing import Any

import numpy as np

from autophagy.metrics.base import Measured, Undefined


def profiles(measured: Measured) -> dict[str, Any]:
    """`classes`: how many samples the feature network sees in each class. `spectrum`: their mean
    power by ring (`spectral.ring_power`), None for what has none."""
    counts = np.bincount(measured.predicted, minlength=measured.n_classes)
    try:
        spectrum = measured.spectra[0].mean(axis=0)
    except Undefined:
        spectrum = None
    return {
        "classes": counts.tolist(),
        "spectrum": None if spectrum is None else spectrum.tolist(),
    }
