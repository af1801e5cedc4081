"""What a killed DVC command leaves, and how recording goes on."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from autophagy import dvc_commands
from autophagy.errors import UserError
from conftest import child_environment

STAGES = ["one", "two"]


def dvc(*arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def is_whole() -> bool:
    return "up to date" in dvc("status")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC repository of two recorded stages; read it only."""
    folder = tmp_path_factory.mktemp("recorded")
    stages = {
        stage: {"cmd": "true", "deps": ["input"], "outs": [stage], "params": [{"p.yaml": ["key"]}]}
        for stage in STAGES
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        dvc("init", "--no-scm")
        for name in ("input", *STAGES):
            Path(name).write_text(name)
        Path("p.yaml").write_text("key: 1\n")
        Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
        dvc_commands.commit("dvc.yaml", STAGES)
        assert is_whole()
    return folder


@pytest.fixture
def ledger(recorded: Path, tmp_path: Path, monkeypatch) -> Path:
    """The lock file of two recorded stages, in the working directory."""
    monkeypatch.chdir(shutil.copytree(recorded, tmp_path / "copy"))
    return Path("dvc.lock")


@pytest.mark.parametrize("ends_with", ["", "sche", "one:", "path:", "md5: ", "outs:\n"])
def test_a_torn_lock_file_is_written_anew(ends_with: str, ledger: Path, capsys) -> None:
    """DVC rewrites it in place: a kill just then leaves its beginning."""
    whole = ledger.read_text()
    ledger.write_text(whole[: whole.index(ends_with) + len(ends_with)])
    dvc_commands.commit("dvc.yaml", STAGES)
    said = capsys.readouterr().err
    assert said in ("", "autophagy: dvc.lock: torn, as by a kill; written anew\n")
    assert yaml.safe_load(ledger.read_text()) == yaml.safe_load(whole)
    assert is_whole()


@pytest.mark.parametrize("torn", ["", '{"write": {"'])
def test_a_torn_list_of_commands_is_dropped(torn: str, ledger: Path, capsys) -> None:
    ledger.unlink()
    Path(".dvc/tmp/rwlock").write_text(torn)
    dvc_commands.commit("dvc.yaml", STAGES)
    assert capsys.readouterr().err == ""
    assert is_whole()


def test_a_lock_file_is_not_to_blame_for_a_broken_dvc_yaml(ledger: Path) -> None:
    whole = ledger.read_bytes()
    Path("dvc.yaml").write_text("stages: 1\n")
    with pytest.raises(UserError, match=r"^dvc\.yaml: dvc status failed: "):
        dvc_commands.commit("dvc.yaml", STAGES)
    assert ledger.read_bytes() == whole


COMMIT = "from autophagy import dvc_commands; dvc_commands.commit('dvc.yaml', ['one', 'two'])"


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_commit_is_made_good_by_the_next(seed: int, ledger: Path) -> None:
    whole = ledger.read_text()
    ledger.unlink()
    process = subprocess.Popen(
        [sys.executable, "-c", COMMIT], env=child_environment(), start_new_session=True
    )
    while not ledger.exists() and process.poll() is None:
        time.sleep(0.001)
    time.sleep(random.Random(seed).uniform(0, 0.05))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    dvc_commands.commit("dvc.yaml", STAGES)
    assert yaml.safe_load(ledger.read_text()) == yaml.safe_load(whole)
    assert is_whole()
