"""Controls: the null loop, the counterfactual, and forks that share another loop's history."""

from __future__ import annotations

import copy
import dataclasses
import json
import shutil
from pathlib import Path

import autophagy
import numpy as np
import pytest
import yaml
from autophagy import (
    evaluations,
    in_words,
    layout,
    ledger,
    lineage,
    manifests,
    paths,
    sets,
    starts,
    store,
    summary,
    tables,
    training_sets,
)
from autophagy.archive import Archive
from autophagy.audit import audit
from autophagy.errors import UserError
from autophagy.features import lenet
from autophagy.presets import REGIMES
from autophagy.regimes import Fork, Part, Regime, compose, real_rows_needed, size
from autophagy.regimes import synthetic_rows_needed as drawn
from autophagy.steps.audit import audit_experiment
from autophagy.steps.draw_lineage import draw_lineage
from autophagy.steps.judge_loops import judge_loops
from autophagy.steps.tabulate_metrics import tabulate_metrics
from autophagy.verdict import plan as verdict_plan
from conftest import TESTS, Made, make, plan_of, write_page

CONTENT = yaml.safe_load((TESTS / "configs" / "controls.yaml").read_text(encoding="utf-8"))


def content(**loops: dict) -> dict:
    """The configuration, with keys of some loops changed."""
    found = copy.deepcopy(CONTENT)
    for name, changes in loops.items():
        found["loops"][name.replace("_", "-")] |= changes
    return found


@pytest.fixture(scope="module")
def plan():
    return plan_of(content())


@pytest.fixture(scope="module")
def made(plan, tmp_path_factory) -> Made:
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("controls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lenet, "TRAINING", lenet.TRAINING | {"epochs": 5})
        plan = plan_of(content())
        # Tables, lineage and page; the other figures take longer than everything else.
        make(plan, folder / plan.root, lambda path: path != paths.REPORT)
    root = str(folder / plan.root)
    audit_experiment(root, plan.audited())
    tabulate_metrics(root, evaluations.of(plan.experiment))
    judge_loops(root, verdict_plan.asked(plan.experiment))
    chains = layout.training_sets(plan.experiment, 1)
    draw_lineage(root, chains, "controls", f"{root}/figures/lineage")
    write_page(plan, folder / plan.root)
    return Made(plan, folder / plan.root, folder)


def swapped(regime: Regime, t: int, *sizes: int) -> tuple[Part, ...]:
    return compose(dataclasses.replace(regime, counterfactual="real"), t, *sizes)


@pytest.mark.parametrize(
    ("regime", "t", "sizes", "expected"),
    [
        # n_initial, n_real, n_synthetic -> (start, count) of each real part.
        ("fully_synthetic", 2, (10, 0, 10), [(0, 10)]),
        ("fully_synthetic", 3, (10, 0, 25), [(0, 25)]),
        ("synthetic_augmentation", 2, (10, 10, 6), [(0, 10), (10, 6)]),
        ("fresh_data", 2, (10, 5, 4), [(10, 5), (0, 4)]),
        ("fresh_data", 3, (10, 5, 4), [(15, 5), (0, 4)]),
        ("fresh_data", 2, (10, 5, 14), [(10, 5), (0, 10), (15, 4)]),
        ("accumulate", 4, (10, 10, 3), [(0, 10), (10, 9)]),
    ],
)
def test_real_rows_stand_where_synthetic_ones_would(regime, t, sizes, expected) -> None:
    parts = swapped(REGIMES[regime], t, *sizes)
    assert [(part.start, part.count) for part in parts] == expected
    assert {(part.origin, part.generation) for part in parts} == {("real", 0)}


@pytest.mark.parametrize("name", ["fully_synthetic", "synthetic_augmentation", "fresh_data",
                                  "last_k", "accumulate", "accumulate_subsample"])  # fmt: skip
def test_a_counterfactual_has_the_same_real_rows_and_the_same_size(name) -> None:
    n_real = 0 if name == "fully_synthetic" else 7
    for t in range(2, 7):
        sizes = (t, 12, n_real, 9)
        parts, others = compose(REGIMES[name], *sizes), swapped(REGIMES[name], *sizes)
        real = [part for part in parts if part.origin == "real"]
        assert list(others[: len(real)]) == real
        rows = np.concatenate([np.arange(p.start, p.start + p.count) for p in others])
        assert len(rows) == len(np.unique(rows)) == sum(part.count for part in parts)
        regime = dataclasses.replace(REGIMES[name], counterfactual="real")
        assert size(regime, *sizes) == size(REGIMES[name], *sizes)
        assert rows.max() < real_rows_needed(regime, t, 12, n_real, 9)
        assert drawn(regime, t, 9) == 0


def test_a_fork_takes_the_rows_that_its_history_left() -> None:
    fresh = REGIMES["fresh_data"]
    # The history of a fresh loop with five rows a generation, up to its third one.
    fork = Fork(3, real_rows_needed(fresh, 3, 10, 5, 5))
    assert fork == Fork(3, 20)
    assert compose(fresh, 4, 10, 8, 5, fork)[0] == Part("real", 0, 20, 8)
    assert compose(fresh, 6, 10, 8, 5, fork)[0] == Part("real", 0, 36, 8)
    assert real_rows_needed(fresh, 6, 10, 8, 5, fork) == 44
    # Nothing changed, nothing moved.
    for t in (4, 5, 9):
        assert compose(fresh, t, 10, 5, 5, fork) == compose(fresh, t, 10, 5, 5)
    subsample = Regime("fresh", "all", "subsample")
    fork = Fork(3, real_rows_needed(subsample, 3, 10, 5, 5))
    for t in (4, 9):
        assert compose(subsample, t, 10, 5, 5, fork) == compose(subsample, t, 10, 5, 5)
    # A fully synthetic history has used the first rows alone.
    fork = Fork(3, real_rows_needed(REGIMES["fully_synthetic"], 3, 10, 0, 10))
    assert compose(fresh, 4, 10, 8, 5, fork)[0] == Part("real", 0, 10, 8)


def test_what_is_shared_is_planned_once(plan) -> None:
    experiment = plan.experiment
    for name, shared in (("unbiased", 2), ("injected", 2), ("tuned-on", 3)):
        assert starts.shared(experiment, name) == shared
        own = [path for path in plan.nodes if f"/{name}/seed-1/" in path]
        assert own
        assert {int(path.split("gen-")[1][:3]) for path in own} == set(range(shared + 1, 5))
    assert starts.owner(experiment, "tuned-on", 4) == "tuned-on"
    assert starts.owner(experiment, "tuned-on", 3) == "unbiased"
    assert starts.owner(experiment, "tuned-on", 2) == "alone"
    assert layout.training_set_path(experiment, "tuned-on", 1, 1).startswith("real-only/full/")
    assert layout.model_path(experiment, "tuned-on", 1, 3).startswith("loops/unbiased/")
    first = plan.nodes["loops/injected/seed-1/gen-003/training_set.parquet"]
    assert first.materials == ("real/loop", "loops/fresh/seed-1/gen-002/samples")
    # The first two generations of the fresh loop have used 40 rows of the split.
    assert [(p["start"], p["count"]) for p in first.params["parts"]] == [(40, 15), (0, 10)]
    assert "loops/fresh/manifest.json" in plan.nodes["loops/injected/manifest.json"].materials
    measured = plan.nodes["evaluation/injected/manifest.json"].materials
    assert measured == tuple(
        f"evaluation/{of}/seed-1/gen-00{t}/metrics.json"
        for of, t in (("fresh", 1), ("fresh", 2), ("injected", 3), ("injected", 4))
    )


def test_a_fork_changes_nothing_of_the_loop_it_leaves(plan) -> None:
    without = content()
    for name in ("unbiased", "injected", "tuned-on"):
        del without["loops"][name]
    alone = plan_of(without)
    for path in alone.nodes:
        if path.startswith(("loops/", "real", "evaluation/")):
            assert alone.record(path) == plan.record(path)


def test_a_fork_that_goes_on_from_weights_counts_their_trainings(plan) -> None:
    model = plan.nodes["loops/tuned-on/seed-1/gen-004/model"]
    # G^3 was fitted from scratch, by a loop of another regime.
    before, own = "loops/unbiased/seed-1/gen-003/model", model.materials[0]
    assert model.params["initial"] == before
    assert model.params["shares"] == {own: 0.5, before: 0.5}


def test_controls_run_to_the_report_and_keep_every_law(made) -> None:
    [unfinished] = audit(Archive(made.root))
    assert unfinished.path == paths.REPORT
    text = summary.text(made.root, made.plan.experiment)
    assert "unbiased, sampled at λ = 1" in text
    table = tables.read(made.root)
    columns = [name for name in table if name != "loop"]
    rows = {loop: of.set_index(["seed", "generation", "view"]) for loop, of in
            table[[*columns, "loop"]].groupby("loop")}  # fmt: skip
    for fork, loop, shared in (("unbiased", "alone", 2), ("injected", "fresh", 2)):
        assert len(rows[fork]) == 8
        for t in range(1, 5):
            same = rows[fork].loc[1, t].drop(columns="loop").equals(
                rows[loop].loc[1, t].drop(columns="loop")
            )  # fmt: skip
            assert same == (t <= shared), (fork, t)
    assert rows["unbiased"]["sampling_bias"].loc[1, :, "output"].tolist() == [0.5, 0.5, 1.0, 1.0]


def test_the_lineage_of_a_fork_leads_through_the_history_it_shares(made) -> None:
    archive = Archive(made.root)
    samples = "loops/tuned-on/seed-1/gen-004/samples"
    found = {node["path"] for node in lineage.flat(lineage.tree(archive, samples))["nodes"]}
    for path in (
        "loops/unbiased/seed-1/gen-003/samples",
        "loops/alone/seed-1/gen-002/samples",
        "loops/alone/seed-1/gen-001/samples",
        "real-only/full/seed-1/model",
        "real/loop",
    ):
        assert path in found
    tainted = lineage.descendants(archive, "loops/alone/seed-1/gen-002/model")
    assert {"loops/unbiased/manifest.json", "loops/tuned-on/manifest.json"} <= set(tainted)
    assert "loops/injected/manifest.json" not in tainted


def test_a_counterfactual_holds_the_loops_real_rows_and_as_many_others(made) -> None:
    for t in (2, 3, 4):
        ours, theirs = (
            training_sets.read(
                made.root / f"loops/{loop}/seed-1/gen-{t:03d}/training_set.parquet"
            ).frame()
            for loop in ("counterfactual", "fresh")
        )
        assert len(ours) == len(theirs)
        assert set(ours["origin"]) == {"real"}
        assert ours["row"].is_unique
        assert set(theirs["row"][theirs["origin"] == "real"]) < set(ours["row"])
    depths = lineage.depths(Archive(made.root), "loops/counterfactual/seed-1/gen-004/samples")
    assert depths == {1: 1.0}
    null = "loops/null-loop/seed-1/gen-004"
    assert lineage.real_ancestors(Archive(made.root), f"{null}/model") == 30
    assert not np.array_equal(*(
        sets.read_array(made.root, f"loops/null-loop/seed-1/gen-00{t}/samples", "images")
        for t in (3, 4)
    ))  # fmt: skip


def test_a_fork_in_python_has_the_shared_generations_too(made) -> None:
    found = autophagy.open(made.root)
    # As its report would list them, whose figures are not drawn here.
    vars(found)["loops"] = {
        name: manifests.read(made.root, paths.root_path("loops", name))["params"]["loop"]
        for name in made.plan.experiment.loops
    }
    assert found.loops["tuned-on"]["start_from"] == {"loop": "unbiased", "generation": 3}
    assert found.path("tuned-on", 2, kind="samples") == "loops/alone/seed-1/gen-002/samples"
    assert len(found.training_set("tuned-on", 1)) == 30


def test_the_ledger_has_a_stage_for_each_fork_which_waits_for_its_history(plan) -> None:
    text = yaml.safe_load(ledger.text(plan, "config/controls/config.yaml"))
    stages = text["stages"]
    root = "results/${experiment}"
    assert set(stages["loop"]["foreach"]) == {
        "alone", "null-loop", "fresh", "counterfactual", "longer",
    }  # fmt: skip
    loop, measured = stages["loop-fork-tuned-on"], stages["evaluate-fork-tuned-on"]
    for path in ("loops/unbiased", "loops/alone", "real-only/full"):
        assert f"{root}/{path}" in loop["deps"]
    assert f"{root}/evaluation/alone" in measured["deps"]
    assert loop["outs"] == [f"{root}/loops/tuned-on"]
    named = ledger.stage_nodes(plan)
    assert {name.partition("@")[0] for name in named} == set(stages)
    assert all("/tuned-on/" in path for path in named["loop-fork-tuned-on"])
    # DVC orders its stages by deps: each reads nothing but them.
    for name, stage in stages.items():
        if "-fork-" not in name:
            continue
        deps = [dep.removeprefix(f"{root}/") for dep in stage["deps"]]
        outs = [out.removeprefix(f"{root}/") for out in stage["outs"]]
        for path in named[name]:
            for read in plan.nodes[path].materials + plan.nodes[path].reads:
                assert any(read == top or read.startswith(f"{top}/") for top in deps + outs), read


def test_a_loops_own_recipe_holds_from_generation_2_on_and_for_all_its_samples(plan) -> None:
    nodes, other = plan.nodes, plan.experiment.settings("train") | {"steps": 3}
    assert nodes["real-only/full/seed-1/model"].params["train"]["steps"] == 2
    root = nodes["loops/longer/manifest.json"].params
    assert (root["train"]["steps"], root["loop"]["train"]) == (2, {"steps": 3})
    assert root["loop"]["sample"] == {"steps": 3}
    drawn = [path for path in nodes if "/longer/" in path and path.endswith(("samples", "preview"))]
    # G^1 is the real-only model; what is drawn of it is not what the real-only model draws.
    assert len(drawn) == 8
    for path in drawn:
        assert nodes[path].params["sample"] == plan.experiment.settings("sample") | {"steps": 3}
    for t in (2, 3, 4):
        assert nodes[f"loops/longer/seed-1/gen-00{t}/model"].params["train"] == other
        assert nodes[f"loops/fresh/seed-1/gen-00{t}/model"].params["train"]["steps"] == 2
    assert "3 steps of 16" in in_words.budget_line(plan.experiment, "longer")
    assert "2 steps of 16" in in_words.budget_line(plan.experiment, "fresh")
    whole = in_words.budget_line(plan.experiment)
    assert ": 2 steps of 16 (longer: 3 steps of 16), " in whole
    [line] = in_words.changes_in_words(plan.experiment)
    assert line == "  longer, from generation 2 on: train.steps 3, sample.steps 3"


@pytest.fixture
def broken(made, tmp_path) -> Path:
    shutil.copytree(made.root, tmp_path / "broken")
    return tmp_path / "broken"


def forge(root: Path, path: str, change) -> None:
    """Change a manifest; its descendants are not made to fit, so only its own laws are asked."""
    manifest = store.read_json(root / manifests.path_of(path))
    change(manifest)
    (root / manifests.path_of(path)).write_text(json.dumps(manifest))


def claims(root: Path) -> list[str]:
    """The findings of the laws that read roots, whatever the hashes say."""
    from autophagy.audit import mixes, origins
    from autophagy.audit.case import Case

    case = Case(Archive(root))
    laws = (mixes.real_rows, mixes.composition, origins.origins)
    return [f"{path}: {said}" for law in laws for path, said in law(case)]


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ({"loop": "alone", "generation": 2}, "demands"),
        ({"loop": "injected", "generation": 2}, "which shares 2 itself"),
        ({"loop": "nobody", "generation": 2}, "nobody"),
        ({"loop": "fresh", "generation": 1}, "injected/seed-1/gen-002"),
        ({"loop": "fresh", "generation": 999}, ""),
    ],
)
def test_another_history_than_the_stated_one_is_found(start, words, broken) -> None:
    assert claims(broken) == []
    root = "loops/injected/manifest.json"
    forge(broken, root, lambda manifest: manifest["params"]["loop"].update(start_from=start))
    found = claims(broken)
    assert words in "\n".join(found)
    assert found or start["generation"] == 999


def test_a_counterfactual_that_claims_to_be_the_loop_is_found(broken) -> None:
    root = "loops/counterfactual/manifest.json"
    forge(broken, root, lambda m: m["params"]["loop"].update(counterfactual="none"))
    assert any("demands" in said for said in claims(broken))


@pytest.mark.parametrize("claim", [None, {"steps": 4}, {"ema_decay": 0.5}])
def test_another_recipe_than_the_stated_one_is_found(claim, broken) -> None:
    from autophagy.audit import consistency
    from autophagy.audit.case import Case

    assert list(consistency.consistency(Case(Archive(broken)))) == []
    forge(broken, "loops/longer/manifest.json", lambda m: m["params"]["loop"].update(train=claim))
    found = dict(consistency.consistency(Case(Archive(broken))))
    assert "train differs" in found["loops/longer/seed-1/gen-002/model"]


@pytest.mark.parametrize(
    ("loop", "changes", "words"),
    [
        ("injected", {"start_from": {"loop": "injected", "generation": 2}},
         "loops.injected.start_from.loop: 'injected' is no other loop; allowed: alone, null-loop"),
        ("injected", {"start_from": {"loop": "full", "generation": 2}}, "'full' is no other loop"),
        ("injected", {"start_from": {"loop": "fresh", "generation": 4}},
         "loops.injected.start_from.generation: 4 is not allowed; it must be below generations"),
        ("injected", {"start_from": {"loop": "fresh", "generation": 0}},
         "loops.injected.start_from.generation: 0 is not allowed"),
        ("injected", {"start_from": {"loop": "fresh"}},
         "loops.injected.start_from.generation: is missing"),
        ("injected", {"start_from": {"loop": "fresh", "generatoin": 1}},
         "loops.injected.start_from.generatoin: unknown key; did you mean generation?"),
        ("tuned-on", {"start_from": {"loop": "unbiased", "generation": 2}},
         "unbiased shares its first 2 generations with alone, so start from alone"),
        ("alone", {"start_from": {"loop": "tuned-on", "generation": 3}}, "generation"),
        ("injected", {"n_synthetic": 21},
         "loops.injected.n_synthetic: 21 is not allowed; D^3 needs 21 rows of generation 2, and "
         "fresh has 20 there"),
        ("injected", {"n_real": 60}, "loops.injected: 4 generations of fresh_data need 160"),
        ("counterfactual", {"regime": "synthetic_augmentation", "n_synthetic": 111},
         "need 121 real images (n_initial 30, n_real 10, and as many as its 111 synthetic ones)"),
        ("null-loop", {"counterfactual": "real"},
         "loops.null-loop.counterfactual: real is not allowed with synthetic: none"),
        ("longer", {"train": {"stes": 3}},
         "loops.longer.train.stes: unknown key; did you mean steps? allowed: steps, epochs,"),
        ("longer", {"train": {"steps": 0}}, "loops.longer.train.steps: 0 is not allowed"),
        ("longer", {"train": {}}, "loops.longer.train: states no change; leave it out"),
        ("longer", {"train": 3}, "loops.longer.train: 3 is not allowed"),
        ("longer", {"train": {"warmup_steps": 5}},
         "loops.longer.train.warmup_steps: 5 must be below train.steps = 2"),
        ("longer", {"sample": {"scheduler": "fast"}}, "loops.longer.sample.scheduler"),
        ("longer", {"start": "previous"},
         "loops.longer.train: is not allowed with start: previous"),
        ("longer", {"guidance": {"kind": "neon", "weight": 1.0, "n": 20, "steps": 2}},
         "loops.longer.train: is not allowed with guidance"),
        ("counterfactual", {"counterfactual": "fake"},
         'loops.counterfactual.counterfactual: "fake" is not allowed'),
    ],
)  # fmt: skip
def test_what_no_history_or_split_can_give_is_refused(loop, changes, words) -> None:
    with pytest.raises(UserError) as raised:
        plan_of(content(**{loop: changes}))
    assert words in str(raised.value)
