"""The page of a comparison, and a side of it from another revision."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from autophagy import cli, compare, contrast, evaluations, paths, store
from autophagy.archive import Archive
from autophagy.page import comparison, render
from autophagy.steps.tabulate_metrics import tabulate_metrics
from conftest import Made
from project import git
from test_page import decoded

METRICS = "evaluation/fresh/seed-1/gen-003/metrics.json"
STAGES = ("real", "features", "real-only", "loops", "evaluation", "figures")


@pytest.fixture
def other(tiny_experiment: Made, tmp_path: Path) -> Path:
    """A copy in which one recall, one λ and one preview are others."""
    root = tmp_path / "results" / "tiny"
    shutil.copytree(tiny_experiment.root, root)
    content = store.read_json(root / METRICS)
    for view in ("output", "model"):
        content[view]["recall"] = 0.123
    store.write_json(root / METRICS, content)
    content = store.read_json(root / paths.root_path("loops", "fresh"))
    content["params"]["loop"]["sampling_bias"] = 0.8
    store.write_json(root / paths.root_path("loops", "fresh"), content)
    for name in ("evaluate.k", "real_only.small"):
        group, key = name.split(".")
        place = "evaluation/fresh" if group == "evaluate" else "real-only/small"
        content = store.read_json(root / f"{place}/manifest.json")
        content["params"]["n" if group == "real_only" else key] = 77
        store.write_json(root / f"{place}/manifest.json", content)
    tabulate_metrics(str(root), evaluations.of(tiny_experiment.plan.experiment))
    return root


def gathered(a: Path, b: Path, names: tuple[str, str] = ("one", "other")) -> dict:
    one, two = Archive(a), Archive(b)
    sides = [comparison.Side(*side) for side in zip(names, (one, two), strict=True)]
    asked, changes = contrast.configuration(one, two), contrast.changes(one, two)
    return comparison.gather(*sides, compare.compare(one, two), asked, changes)


def test_both_curves_and_pictures_of_the_same_seeds_are_there(tiny_experiment, other) -> None:
    found = gathered(tiny_experiment.root, other)
    [recall] = [of for of in found["data"]["compared"] if of["metric"] == "recall"]
    a, b = (recall[side]["loops"]["fresh"]["output"]["mean"] for side in "ab")
    assert a[:2] == b[:2]
    measured = store.read_json(tiny_experiment.root / METRICS)["output"]["recall"]
    assert (b[2], a[2]) == (0.123, pytest.approx(measured, abs=1e-4))
    pair = found["data"]["pairs"]["fresh"]
    assert pair["same_seeds"]
    assert pair["a"] == pair["b"]
    assert decoded(found["data"]["sheets"][pair["a"][0]]).shape == (32, 80)
    [row] = [
        row for row in found["shell"]["changes"]
        if (row["loop"], row["metric"]) == ("fresh", "recall")
    ]  # fmt: skip
    assert row["b"] == "0.123"
    assert row["interval"] == "one seed: no interval"


def test_keys_of_loops_metrics_and_real_only_models_are_told(tiny_experiment, other) -> None:
    asked = gathered(tiny_experiment.root, other)["shell"]["asked"]
    assert asked["loops.fresh.sampling_bias"] == ["1.0", "0.8"]
    assert asked["real_only.small"] == ["40", "77"]


def test_whatever_a_side_is_called_is_escaped(tiny_experiment, other) -> None:
    bad = "</script><script>alert(1)</script>&<b>"
    page = render.page("compare.html", **gathered(tiny_experiment.root, other, (bad, bad)))
    assert "alert(1)</script>" not in page
    assert "<b>&" not in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page.replace(render._charting(), ""))


def test_a_comparison_of_unfinished_runs_has_no_curves(tiny_experiment, other) -> None:
    (other / paths.METRICS_CSV).unlink()
    found = gathered(tiny_experiment.root, other)
    assert found["data"]["compared"] == []
    assert set(found["shell"]["figures"]) == {"one", "other"}
    assert "curves" in found["shell"]["figures"]["one"]
    assert "<html" in render.page("compare.html", **found)


# Another revision


@pytest.fixture(scope="module")
def repository(tiny_experiment: Made, tmp_path_factory) -> Path:
    """A git repository whose DVC records the tiny experiment, changed since."""
    folder = tmp_path_factory.mktemp("repository")
    root = folder / "results" / "tiny"
    shutil.copytree(tiny_experiment.root, root)
    outs = [f"results/tiny/{name}" for name in (*STAGES, "metrics.csv", "verdicts.csv")]
    stages = {"stages": {"all": {"cmd": "true", "outs": outs}}}
    (folder / "dvc.yaml").write_text(json.dumps(stages))
    (folder / ".gitignore").write_text("/results/\n")
    git(folder, "init", "-q")
    for command in (("init", "-q"), ("commit", "-q", "-f")):
        subprocess.run([sys.executable, "-m", "dvc", *command], cwd=folder, check=True)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "recorded")
    content = store.read_json(root / METRICS)
    content["output"]["recall"] = content["model"]["recall"] = 0.123
    store.write_json(root / METRICS, content)
    return folder


def said(arguments: list[str], capsys) -> tuple[int, str, str]:
    status = cli.main(["compare", *arguments])
    return status, *capsys.readouterr()


def test_a_revision_is_compared_with_what_is_here(
    repository, monkeypatch, capsys, tmp_path
) -> None:
    monkeypatch.chdir(repository)
    page = tmp_path / "page.html"
    status, out, err = said(["results/tiny", "--rev", "HEAD", "--html", str(page)], capsys)
    assert err == ""
    assert status == 0, out
    assert re.search(r"^A: results/tiny at HEAD \([0-9a-f]{7}\)\nB: results/tiny$", out, re.M)
    assert "recall" in out
    assert "→ 0.123" in out
    assert "results/tiny at HEAD (" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["results/tiny"], "give B, another experiment, or --rev"),
        (["results/tiny", "--rev", "v99"], "results/tiny at v99: unknown Git revision 'v99'"),
        (
            ["results/none", "results/tiny", "--rev", "HEAD"],
            "results/none at HEAD: is in no DVC file of that revision",
        ),
        (["../tiny", "results/tiny", "--rev", "HEAD"], "../tiny at HEAD: is in no DVC file"),
    ],
)
def test_what_is_not_recorded_is_one_line(repository, monkeypatch, capsys, arguments, told) -> None:
    monkeypatch.chdir(repository)
    status, out, err = said(arguments, capsys)
    assert (status, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1


def test_what_neither_cache_nor_remote_has_is_one_line(repository, monkeypatch, capsys) -> None:
    monkeypatch.chdir(repository)
    cache = repository / ".dvc" / "cache"
    cache.rename(cache.with_name("aside"))
    try:
        status, out, err = said(["results/tiny", "--rev", "HEAD"], capsys)
    finally:
        shutil.rmtree(cache, ignore_errors=True)
        cache.with_name("aside").rename(cache)
    assert (status, out) == (2, "")
    assert "results/tiny at HEAD" in err
    assert "neither in DVC's cache nor in a remote" in err
    assert len(err.splitlines()) == 1


def test_outside_of_a_repository_is_one_line(
    tmp_path, tiny_experiment, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = said([str(tiny_experiment.root), "--rev", "HEAD"], capsys)
    assert status == 2
    assert len(err.splitlines()) == 1
