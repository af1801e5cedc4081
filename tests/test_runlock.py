"""One run at a time makes an experiment; two experiments share a folder; a kill locks nothing."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from autophagy import runlock
from autophagy.errors import UserError
from conftest import SCRIPTS, child_environment, tiny_content

REPOSITORY = SCRIPTS.parent.parent
HOLD = """
import time
from autophagy import runlock
runlock.take("tiny")
print(flush=True)
time.sleep(600)
"""
SPLITS = "results/{}/real/loop.manifest.json"
MODEL = "results/tiny/real-only/small/seed-1/model.manifest.json"


@pytest.fixture
def holder(tmp_path: Path, monkeypatch) -> Iterator[subprocess.Popen]:
    """Another process that holds the lock of the experiment `tiny` in the working directory."""
    monkeypatch.chdir(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], env=child_environment(), stdout=subprocess.PIPE
    )
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_holder_is_refused_by_name_until_the_first_has_gone_however(holder) -> None:
    with pytest.raises(UserError) as raised, runlock.held("tiny"):
        pass
    host = os.uname().nodename
    assert str(raised.value) == (
        f"results/tiny: another run (process {holder.pid} on {host}) is at work on it; "
        "wait for its end"
    )
    with runlock.held("other"):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    mine = pytest.raises(UserError, match=f"process {os.getpid()} on ")
    with runlock.held("tiny"), mine, runlock.held("tiny"):
        pass
    with runlock.held("tiny"):
        pass


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("logs").write_text("a file")
    with pytest.raises(UserError, match=r"logs/tiny/run\.lock: cannot be written: "):
        runlock.take("tiny")


def test_where_files_cannot_be_locked_the_user_is_told(tmp_path: Path, monkeypatch, capsys) -> None:
    def unsupported(*_) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fcntl, "flock", unsupported)
    with runlock.held("tiny"):
        said = capsys.readouterr().err
    assert said == (
        "autophagy: logs/tiny/run.lock: the file system has no locks; "
        "let one run at a time work here\n"
    )


def config_file(folder: Path, experiment: str, steps: int = 3) -> Path:
    content = tiny_content() | {"experiment": experiment, "seeds": [1], "generations": 1}
    content["train"]["steps"] = steps
    file = folder / f"{experiment}.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


def snakemake(folder: Path, experiment: str, *arguments: str) -> subprocess.Popen:
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"),
        "--directory", str(folder), "--configfile", str(folder / f"{experiment}.yaml"),
        "--cores", "1", *arguments,
    ]  # fmt: skip
    return subprocess.Popen(
        command, env=child_environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def ours(process: subprocess.Popen, status: int) -> list[str]:
    """Our own lines in what a run said, once it has ended with a status."""
    output, _ = process.communicate(timeout=120)
    assert process.returncode == status, output
    assert "Traceback" not in output
    return [line for line in output.splitlines() if line.startswith("autophagy:")]


def test_a_file_in_the_place_of_a_folder_is_named_before_anything_runs(tmp_path: Path) -> None:
    config_file(tmp_path, "tiny")
    place = tmp_path / "results/tiny/loops"
    place.mkdir(parents=True)
    (place / "fresh").symlink_to("nowhere")
    why = "is a link that leads to no folder; mend or remove it"
    assert ours(snakemake(tmp_path, "tiny"), 1) == [f"autophagy: results/tiny/loops/fresh: {why}"]
    assert os.listdir(tmp_path / "results/tiny") == ["loops"]


def test_a_second_run_is_refused_and_another_experiment_is_not(holder, tmp_path: Path) -> None:
    for name in ("tiny", "other", "third"):
        config_file(tmp_path, name)
    runs = [
        snakemake(tmp_path, name, *more, "--", SPLITS.format(name))
        for name, more in (("tiny", []), ("tiny", ["-n"]), ("other", []), ("third", []))
    ]
    [line] = ours(runs[0], 1)
    assert line.startswith(f"autophagy: results/tiny: another run (process {holder.pid} on ")
    assert not (tmp_path / "results" / "tiny").exists()
    assert [ours(run, 0) for run in runs[1:]] == [[], [], []]
    for name in ("other", "third"):
        assert (tmp_path / SPLITS.format(name)).is_file()

    # Killed, it leaves nothing to clear.
    holder.kill()
    holder.wait()
    assert ours(snakemake(tmp_path, "tiny", "--", SPLITS.format("tiny")), 0) == []


def test_jobs_end_with_their_run_and_the_next_goes_on_at_once(tmp_path: Path) -> None:
    """Snakemake alone is killed, and its jobs get no signal but the kernel's."""
    config_file(tmp_path, "tiny", steps=10**7)
    first = snakemake(tmp_path, "tiny", "--", MODEL)
    [job] = jobs_at_work(tmp_path, first)
    first.kill()
    config_file(tmp_path, "tiny")
    assert ours(snakemake(tmp_path, "tiny", "--", MODEL), 0) == []
    assert (tmp_path / MODEL).is_file()
    assert not job.is_running()
    first.communicate()


def test_a_job_whose_run_ended_before_it_began_does_nothing(tmp_path: Path) -> None:
    begin = "import os; os.environ['AUTOPHAGY_RUN'] = '{}'; "
    hold = "from autophagy import lifeline; lifeline.hold(); print('works')"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for run, said in ((gone.pid, ""), (os.getpid(), "works\n")):
        done = subprocess.run(
            [sys.executable, "-c", begin.format(run) + hold], env=child_environment(),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout == said
        expected = "" if said else "autophagy: the run that started this job has ended\n"
        assert done.stderr == expected


def test_beside_a_job_that_outlived_its_run_the_next_is_refused(tmp_path: Path) -> None:
    """As can be where the kernel ends no orphans."""
    config_file(tmp_path, "tiny")
    script = tmp_path / ".snakemake/scripts/tmp1.train.py"
    script.parent.mkdir(parents=True)
    script.write_text("import time; time.sleep(600)")
    job = subprocess.Popen([sys.executable, str(script)])
    try:
        [line] = ours(snakemake(tmp_path, "tiny", "--", MODEL), 1)
        assert line == (
            f"autophagy: results/tiny: process {job.pid}, a job of a run that was killed, is "
            f"still at work in this folder; wait for its end, or `kill {job.pid}`"
        )
    finally:
        job.kill()
        job.wait()
    assert ours(snakemake(tmp_path, "tiny", "--", SPLITS.format("tiny")), 0) == []


def jobs_at_work(folder: Path, run: subprocess.Popen) -> list[psutil.Process]:
    log = folder / "logs/tiny/real-only/small/seed-1/train.log"
    wait_for(lambda: log.is_file() and log.stat().st_size > 0)
    return [p for p in psutil.Process(run.pid).children(recursive=True) if is_job(p)]


def is_job(process: psutil.Process) -> bool:
    return any(word.endswith(".train.py") for word in process.cmdline()[:2])


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
