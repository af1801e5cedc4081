"""A metric and a regime: an object each."""

from autophagy.metrics.base import Measured, Undefined
from autophagy.regimes import Regime

#: The real rows stay; the synthetic ones are shared by the last three generations.
LAST_THREE = Regime(real="fixed", synthetic="last-3")


def brightness_gap(measured: Measured) -> float:
    """Mean brightness of the samples less that of the reference, in [-1, 1]; 0 is best."""
    if not len(measured.rows):
        raise Undefined("no pictures")
    return float(measured.rows.mean() - measured.reference_rows.mean()) / (measured.levels - 1)
