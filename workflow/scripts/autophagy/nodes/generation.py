"""The nodes of one generation: of a real-only model, which is G^1 of loops, and of a loop."""

from __future__ import annotations

from collections.abc import Iterator

from autophagy import filters, layout, paths, presets, regimes, seeds, starts
from autophagy.config import Experiment
from autophagy.nodes.base import Drawn, Node, evaluate, mix, preview, sample, train, trainings
from autophagy.nodes.guidance import auxiliary


def of_real_only(experiment: Experiment, name: str, seed: int) -> Iterator[Node]:
    folder, owner = paths.real_only_folder(name, seed), f"real-only/{name}"
    parts = regimes.initial(experiment.real_only[name])
    yield mix(f"{folder}/training_set.parquet", parts, seed, {0: "real/loop"})
    yield train(experiment, f"{folder}/model", owner, seed, 1, ("real/loop",))
    n = layout.real_only_samples(experiment, name)
    yield sample(experiment, f"{folder}/samples", Drawn(folder, 1.0), n, (owner, seed, 1))
    yield preview(experiment, f"{folder}/preview", Drawn(folder, 1.0))
    yield evaluate(
        experiment, paths.evaluation_path(name, seed, 1), f"{folder}/samples", f"{folder}/samples",
        f"{folder}/training_set.parquet", ("real/loop",),
    )  # fmt: skip


def of_loop(experiment: Experiment, name: str, seed: int, t: int) -> Iterator[Node]:
    """D^t, G^t, S^t, its preview and evaluation; of t = 1 only what the real-only start lacks.

    None of them of a generation that is shared with another loop.
    """
    if starts.owner(experiment, name, t) != name:
        return
    loop = experiment.loops[name]
    folder = paths.generation_folder(name, seed, t)
    samples = layout.samples_path(experiment, name, seed, t)
    sources: tuple[str, ...] = ("real/loop",)
    regime, n_initial = presets.regime_of(loop), starts.n_initial(experiment, name)
    if t > 1:
        fork = starts.fork(experiment, name)
        parts = regimes.compose(regime, t, n_initial, loop.n_real, loop.n_synthetic, fork)
        drawn = regimes.draw(regime, parts, t, n_initial, seeds.derive("draw", name, seed, t))
        of_generation = {0: "real/loop"} | {
            part.generation: layout.samples_path(experiment, name, seed, part.generation)
            for part in parts
            if part.origin == "synthetic"
        }
        sources = tuple(dict.fromkeys(of_generation[part.generation] for part in parts))
        yield mix(f"{folder}/training_set.parquet", parts, seed, of_generation, drawn)
        before = layout.model_path(experiment, name, seed, t - 1)
        tuned = regime.start == "previous"
        yield train(
            experiment, f"{folder}/model", name, seed, t, sources, before if tuned else None,
            trainings(experiment, name, t),
        )  # fmt: skip
    home = layout.model_path(experiment, name, seed, t).removesuffix("/model")
    if samples.startswith(folder):
        if regime.guidance:
            yield from auxiliary(experiment, name, seed, t)
        drawn_by = _drawn(experiment, name, seed, t)
        n = layout.loop_samples(experiment, loop, t)
        yield sample(experiment, samples, drawn_by, n, (name, seed, t))
        yield preview(experiment, f"{folder}/preview", drawn_by)
    unbiased = layout.unbiased_path(experiment, name, seed, t)
    if unbiased.endswith("-unbiased"):
        yield sample(
            experiment, unbiased, Drawn(home, 1.0, regime.labels, loop=name), experiment.evaluate.n,
            (name, seed, t, "unbiased"),
        )  # fmt: skip
    known = layout.has_training_set(experiment, name, t)
    yield evaluate(
        experiment, paths.evaluation_path(name, seed, t), samples, unbiased,
        layout.training_set_path(experiment, name, seed, t) if known else None,
        sources if known else (),
    )  # fmt: skip


def _drawn(experiment: Experiment, name: str, seed: int, t: int) -> Drawn:
    """How a loop's S^t is drawn."""
    loop = experiment.loops[name]
    regime = presets.regime_of(loop)
    needs = regime.filter and filters.module(regime.filter["kind"]).NEEDS
    return Drawn(
        layout.model_path(experiment, name, seed, t).removesuffix("/model"),
        loop.sampling_bias,
        regime.labels,
        regime.guidance,
        f"{paths.auxiliary_folder(name, seed, t)}/model" if regime.guidance else "",
        regime.filter,
        layout.network_path(experiment) if needs == "probabilities" else "",
        name,
    )
