"""What an experiment costs before it is run: jobs, pictures, operations, time and disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autophagy import data, filters, models
from autophagy.errors import UserError
from autophagy.models import ddpm_cost, latent_cost
from autophagy.plan import Plan
from autophagy.schema import plain

#: Families whose operations are counted -> what counts them.
COUNTED = {"ddpm": ddpm_cost, "latent": latent_cost}
#: Bytes: a weight (float32), a label and a seed of a sample (64 bits each); and a row of a training
#: set's index, as compressed Parquet has it (7 182 bytes for the default's 1 000 rows).
WEIGHT, LABEL_AND_SEED, INDEX_ROW = 4, 16, 7
#: Bytes of a pixel that is kept unrounded, too.
EXACT = 4
#: Classes the network is counted with; another number changes a thousandth of its weights.
CLASSES = 10


@dataclass(frozen=True)
class Cost:
    """The artifacts of one step, or of all.

    units: training steps, samples drawn or rows indexed. operations: of networks; 0 where no
    network is at work. written, kept: bytes of artifacts, as made and after `keep` has dropped.
    """

    artifacts: int = 0
    units: int = 0
    operations: float = 0.0
    written: int = 0
    kept: int = 0

    def __add__(self, other: Cost) -> Cost:
        mine, theirs = vars(self), vars(other)
        return Cost(**{key: mine[key] + theirs[key] for key in mine})


def of(plan: Plan, shape: tuple[int, int] | None = None) -> dict[str, Cost]:
    """Step -> cost of an experiment with pictures; of some only the artifacts are counted.

    Networks that are trained and sampled are counted; evaluations, the mixing of sets and the start
    of every job come on top.

    Args:
        shape: side and channels of the pictures, in place of what the configuration says of them.

    Raises:
        UserError: an experiment without pictures, or of a family that is not counted; the side of
            the pictures is not known.
    """
    experiment = plan.experiment
    if experiment.kind != "images":
        raise UserError(f"kind: {experiment.kind} is not counted; only images are")
    family = experiment.model.family
    if family not in COUNTED:
        raise UserError(f"model.family: {family} is not counted; only {', '.join(COUNTED)} are")
    known = shape or data.module(experiment.dataset.name).shape(plain(experiment.dataset))
    if known is None:
        raise UserError(
            f"dataset.name: how large {experiment.dataset.name} pictures are is known once they "
            "are read; say it: --shape SIDExCHANNELS"
        )
    counted = COUNTED[family].of(plain(experiment.model), known, CLASSES)
    dropped = {path for paths in plan.dropped.values() for path in paths}
    found: dict[str, Cost] = {}
    for node in plan.nodes.values():
        params = node.params
        units, spent, size = 0, 0.0, 0
        if node.kind == "model":
            options = params["train"]
            rows = _rows(plan.nodes[node.materials[0]].params)
            told = models.resolved(family, options, rows)["steps"]
            units = params.get("steps", told)
            spent = counted.training(params, units, rows)
            size = WEIGHT * counted.weights
        elif node.kind in ("sample_set", "preview") and "sample" in params:
            units = params["n"] * _candidates(params)
            spent = counted.sampling(params, units)
            pixels = known[0] ** 2 * known[1]
            exact = EXACT if params["sample"].get("exact") and node.kind == "sample_set" else 0
            size = params["n"] * (pixels * (1 + exact) + LABEL_AND_SEED)
        elif node.kind == "training_set":
            units = _rows(params)
            size = units * INDEX_ROW
        # A filter has a step of its own, which draws all the same.
        step = "sample" if node.step.startswith("sample_") else node.step
        kept = 0 if node.path in dropped else size
        found[step] = found.get(step, Cost()) + Cost(1, units, spent, size, kept)
    return found


def _rows(params: dict[str, Any]) -> int:
    total = sum(part["count"] for part in params["parts"])
    return params["draw"]["count"] if params.get("draw") else total


def _candidates(params: dict[str, Any]) -> int:
    """Samples drawn for each that is kept; of a filter that rejects, at least."""
    chosen = params.get("filter")
    return filters.module(chosen["kind"]).candidates(chosen) if chosen else 1


def hours(operations: float, tflops: float) -> float:
    """Time at a sustained rate.

    Args:
        tflops: 10¹² operations a second that the device keeps up, not what its maker promises.
    """
    return operations / (tflops * 1e12) / 3600


def told(name: str, found: dict[str, Cost], tflops: float | None, watts: float | None) -> str:
    """A table of the steps and what follows from it, for people."""
    words = {"train": "training steps", "sample": "samples", "mix": "rows"}
    whole = sum(found.values(), Cost())
    lines = [f"{name}: {whole.artifacts:,} artifacts", ""]
    lines.append(f"{'step':<16}{'artifacts':>10}{'':>4}{'what':<32}{'operations':>12}{'disk':>12}")
    for step, cost in found.items():
        what = f"{cost.units:,} {words.get(step, '')}" if cost.units else ""
        spent = f"{cost.operations:.2e}" if cost.operations else ""
        disk = size_in_words(cost.written) if cost.written else ""
        lines.append(f"{step:<16}{cost.artifacts:>10,}{'':>4}{what:<32}{spent:>12}{disk:>12}")
    kept = "" if whole.kept == whole.written else f", {size_in_words(whole.kept)} when it has ended"
    lines += ["", f"models, samples and indices: {size_in_words(whole.written)}{kept}"]
    if tflops is None:
        lines.append("time: say how fast the device is: --tflops X")
        return "\n".join(lines)
    spent = hours(whole.operations, tflops)
    lines.append(f"time of the networks at {tflops:g} TFLOP/s: {spent:,.2f} h")
    if watts is not None:
        lines.append(f"energy at {watts:g} W: {spent * watts / 1000:,.2f} kWh")
    return "\n".join(lines)


def size_in_words(size: float) -> str:
    """4200000 -> `4.2 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
