"""What a configuration says of the feature network, checked before anything runs.

Apart from the package itself: steps know no table, so that a line added there reruns none of them.
"""

from __future__ import annotations

from autophagy import plugins
from autophagy.errors import UserError
from autophagy.features import SEPARATOR, module, name_of, source_of
from autophagy.features.table import NETWORKS


def check(features: str, weights: str | None, shape: tuple[int, ...] | None) -> None:
    """Refuse a network that is not there, or that cannot take these rows.

    Args:
        shape: see `base.Shape`; None where it is not known before the data are read.

    Raises:
        UserError: naming the key.
    """
    allowed = (*NETWORKS, *plugins.added("features"))
    if SEPARATOR not in features and features not in allowed:
        raise UserError(
            f"evaluate.features: {features!r} is not allowed; allowed: {', '.join(allowed)}, or "
            f"the path of a folder, with a {SEPARATOR} in it"
        )
    network = module(name_of(features))
    require = getattr(network, "require", None)
    if weights is not None and (require is None or SEPARATOR in features):
        raise UserError(f"evaluate.weights: {features} takes no file of weights; leave it out")
    if require is not None:
        require(source_of(features, weights))
    if shape is not None:
        network.check(shape)
