"""Where artifacts lie, relative to an experiment's folder results/<experiment>/: names alone.

Which of them an experiment has, and which loop's they are, is for `layout`.
"""

from __future__ import annotations

from autophagy.audited import AUDIT as AUDIT

#: The root of the tables and figures.
REPORT = "figures/manifest.json"
METRICS_CSV, METRICS_JSON = "metrics.csv", "metrics.json"
VERDICTS = "verdicts.csv"
#: Only where the experiment has a learning curve.
EFFECTIVE_SIZE = "effective_size.csv"
#: Only where every two loops can be compared.
LOOP_PAIRS = "loop_pairs.csv"
#: Only where the experiment asks for them.
ATTRIBUTION = "attribution.csv"
SECOND_OPINION = "second_opinion.csv"
#: Previews and real images in feature space, for the page.
MAPS = "figures/maps.json"
PAGE = "report.html"
#: The table of an experiment of exact loops.
THEORY_CSV = "theory.csv"


def real_only_folder(name: str, seed: int) -> str:
    return f"real-only/{name}/seed-{seed}"


def generation_folder(loop: str, seed: int, generation: int) -> str:
    return f"loops/{loop}/seed-{seed}/gen-{generation:03d}"


def evaluation_path(name: str, seed: int, generation: int) -> str:
    """`name` is a loop, a real-only model, or `real` (generation 0)."""
    return f"evaluation/{name}/seed-{seed}/gen-{generation:03d}/metrics.json"


def root_path(group: str, name: str) -> str:
    """The root of a loop, a real-only model or what was measured of one.

    Args:
        group: loops, real-only or evaluation.
    """
    return f"{group}/{name}/manifest.json"


def auxiliary_folder(name: str, seed: int, generation: int) -> str:
    """Of a guided loop: samples of G^t, their index, and what G^t becomes when tuned on them."""
    return f"{generation_folder(name, seed, generation)}/auxiliary"
