"""The plan: closed, acyclic, deterministic, and changed by nothing that plays no part."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from autophagy import cards, devices, fingerprint, layout, manifests, paths
from autophagy import config as configuration
from autophagy import plan as planning
from autophagy.errors import UserError
from autophagy.features import lenet
from autophagy.nodes import real
from conftest import REPOSITORY, changed, child_environment, plan_of, tiny_content

LOOPS = ("fully-synthetic", "biased", "augmentation", "fresh")


def records(content: dict[str, Any]) -> dict[str, Any]:
    """Path -> record of every artifact."""
    plan = plan_of(content)
    return {path: plan.record(path) for path in plan.nodes}


def touched(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Paths that are new, gone, or have another record."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def owner(path: str) -> str:
    """The loop or real-only model an artifact belongs to; else its top folder."""
    top, name = path.split("/")[:2]
    return name if top in ("loops", "real-only", "evaluation") else top


@pytest.fixture(scope="module")
def tiny() -> dict[str, Any]:
    return records(tiny_content())


@pytest.mark.parametrize("config", ["config/config.yaml", "tests/configs/tiny.yaml"])
def test_every_parent_is_planned_before_its_children(config) -> None:
    nodes = planning.build(configuration.load(REPOSITORY / config)).nodes
    seen: set[str] = set()
    for path, node in nodes.items():
        assert node.path == path
        assert seen.issuperset(node.materials), f"{path}: parents missing or later"
        assert seen.issuperset(node.reads)
        assert len(set(node.materials)) == len(node.materials)
        seen.add(path)


def test_what_a_step_reads_is_certified_by_its_materials(tiny_plan) -> None:
    """A manifest holds its materials' hashes, so all that is read must be their ancestor."""
    nodes = tiny_plan.nodes

    def ancestors(path: str) -> set[str]:
        parents = set(nodes[path].materials)
        return parents.union(*map(ancestors, parents))

    for path, node in nodes.items():
        assert ancestors(path).issuperset(node.reads), path


def test_everything_made_is_certified_by_a_root(tiny_plan) -> None:
    materials = {path for node in tiny_plan.nodes.values() for path in node.materials}
    for path in tiny_plan.nodes:
        assert path in materials or manifests.is_root(path), path


def test_a_loops_root_certifies_its_whole_history(tiny_plan) -> None:
    nodes = tiny_plan.nodes
    for name, loop in tiny_plan.experiment.loops.items():
        root = nodes[f"loops/{name}/manifest.json"]
        own = {path for path in nodes if path.startswith(f"loops/{name}/seed-")}
        start = f"real-only/{loop.start_from}/manifest.json"
        assert set(root.materials) == own | {"real/loop", start}
    for name in tiny_plan.experiment.real_only:
        own = {path for path in nodes if path.startswith(f"real-only/{name}/seed-")}
        root = nodes[f"real-only/{name}/manifest.json"]
        assert set(root.materials) == own | {"real/loop"}
    for name in (*tiny_plan.experiment.loops, *tiny_plan.experiment.real_only, "real"):
        own = {path for path in nodes if path.startswith(f"evaluation/{name}/seed-")}
        assert set(nodes[f"evaluation/{name}/manifest.json"].materials) == own
        assert own


def test_a_loops_root_holds_its_full_effective_configuration(tiny_plan) -> None:
    content = tiny_content()
    params = tiny_plan.nodes["loops/fresh/manifest.json"].params
    expected = {key: content[key] for key in ("model", "train", "sample", "seeds", "threads")}
    expected |= {
        "dataset": content["dataset"] | {"splits": {"loop": 120}},
        "generations": 3,
        "n_initial": 40,
        "loop": {
            "name": "fresh", **content["loops"]["fresh"], "real": "fresh", "synthetic": "previous",
            "pool": "replace", "start": "scratch", "filter": None, "guidance": None,
            "counterfactual": "none",
        },
    }  # fmt: skip
    assert params == expected


def test_records_are_plain_json_and_hold_what_manifests_are_compared_by(tiny) -> None:
    for path, record in tiny.items():
        assert json.loads(json.dumps(record, allow_nan=False)) == record
        assert set(manifests.PLANNED) < set(record)
        assert record["path"] == path
        assert record["seed"] is None or 0 <= record["seed"] < 2**64
        assert len(record["code"]) == 64


def test_the_plan_is_the_same_in_another_process(tiny) -> None:
    program = (
        "import hashlib, json, test_plan as t; "
        "r = t.records(t.tiny_content()); print(hashlib.sha256(json.dumps(r).encode()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        cwd=REPOSITORY / "tests", env=child_environment() | {"PYTHONHASHSEED": "7"},
    )  # fmt: skip
    assert done.stdout.strip() == hashlib.sha256(json.dumps(tiny).encode()).hexdigest()


def test_paths_are_those_of_the_contract() -> None:
    """What results/README.md lists, for one seed and two generations."""
    plan = plan_of(changed(("seeds", [7]), ("generations", 2)))
    first = {"training_set.parquet", "model", "samples", "preview"}
    expected = {"real/loop", "real/reference", "real/features", "features/lenet"}
    for name in ("full", "small"):
        expected |= {f"real-only/{name}/seed-7/{part}" for part in first}
        expected |= {f"real-only/{name}/manifest.json", f"evaluation/{name}/manifest.json"}
        expected |= {f"evaluation/{name}/seed-7/gen-001/metrics.json"}
    for name in LOOPS:
        expected |= {f"loops/{name}/seed-7/gen-002/{part}" for part in first}
        expected |= {f"loops/{name}/manifest.json", f"evaluation/{name}/manifest.json"}
        expected |= {f"evaluation/{name}/seed-7/gen-{t}/metrics.json" for t in ("001", "002")}
    expected |= {f"loops/biased/seed-7/gen-001/{part}" for part in ("samples", "preview")}
    # Its labels are inherited: not even its first λ = 1 samples are those of the start.
    expected |= {f"loops/biased/seed-7/gen-{t}/samples-unbiased" for t in ("001", "002")}
    expected |= {"evaluation/real/seed-7/gen-000/metrics.json", "evaluation/real/manifest.json"}
    expected |= {"figures/manifest.json"}
    assert set(plan.nodes) == expected
    figures = [f"grid-{name}-seed-7" for name in LOOPS] + ["curves", "features", "lineage"]
    assert set(plan.nodes["figures/manifest.json"].payload) == {
        "metrics.csv", "metrics.json", "verdicts.csv", "figures/maps.json", "report.html",
        *(f"figures/{name}.{suffix}" for name in figures for suffix in ("png", "pdf", "txt")),
    }  # fmt: skip
    assert plan.root == "results/tiny"


@pytest.mark.parametrize(
    ("loop", "t", "expected"),
    [
        ("fresh", 1, "real-only/small/seed-1/samples"),
        ("fresh", 3, "loops/fresh/seed-1/gen-003/samples"),
        ("biased", 1, "loops/biased/seed-1/gen-001/samples"),
        ("biased", 3, "loops/biased/seed-1/gen-003/samples"),
    ],
)
def test_samples_of_the_first_generation_are_shared_where_they_are_the_same(
    loop, t, expected, tiny_plan
) -> None:
    experiment = tiny_plan.experiment
    assert layout.samples_path(experiment, loop, 1, t) == expected
    preview = layout.preview_path(experiment, loop, 1, t)
    assert preview == expected.removesuffix("samples") + "preview"
    assert preview in tiny_plan.nodes


@pytest.mark.parametrize(
    "edits",
    [
        [("loops.fully-synthetic.n_synthetic", 61)],
        [("loops.fully-synthetic.labels", "real")],
        [("loops.fully-synthetic.labels", "inherited")],
        [("loops.fully-synthetic.sampling_bias", 0.9)],
    ],
)
def test_the_first_samples_are_a_loops_own_where_they_differ(edits) -> None:
    plan = plan_of(changed(*edits))
    own = "loops/fully-synthetic/seed-1/gen-001"
    assert layout.samples_path(plan.experiment, "fully-synthetic", 1, 1) == f"{own}/samples"
    assert {f"{own}/samples", f"{own}/preview"} <= set(plan.nodes)
    assert f"{own}/model" not in plan.nodes


def test_views_are_one_set_where_the_loop_is_unbiased_and_two_where_not(tiny_plan) -> None:
    for name, loop in tiny_plan.experiment.loops.items():
        for seed, t in itertools.product((1, 2), (1, 2, 3)):
            node = tiny_plan.nodes[paths.evaluation_path(name, seed, t)]
            views = node.params["views"]
            assert (views["output"] == views["model"]) == (loop.sampling_bias == 1.0)
            output, model = (tiny_plan.nodes[views[view]] for view in ("output", "model"))
            assert output.params["sampling_bias"] == loop.sampling_bias
            assert model.params["sampling_bias"] == 1.0
            assert output.materials[0] == model.materials[0]
            assert output.materials[0] == layout.model_path(tiny_plan.experiment, name, seed, t)
            assert {output.path, model.path, "real/reference", "features/lenet"} < set(
                node.materials
            )


@pytest.mark.parametrize(
    ("n_synthetic", "n", "expected"), [(60, 40, 60), (20, 40, 40), (50, 50, 50)]
)
def test_a_sample_set_serves_both_mix_and_evaluation(n_synthetic, n, expected) -> None:
    edits = [("loops.biased.n_synthetic", n_synthetic), ("evaluate.n", n)]
    plan = plan_of(changed(*edits))
    for t in (1, 2, 3):
        folder = paths.generation_folder("biased", 1, t)
        assert plan.nodes[f"{folder}/samples"].params["n"] == expected
        unbiased = plan.nodes[layout.unbiased_path(plan.experiment, "biased", 1, t)]
        assert unbiased.path == f"{folder}/samples-unbiased"
        assert unbiased.params["n"] == n
        assert plan.nodes[f"{folder}/preview"].params["n"] == 100
    assert plan.nodes["real-only/full/seed-1/samples"].params["n"] == max(60, n)


@pytest.mark.parametrize("n", [40, 70])
def test_a_biased_loop_shares_the_starts_samples_only_if_labels_are_balanced(n) -> None:
    for labels in ("balanced", "inherited", "real"):
        plan = plan_of(changed(("loops.biased.labels", labels), ("evaluate.n", n),
                               ("dataset.splits.reference", 80)))  # fmt: skip
        found = [layout.unbiased_path(plan.experiment, "biased", 2, t) for t in (1, 2, 3)]
        own = [f"loops/biased/seed-2/gen-00{t}/samples-unbiased" for t in (1, 2, 3)]
        start = "real-only/full/seed-2/samples"
        assert found == ([start, *own[1:]] if labels == "balanced" else own)
        assert plan.nodes[start].params["n"] == max(60, n)
        for path in own:
            assert (path in plan.nodes) == (path in found)
        for t, path in enumerate(found, start=1):
            node = plan.nodes[path]
            assert node.params["labels"] == labels
            assert node.params["sampling_bias"] == 1.0
            output = plan.nodes[f"loops/biased/seed-2/gen-00{t}/samples"]
            assert node.materials == output.materials
            assert node.seed != output.seed
            if path == own[t - 1]:
                assert node.params["n"] == n
                assert path in plan.nodes["loops/biased/manifest.json"].materials


def test_unbiased_samples_are_never_mixed(tiny_plan) -> None:
    for node in tiny_plan.nodes.values():
        if node.step == "mix":
            assert not any("unbiased" in path or "preview" in path for path in node.materials)


def test_training_sets_are_the_regimes(tiny_plan) -> None:
    def parts(loop: str, t: int) -> list[tuple]:
        node = tiny_plan.nodes[f"loops/{loop}/seed-2/gen-{t:03d}/training_set.parquet"]
        keys = ("artifact", "origin", "generation", "start", "count")
        return [tuple(part[key] for key in keys) for part in node.params["parts"]]

    def samples(loop: str, t: int, n: int) -> tuple:
        return (layout.samples_path(tiny_plan.experiment, loop, 2, t), "synthetic", t, 0, n)

    for t in (2, 3):
        assert parts("fully-synthetic", t) == [samples("fully-synthetic", t - 1, 60)]
        assert parts("biased", t) == [samples("biased", t - 1, 60)]
        assert parts("augmentation", t) == [
            ("real/loop", "real", 0, 0, 60), samples("augmentation", t - 1, 60),
        ]  # fmt: skip
        assert parts("fresh", t) == [
            ("real/loop", "real", 0, 40 + 20 * (t - 2), 20), samples("fresh", t - 1, 20),
        ]  # fmt: skip


def test_labels_are_drawn_from_what_the_rule_names() -> None:
    plan = plan_of(changed(("loops.fresh.labels", "real")))
    fresh = plan.nodes["loops/fresh/seed-1/gen-002/samples"]
    assert fresh.materials == ("loops/fresh/seed-1/gen-002/model", "real/loop")
    inherited = plan.nodes["loops/biased/seed-1/gen-001/samples"]
    start = "real-only/full/seed-1"
    assert inherited.materials == (f"{start}/model", f"{start}/training_set.parquet")
    balanced = plan.nodes["loops/augmentation/seed-1/gen-002/samples"]
    assert balanced.materials == ("loops/augmentation/seed-1/gen-002/model",)


def test_no_two_sample_sets_or_trainings_share_a_seed(tiny_plan) -> None:
    for kind in ("sample_set", "model"):
        seeds = [node.seed for node in tiny_plan.nodes.values() if node.kind == kind]
        assert len(seeds) >= 20
        assert len(set(seeds)) == len(seeds)


def test_previews_share_one_seed_of_their_own(tiny_plan) -> None:
    previews = {node.seed for node in tiny_plan.nodes.values() if node.kind == "preview"}
    others = {node.seed for node in tiny_plan.nodes.values() if node.kind != "preview"}
    assert len(previews) == 1
    assert not previews & others


def test_a_run_seed_has_one_order_of_the_real_rows(tiny_plan) -> None:
    """Fresh slices are disjoint only if all training sets cut the same permutation."""
    orders = {
        seed: {
            node.seed
            for path, node in tiny_plan.nodes.items()
            if node.step in ("mix", "evaluate_real") and f"/seed-{seed}/" in path
        }
        for seed in (1, 2)
    }
    assert [len(found) for found in orders.values()] == [1, 1]
    assert orders[1] != orders[2]


def test_another_bias_touches_its_loop_alone(tiny) -> None:
    after = records(changed(("loops.biased.sampling_bias", 0.4)))
    found = touched(tiny, after)
    assert {owner(path) for path in found} == {"biased"}
    folder = "loops/biased/seed-1/gen-002"
    assert {f"{folder}/samples", f"{folder}/preview", "loops/biased/manifest.json"} <= found
    assert not any(path.endswith(("model", "-unbiased", "metrics.json")) for path in found)


def test_biasing_an_unbiased_loop_touches_it_and_the_report_alone(tiny) -> None:
    found = touched(tiny, records(changed(("loops.augmentation.sampling_bias", 0.5))))
    assert {owner(path) for path in found} == {"augmentation", "figures"}


@pytest.mark.parametrize("edit", [("evaluate.k", 6), ("evaluate.n", 39)])
def test_another_measure_remeasures_and_retrains_nothing(edit, tiny) -> None:
    after = records(changed(edit))
    found = touched(tiny, after)
    measured = {path for path in tiny if path.startswith("evaluation/")}
    if edit[0] == "evaluate.k":
        assert found == measured
    else:
        assert found >= measured
        resampled = found - measured
        assert {tiny[path]["step"] for path in resampled} == {"sample"}


def test_one_more_generation_touches_roots_alone(tiny) -> None:
    after = records(changed(("generations", 4)))
    found = touched(tiny, after) & tiny.keys()
    loops = {f"{group}/{name}/manifest.json" for group in ("loops", "evaluation") for name in LOOPS}
    assert found == loops | {"figures/manifest.json"}
    assert {path for path in after.keys() - tiny.keys() if "gen-004" not in path} == set()


def test_one_more_seed_touches_roots_alone(tiny) -> None:
    found = touched(tiny, records(changed(("seeds", [1, 2, 3])))) & tiny.keys()
    assert found == {path for path in tiny if manifests.is_root(path)}


def test_one_more_loop_touches_the_report_alone(tiny) -> None:
    content = tiny_content()
    content["loops"]["another"] = content["loops"]["fresh"] | {"n_synthetic": 30}
    found = touched(tiny, records(content))
    assert {owner(path) for path in found} == {"another", "figures"}


def test_another_training_budget_touches_every_model_and_no_data(tiny) -> None:
    found = touched(tiny, records(changed(("train.steps", 4))))
    steps = {path: record["step"] for path, record in tiny.items()}
    assert {path for path in found if steps[path] != "record_root"} == {
        path for path, step in steps.items() if step == "train"
    }


def test_other_spellings_of_the_same_configuration_change_nothing(tiny) -> None:
    content = changed(("loops.fresh.sampling_bias", 1), ("train.weight_decay", 0))
    del content["loops"]["fresh"]["labels"], content["model"]["pad"], content["threads"]
    assert records(dict(reversed(content.items()))) == tiny


@pytest.mark.parametrize("folder", ["/somewhere/absolute", "relative"])
def test_where_the_data_lie_stands_in_no_record(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = tmp_path / folder.strip("/")
    pictures.mkdir(parents=True)
    (pictures / "a.png").touch()
    path = str(pictures) if folder.startswith("/") else folder
    dataset = {
        "name": "imagefolder", "path": path, "size": 8, "channels": "grey",
        "splits": tiny_content()["dataset"]["splits"], "split_seed": 3,
    }  # fmt: skip
    found = records(changed(("dataset", dataset)))
    text = json.dumps(found)
    assert folder not in text
    assert str(tmp_path) not in text
    starts = {"loop": (0, 120), "reference": (120, 60), "features": (180, 100)}
    for split, (start, count) in starts.items():
        assert found[f"real/{split}"]["params"] == {
            "name": "imagefolder", "size": 8, "channels": "grey", "split_seed": 3,
            "split": split, "start": start, "count": count,
        }  # fmt: skip


def test_another_size_of_the_features_split_remakes_no_other_split_and_no_model(tiny) -> None:
    after = records(changed(("dataset.splits.features", 101)))
    assert after.keys() == tiny.keys()
    assert touched(tiny, after) == {"real/features"}

    def follows(path: str) -> bool:
        return path == "real/features" or any(map(follows, tiny[path]["materials"]))

    remade = {path for path in tiny if follows(path)}
    assert {owner(path) for path in remade} == {
        "real", "features", "full", "small", *LOOPS, "figures",
    }  # fmt: skip
    assert {tiny[path]["step"] for path in remade} == {
        "real", "features", "evaluate", "evaluate_real", "record_root", "report",
    }  # fmt: skip
    assert {path for path in remade if path.startswith(("real/", "loops/", "real-only/"))} == {
        "real/features"
    }


@pytest.mark.parametrize(("split", "untouched"), [("reference", {"real/loop"}), ("loop", set())])
def test_a_split_is_made_anew_with_those_cut_after_it(split, untouched, tiny) -> None:
    size = tiny_content()["dataset"]["splits"][split] + 1
    found = touched(tiny, records(changed((f"dataset.splits.{split}", size))))
    splits = {"real/loop", "real/reference", "real/features"}
    assert splits - found == untouched


def test_records_hold_the_constants_that_set_their_numbers(tiny, monkeypatch) -> None:
    assert tiny["features/lenet"]["params"]["training"] == lenet.TRAINING
    real_rows = [f"evaluation/real/seed-{seed}/gen-000/metrics.json" for seed in (1, 2)]
    for path in real_rows:
        assert tiny[path]["params"]["resplits"] == real.RESPLITS
    monkeypatch.setattr(lenet, "TRAINING", lenet.TRAINING | {"epochs": 3})
    assert touched(tiny, records(tiny_content())) == {"features/lenet"}
    monkeypatch.undo()
    monkeypatch.setattr(real, "RESPLITS", real.RESPLITS + 1)
    assert touched(tiny, records(tiny_content())) == set(real_rows)


def test_records_hold_the_versions_that_set_their_numbers(tiny, monkeypatch) -> None:
    assert "torch" in tiny["real-only/full/seed-1/model"]["software"]
    assert "diffusers" in tiny["real-only/full/seed-1/samples"]["software"]
    assert "torch" not in tiny["real/loop"]["software"]
    for record in tiny.values():
        assert "snakemake" not in record["software"]
    real = fingerprint._version
    monkeypatch.setattr(
        fingerprint, "_version", lambda name: "0.0" if name == "torch" else real(name)
    )
    found = touched(tiny, records(tiny_content()))
    assert {tiny[path]["step"] for path in found} == {
        "train", "sample", "features", "evaluate", "evaluate_real", "report",
    }  # fmt: skip


def card(there: bool) -> Callable[[str], list[str]]:
    return lambda pattern: ["/dev/nvidia0"] if there else []


@pytest.mark.parametrize(
    ("there", "visible", "expected"),
    [
        (True, None, "cuda"), (True, "1", "cuda"), (True, "", "cpu"), (True, "-1", "cpu"),
        (False, None, "cpu"), (False, "0", "cpu"),
    ],
)  # fmt: skip
def test_a_record_names_the_device_that_auto_comes_to(
    there, visible, expected, monkeypatch
) -> None:
    monkeypatch.setattr(cards.glob, "glob", card(there))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = records(changed(("device", "auto")))
    assert found["real-only/full/seed-1/model"]["device"] == expected
    assert found["real/loop"]["device"] == "cpu"
    assert records(changed(("device", "cuda")))["features/lenet"]["device"] == "cuda"
    assert devices.resolve("cpu") == "cpu"


def test_a_card_that_torch_cannot_use_is_said_so(monkeypatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(cards, "take", lambda: "0")
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"^device: cuda is not usable here: .*; set device: cpu$"):
        devices.prepare(1, "cuda")
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    devices.prepare(1, "cpu")
    assert not torch.utils.deterministic.fill_uninitialized_memory
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    devices.prepare(1, "cuda")
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == 1
