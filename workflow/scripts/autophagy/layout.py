"""Where every artifact of an experiment lies, relative to its folder results/<experiment>/."""

from __future__ import annotations

from autophagy import features, presets, regimes, starts
from autophagy.config import Experiment, Loop
from autophagy.paths import (
    ATTRIBUTION,
    EFFECTIVE_SIZE,
    LOOP_PAIRS,
    METRICS_CSV,
    METRICS_JSON,
    SECOND_OPINION,
    VERDICTS,
    evaluation_path,
    generation_folder,
    real_only_folder,
)
from autophagy.verdict.inference import FEWEST_SEEDS
from autophagy.verdict.judge import window
from autophagy.verdict.learning_curve import FEWEST_SIZES


def loop_evaluation(experiment: Experiment, name: str, seed: int, generation: int) -> str:
    """What was measured of a loop's generation; of a shared one that of the loop that made it."""
    return evaluation_path(starts.owner(experiment, name, generation), seed, generation)


def network_path(experiment: Experiment) -> str:
    return f"features/{features.name_of(experiment.evaluate.features)}"


def second_path(experiment: Experiment) -> str | None:
    """The feature network of a second opinion, where the experiment asks for one."""
    second = experiment.evaluate.second
    return f"features/{features.name_of(second)}" if second is not None else None


def figure_names(experiment: Experiment) -> list[str]:
    """The figures by name, without folder and suffix."""
    grids = [f"grid-{loop}-seed-{seed}" for loop in experiment.loops for seed in experiment.seeds]
    extra = ["effective-size"] * has_learning_curve(experiment)
    extra += ["attribution"] * (experiment.attribution is not None)
    return [*grids, "curves", "features", "lineage", *extra]


def table_names(experiment: Experiment) -> list[str]:
    """The report's tables, metrics.json among them."""
    tables = [METRICS_CSV, METRICS_JSON, VERDICTS]
    tables += [EFFECTIVE_SIZE] * has_learning_curve(experiment)
    tables += [LOOP_PAIRS] * has_pairs(experiment)
    tables += [ATTRIBUTION] * (experiment.attribution is not None)
    return tables + [SECOND_OPINION] * (experiment.evaluate.second is not None)


def has_learning_curve(experiment: Experiment) -> bool:
    """Are there real-only models of enough sizes and seeds to invert their distances?"""
    sizes = set(experiment.real_only.values())
    return len(sizes) >= FEWEST_SIZES and len(experiment.seeds) >= FEWEST_SEEDS


def has_pairs(experiment: Experiment) -> bool:
    """Are there two loops, and seeds and generations enough to compare them?"""
    enough = len(experiment.seeds) >= FEWEST_SEEDS and window(experiment.generations) is not None
    return enough and len(experiment.loops) > 1


def samples_path(experiment: Experiment, name: str, seed: int, generation: int) -> str:
    """S^t at the loop's λ. S^1 of an unbiased loop is its real-only start's, if long enough."""
    name = starts.owner(experiment, name, generation)
    loop = experiment.loops[name]
    if generation == 1 and starts.kind(loop.start_from) == starts.PICTURES:
        return f"{starts.folder(name)}/samples"
    if generation == 1 and _shares_first_samples(experiment, loop):
        return f"{real_only_folder(loop.start_from, seed)}/samples"
    return f"{generation_folder(name, seed, generation)}/samples"


def unbiased_path(experiment: Experiment, name: str, seed: int, generation: int) -> str:
    """The sample set at λ = 1, neither filtered nor guided, for the `model` view."""
    name = starts.owner(experiment, name, generation)
    loop = experiment.loops[name]
    start = starts.kind(loop.start_from) if generation == 1 else None
    if presets.is_plain(loop) or start == starts.PICTURES:
        return samples_path(experiment, name, seed, generation)
    as_the_start = presets.regime_of(loop).labels == "balanced" and loop.sample is None
    if generation == 1 and start is None and as_the_start:
        return f"{real_only_folder(loop.start_from, seed)}/samples"
    return f"{generation_folder(name, seed, generation)}/samples-unbiased"


def is_plain(experiment: Experiment, name: str) -> bool:
    """Is every S^t of a loop, shared ones too, what G^t draws at λ = 1, neither chosen nor guided?

    Then both views are one.
    """
    every = range(1, experiment.generations + 1)
    owners = {starts.owner(experiment, name, t) for t in every}
    return all(presets.is_plain(experiment.loops[owner]) for owner in owners)


def preview_path(experiment: Experiment, name: str, seed: int, generation: int) -> str:
    """The preview beside S^t."""
    return samples_path(experiment, name, seed, generation).removesuffix("samples") + "preview"


def model_path(experiment: Experiment, name: str, seed: int, generation: int) -> str:
    """G^t; G^1 is the real-only start, or what was brought from outside.

    Of a start of pictures there is none: nothing lies at the path.
    """
    name = starts.owner(experiment, name, generation)
    if generation == 1 and starts.is_outside(experiment.loops[name].start_from):
        return f"{starts.folder(name)}/model"
    if generation == 1:
        return f"{real_only_folder(experiment.loops[name].start_from, seed)}/model"
    return f"{generation_folder(name, seed, generation)}/model"


def training_set_path(experiment: Experiment, name: str, seed: int, generation: int) -> str:
    """D^t, the index that G^t is fitted to; see `has_training_set`."""
    folder = model_path(experiment, name, seed, generation).removesuffix("model")
    return f"{folder}training_set.parquet"


def has_training_set(experiment: Experiment, name: str, generation: int) -> bool:
    """Is D^t known? Not what a start from outside was trained on."""
    return generation > 1 or not starts.is_outside(starts.first(experiment, name))


def training_sets(experiment: Experiment, seed: int) -> dict[str, list[str]]:
    """Loop -> D^1, D^2, … of one run seed."""
    every = range(1, experiment.generations + 1)
    return {
        name: [
            training_set_path(experiment, name, seed, t)
            for t in every
            if has_training_set(experiment, name, t)
        ]
        for name in experiment.loops
    }


def _shares_first_samples(experiment: Experiment, loop: Loop) -> bool:
    return (
        not starts.is_outside(loop.start_from)
        and presets.is_plain(loop)
        and presets.regime_of(loop).labels == "balanced"
        and loop.sample is None
        and loop_samples(experiment, loop, 1) <= real_only_samples(experiment, loop.start_from)
    )


def loop_samples(experiment: Experiment, loop: Loop, generation: int) -> int:
    """Rows of a loop's S^t: what is measured, and what later generations take of it."""
    used = regimes.synthetic_rows_needed(presets.regime_of(loop), generation, loop.n_synthetic)
    return max(used, experiment.evaluate.n)


def real_only_samples(experiment: Experiment, name: str) -> int:
    """Rows of a real-only model's sample set."""
    # Fixed by the real-only model alone, so that a change of one loop never makes it anew.
    return max(experiment.real_only[name], experiment.evaluate.n)
