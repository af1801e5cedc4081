"""What of a configuration decides how its tables are judged, as plain values for a rule."""

from __future__ import annotations

from typing import Any

from autophagy import in_words, presets, regimes, starts
from autophagy.config import Experiment, Loop
from autophagy.verdict import changes


def asked(experiment: Experiment) -> dict[str, Any]:
    """Kind of rows, seeds and real-only sizes; of every loop its rows, budget and e-folding."""
    return {
        "kind": experiment.kind,
        "seeds": list(experiment.seeds),
        "real_only": dict(experiment.real_only),
        "loops": {name: _sizes(experiment, name, loop) for name, loop in experiment.loops.items()},
    }


def attributed(experiment: Experiment) -> dict[str, Any]:
    """What the table of a loop's drift is made of, as plain values for a rule."""
    names = changes.compared(experiment)
    return {
        "plan": asked(experiment),
        "changes": {name: ", ".join(changes.changed(experiment, name)) for name in names},
        "budgets": {name: in_words.budget(experiment, name) for name in names},
        "otherwise": changes.otherwise_trained(experiment),
    }


def _sizes(experiment: Experiment, name: str, loop: Loop) -> dict[str, Any]:
    """The rows of each kind in the last generation's training set, which a pool may have grown to.

    Under `subsample` n_real is the pool's real rows, as far as D^t has room for them. `unlike`: see
    `judge.Chain`.
    """
    regime, last = presets.regime_of(loop), max(experiment.generations, 2)
    counts = (last, starts.n_initial(experiment, name), loop.n_real, loop.n_synthetic)
    total = regimes.size(regime, *counts, starts.fork(experiment, name))
    real = total if regime.counterfactual == "real" else min(loop.n_real, total)
    forked = starts.fork(experiment, name) is not None
    return {
        "n_real": real, "n_synthetic": total - real,
        "unlike": in_words.unlike_real_only(experiment, loop),
        "budget": in_words.budget(experiment, name),
        "e_fold": None if forked else presets.e_fold(loop),
    }  # fmt: skip
