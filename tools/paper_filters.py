"""What docs/paper.md says of filters: odds that curation tilts, and a verifier's threshold."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

#: Of a normal's mass, 95% lie within so many standard deviations.
REACH = 1.96


def labels(results: Path, claim: dict[str, Any]) -> list[int]:
    """How many rows of a loop's S^1, over all seeds, are of the claim's classes, and of others."""
    import autophagy

    run = autophagy.open(results)
    found = np.concatenate([run.labels(claim["loop"], 1, seed) for seed in run.seeds])
    inside = int(np.isin(found, claim["odds_of"]).sum())
    return [inside, len(found) - inside]


def odds(candidates: int, weight: float) -> float:
    """Odds of a rewarded class after one choice among K candidates, from even odds.

    Ferbach et al., NeurIPS 2024: of m rewarded candidates of K one is kept with probability
    m e^r / (m e^r + K − m); m is binomial. Exact.
    """
    m = np.arange(candidates + 1)
    chances = np.array([math.comb(candidates, int(k)) for k in m]) / 2.0**candidates
    reward = m * math.exp(weight)
    kept = float(np.sum(chances * reward / (reward + candidates - m)))
    return kept / (1 - kept)


def curated(claim: dict[str, Any], loop: dict[str, Any], counts: list[int]) -> str:
    """Whether the odds in S^1 are those of one choice, within their 95% interval.

    Args:
        loop: of the configuration; without a filter the odds stay even. counts: as of `labels`.
    """
    inside, outside = counts
    chosen = loop.get("filter")
    due = odds(chosen["candidates"], chosen["weight"]) if chosen else 1.0
    # Half a row on either side keeps the interval finite where a class has died.
    found = (inside + 0.5) / (outside + 0.5)
    spread = math.exp(REACH * math.sqrt(1 / (inside + 0.5) + 1 / (outside + 0.5)))
    low, high = found / spread, found * spread
    agrees = "agrees" if low <= due <= high else "does not agree"
    classes = ", ".join(map(str, claim["odds_of"]))
    return (
        f"`{claim['loop']}`: odds of classes {classes} in S¹ {found:.2f} (95% {low:.2f} to "
        f"{high:.2f}); {due:.2f} expected from even odds: {agrees}"
    )


def verified(claim: dict[str, Any], loop: dict[str, Any], table: pd.DataFrame) -> str:
    """Are most kept samples of G^1 right where, and only where, fewer than p* of all are wrong?

    Feng et al., ICLR 2025: p* = 1/(1 + ψ/φ), of φ right and ψ wrong ones that are kept.

    Args:
        loop: of the configuration, a verifier's. table: metrics.csv.
    """
    right, wrong = loop["filter"]["keep_right"], loop["filter"]["keep_wrong"]
    threshold = right / (right + wrong)
    rows = table[(table["loop"] == claim["loop"]) & (table["generation"] == 1)]
    means = rows.groupby("view")["label_accuracy"].mean()
    p, kept = 1 - means["model"], means["output"]
    agrees = "as" if (p < threshold) == (kept > 0.5) else "not as"
    return (
        f"`{claim['loop']}`: {p:.0%} of G¹'s samples wrong, p* = {threshold:.0%}; {kept:.0%} of "
        f"the kept ones right, {agrees} the threshold says"
    )
