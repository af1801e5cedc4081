"""What benchmarks/gpu.py asks of a card: what must hold, and the speeds that are aimed at."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

#: ‖card − CPU‖ / ‖CPU‖ of a float32 forward pass, at most.
FORWARD = 1e-3
#: The chance, at most, that a card that computes the same fails any of the digits' metrics; and
#: likewise the distance of its samples.
CHANCE = 0.01
#: Times the plain way's speed: a training step; samples of equal distance.
TRAINING, SAMPLING = 3.0, 10.0


def digits_compared(
    here: list[dict[str, float]], there: list[dict[str, float]]
) -> dict[str, dict[str, Any]]:
    """Per metric mean and standard deviation over seeds on each side, and whether they agree.

    They agree unless Welch's t-test tells them apart, at `CHANCE` divided by the number of metrics.

    Args:
        here, there: a run a seed on the device and on the CPU, each {metric: value}.
    """
    found = {}
    for name in here[0]:
        sides = [[run[name] for run in runs] for runs in (here, there)]
        (mean, sd), (other_mean, other_sd) = (
            (statistics.mean(side), statistics.stdev(side)) for side in sides
        )
        found[name] = {
            "device": [mean, sd],
            "cpu": [other_mean, other_sd],
            "agree": _p_of_equal_means(*sides) > CHANCE / len(here[0]),
        }
    return found


def _p_of_equal_means(one: list[float], other: list[float]) -> float:
    from scipy.stats import ttest_ind_from_stats

    # Without any spread there is no test: they are equal or they are not.
    if len({*one}) == len({*other}) == 1:
        return float(one[0] == other[0])
    told = [
        value
        for side in (one, other)
        for value in (statistics.mean(side), statistics.stdev(side), len(side))
    ]
    return float(ttest_ind_from_stats(*told, equal_var=False).pvalue)


def not_farther(ours: list[float], plain: float) -> bool:
    """Are samples as near the reference as the plain way's, up to what draws differ by?

    Args:
        ours: the distance of each of several draws.
        plain: of one draw, whose spread is taken to be theirs.
    """
    from scipy.stats import t

    n = len(ours)
    spread = statistics.stdev(ours) * (1 + 1 / n) ** 0.5
    return statistics.mean(ours) - plain <= t.ppf(1 - CHANCE, n - 1) * spread


def judged(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Name -> {"ok", "must", "told"} of what was measured so far.

    Where `must` and not `ok`, the card, or what runs on it, is wrong; other names are of aims.
    """
    verdicts: dict[str, dict[str, Any]] = {}

    def judge(name: str, ok: bool, told: str, must: bool = True) -> None:
        verdicts[name] = {"ok": bool(ok), "must": must, "told": told}

    agreement = found["agreement"]
    for name, words in (("float32", "called"), ("sampled", "as sampling calls it")):
        judge(
            f"forward pass in float32, {words}",
            agreement[name] <= FORWARD,
            f"{agreement[name]:.1e}, at most {FORWARD:.0e}",
        )
    for name, sides in agreement.get("digits", {}).items():
        here, there = (f"{sides[key][0]:.2f} ± {sides[key][1]:.2f}" for key in ("device", "cpu"))
        judge(f"digits, {name}", sides["agree"], f"{here}; on the CPU {there}")
    if "training" in found:
        training = found["training"]
        # Of its loaders the one that serves it best.
        plain_seconds = min(took["seconds"] for took in training["plain"].values())
        times = plain_seconds / training["seconds"]
        judge("training step", times >= TRAINING, f"{times:.1f} × plain, aim {TRAINING:.0f}", False)
    if "sampling" in found:
        judge_sampling(found["sampling"], judge)
    return verdicts


def judge_sampling(sampling: dict[str, Any], judge: Callable[..., None]) -> None:
    """Tell `judge` whether some number of our steps draws as near as the plain way, and how fast.

    The last of those measured decides: more are only tried where fewer did not.
    """
    plain = sampling["plain"]
    steps, ours = max(sampling["ours"].items(), key=lambda item: int(item[0]))
    equal = not_farther(ours["draws"], plain["frechet_distance"])
    mean = statistics.mean(ours["draws"])
    told = (
        f"{mean:.2f} in {len(ours['draws'])} draws of {steps} steps, "
        f"plain {plain['frechet_distance']:.2f}"
    )
    judge("sampling, distance not above plain's", equal, told)
    times = plain["seconds"] / ours["seconds"]
    judge(
        "sampling to equal distance",
        equal and times >= SAMPLING,
        f"{times:.1f} × plain with {steps} steps, aim {SAMPLING:.0f}",
        False,
    )


def failed(verdicts: dict[str, dict[str, Any]]) -> list[str]:
    """The names of what must hold and does not."""
    return [name for name, verdict in verdicts.items() if verdict["must"] and not verdict["ok"]]
