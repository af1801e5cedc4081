"""What another installed package adds: the example of docs/, and packages that are broken."""

from __future__ import annotations

import dataclasses
import importlib
import json
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from autophagy import config as configuration
from autophagy import (
    features,
    fingerprint,
    ledger,
    manifests,
    paths,
    plugins,
    presets,
    store,
    summary,
    tables,
)
from autophagy.archive import Archive
from autophagy.audit import audit
from autophagy.errors import UserError
from autophagy.filters import reward
from autophagy.regimes import Regime
from conftest import REPOSITORY, changed, make, plan_of

EXAMPLE = REPOSITORY / "docs" / "example-plugin"
CODE = "autophagy_example"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder with the example package, installed by pip from a copy and without any network."""
    pytest.importorskip("setuptools")
    copy, folder = tmp_path_factory.mktemp("copy") / "plugin", tmp_path_factory.mktemp("site")
    shutil.copytree(EXAMPLE, copy)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--disable-pip-version-check", "--target", folder, copy],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def forget() -> None:
    for cached in (plugins._every, fingerprint._folder):
        cached.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == CODE]:
        del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def installed(site, monkeypatch):
    monkeypatch.syspath_prepend(str(site))
    forget()
    yield site
    monkeypatch.undo()
    forget()


def content() -> dict:
    return yaml.safe_load((EXAMPLE / "config.yaml").read_text())


def test_an_experiment_of_added_parts_alone_runs_and_is_audited(installed, tmp_path) -> None:
    plan = plan_of(content())
    make(plan, tmp_path)
    assert audit(Archive(tmp_path)) == []
    for path in ("real/loop", "features/profiles", "real-only/full/seed-1/model"):
        assert manifests.read(tmp_path, path)["software"]["autophagy-example"] == "1.0"
    found = store.read_json(tmp_path / paths.evaluation_path("last-three", 1, 3))["output"]["added"]
    assert -1 <= found["brightness_gap"] <= 1
    table = tables.read(tmp_path)
    assert table["brightness_gap"].notna().all()
    assert "Fréchet distance (profiles" in summary.text(tmp_path, plan.experiment)
    mixed = manifests.read(tmp_path, "loops/last-three/seed-1/gen-004/training_set.parquet")
    assert [part["count"] for part in mixed["params"]["parts"] if part["generation"]] == [33] * 3
    assert (
        manifests.read(tmp_path, paths.root_path("loops", "last-three"))["params"]["loop"][
            "synthetic"
        ]
        == "last-3"
    )


def test_added_code_is_in_fingerprints_and_no_dependency_of_the_ledger(installed) -> None:
    plan = plan_of(content())
    assert f"@{CODE}/pixel_gaussian.py" in plan.files("train")
    assert f"@{CODE}/__init__.py" in plan.files("train")
    assert "autophagy/seeds.py" in plan.files("train")
    assert f"@{CODE}/parts.py" in plan.files("evaluate")
    assert CODE not in ledger.text(plan, "config/example-plugin/config.yaml")
    before = plan.code
    file = installed / CODE / "parts.py"
    text = file.read_text()
    try:
        file.write_text(text.replace("(measured.levels - 1)", "measured.levels"))
        fingerprint._source.cache_clear()
        fingerprint._tree_hash.cache_clear()
        after = plan_of(content()).code
    finally:
        file.write_text(text)
        fingerprint._source.cache_clear()
        fingerprint._tree_hash.cache_clear()
    assert {step for step in before if before[step] != after[step]} == {"evaluate", "evaluate_real"}


def test_nothing_that_is_installed_changes_an_experiment_that_does_not_name_it(site) -> None:
    code = (
        "import json, sys, yaml; from autophagy import config, plan;"
        "found = plan.build(config.parse(yaml.safe_load(open(sys.argv[1])), 'c'));"
        "print(json.dumps([found.record(path) for path in found.nodes]))"
    )
    told = []
    for folders in ([], [str(site)]):
        done = subprocess.run(
            [sys.executable, "-c", code, "tests/configs/tiny.yaml"], cwd=REPOSITORY,
            env={"PYTHONPATH": ":".join(["workflow/scripts", *folders])},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        told.append(json.loads(done.stdout))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({"evaluate.metrics": ["brightness_gap"]},
         "evaluate.metrics: 'brightness_gap' is not allowed; those that are built in"),
        ({"evaluate.metrics": ["recall"]}, "evaluate.metrics: 'recall' is not allowed"),
        ({"evaluate.metrics": []}, "evaluate.metrics: [] is not allowed"),
        ({"evaluate.metrics": "recall"}, 'evaluate.metrics: "recall" is not allowed'),
        ({"evaluate.features": "profiles"}, "lenet, identity, inception, lenet_random, or"),
        ({"model.family": "pixel_gaussian"}, 'model.family: "pixel_gaussian" is not allowed'),
        ({"dataset.name": "stripes"}, 'dataset.name: "stripes" is not allowed'),
        ({"loops.fresh.regime": "last_three"}, 'loops.fresh.regime: "last_three" is not allowed'),
    ],
)  # fmt: skip
def test_a_part_of_a_package_that_is_not_installed_is_told_by_its_key(edits, words) -> None:
    with pytest.raises(UserError) as raised:
        configuration.parse(changed(*edits.items()), "config.yaml")
    assert words in str(raised.value)


def entry(group: str, name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, f"autophagy.{group}")


@pytest.mark.parametrize(
    ("group", "name", "value", "words"),
    [
        ("families", "ddpm", "json", "autophagy.families: ddpm: the name is taken by autophagy"),
        ("metrics", "recall", "json:dumps", "metrics: recall: the name is taken by autophagy"),
        ("metrics", "n_train", "json:dumps", "metrics: n_train: the name is taken by autophagy"),
        ("regimes", "../x", "json", "regimes: ../x: a name is lower-case letters"),
    ],
)
def test_a_clash_of_names_is_one_line(group, name, value, words, monkeypatch) -> None:
    named = (entry(group, name, value),)
    monkeypatch.setattr(plugins, "_found", lambda asked: named if asked == group else ())
    with pytest.raises(UserError, match=r"^config\.yaml: package json, entry point") as raised:
        configuration.parse(changed(), "config.yaml")
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("group", "value", "key", "words"),
    [
        (
            "families",
            "no_such_module",
            "model.family",
            "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("families", "json", "model.family", "lacks Model, Train, Sample, SOFTWARE, check, fit"),
        ("datasets", "json", "dataset.name", "lacks Dataset, SOFTWARE"),
        ("features", "json", "evaluate.features", "lacks SPACE, SOFTWARE"),
        ("regimes", "json", "loops.fresh.regime", "lacks real, synthetic"),
        ("metrics", "json:no_such", "evaluate.metrics", "cannot be imported: AttributeError"),
    ],
)
def test_a_broken_package_is_one_line(group, value, key, words, monkeypatch) -> None:
    def entries(asked: str) -> dict[str, EntryPoint]:
        return {"mine": entry(group, "mine", value)} if asked == group else {}

    monkeypatch.setattr(plugins, "_entries", entries)
    named = ["mine"] if group == "metrics" else "mine"
    with pytest.raises(UserError) as raised:
        configuration.parse(changed((key, named)), "config.yaml")
    assert f"entry point autophagy.{group}: mine: " in str(raised.value)
    assert words in str(raised.value)


REWARD = {"kind": "reward", "candidates": 4, "classes": [1]}
REWARDS = REWARD | {"weight": 1.0}
WRONG_REGIMES = [
    (SimpleNamespace(real="none", synthetic="previous"), "is of type SimpleNamespace; it must be"),
    (Regime("sometimes", "previous"), 'real: "sometimes" is not allowed: it should be \'none\''),
    (Regime(None, "previous"), "real: null is not allowed: it should be a text"),
    (Regime("none", 2), "synthetic: 2 is not allowed: it should be a text"),
    (Regime("none", "last-x"), 'synthetic: "last-x" is not allowed: it should be none, previous,'),
    (Regime("none", "previous", pool="keep"), 'pool: "keep" is not allowed'),
    (Regime("none", "previous", start="again"), 'start: "again" is not allowed'),
    (Regime("none", "previous", labels="uniform"), 'labels: "uniform" is not allowed'),
    (Regime("none", "previous", counterfactual="fake"), 'counterfactual: "fake" is not allowed'),
    (Regime("none", "previous", filter="reward"), 'filter: "reward" is not allowed: it should be'),
    (Regime("none", "previous", filter=reward.Filter(**REWARDS)), "filter: "),
    (Regime("none", "previous", filter={"kind": "luck"}), 'filter.kind: "luck" is not allowed'),
    (Regime("none", "previous", filter=REWARD), "filter.weight: is missing"),
    (Regime("none", "previous", filter=REWARDS | {"k": 1}), "filter.k: unknown key; allowed: kind"),
    (Regime("none", "previous", guidance={"kind": "sims", "weight": 1.0, "n": 9}),
     "guidance.steps: is missing"),
]  # fmt: skip


@pytest.fixture
def named(monkeypatch):
    """A configuration whose loop names the regime of a package; call it with the object."""

    def content(found: object, *edits: tuple[str, object]) -> dict:
        mine = SimpleNamespace(
            name="mine", module="theirs", dist=SimpleNamespace(name="theirs"), load=lambda: found
        )
        entries = {"mine": mine}
        monkeypatch.setattr(
            plugins, "_entries", lambda asked: entries if asked == "regimes" else {}
        )
        return changed(("loops.fully-synthetic.regime", "mine"), *edits)

    return content


@pytest.mark.parametrize(("found", "words"), WRONG_REGIMES)
def test_a_regime_no_loop_could_state_is_one_line_that_names_its_package(
    found, words, named
) -> None:
    with pytest.raises(UserError) as raised:
        configuration.parse(named(found), "config.yaml")
    told = str(raised.value)
    at = "config.yaml: loops.fully-synthetic.regime: package theirs, entry point autophagy.regimes:"
    assert told.startswith(f"{at} mine: {words}")
    assert "\n" not in told


def test_a_sound_regime_of_a_package_is_taken_and_its_wrong_axis_told_even_where_unused(
    named,
) -> None:
    sound = Regime("none", "previous", labels="inherited", filter=REWARDS)
    experiment = configuration.parse(named(sound), "config.yaml")
    # The loop states its labels itself.
    expected = dataclasses.replace(sound, labels="balanced")
    assert presets.regime_of(experiment.loops["fully-synthetic"]) == expected
    wrong = named(Regime("sometimes", "previous"), ("loops.fully-synthetic.real", "none"))
    with pytest.raises(UserError, match='real: "sometimes"'):
        configuration.parse(wrong, "config.yaml")


def test_results_of_a_package_that_is_gone_say_so() -> None:
    with pytest.raises(UserError, match="pixel_gaussian: is none of autophagy's families and no"):
        plugins.module("families", "pixel_gaussian", "autophagy.models")
    with pytest.raises(UserError, match="profiles: is none of autophagy's features"):
        features.module("profiles")
