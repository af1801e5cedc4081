"""What a killed run left in Slurm's queue is refused by id. The queue here is a script."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from autophagy import runlock, submitted
from autophagy.errors import UserError
from conftest import REPOSITORY
from project import environment, run
from test_slurm import content

RUN = "c5f19c55-5b6c-4ae3-9f0c-1f2b7b1d9d3a"


@pytest.fixture
def queue(tmp_path: Path, monkeypatch) -> Path:
    """A folder to work in; `queue` in it is what squeue prints."""
    programs, folder = tmp_path / "programs", tmp_path / "folder"
    programs.mkdir()
    folder.mkdir()
    # The fields of squeue's --format.
    (programs / "squeue").write_text(
        f"#!/bin/sh\n[ \"$3\" = '--format=%A|%j|%Z' ] && cat {folder}/queue\n"
    )
    (programs / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.chdir(folder)
    return folder / "queue"


def test_jobs_that_a_run_left_in_this_folder_are_refused_by_id(queue, tmp_path) -> None:
    (tmp_path / "link").symlink_to(queue.parent)
    queue.write_text(
        f"7|{RUN}|{queue.parent}\n8|lab_{RUN}|{tmp_path}/link\n"
        f"9|{RUN}|{tmp_path}\n10|head|{queue.parent}\n"
    )
    with pytest.raises(UserError) as raised, runlock.held("tiny"):
        submitted.require_none("tiny")
    assert str(raised.value) == (
        "results/tiny: Slurm still has jobs of a run in this folder that was killed; "
        "wait for their end, or `scancel 7 8`"
    )


def test_jobs_may_be_those_of_another_experiment_that_is_at_work_here(queue) -> None:
    queue.write_text(f"7|{RUN}|{queue.parent}\n")
    with runlock.held("tiny"):
        with runlock.held("other"):
            submitted.require_none("tiny")
        with pytest.raises(UserError, match="scancel 7`"):
            submitted.require_none("tiny")


@pytest.mark.parametrize("text", ["", f"9|{RUN}|/elsewhere\n"])
def test_a_queue_without_jobs_of_this_folder_is_no_hindrance(text, queue, capsys) -> None:
    queue.write_text(text)
    submitted.require_none("tiny")
    assert capsys.readouterr().err == ""


def test_a_queue_that_does_not_answer_is_said(queue, capsys) -> None:
    submitted.require_none("tiny")
    [line] = [row for row in capsys.readouterr().err.splitlines() if row.startswith("autophagy")]
    assert "squeue does not answer" in line


def test_a_run_on_slurm_is_refused_before_it_submits_anything(queue, slurm_library) -> None:
    folder = queue.parent
    queue.write_text(f"7|{RUN}|{folder}\n")
    (folder / "points.yaml").write_text(yaml.safe_dump(content(), sort_keys=False))
    told = run(
        folder, "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--workflow-profile",
        str(REPOSITORY / "profiles" / "slurm"), "--configfile", "points.yaml", status=1,
        PYTHONPATH=slurm_library,
        PATH=f"{queue.parent.parent / 'programs'}:{environment(folder)['PATH']}",
    ).stderr  # fmt: skip
    assert "`scancel 7`" in told
    assert not (folder / "results").exists()
