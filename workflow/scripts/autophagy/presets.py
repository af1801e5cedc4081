"""The named regimes: points on the axes of `regimes.Regime`, each with the paper it is from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from autophagy import filters, plugins
from autophagy.regimes import AXES, Regime
from autophagy.schema import Options, plain

_MAD = "Alemohammad et al., Self-Consuming Generative Models Go MAD, ICLR 2024"

#: Name -> (axes, source). A loop's configuration may override any axis.
PRESETS: dict[str, tuple[Regime, str]] = {
    "fully_synthetic": (Regime(real="none", synthetic="previous"), f"{_MAD}, section 3"),
    "synthetic_augmentation": (Regime(real="fixed", synthetic="previous"), f"{_MAD}, section 4"),
    "fresh_data": (Regime(real="fresh", synthetic="previous"), f"{_MAD}, section 5"),
    "last_k": (
        Regime(real="fresh", synthetic="last-2"),
        f"{_MAD}, appendix G, experiment 1; the number of generations is `synthetic: last-K`",
    ),
    "accumulate": (
        Regime(real="fixed", synthetic="all", pool="accumulate"),
        f"Gerstgrasser et al., Is Model Collapse Inevitable?, COLM 2024; the same loop as {_MAD}, "
        "figure 8 (StyleGAN2 with a pool of all earlier samples)",
    ),
    "accumulate_subsample": (
        Regime(real="fixed", synthetic="all", pool="subsample"),
        "Kazdan et al., Collapse or Thrive?, ICML 2025",
    ),
    "iterative_retraining": (
        Regime(real="fixed", synthetic="previous", start="previous"),
        "Bertrand et al., On the Stability of Iterative Retraining, ICLR 2024",
    ),
    "replace_keeping_original": (
        Regime(real="fixed", synthetic="previous"),
        "Shumailov et al., AI models collapse when trained on recursively generated data, Nature "
        "2024: 10% original data, n_real = n_synthetic / 9. There they are drawn anew from the "
        "original data in every generation, here they stay the same",
    ),
    "curated": (
        Regime(
            real="none",
            synthetic="previous",
            labels="inherited",
            filter={"kind": "reward", "candidates": 4, "classes": [0], "weight": 1.0},
        ),
        "Ferbach et al., Self-Consuming Generative Models with Curated Data Provably Optimize "
        "Human Preferences, NeurIPS 2024",
    ),
    "rejection_sampled": (
        Regime(
            real="none",
            synthetic="previous",
            filter={"kind": "confidence", "candidates": 4},
        ),
        "Razavi et al., Generating Diverse High-Fidelity Images with VQ-VAE-2, NeurIPS 2019: "
        f"samples ranked by a classifier's probability of their class; in the loop of {_MAD}, "
        "section 3",
    ),
    "verified": (
        Regime(
            real="none",
            synthetic="previous",
            filter={"kind": "verifier", "keep_right": 1.0, "keep_wrong": 0.0},
        ),
        "Feng et al., Beyond Model Collapse: Scaling Up with Synthesized Data Requires "
        "Verification, ICLR 2025",
    ),
    "sims": (
        Regime(
            real="none",
            synthetic="previous",
            guidance={"kind": "sims", "weight": 1.0, "n": 1000, "steps": 200},
        ),
        "Alemohammad et al., Self-Improving Diffusion Models with Synthetic Data, arXiv 2408.16333",
    ),
    "neon": (
        Regime(
            real="none",
            synthetic="previous",
            guidance={"kind": "neon", "weight": 1.0, "n": 1000, "steps": 200},
        ),
        "Alemohammad et al., Neon: Negative Extrapolation From Self-Training Improves Image "
        "Generation, arXiv 2510.03597",
    ),
    "real_only": (
        Regime(real="fixed", synthetic="none"),
        "no paper: the null loop, trained on the same real rows in every generation",
    ),
}

#: Name -> axes.
REGIMES = {name: regime for name, (regime, _) in PRESETS.items()}
#: Name -> the paper it is from.
SOURCES = {name: source for name, (_, source) in PRESETS.items()}


def known() -> tuple[str, ...]:
    """Every regime's name: those above, and those that installed packages add."""
    return (*REGIMES, *plugins.added("regimes"))


#: pool -> what a training set holds of n synthetic rows.
_SYNTHETIC = {
    "replace": "{n} synthetic",
    "accumulate": "{n} synthetic of each earlier generation",
    "subsample": "{n} synthetic of each earlier generation, of which n_initial are drawn",
}


def rows_in_words(loop: Any) -> str:
    """What D^t holds for t >= 2: `100 real and 50 synthetic`."""
    regime = regime_of(loop)
    synthetic = _SYNTHETIC[regime.pool].format(n=loop.n_synthetic)
    if regime.synthetic.startswith("last-"):
        synthetic += f" ({regime.synthetic})"
    if regime.counterfactual == "real":
        synthetic = f"real ones in the place of {synthetic}"
    return f"{loop.n_real} real and {synthetic}"


def regime_of(loop: Any) -> Regime:
    """The axes of a loop: its regime's, but for those that its configuration sets itself.

    Args:
        loop: a `config.Loop`.
    """
    preset = REGIMES.get(loop.regime) or plugins.load("regimes", loop.regime)
    own = {axis: value for axis in AXES if (value := getattr(loop, axis, None)) is not None}
    own |= {axis: plain(value) for axis, value in own.items() if isinstance(value, Options)}
    return dataclasses.replace(preset, **own)


def is_plain(loop: Any) -> bool:
    """Is S^t what G^t draws at λ = 1, neither chosen nor guided? Then both views are one."""
    regime = regime_of(loop)
    return loop.sampling_bias == 1.0 and regime.filter is None and regime.guidance is None


def inherit_labels(loops: Iterable[Any]) -> bool:
    """Is there a loop that inherits its labels? Only in such a one classes can die."""
    return any(regime_of(loop).labels == "inherited" for loop in loops)


def filters_of(loops: Iterable[Any]) -> list[tuple[str, str]]:
    """(kind, what it judges by) of every loop's filter."""
    kinds = [regime.filter["kind"] for loop in loops if (regime := regime_of(loop)).filter]
    return [(kind, filters.module(kind).NEEDS) for kind in kinds]


def e_fold(loop: Any) -> float | None:
    """Generations in which a fresh data loop of a Gaussian forgets its start by a factor e.

    (n_real + n_synthetic) / (2 n_real), to leading order (`theory.closed_forms.relaxation`); None
    of a loop that is not the plain fresh data loop at λ = 1.
    """
    fresh = Regime(real="fresh", synthetic="previous")
    regime = dataclasses.replace(regime_of(loop), labels=fresh.labels)
    if regime != fresh or not is_plain(loop) or not loop.n_real:
        return None
    return (loop.n_real + loop.n_synthetic) / (2 * loop.n_real)
