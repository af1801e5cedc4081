"""What another installed package adds: the example of docs/, and packages that are broken."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import yaml
from autophagy import config as configuration
from autophagy import features, fingerprint, ledger, manifests, paths, plugins, store, tables
from autophagy.archive import Archive
from autophagy.audit import audit
from autophagy.errors import UserError
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
    assert "Fréchet distance (profiles" in tables.summary(tmp_path, plan.experiment)
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


def test_results_of_a_package_that_is_gone_say_so() -> None:
    with pytest.raises(UserError, match="pixel_gaussian: is none of autophagy's families and no"):
        plugins.module("families", "pixel_gaussian", "autophagy.models")
    with pytest.raises(UserError, match="profiles: is none of autophagy's features"):
        features.module("profiles")
