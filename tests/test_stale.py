"""No stale results: after an edit exactly the steps that depend on it are made anew."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from edits import CONFIG, EDITS, Edit, applied, jobs_in, look, matching
from project import REPOSITORY, git, run

AUTOPHAGY = (sys.executable, "-m", "autophagy.cli")
#: Also asked, without the long tests, where results came from elsewhere.
ELSEWHERE = ("a metric", "λ of one loop", "the last model deleted")


def listed(quick: Callable[[Edit], bool]) -> list:
    """Every edit; those that are not quick are left to the long tests."""
    marks = {True: [], False: [pytest.mark.long]}
    return [pytest.param(edit, id=edit.name, marks=marks[quick(edit)]) for edit in EDITS]


def quick_here(edit: Edit) -> bool:
    return not edit.long


def quick_elsewhere(edit: Edit) -> bool:
    return edit.name in ELSEWHERE


def check(edit: Edit, folder: Path, every: set[str]) -> None:
    """The three of them name what depends on the edit, no more and no less."""
    with applied(edit, folder):
        seen = look(folder, edit)
    # A pattern stands for jobs of the finished run and for those that the edit adds.
    assert seen.jobs == matching(every | seen.jobs, edit.jobs)
    assert unmatched(seen.jobs, edit.jobs) == set()
    assert seen.stale == matching(seen.stale, edit.stages)
    assert unmatched(seen.stale, edit.stages) == set()
    dvc = edit.stages if edit.dvc is None else edit.dvc
    assert seen.changed == matching(seen.changed, dvc)
    assert unmatched(seen.changed, dvc) == set()
    print(f"| {edit.name} | {len(seen.jobs)} | {len(seen.stale)} |")


def unmatched(names: set[str], patterns: tuple[str, ...]) -> set[str]:
    return {pattern for pattern in patterns if not matching(names, (pattern,))}


@pytest.fixture(scope="module")
def every(project: Path) -> set[str]:
    """All jobs of the project."""
    return look(project, None, "--forceall").jobs


@pytest.fixture(scope="module")
def pulled(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone after `autophagy pull`, which is `make pull`."""
    folder = tmp_path_factory.mktemp("pulled")
    origin = folder / "origin"
    shutil.copytree(project, origin, ignore=shutil.ignore_patterns("results", ".snakemake"))
    run(origin, "dvc", "remote", "add", "-f", "-d", "store", str(folder / "store"))
    run(origin, "dvc", "push")
    git(origin, "add", "-A")
    git(origin, "commit", "-qm", "recorded")
    run(folder, "git", "clone", "-q", str(origin), "clone")
    clone = folder / "clone"
    run(clone, *AUTOPHAGY, "pull")
    return clone


@pytest.fixture(scope="module")
def checked_out(pulled: Path) -> Path:
    """The clone after `autophagy checkout`, its results gone before."""
    shutil.rmtree(pulled / "results" / "tiny")
    shutil.rmtree(pulled / ".snakemake")
    run(pulled, *AUTOPHAGY, "checkout")
    return pulled


def test_each_edit_is_told_apart() -> None:
    assert len({edit.name for edit in EDITS}) == len(EDITS)
    assert (quick := sum(not edit.long for edit in EDITS)) >= 12
    told = " ".join((REPOSITORY / "docs/reliability.md").read_text().split())
    assert f"{len(EDITS)} of {len(EDITS)} edits" in told
    assert f"asks {quick} of them where the run was made" in told
    assert f"and {len(ELSEWHERE)} after a pull and {len(ELSEWHERE)} after a checkout" in told


@pytest.mark.parametrize("edit", listed(quick_here))
def test_an_edit_reruns_exactly_what_depends_on_it(project: Path, every, edit: Edit) -> None:
    check(edit, project, every)


@pytest.mark.parametrize("edit", listed(quick_elsewhere))
def test_also_after_a_pull(pulled: Path, every, edit: Edit) -> None:
    check(edit, pulled, every)


@pytest.mark.parametrize("edit", listed(quick_elsewhere))
def test_also_after_a_checkout(checked_out: Path, every, edit: Edit) -> None:
    check(edit, checked_out, every)


def test_nothing_is_left_to_do_when_every_edit_is_undone(project: Path) -> None:
    seen = look(project)
    assert (seen.jobs, seen.stale, seen.changed) == (set(), set(), set())


def test_an_edit_of_a_data_file(tmp_path: Path, project: Path) -> None:
    """One pixel of one picture: what is made of the file is, and no record takes it for whole."""
    for name in ("workflow", "rules", "profiles", "config"):
        shutil.copytree(project / name, tmp_path / name)
    shutil.copy(project / "Snakefile", tmp_path)
    run(tmp_path, "dvc", "init", "-q", "--no-scm")
    content = yaml.safe_load((tmp_path / CONFIG).read_text(encoding="utf-8"))
    content["dataset"] |= {"name": "npz", "path": "pictures.npz"}
    (tmp_path / CONFIG).write_text(yaml.safe_dump(content), encoding="utf-8")
    pictures = np.random.default_rng(0).integers(0, 255, (300, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "pictures.npz", images=pictures)
    run(tmp_path, *AUTOPHAGY, "ledger")
    made = ("real/loop", "real/reference", "real-only/full/seed-1/training_set.parquet")
    targets = [f"results/tiny/{name}.manifest.json" for name in made]
    run(tmp_path, "snakemake", "--cores", "2", "--", *targets)
    record = (*AUTOPHAGY, "record")
    assert "real@loop" not in run(tmp_path, *record, status=1).stderr

    def changed() -> tuple[set[str], set[str]]:
        planned = run(tmp_path, "snakemake", "-n", "--cores", "1", "--", *targets).stdout
        told = json.loads(run(tmp_path, "dvc", "status", "--json", "real").stdout)
        return jobs_in(planned), {name.removeprefix("dvc.yaml:") for name in told}

    assert changed() == (set(), {"real@features"})
    pictures[7, 3, 3] ^= 1
    np.savez(tmp_path / "pictures.npz", images=pictures)
    assert changed() == (
        {"real loop", "real reference", "mix_real_only full 1"},
        {"real@loop", "real@reference", "real@features"},
    )
    said = run(tmp_path, *record, "--check", status=1).stderr
    assert "real@loop: pictures.npz: is not the file that the real images were read from" in said
