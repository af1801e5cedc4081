"""The nodes of one generation: of a real-only model, which is G^1 of loops, and of a loop."""

from __future__ import annotations

from collections.abc import Iterator

from autophagy import paths, presets, regimes, seeds
from autophagy.config import Experiment
from autophagy.nodes.base import Node, evaluate, mix, preview, sample, train


def of_real_only(experiment: Experiment, name: str, seed: int) -> Iterator[Node]:
    folder, owner = paths.real_only_folder(name, seed), f"real-only/{name}"
    parts = regimes.initial(experiment.real_only[name])
    yield mix(f"{folder}/training_set.parquet", parts, seed, {0: "real/loop"})
    yield train(experiment, f"{folder}/model", owner, seed, 1, ("real/loop",))
    n = paths.real_only_samples(experiment, name)
    yield sample(experiment, f"{folder}/samples", folder, n, 1.0, (owner, seed, 1))
    yield preview(experiment, f"{folder}/preview", folder, 1.0)
    yield evaluate(
        experiment, paths.evaluation_path(name, seed, 1), f"{folder}/samples", f"{folder}/samples",
        f"{folder}/training_set.parquet", ("real/loop",),
    )  # fmt: skip


def of_loop(experiment: Experiment, name: str, seed: int, t: int) -> Iterator[Node]:
    """D^t, G^t, S^t, its preview and evaluation; of t = 1 only what the real-only start lacks."""
    loop = experiment.loops[name]
    folder = paths.generation_folder(name, seed, t)
    samples = paths.samples_path(experiment, name, seed, t)
    sources: tuple[str, ...] = ("real/loop",)
    regime, n_initial = presets.regime_of(loop), experiment.real_only[loop.start_from]
    if t > 1:
        parts = regimes.compose(regime, t, n_initial, loop.n_real, loop.n_synthetic)
        drawn = regimes.draw(regime, parts, t, n_initial, seeds.derive("draw", name, seed, t))
        of_generation = {0: "real/loop"} | {
            part.generation: paths.samples_path(experiment, name, seed, part.generation)
            for part in parts
            if part.origin == "synthetic"
        }
        sources = tuple(dict.fromkeys(of_generation[part.generation] for part in parts))
        yield mix(f"{folder}/training_set.parquet", parts, seed, of_generation, drawn)
        before = paths.model_path(experiment, name, seed, t - 1)
        initial = before if regime.start == "previous" else None
        yield train(experiment, f"{folder}/model", name, seed, t, sources, initial)
    model = paths.model_path(experiment, name, seed, t).removesuffix("/model")
    n = paths.loop_samples(experiment, loop, t)
    if samples.startswith(folder):
        yield sample(
            experiment, samples, model, n, loop.sampling_bias, (name, seed, t), regime.labels
        )
        yield preview(experiment, f"{folder}/preview", model, loop.sampling_bias)
    unbiased = paths.unbiased_path(experiment, name, seed, t)
    if unbiased.endswith("-unbiased"):
        yield sample(
            experiment, unbiased, model, experiment.evaluate.n, 1.0,
            (name, seed, t, "unbiased"), regime.labels,
        )  # fmt: skip
    yield evaluate(
        experiment, paths.evaluation_path(name, seed, t), samples, unbiased,
        paths.training_set_path(experiment, name, seed, t), sources,
    )  # fmt: skip
