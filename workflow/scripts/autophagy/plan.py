"""The plan of an experiment: every artifact it will hold, what each is made from and how.

Both engines read it: Snakemake's rules take their inputs and params from it, and the ledger
compares it with the manifests on disk. It knows paths and parameters, and opens no file of data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from autophagy import config as configuration
from autophagy import data, devices, fingerprint, models, regimes, seeds
from autophagy.config import Experiment, Loop

#: Pictures of one preview: the same seeds in every generation and loop, never mixed or measured.
PREVIEW = 100


@dataclass(frozen=True)
class Step:
    """A kind of work: its scripts, the libraries that set its numbers, and whether it uses torch.

    modules: dotted names that the scripts reach through a table, such as a model family.
    """

    scripts: tuple[str, ...]
    software: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    torch: bool = False


@dataclass(frozen=True)
class Node:
    """One artifact to be.

    path: relative to the experiment's folder.
    materials: artifacts it is made from. reads: artifacts whose files its step opens besides,
        all of them ancestors of its materials (the pictures a training set's index points at).
    """

    path: str
    kind: str
    step: str
    params: dict[str, Any]
    seed: int | None
    materials: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    payload: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Every artifact of an experiment, by path."""

    experiment: Experiment
    steps: dict[str, Step]
    device: str
    nodes: dict[str, Node] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """The experiment's folder, relative to the working directory."""
        return f"results/{self.experiment.experiment}"

    def record(self, path: str) -> dict[str, Any]:
        """What the plan fixes of an artifact's manifest: the params of the job that makes it."""
        node = self.nodes[path]
        step = self.steps[node.step]
        return {
            "path": node.path,
            "kind": node.kind,
            "step": node.step,
            "materials": list(node.materials),
            "payload": list(node.payload),
            "params": node.params,
            "seed": node.seed,
            "code": self.code[node.step],
            "software": self.software[node.step],
            "device": self.device if step.torch else "cpu",
        }

    @cached_property
    def code(self) -> dict[str, str]:
        """Step -> fingerprint of the code behind it."""
        return {name: fingerprint.code_hash(self.files(name)) for name in self.steps}

    @cached_property
    def software(self) -> dict[str, dict[str, str]]:
        """Step -> versions of the libraries that set its numbers."""
        return {name: fingerprint.versions(step.software) for name, step in self.steps.items()}

    def files(self, step: str) -> tuple[str, ...]:
        """The code behind a step, as paths relative to workflow/scripts."""
        return fingerprint.modules_of(self.steps[step].scripts, self.steps[step].modules)


def build(experiment: Experiment) -> Plan:
    """The plan of a validated configuration."""
    family = models.module(experiment.model.family)
    dataset = data.module(experiment.dataset.name)
    family_module = (models.module_name(experiment.model.family),)
    metric_libraries = ("numpy", "scipy", "torch")
    model_libraries = ("numpy", *family.SOFTWARE)
    steps = {
        "real": Step(
            ("real.py",), ("numpy", *dataset.SOFTWARE), (data.module_name(experiment.dataset.name),)
        ),
        "features": Step(("features.py",), ("numpy", "safetensors", "torch"), torch=True),
        "mix": Step(("mix.py",), ("numpy", "pyarrow")),
        "train": Step(("train.py",), model_libraries, family_module, torch=True),
        "sample": Step(("sample.py",), model_libraries, family_module, torch=True),
        "evaluate": Step(("evaluate.py",), metric_libraries, torch=True),
        "evaluate_real": Step(("evaluate_real.py",), metric_libraries, torch=True),
        "record_root": Step(("record_root.py",)),
        "report": Step(
            ("tabulate_metrics.py", "draw_grid.py", "draw_curves.py", "record_root.py"),
            ("matplotlib", "numpy", "pandas"),
        ),
    }
    plan = Plan(experiment, steps, devices.resolve(experiment.device))
    for node in _nodes(experiment):
        plan.nodes[node.path] = node
    return plan


def real_only_folder(name: str, seed: int) -> str:
    return f"real-only/{name}/seed-{seed}"


def generation_folder(loop: str, seed: int, generation: int) -> str:
    return f"loops/{loop}/seed-{seed}/gen-{generation:03d}"


def evaluation_path(name: str, seed: int, generation: int) -> str:
    """`name` is a loop, a real-only model, or `real` (generation 0)."""
    return f"evaluation/{name}/seed-{seed}/gen-{generation:03d}/metrics.json"


def network_path(experiment: Experiment) -> str:
    return f"features/{experiment.evaluate.features}"


def root_path(group: str, name: str) -> str:
    """The root of a loop, a real-only model or what was measured of one.

    Args:
        group: loops, real-only or evaluation.
    """
    return f"{group}/{name}/manifest.json"


#: The root of the tables and figures.
REPORT = "figures/manifest.json"
TABLES = ("metrics.csv", "metrics.json")


def figure_names(experiment: Experiment) -> list[str]:
    """The figures by name, without folder and suffix."""
    grids = [f"grid-{loop}-seed-{seed}" for loop in experiment.loops for seed in experiment.seeds]
    return [*grids, "curves"]


def samples_path(experiment: Experiment, name: str, seed: int, generation: int) -> str:
    """S^t at the loop's λ. S^1 of an unbiased loop is its real-only start's, if long enough."""
    loop = experiment.loops[name]
    if generation == 1 and _shares_first_samples(experiment, loop):
        return f"{real_only_folder(loop.start_from, seed)}/samples"
    return f"{generation_folder(name, seed, generation)}/samples"


def unbiased_path(experiment: Experiment, name: str, seed: int, generation: int) -> str:
    """The sample set at λ = 1, for the `model` view."""
    loop = experiment.loops[name]
    if loop.sampling_bias == 1.0:
        return samples_path(experiment, name, seed, generation)
    if generation == 1:
        return f"{real_only_folder(loop.start_from, seed)}/samples"
    return f"{generation_folder(name, seed, generation)}/samples-unbiased"


def preview_path(experiment: Experiment, name: str, seed: int, generation: int) -> str:
    """The preview beside S^t."""
    return samples_path(experiment, name, seed, generation).removesuffix("samples") + "preview"


def model_path(experiment: Experiment, name: str, seed: int, generation: int) -> str:
    """G^t; G^1 is the real-only start."""
    if generation == 1:
        return f"{real_only_folder(experiment.loops[name].start_from, seed)}/model"
    return f"{generation_folder(name, seed, generation)}/model"


def training_set_path(experiment: Experiment, name: str, seed: int, generation: int) -> str:
    """D^t, the index that G^t is fitted to."""
    folder = model_path(experiment, name, seed, generation).removesuffix("model")
    return f"{folder}training_set.parquet"


def _shares_first_samples(experiment: Experiment, loop: Loop) -> bool:
    return (
        loop.sampling_bias == 1.0
        and loop.labels == "balanced"
        and loop.n_synthetic <= _real_only_samples(experiment, loop.start_from)
    )


def _real_only_samples(experiment: Experiment, name: str) -> int:
    # Fixed by the real-only model alone, so that a change of one loop never makes it anew.
    return max(experiment.real_only[name], experiment.evaluate.n)


def _nodes(experiment: Experiment) -> Iterator[Node]:
    yield from _real(experiment)
    for seed in experiment.seeds:
        yield _evaluate_real(experiment, seed)
        for name in experiment.real_only:
            yield from _real_only(experiment, name, seed)
        for name in experiment.loops:
            for generation in range(1, experiment.generations + 1):
                yield from _generation(experiment, name, seed, generation)
    for name in experiment.real_only:
        yield _real_only_root(experiment, name)
    for name in experiment.loops:
        yield _loop_root(experiment, name)
    every = range(1, experiment.generations + 1)
    measured = {"real": range(1)} | dict.fromkeys(experiment.real_only, range(1, 2))
    measured |= dict.fromkeys(experiment.loops, every)
    for name, generations in measured.items():
        yield _evaluation_root(experiment, name, generations)
    yield _report(experiment, list(measured))


def _real(experiment: Experiment) -> Iterator[Node]:
    dataset = configuration.plain(experiment.dataset)
    # Where the files lie is no part of what they are; their hashes are among the facts.
    params = {key: value for key, value in dataset.items() if key != "path"}
    for split in dataset["splits"]:
        yield Node(
            f"real/{split}", "real_set", "real", params | {"split": split}, dataset["split_seed"]
        )
    yield Node(
        network_path(experiment),
        "feature_network",
        "features",
        {"network": experiment.evaluate.features, "threads": experiment.threads},
        seeds.derive("features"),
        materials=("real/features",),
    )


def _evaluate_real(experiment: Experiment, seed: int) -> Node:
    return Node(
        evaluation_path("real", seed, 0),
        "evaluation",
        "evaluate_real",
        _evaluate_params(experiment),
        seeds.derive("order of real rows", seed),
        materials=("real/loop", "real/reference", network_path(experiment)),
    )


def _real_only(experiment: Experiment, name: str, seed: int) -> Iterator[Node]:
    folder, owner = real_only_folder(name, seed), f"real-only/{name}"
    parts = regimes.compose(regimes.REGIMES["fully_synthetic"], 1, experiment.real_only[name], 0, 0)
    yield _mix(f"{folder}/training_set.parquet", parts, seed, {0: "real/loop"})
    yield _train(experiment, f"{folder}/model", owner, seed, 1, ("real/loop",))
    n = _real_only_samples(experiment, name)
    yield _sample(experiment, f"{folder}/samples", folder, n, 1.0, (owner, seed, 1))
    yield _preview(experiment, f"{folder}/preview", folder, 1.0)
    yield _evaluate(
        experiment, evaluation_path(name, seed, 1), f"{folder}/samples", f"{folder}/samples",
        f"{folder}/training_set.parquet", ("real/loop",),
    )  # fmt: skip


def _generation(experiment: Experiment, name: str, seed: int, t: int) -> Iterator[Node]:
    """D^t, G^t, S^t, its preview and evaluation; of t = 1 only what the real-only start lacks."""
    loop = experiment.loops[name]
    folder = generation_folder(name, seed, t)
    samples = samples_path(experiment, name, seed, t)
    sources: tuple[str, ...] = ("real/loop",)
    if t > 1:
        parts = regimes.compose(
            configuration.regime_of(loop), t, experiment.real_only[loop.start_from],
            loop.n_real, loop.n_synthetic,
        )  # fmt: skip
        of_generation = {0: "real/loop"} | {
            part.generation: samples_path(experiment, name, seed, part.generation)
            for part in parts
            if part.origin == "synthetic"
        }
        sources = tuple(dict.fromkeys(of_generation[part.generation] for part in parts))
        yield _mix(f"{folder}/training_set.parquet", parts, seed, of_generation)
        yield _train(experiment, f"{folder}/model", name, seed, t, sources)
    model = model_path(experiment, name, seed, t).removesuffix("/model")
    n = max(loop.n_synthetic, experiment.evaluate.n)
    if samples.startswith(folder):
        yield _sample(
            experiment, samples, model, n, loop.sampling_bias, (name, seed, t), loop.labels
        )
        yield _preview(experiment, f"{folder}/preview", model, loop.sampling_bias)
    unbiased = unbiased_path(experiment, name, seed, t)
    if unbiased.endswith("-unbiased"):
        yield _sample(
            experiment, unbiased, model, experiment.evaluate.n, 1.0,
            (name, seed, t, "unbiased"), loop.labels,
        )  # fmt: skip
    yield _evaluate(
        experiment, evaluation_path(name, seed, t), samples, unbiased,
        training_set_path(experiment, name, seed, t), sources,
    )  # fmt: skip


def _mix(
    path: str, parts: tuple[regimes.Part, ...], seed: int, of_generation: dict[int, str]
) -> Node:
    listed = [{"artifact": of_generation[part.generation], **asdict(part)} for part in parts]
    return Node(
        path,
        "training_set",
        "mix",
        {"parts": listed},
        seeds.derive("order of real rows", seed),
        materials=tuple(dict.fromkeys(part["artifact"] for part in listed)),
    )


def _train(
    experiment: Experiment, path: str, owner: str, seed: int, t: int, sources: tuple[str, ...]
) -> Node:
    params = {
        "model": configuration.plain(experiment.model),
        "train": configuration.plain(experiment.train),
        "threads": experiment.threads,
    }
    training_set = path.removesuffix("model") + "training_set.parquet"
    return Node(
        path,
        "model",
        "train",
        params,
        seeds.derive("train", owner, seed, t),
        materials=(training_set,),
        reads=sources,
    )


def _sample(
    experiment: Experiment, path: str, home: str, n: int, bias: float,
    purpose: tuple[str | int, ...], labels: str = "balanced",
) -> Node:  # fmt: skip
    """`home` is the folder that holds the model and its training set."""
    pools = {"balanced": (), "real": ("real/loop",), "inherited": (f"{home}/training_set.parquet",)}
    return Node(
        path,
        "sample_set",
        "sample",
        _sample_params(experiment, n, bias) | {"labels": labels},
        seeds.derive("samples", *purpose),
        materials=(f"{home}/model", *pools[labels]),
    )


def _preview(experiment: Experiment, path: str, home: str, bias: float) -> Node:
    return Node(
        path,
        "preview",
        "sample",
        _sample_params(experiment, PREVIEW, bias) | {"labels": "balanced"},
        seeds.derive("preview"),
        materials=(f"{home}/model",),
    )


def _sample_params(experiment: Experiment, n: int, bias: float) -> dict[str, Any]:
    return {
        "family": experiment.model.family,
        "n": n,
        "sampling_bias": bias,
        "sample": configuration.plain(experiment.sample),
        "threads": experiment.threads,
    }


def _evaluate(
    experiment: Experiment, path: str, samples: str, unbiased: str, training_set: str,
    sources: tuple[str, ...],
) -> Node:  # fmt: skip
    views = {"output": samples, "model": unbiased}
    fixed = ("real/reference", network_path(experiment), training_set)
    return Node(
        path,
        "evaluation",
        "evaluate",
        _evaluate_params(experiment) | {"views": views},
        seeds.derive("evaluate", path),
        materials=tuple(dict.fromkeys(views.values())) + fixed,
        reads=sources,
    )


def _evaluate_params(experiment: Experiment) -> dict[str, Any]:
    return {
        "n": experiment.evaluate.n,
        "k": experiment.evaluate.k,
        "features": experiment.evaluate.features,
        "threads": experiment.threads,
    }


def _real_only_root(experiment: Experiment, name: str) -> Node:
    materials = ["real/loop"]
    for seed in experiment.seeds:
        folder = real_only_folder(name, seed)
        materials += [
            f"{folder}/{part}" for part in ("training_set.parquet", "model", "samples", "preview")
        ]
    params = _shared_params(experiment) | {"n": experiment.real_only[name]}
    return Node(
        root_path("real-only", name), "real_only_root", "record_root", params, None,
        tuple(materials),
    )  # fmt: skip


def _loop_root(experiment: Experiment, name: str) -> Node:
    """Certifies a loop's whole history; its params are the loop's full effective configuration."""
    loop = experiment.loops[name]
    materials = ["real/loop", root_path("real-only", loop.start_from)]
    for seed in experiment.seeds:
        for t in range(1, experiment.generations + 1):
            made = (
                training_set_path(experiment, name, seed, t),
                model_path(experiment, name, seed, t),
                samples_path(experiment, name, seed, t),
                unbiased_path(experiment, name, seed, t),
                preview_path(experiment, name, seed, t),
            )
            folder = generation_folder(name, seed, t)
            materials += dict.fromkeys(path for path in made if path.startswith(folder))
    params = _shared_params(experiment) | {
        "generations": experiment.generations,
        "n_initial": experiment.real_only[loop.start_from],
        "loop": {
            "name": name,
            **configuration.plain(loop),
            **asdict(configuration.regime_of(loop)),
        },
    }
    return Node(
        root_path("loops", name), "loop_root", "record_root", params, None, tuple(materials)
    )


def _evaluation_root(experiment: Experiment, name: str, generations: Iterable[int]) -> Node:
    return Node(
        root_path("evaluation", name),
        "evaluation_root",
        "record_root",
        _evaluate_params(experiment),
        None,
        tuple(evaluation_path(name, seed, t) for seed in experiment.seeds for t in generations),
    )


def _report(experiment: Experiment, measured: list[str]) -> Node:
    previews = [
        preview_path(experiment, name, seed, t)
        for name in experiment.loops
        for seed in experiment.seeds
        for t in range(1, experiment.generations + 1)
    ]
    roots = [root_path("evaluation", name) for name in measured]
    figures = [
        f"figures/{name}.{suffix}" for name in figure_names(experiment) for suffix in ("png", "pdf")
    ]
    params = {"experiment": experiment.experiment, "loops": list(experiment.loops)}
    return Node(
        REPORT,
        "report",
        "report",
        params,
        None,
        materials=(*roots, "real/reference", *dict.fromkeys(previews)),
        payload=(*TABLES, *figures),
    )


def _shared_params(experiment: Experiment) -> dict[str, Any]:
    dataset = configuration.plain(experiment.dataset)
    return {
        "dataset": {key: value for key, value in dataset.items() if key != "path"},
        "model": configuration.plain(experiment.model),
        "train": configuration.plain(experiment.train),
        "sample": configuration.plain(experiment.sample),
        "seeds": list(experiment.seeds),
        "threads": experiment.threads,
    }
