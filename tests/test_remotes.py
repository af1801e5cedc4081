"""Recorded results travel: pushed, cloned and pulled elsewhere; an older revision's come back."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
import zc.lockfile
from autophagy import dvc_commands
from autophagy.errors import UserError
from conftest import Made, make, plan_of
from project import copy_of_repository, git, run
from test_workflow import planned_jobs

CONFIG = "config/config.yaml"
COMMIT = "from autophagy import dvc_commands; dvc_commands.commit('dvc.yaml', [])"


def autophagy(folder: Path, *arguments: str, status: int = 0, **variables: str):
    return run(
        folder, sys.executable, "-m", "autophagy.cli", *arguments, status=status, **variables
    )


def make_target(folder: Path, target: str, **keywords):
    """`make TARGET` with the environment of these tests in place of a new .venv."""
    here = f"BIN={Path(sys.executable).parent}"
    return run(
        folder, "make", "--no-print-directory", "-o", ".venv/.ready", here, target, **keywords
    )


def bytes_below(root: Path) -> dict[str, str]:
    """{path: sha256} of every file of an experiment; Snakemake's time stamps are not results."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".snakemake_timestamp"
    }


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of stderr, apart from make's own."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("autophagy: ")
    return lines[0].removeprefix("autophagy: ")


def clone_of(folder: Path, into: Path) -> Path:
    run(folder, "git", "clone", "-q", str(folder), str(into))
    return into


def is_whole(clone: Path, expected: dict[str, str]) -> None:
    """What `make pull` and `make checkout` promise."""
    root = clone / "results" / "tiny"
    assert bytes_below(root) == expected
    assert "every law holds" in autophagy(clone, "audit", "results/tiny").stdout
    assert bytes_below(root) == expected
    assert planned_jobs(clone) == {}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, tiny_experiment: Made) -> Path:
    """A repository whose history holds two recorded runs; the second has another λ in one loop.

    Tagged `first` and `second`, and pushed to a store beside it. Read it only.
    """
    folder = tmp_path_factory.mktemp("remotes") / "origin"
    copy_of_repository(folder)
    shutil.copy2(tiny_experiment.folder / CONFIG, folder / CONFIG)
    shutil.copy2(tiny_experiment.folder / "dvc.yaml", folder / "dvc.yaml")
    shutil.copytree(tiny_experiment.root, folder / "results" / "tiny")
    git(folder, "init", "-q")
    run(folder, "dvc", "remote", "add", "-q", "-d", "store", str(folder.parent / "store"))
    _record(folder, "first")

    content = yaml.safe_load((folder / CONFIG).read_text())
    content["loops"]["fresh"]["sampling_bias"] = 0.5
    (folder / CONFIG).write_text(yaml.safe_dump(content, sort_keys=False))
    plan = plan_of(content)
    root = folder / "results" / "tiny"
    for kind in ("loops", "evaluation"):
        shutil.rmtree(root / kind / "fresh")
    make(plan, root, lambda path: "/fresh/" in path or plan.nodes[path].step == "report")
    autophagy(folder, "ledger")
    _record(folder, "second")
    return folder


def _record(folder: Path, tag: str) -> None:
    autophagy(folder, "record")
    run(folder, "dvc", "push", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", tag)
    git(folder, "tag", tag)


@pytest.fixture(scope="module")
def first_bytes(tiny_experiment: Made) -> dict[str, str]:
    return bytes_below(tiny_experiment.root)


@pytest.fixture(scope="module")
def second_bytes(recorded: Path) -> dict[str, str]:
    return bytes_below(recorded / "results" / "tiny")


def test_an_older_revision_brings_its_results_back_byte_for_byte(
    recorded: Path, tmp_path: Path, first_bytes: dict, second_bytes: dict
) -> None:
    assert first_bytes != second_bytes
    clone = clone_of(recorded, tmp_path / "clone")
    assert "stages are in place and current" in make_target(clone, "pull").stdout
    is_whole(clone, second_bytes)

    git(clone, "checkout", "-q", "first")
    # The first run's files are not in this clone's cache.
    said = refusal(make_target(clone, "checkout", status=2))
    assert said.endswith("are not in the cache; `make pull` fetches them")
    make_target(clone, "pull")
    is_whole(clone, first_bytes)

    git(clone, "checkout", "-q", "second")
    make_target(clone, "checkout")
    assert bytes_below(clone / "results" / "tiny") == second_bytes
    # The metadata is true: an edit is seen, and only where it matters.
    assert planned_jobs(clone, "--config", "generations=4")["train"] == 4


@pytest.fixture
def over_ssh(recorded: Path, tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A copy of the repository whose default remote is an SSH server; what clients need set."""
    pytest.importorskip("dvc_ssh", reason="needs `pip install 'dvc[ssh]'`")
    from sshserver import serving

    (tmp_path / "served").mkdir()
    folder = tmp_path / "origin"
    shutil.copytree(recorded, folder, symlinks=True)
    with serving(tmp_path / "served", tmp_path / "key") as port:
        url = f"ssh://someone@127.0.0.1:{port}/store"
        run(folder, "dvc", "remote", "add", "-q", "-f", "-d", "store", url)
        run(folder, "dvc", "remote", "modify", "store", "keyfile", str(tmp_path / "key"))
        git(folder, "commit", "-qam", "over ssh")
        # No ~/.ssh of whoever runs the tests.
        yield folder, {"HOME": str(tmp_path)}


def test_results_travel_over_ssh(over_ssh, tmp_path: Path, second_bytes: dict) -> None:
    folder, home = over_ssh
    run(folder, "dvc", "push", "-q", **home)
    clone = clone_of(folder, tmp_path / "clone")
    done = autophagy(clone, "pull", "--json", **home)
    assert json.loads(done.stdout) == {"current": 18, "stale": {}}
    is_whole(clone, second_bytes)


def test_a_remote_that_does_not_answer_is_one_line(over_ssh, tmp_path: Path) -> None:
    folder, home = over_ssh
    closed = "ssh://127.0.0.1:1/store"
    clone = clone_of(folder, tmp_path / "clone")
    run(clone, "dvc", "remote", "add", "-q", "-f", "-d", "store", closed)
    said = refusal(make_target(clone, "pull", status=2, **home))
    assert said.startswith(f"DVC remote store ({closed}): cannot be read: ")
    assert "Connect call failed" in said
    assert not (clone / "results" / "tiny").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (["remove", "store"], "no default DVC remote to pull from; `make run` makes the results"),
        (["add", "-f", "-d", "store", "{tmp}/nothing"], "does not give every file that dvc.lock"),
        (["add", "-f", "-d", "store", "gs://b/x"], "is not installed: `pip install 'dvc[gs]'`"),
    ],
)
def test_a_remote_without_the_files_is_one_line(
    recorded: Path, tmp_path: Path, setting: list[str], message: str
) -> None:
    if "dvc[gs]" in message and importlib.util.find_spec("dvc_gs"):
        pytest.skip("dvc-gs is installed")
    clone = clone_of(recorded, tmp_path / "clone")
    run(clone, "dvc", "remote", *[word.format(tmp=tmp_path) for word in setting])
    assert message in refusal(make_target(clone, "pull", status=2))
    assert not (clone / "results" / "tiny").exists()


def test_a_remote_that_lost_a_file_is_one_line(recorded: Path, tmp_path: Path) -> None:
    clone = clone_of(recorded, tmp_path / "clone")
    lost = tmp_path / "store"
    shutil.copytree(recorded.parent / "store", lost)
    table = (recorded / "results" / "tiny" / "metrics.csv").read_bytes()
    digest = hashlib.md5(table).hexdigest()
    (lost / "files" / "md5" / digest[:2] / digest[2:]).unlink()
    run(clone, "dvc", "remote", "add", "-q", "-f", "-d", "store", str(lost))
    said = refusal(autophagy(clone, "pull", status=2))
    assert f"DVC remote store ({lost}): does not give every file that dvc.lock names" in said
    assert not (clone / "results" / "tiny").exists()


def test_a_lock_of_another_configuration_or_code_is_one_line(
    recorded: Path, tmp_path: Path
) -> None:
    clone = clone_of(recorded, tmp_path / "clone")
    content = yaml.safe_load((clone / CONFIG).read_text())
    content["loops"]["biased"]["sampling_bias"] = 0.8
    (clone / CONFIG).write_text(yaml.safe_dump(content, sort_keys=False))
    said = refusal(autophagy(clone, "pull", status=1))
    assert said.startswith(f"{CONFIG}: the recorded results of 3 of 18 stages are not what it")
    assert "(loop@biased: " in said
    # Nothing was made to look current.
    assert "train" in planned_jobs(clone)

    (clone / "dvc.lock").unlink()
    assert refusal(autophagy(clone, "pull", status=2)).startswith("dvc.lock: is missing")


def test_results_in_no_record_are_not_written_over(recorded: Path, tmp_path: Path) -> None:
    clone = clone_of(recorded, tmp_path / "clone")
    own = clone / "results" / "tiny" / "metrics.csv"
    own.parent.mkdir()
    own.write_text("my own\n")
    said = refusal(autophagy(clone, "pull", status=2))
    assert "is in no record and would be lost" in said
    assert own.read_text() == "my own\n"


def test_recording_waits_for_another_dvc_command(recorded: Path, tmp_path: Path) -> None:
    """As where two experiments in one folder end at the same time."""
    clone = clone_of(recorded, tmp_path / "clone")
    (clone / ".dvc" / "tmp").mkdir(exist_ok=True)
    other = zc.lockfile.LockFile(str(clone / ".dvc" / "tmp" / "lock"))
    record = subprocess.Popen(
        [sys.executable, "-c", COMMIT], cwd=clone, text=True,
        env=os.environ | {"PYTHONPATH": str(clone / "workflow" / "scripts")},
        stderr=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert record.stderr.readline() == "autophagy: waiting for another DVC command to end\n"
    assert record.poll() is None
    other.close()
    assert record.wait(60) == 0
    assert record.stderr.read() == ""


def test_recording_does_not_wait_for_ever(recorded: Path, tmp_path: Path, monkeypatch) -> None:
    clone = clone_of(recorded, tmp_path / "clone")
    (clone / ".dvc" / "tmp").mkdir(exist_ok=True)
    monkeypatch.setattr(dvc_commands, "PATIENCE", 0.0)
    monkeypatch.chdir(clone)
    other = zc.lockfile.LockFile(str(clone / ".dvc" / "tmp" / "lock"))
    refused = pytest.raises(UserError, match="wait for its end and try again")
    with contextlib.closing(other), refused:
        dvc_commands.commit("dvc.yaml", [])
