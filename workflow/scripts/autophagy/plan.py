"""The plan of an experiment: every artifact it will hold, what each is made from and how.

Both engines read it: Snakemake's rules take their inputs and params from it, and the ledger
compares it with the manifests on disk. It knows paths and parameters, and opens no file of data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from autophagy import (
    data,
    devices,
    features,
    filters,
    fingerprint,
    keep,
    models,
    nodes,
    paths,
    plugins,
    presets,
    starts,
)
from autophagy.config import Experiment
from autophagy.nodes import Node
from autophagy.theory.options import TheoryExperiment


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
class Plan:
    """Every artifact of an experiment, by path."""

    experiment: Experiment | TheoryExperiment
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

    @cached_property
    def dropped(self) -> dict[str, list[str]]:
        """Loop -> the artifacts whose payload `keep` drops at the end of a run."""
        if self.experiment.kind == "theory":
            return {}
        policy, generations = self.experiment.keep, self.experiment.generations
        found = {}
        for loop in self.experiment.loops:
            made = self.nodes[paths.root_path("loops", loop)].materials
            kinds = [(path, self.nodes[path].kind) for path in made]
            found[loop] = keep.dropped_of(policy, kinds, generations)
        return found

    def audited(self) -> list[str]:
        """What the workflow audits: every artifact but the report, which tells of the audit."""
        return [path for path in self.nodes if path != paths.REPORT]

    def files(self, step: str) -> tuple[str, ...]:
        """The code behind a step, as paths relative to workflow/scripts."""
        return fingerprint.modules_of(self.steps[step].scripts, self.steps[step].modules)


def build(experiment: Experiment | TheoryExperiment) -> Plan:
    """The plan of a validated configuration."""
    if experiment.kind == "theory":
        from autophagy.theory import plan as theory

        return _filled(Plan(experiment, theory.steps(experiment), "cpu"), theory.nodes(experiment))
    plan = Plan(experiment, _steps(experiment), devices.resolve(experiment.device))
    return _filled(plan, nodes.of_experiment(experiment))


def _filled(plan: Plan, made: Iterable[Node]) -> Plan:
    plan.nodes.update((node.path, node) for node in made)
    return plan


def _steps(experiment: Experiment) -> dict[str, Step]:
    """The kinds of work of an experiment with images or points."""
    family = models.module(experiment.model.family)
    dataset = data.module(experiment.dataset.name)
    family_module = (models.module_name(experiment.model.family),)
    network_name = features.name_of(experiment.evaluate.features)
    network, network_module = features.module(network_name), (features.module_name(network_name),)
    second = _second(experiment)
    extra = experiment.evaluate.metrics or []
    dataset_module = (data.module_name(experiment.dataset.name),)
    # The truth of points is part of what they are measured against.
    measuring = network_module + dataset_module * hasattr(dataset, "truth")
    measuring += tuple(module for step in second.values() for module in step.modules)
    measuring += tuple(plugins.dotted("metrics", name) for name in extra)
    network_libraries = (*network.SOFTWARE, *plugins.software("features", network_name))
    metric_libraries = ("numpy", "scipy", *network_libraries)
    metric_libraries += tuple(name for step in second.values() for name in step.software)
    metric_libraries += tuple(
        package for name in extra for package in plugins.software("metrics", name)
    )
    model_libraries = (
        "numpy", *family.SOFTWARE, *plugins.software("families", experiment.model.family)
    )  # fmt: skip
    data_libraries = (
        "numpy", *dataset.SOFTWARE, *plugins.software("datasets", experiment.dataset.name)
    )  # fmt: skip
    by_model, by_network, by_metrics = (
        "torch" in used for used in (model_libraries, network_libraries, metric_libraries)
    )
    kinds = {starts.kind(loop.start_from) for loop in experiment.loops.values()}
    imports = {
        starts.MODEL: {
            "import_model": Step(
                ("import_model.py",), model_libraries, family_module, torch=by_model
            )
        },
        starts.PICTURES: {
            "import_pictures": Step(
                ("import_pictures.py",),
                ("numpy", "pillow"),
                ("autophagy.data.npz", "autophagy.data.imagefolder"),
            )
        },
    }
    outside = {
        key: step for kind in imports if kind in kinds for key, step in imports[kind].items()
    }
    return outside | {
        "real": Step(("real.py",), data_libraries, dataset_module),
        "features": Step(
            ("features.py",),
            ("numpy", "safetensors", *network_libraries),
            network_module,
            torch=by_network,
        ),
        **second,
        "mix": Step(("mix.py",), ("numpy", "pyarrow")),
        "train": Step(("train.py",), model_libraries, family_module, torch=by_model),
        "sample": Step(("sample.py",), model_libraries, family_module, torch=by_model),
        **_filtering(experiment, model_libraries, family_module, network_module),
        "evaluate": Step(("evaluate.py",), metric_libraries, measuring, torch=by_metrics),
        "evaluate_real": Step(("evaluate_real.py",), metric_libraries, measuring, torch=by_metrics),
        "record_root": Step(("record_root.py",)),
        "report": Step(
            (
                "audit.py",
                "tabulate_metrics.py",
                "judge_loops.py",
                "draw_grid.py",
                "draw_curves.py",
                "draw_lineage.py",
                "draw_effective_size.py",
                "compare_loops.py",
                "attribute_drift.py",
                "compare_opinions.py",
                "map_features.py",
                "write_page.py",
                "record_root.py",
            ),
            (
                "jinja2",
                "matplotlib",
                "numpy",
                "pandas",
                "pillow",
                "plotly",
                "scipy",
                *network.SOFTWARE,
            ),
            network_module,
        ),
    }


def _second(experiment: Experiment) -> dict[str, Step]:
    """The step that makes the second network, a step of its own: the first is none of its code."""
    if experiment.evaluate.second is None:
        return {}
    name = features.name_of(experiment.evaluate.second)
    libraries = (*features.module(name).SOFTWARE, *plugins.software("features", name))
    return {
        "features_second": Step(
            ("features.py",),
            ("numpy", "safetensors", *libraries),
            (features.module_name(name),),
            torch="torch" in libraries,
        )
    }


def _filtering(
    experiment: Experiment, libraries: tuple[str, ...], family: tuple[str, ...],
    network: tuple[str, ...],
) -> dict[str, Step]:  # fmt: skip
    """A step for each kind of filter in use: what chooses is code behind no other samples."""
    return {
        f"sample_{kind}": Step(
            ("sample.py",),
            libraries,
            (*family, *filters.modules([kind]), *(network if needs == "probabilities" else ())),
            torch="torch" in libraries or needs == "probabilities",
        )
        for kind, needs in presets.filters_of(experiment.loops.values())
    }
