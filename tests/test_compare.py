"""Two runs of one experiment: identical, reproduced or different, and what differs first."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from autophagy import cli, compare, compare_text, manifests, store
from autophagy.archive import Archive
from autophagy.errors import UserError
from conftest import REPOSITORY, child_environment
from project import content, run

MODEL = "loops/fresh/seed-1/gen-002/model"
METRICS = "evaluation/fresh/seed-1/gen-002/metrics.json"
#: Makes the artifacts of a configuration by calling the steps, one after the other.
STEPS = """
import sys; sys.path.insert(0, sys.argv[1])
import json, os
from pathlib import Path
import conftest
os.umask(0o077)
conftest.make(conftest.plan_of(json.loads(sys.argv[2])), Path("results/tiny"))
"""
#: What must not matter: order of hashes, time zone, language, encoding, threads asked for.
HOSTILE = {
    "PYTHONHASHSEED": "12345",
    "TZ": "Pacific/Kiritimati",
    "LC_ALL": "C",
    "LANG": "tr_TR.UTF-8",
    "OMP_NUM_THREADS": "4",
    "MKL_NUM_THREADS": "3",
    "OPENBLAS_NUM_THREADS": "4",
    "SOURCE_DATE_EPOCH": "1",
    "COLUMNS": "20",
    "MPLBACKEND": "svg",
}


@pytest.fixture
def pair(tiny_experiment, tmp_path: Path) -> tuple[Path, Path]:
    """An experiment and a copy of it to change."""
    shutil.copytree(tiny_experiment.root, tmp_path / "tiny")
    return tiny_experiment.root, tmp_path / "tiny"


def edit(root: Path, artifact: str, **entries) -> None:
    """Set entries of a manifest and renew the hash by which its descendants name it."""
    archive = Archive(root)
    order = archive.parents_first()
    file = root / manifests.path_of(artifact)
    store.write_json(file, store.read_json(file) | entries)
    for path in order[order.index(artifact) + 1 :]:
        manifest = store.read_json(root / manifests.path_of(path))
        parents = [entry["path"] for entry in manifest["materials"]]
        manifest["materials"] = [manifests.material(root, parent) for parent in parents]
        store.write_json(root / manifests.path_of(path), manifest)


def measured(root: Path, metric: str, value: float | None) -> None:
    metrics = store.read_json(root / METRICS)
    for view in ("output", "model"):
        metrics[view][metric] = value
    store.write_json(root / METRICS, metrics)
    edit(root, METRICS, files=store.hashes(root / METRICS))


def found(pair: tuple[Path, Path]) -> dict:
    return compare.compare(*map(Archive, pair))


def text(pair: tuple[Path, Path]) -> list[str]:
    return list(compare_text.lines(found(pair), "a", "b"))


def test_a_run_is_identical_to_itself(pair) -> None:
    same = found(pair)
    assert (same["verdict"], same["causes"], same["metrics"]) == ("identical", [], None)
    assert {entry["status"] for entry in same["artifacts"]} == {"identical"}
    listed = [entry["path"] for entry in same["artifacts"]]
    assert sorted(listed) == sorted(Archive(pair[0]).artifacts())
    # Nothing is hashed here, so no more is said.
    told = f"identical: all {len(listed)} artifacts, by the hashes in their manifests (`autophagy "
    assert text(pair)[-1].startswith(told)


def test_other_bytes_of_the_same_work_are_judged_by_their_metrics(pair) -> None:
    edit(pair[1], MODEL, files={"unet/weights": "0" * 64})
    other = found(pair)
    assert other["verdict"] == "reproduced"
    assert other["causes"] == [{"path": MODEL, "differs": {}}]
    status = {entry["path"]: entry["status"] for entry in other["artifacts"]}
    assert status[MODEL] == status["loops/fresh/manifest.json"] == "different"
    assert status["loops/fresh/seed-1/gen-002/samples"] == "same files"
    assert status["loops/fresh/seed-1/gen-002/training_set.parquet"] == "identical"
    assert status["loops/biased/manifest.json"] == "identical"
    assert f"first difference, after parents that are identical: {MODEL}" in text(pair)
    assert text(pair)[-1].startswith("reproduced: metrics within the spread")


def test_the_spread_decides(pair) -> None:
    spread = store.read_json(pair[0] / "evaluation/real/seed-1/gen-000/metrics.json")["resplits"]
    value = store.read_json(pair[0] / METRICS)["output"]["frechet_distance"]
    allowed = 3 * math.sqrt(2) * spread["frechet_distance"]["sd"]
    measured(pair[1], "frechet_distance", value + 0.99 * allowed)
    assert found(pair)["verdict"] == "reproduced"
    measured(pair[1], "frechet_distance", value + 1.01 * allowed)
    far = found(pair)
    assert far["verdict"] == "different"
    [beyond] = [entry for entry in far["metrics"] if not entry["within"]]
    assert (beyond["loop"], beyond["generation"], beyond["view"]) == ("fresh", 2, "output")
    assert beyond["allowed"] == pytest.approx(allowed)
    measured(pair[1], "frechet_distance", None)
    assert found(pair)["verdict"] == "different"
    assert any("undefined" in line for line in text(pair))


def test_two_seeds_give_a_spread_of_their_own(tmp_path) -> None:
    """sd over seeds, pooled over both runs: here √((200 + 50) / 2)."""

    def written(name: str, values: tuple[float, float], resplit: float) -> Archive:
        root = tmp_path / name
        for seed, value in enumerate(values, start=1):
            view = {"frechet_distance": value, "precision": 1.0, "recall": None}
            spread = {"mean": value, "sd": resplit, "low": 0.0, "high": value}
            for path, more in (
                (f"evaluation/own/seed-{seed}/gen-001/metrics.json", {}),
                (f"evaluation/real/seed-{seed}/gen-000/metrics.json",
                 {"resplits": dict.fromkeys(view, spread)}),
            ):  # fmt: skip
                store.write_json(root / path, {"output": view, "model": view, **more})
                manifest = {
                    "schema": 1, "path": path, "kind": "evaluation", "step": "evaluate",
                    "files": {}, "rows": None, "facts": {}, "materials": [], "seed": 1,
                    "code": "", "software": {}, "device": "cpu",
                    "params": {"views": {"output": "s", "model": "s"}},
                }  # fmt: skip
                store.write_json(root / manifests.path_of(path), manifest)
        return Archive(root)

    def judged(resplit: float) -> dict:
        a, b = written("a", (10.0, 30.0), resplit), written("b", (20.0, 30.0), resplit)
        values = compare.metrics(a, b)
        assert len(values) == 2 * 2 * 3
        return {(v["loop"], v["seed"], v["metric"]): v for v in values}

    wide = judged(1.0)["own", 1, "frechet_distance"]
    assert wide["allowed"] == pytest.approx(3 * math.sqrt(2) * math.sqrt(125))
    assert judged(20.0)["own", 1, "frechet_distance"]["allowed"] == pytest.approx(
        3 * math.sqrt(2) * 20
    )
    assert all(value["within"] for value in judged(0.0).values())


@pytest.mark.parametrize(
    ("change", "verdict", "key"),
    [
        ({"device": "cuda"}, "reproduced", "device"),
        ({"software": {"numpy": "9.9"}}, "reproduced", "software.numpy"),
        ({"code": "0" * 64}, "reproduced", "code"),
        ({"seed": 1}, "different", "seed"),
        ({"params": {"threads": 3}}, "different", "params.threads"),
        ({"step": "other"}, "different", "step"),
    ],
)
def test_the_first_difference_says_what_its_manifest_does(pair, change, verdict, key) -> None:
    [(name, value)] = change.items()
    old = Archive(pair[0]).manifest(MODEL)[name]
    edit(pair[1], MODEL, **{name: old | value if isinstance(value, dict) else value})
    other = found(pair)
    assert other["verdict"] == verdict
    [cause] = other["causes"]
    assert (cause["path"], list(cause["differs"])) == (MODEL, [key])
    assert any(line.startswith(f"  {key}: ") for line in text(pair))


def test_other_real_images_are_no_reproduction(pair) -> None:
    edit(pair[1], "real/loop", files={"images.npy": "0" * 64})
    assert found(pair)["verdict"] == "different"
    assert text(pair)[-1] == "different: real/loop: its images are others"


@pytest.mark.parametrize("turned", [False, True])
def test_what_one_run_lacks_is_a_difference(pair, turned: bool) -> None:
    (pair[1] / manifests.path_of("figures/manifest.json")).unlink()
    a, b = pair[::-1] if turned else pair
    status = "only in B" if turned else "only in A"
    assert text((a, b))[-1] == f"different: figures/manifest.json is {status}"


def test_the_text_is_short_however_much_differs(pair) -> None:
    for file in pair[1].rglob("*manifest.json"):
        store.write_json(file, store.read_json(file) | {"code": "0" * 64})
    assert len(text(pair)) < 25
    assert all(len(line) < 160 for line in text(pair))


def test_the_command_tells_by_its_exit_status(pair, capsys) -> None:
    a, b = map(str, pair)
    assert cli.main(["compare", a, b]) == 0
    edit(pair[1], MODEL, seed=1)
    assert cli.main(["compare", a, b]) == 1
    capsys.readouterr()
    assert cli.main(["compare", a, b, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "different"
    assert cli.main(["compare", a, str(pair[1].parent)]) == 2
    assert capsys.readouterr().err.startswith(f"autophagy: {pair[1].parent}: is no experiment")
    store.write_json(pair[1] / manifests.path_of(MODEL), {"schema": 1, "materials": []})
    assert cli.main(["compare", a, b]) == 2
    assert "is no manifest" in capsys.readouterr().err


@pytest.mark.parametrize("content", [{}, [], None, "x", {"output": {"frechet_distance": "x"}}])
def test_what_is_no_evaluation_is_named(content, pair) -> None:
    for path, read in (
        ("real/seed-1/gen-000", compare._resplits), ("fresh/seed-1/gen-002", compare.values),
    ):  # fmt: skip
        file = pair[1] / "evaluation" / path / "metrics.json"
        store.write_json(file, content)
        with pytest.raises(UserError) as told:
            read(Archive(pair[1]))
        assert str(told.value) == f"{file}: holds no evaluation; see `autophagy audit`"
        shutil.copy(pair[0] / "evaluation" / path / "metrics.json", file)


def test_a_page_is_written_over_no_results_and_no_other_file(pair, tmp_path, capsys) -> None:
    a, b = map(str, pair)
    other = tmp_path / "key.pub"
    other.write_text("mine")
    for file, why in (
        (pair[1] / "loops/fresh/manifest.json", "lies among the results"),
        (pair[0] / "new.html", "lies among the results"),
        (other, "is there already and no page"),
    ):
        before = file.read_bytes() if file.exists() else None
        assert cli.main(["compare", a, b, "--html", str(file)]) == 2
        assert capsys.readouterr().err.startswith(f"autophagy: --html {file}: {why}; give")
        assert (file.read_bytes() if file.exists() else None) == before
    for _ in range(2):
        assert cli.main(["compare", a, b, "--html", str(tmp_path / "page.html")]) == 0


def test_surroundings_leave_no_trace(project: Path, tmp_path: Path) -> None:
    """The workflow on two cores, and the steps one by one in a hostile process: the same bytes."""
    folder = tmp_path / "a folder with spaces, ü and 合"
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-c", STEPS, str(REPOSITORY / "tests"), json.dumps(content())],
        cwd=folder, env=child_environment() | HOSTILE, check=True, capture_output=True,
    )  # fmt: skip
    there = compare.compare(Archive(project / "results/tiny"), Archive(folder / "results/tiny"))
    assert there["verdict"] == "identical", there["causes"]
    n, told = len(there["artifacts"]), (REPOSITORY / "docs/reliability.md").read_text()
    assert f"{n} of {n} artifacts of the tests' experiment" in told


@pytest.mark.long
@pytest.mark.parametrize("cores", ["1", "2"])
def test_reproducing_gives_the_same_bytes(project: Path, tmp_path: Path, cores: str) -> None:
    folder = tmp_path / "ein Ordner, größer 合"
    command = (sys.executable, "tools/reproduce.py", "config/config.yaml", str(folder), cores)
    done = run(project, *command, **HOSTILE)
    assert done.stdout.splitlines()[-1].startswith("identical: all ")
    print(f"reproduced with --cores {cores}: {done.stdout.splitlines()[-1]}")
    again = run(project, *command, status=2)
    assert "holds a finished run" in again.stderr
    # As after an interruption.
    os.unlink(folder / "results/tiny/figures/manifest.json")
    assert run(project, *command).stdout.splitlines()[-1].startswith("identical: all ")


def test_reproducing_refuses_a_folder_that_is_not_its_own(tmp_path: Path, tiny_experiment) -> None:
    def refused(where: Path, folder: str) -> str:
        command = (sys.executable, str(REPOSITORY / "tools/reproduce.py"), "config/config.yaml")
        done = subprocess.run(
            [*command, folder, "1"], cwd=where, env=child_environment(),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        [line] = done.stderr.splitlines()
        return line

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").touch()
    line = refused(tiny_experiment.folder, str(tmp_path / "mine"))
    assert "is no unfinished run of this configuration" in line
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    shutil.copytree(tiny_experiment.folder / "config", tmp_path / "config")
    assert "`make run` makes them" in refused(tmp_path, "reproduced")
    assert not (tmp_path / "reproduced").exists()
