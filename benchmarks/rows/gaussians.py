"""A fully synthetic loop of Gaussians, d = 100: statistics drawn, against samples drawn."""

from __future__ import annotations

from itertools import islice
from typing import Any

from rows.base import Side, clocked
from rows.line import Found, Line, median, over_seeds, ratio

REPEATS = 5
DIMENSIONS = 100
#: Points a generation, and the least ratio.
SIZES = {10_000: 10.0, 100_000: 100.0}


def _generations(n: int) -> int:
    return 20 if n > 10_000 else 60


def _ours(n: int) -> Side:
    def run(quick: bool, turn: int) -> dict[str, Any]:
        import numpy as np
        from autophagy.theory import gaussian, loops

        d, rows, generations = (5, 50, 3) if quick else (DIMENSIONS, n, _generations(n))
        loop = loops.Loop(d, rows, 0, rows, real="none")
        found: dict[str, Any] = {"generations": generations}
        with clocked(found):
            models = loops.chains(loop, 1, np.random.default_rng(turn))
            for model in islice(models, generations):
                found["w2"] = float(gaussian.distance(model)[0])
        return found

    return run


def _direct(n: int) -> Side:
    def run(quick: bool, turn: int) -> dict[str, Any]:
        import numpy as np
        import plain_gaussian

        d, rows, generations = (5, 50, 3) if quick else (DIMENSIONS, n, _generations(n))
        found: dict[str, Any] = {"generations": generations}
        with clocked(found):
            models = plain_gaussian.chain(d, rows, np.random.default_rng(turn))
            for mean, covariance in islice(models, generations):
                found["w2"] = plain_gaussian.distance(mean, covariance)
        return found

    return run


SIDES = {
    f"{name}_{n}": side(n) for n in SIZES for name, side in (("ours", _ours), ("direct", _direct))
}
SECONDS = {f"ours_{n}": 3 for n in SIZES} | {"direct_10000": 6, "direct_100000": 15}


def lines(found: Found) -> list[Line]:
    table = []
    for n, reach in SIZES.items():
        ours, direct = f"ours_{n}", f"direct_{n}"
        generations = found[ours][0]["generations"]
        drift = [over_seeds(found, side, "w2") for side in (ours, direct)]
        shown = [
            f"{1000 * median(found, side, 'cpu') / generations:.3g} ms" for side in (ours, direct)
        ]
        table.append(
            Line(
                f"Gaussian loop, d = {DIMENSIONS}, n = {n:,}: a generation and its W2²",
                "numpy that draws the samples",
                shown[0],
                shown[1],
                ratio(found, direct, ours, "cpu"),
                reach=reach,
                quality=f"W2² of generation {generations}: {drift[0]}, theirs {drift[1]}",
                holds=drift[0].agrees(drift[1]),
            )
        )
    return table
