"""The real workflow, end to end, in a copy of the repository that holds the tiny experiment.

One run serves every test here: the tests that follow it look, dry-run, or touch one loop.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from edits import jobs_in
from PIL import Image
from project import LOOPS, REPOSITORY, environment, run


def planned_jobs(folder: Path, *arguments: str) -> dict[str, int]:
    """Rule -> number of jobs that a dry run announces."""
    output = run(folder, "snakemake", "-n", "--cores", "1", *arguments).stdout
    jobs = {}
    for line in output.partition("Job stats:")[2].splitlines():
        words = line.split()
        if len(words) == 2 and words[1].isdigit() and words[0] not in ("total", "all"):
            jobs[words[0]] = int(words[1])
        if words[:1] == ["total"]:
            break
    return jobs


def hashes_below(folder: Path) -> dict[str, str]:
    """Every file below a folder -> its hash, without what Snakemake leaves there."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file() and file.name != ".snakemake_timestamp"
    }


def test_a_run_makes_what_the_layout_promises(project: Path) -> None:
    root = project / "results" / "tiny"
    generation = root / "loops" / "fresh" / "seed-1" / "gen-002"
    for name in ("training_set.parquet", "model", "samples", "preview"):
        assert (generation / name).exists()
        assert (generation / f"{name}.manifest.json").is_file()
    assert not (root / "loops" / "fresh" / "seed-1" / "gen-001").exists()
    assert (root / "loops" / "biased" / "seed-1" / "gen-001" / "samples").is_dir()
    # Its labels are inherited, the real-only start's balanced: λ = 1 needs samples of its own.
    assert (root / "loops" / "biased" / "seed-1" / "gen-001" / "samples-unbiased").is_dir()
    assert (root / "loops" / "biased" / "seed-1" / "gen-002" / "samples-unbiased").is_dir()
    table = pd.read_csv(root / "metrics.csv")
    assert set(table["loop"]) == {"real", "real-only/full", "real-only/small", *LOOPS}
    assert set(table.loc[table["loop"] == "fresh", "generation"]) == {1, 2}
    for name in ("curves", "grid-fresh-seed-1"):
        assert (root / "figures" / f"{name}.png").stat().st_size > 1000
        assert (root / "figures" / f"{name}.pdf").stat().st_size > 1000
    assert json.loads((root / "metrics.json").read_text())["fresh"]["generation"] == 2
    assert json.loads((root / "audit.json").read_text())["findings"] == []


def test_snakemake_plans_when_a_job_ends_and_only_then(project: Path) -> None:
    """Left alone it does so thousands of times while loops wait for a core."""
    logs = sorted((project / ".snakemake" / "log").glob("*.log"))
    text = next(text for log in logs if "Finished jobid" in (text := log.read_text()))
    jobs = text.count("Finished jobid")
    assert jobs > 50
    assert 0 < text.count("Resources before job selection") <= jobs + 1


def test_results_hold_no_path_of_the_machine_and_no_pickle(project: Path) -> None:
    for file in (project / "results").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert str(project).encode() not in content, file
            assert file.suffix not in (".pkl", ".pt", ".bin", ".ckpt"), file


def test_after_a_run_nothing_is_left_to_do(project: Path) -> None:
    assert planned_jobs(project) == {}
    assert "up to date" in run(project, "dvc", "status").stdout
    assert "Running stage" not in run(project, "dvc", "repro").stdout
    assert "frechet_distance" in run(project, "dvc", "metrics", "show").stdout
    assert "index.html" in run(project, "dvc", "plots", "show").stdout
    shutil.rmtree(project / "dvc_plots")


def test_what_is_not_kept_is_dropped_last_recorded_and_made_again(project: Path, tmp_path) -> None:
    folder = tmp_path / "kept"
    shutil.copytree(project, folder)
    config = folder / "config" / "config.yaml"
    assert planned_jobs(folder) == {}
    before = hashes_below(folder / "results")
    config.write_text(config.read_text().replace("keep: all", "keep: last"))
    run(folder, sys.executable, "-m", "autophagy.cli", "ledger")
    # Nothing is made anew, not even a root.
    assert planned_jobs(folder) == {"drop": 1}
    run(folder, "snakemake", "--cores", "2")
    biased = "results/tiny/loops/biased"
    dropped = [f"seed-1/gen-001/{name}" for name in ("samples", "samples-unbiased")]
    assert json.loads((folder / biased / "dropped.json").read_text()) == {
        "schema": 1, "keep": "last", "artifacts": [f"loops/biased/{path}" for path in dropped],
    }  # fmt: skip
    after = hashes_below(folder / "results")
    gone = {f"tiny/loops/biased/{path}" for path in dropped}
    assert before.keys() - after.keys() == {
        path for path in before if any(path.startswith(f"{payload}/") for payload in gone)
    }
    assert after.items() - before.items() == {
        item for item in after.items() if item[0].endswith("dropped.json")
    }
    # Killed as it begins, the job that drops leaves the record of what is gone already.
    step = folder / "workflow/scripts/autophagy/steps/drop.py"
    original = step.read_text()
    step.write_text("import os, signal; os.killpg(0, signal.SIGKILL)\n")
    killed = subprocess.run(
        ["snakemake", "--cores", "1", "--force", "--", f"{biased}/dropped.json"],
        cwd=folder, env=environment(folder), capture_output=True, start_new_session=True,
    )  # fmt: skip
    step.write_text(original)
    assert killed.returncode == -signal.SIGKILL
    assert hashes_below(folder / "results") == after
    run(folder, "snakemake", "--cores", "2")
    assert hashes_below(folder / "results") == after
    # Neither engine wants it back; the audit says what it could not look at.
    assert planned_jobs(folder) == {}
    assert "up to date" in run(folder, "dvc", "status").stdout
    told = run(folder, sys.executable, "-m", "autophagy.cli", "audit", "results/tiny").stdout
    assert "not checked: 2 payloads that `keep: last` dropped" in told
    assert "every law holds" in told
    run(folder, "snakemake", "--touch", "--forceall", "--quiet", "all")
    assert planned_jobs(folder) == {}
    # More generations need nothing that was dropped.
    longer = planned_jobs(folder, "--config", "generations=3")
    assert (longer["train"], longer["sample"]) == (len(LOOPS), len(LOOPS))
    # A policy that keeps more has it made again, and so has whoever asks for it.
    assert "sample" in planned_jobs(folder, "--config", "keep=all")
    run(folder, "snakemake", "--cores", "2", "--", f"{biased}/{dropped[0]}")
    again = hashes_below(folder / "results")
    assert any(f"tiny/loops/biased/{dropped[0]}/" in path for path in again)
    assert {path: again[path] for path in again if path in before} == {
        path: before[path] for path in again if path in before
    }
    assert planned_jobs(folder) == {}


def test_what_was_lost_is_made_again_and_is_a_finding(project: Path) -> None:
    """One thing of each kind, where nothing else that was lost would have it made again."""
    lost = {
        "loops/biased/seed-1/gen-002/samples": "sample biased 1 002",
        "loops/fresh/seed-1/gen-002/model.manifest.json": "train fresh 1 002",
        "evaluation/augmentation/seed-1/gen-002/metrics.json": "evaluate augmentation 1 002",
        "figures/curves.pdf": "draw_curves",
    }
    paths = [project / "results" / "tiny" / name for name in lost]
    for path in paths:
        path.rename(path.with_name(".lost"))
    try:
        done = run(project, sys.executable, "-m", "autophagy.cli", "record", "--check", status=1)
        jobs = jobs_in(run(project, "snakemake", "-n", "--cores", "1").stdout)
    finally:
        for path in paths:
            path.with_name(".lost").rename(path)
    assert [name for name in lost if name.partition(".manifest")[0] not in done.stderr] == []
    assert "Traceback" not in done.stderr
    assert set(lost.values()) <= jobs


@pytest.mark.parametrize(
    ("lost", "rule"),
    [
        ("loops/fresh/seed-1/gen-002/model.manifest.json", "train"),
        ("loops/fresh/manifest.json", "record_loop"),
        ("real/features.manifest.json", "real"),
    ],
)
def test_a_manifest_that_alone_was_lost_is_made_again(project: Path, lost: str, rule: str) -> None:
    path = project / "results" / "tiny" / lost
    path.rename(path.with_name(".lost"))
    try:
        jobs = planned_jobs(project)
    finally:
        path.with_name(".lost").rename(path)
    assert jobs[rule] == 1


def test_a_tampered_run_does_not_end_green(project: Path) -> None:
    """A forged index whose manifests agree: only the audit can see it."""
    script = """
import sys; sys.path.insert(0, "tests")
from pathlib import Path
from test_audit import FRESH, edited_index, forge
root = Path("results/tiny")
forge(root, edited_index(root, lambda t: t.iloc[1:]))
"""
    forged = project / "forged"
    shutil.copytree(project, forged, ignore=shutil.ignore_patterns("forged", "cache"))
    run(forged, sys.executable, "-c", script)
    audit = ["--allowed-rules", "audit", "--force", "--", "results/tiny/audit.json"]
    done = run(forged, "snakemake", "--cores", "1", *audit, status=1)
    shutil.rmtree(forged)
    [line] = [line for line in done.stderr.splitlines() if line.startswith("autophagy:")]
    assert "composition" in line
    assert "gen-002/training_set.parquet" in line


def test_stale_work_is_not_recorded(project: Path) -> None:
    """`record` leaves the stage of a tampered file as it was and commits the others."""
    labels = project / "results" / "tiny" / "loops" / "fresh" / "seed-1" / "gen-002" / "samples"
    file = labels / "labels.npy"
    content = file.read_bytes()
    lock = (project / "dvc.lock").read_text()
    try:
        file.unlink()  # a link into DVC's cache is never written through
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        done = run(project, sys.executable, "-m", "autophagy.cli", "record", status=1)
        assert "loop@fresh: " in done.stderr
        assert (project / "dvc.lock").read_text() == lock
    finally:
        file.unlink()
        file.write_bytes(content)


def test_dvc_redoes_the_loop_that_changed_alone(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(project, folder)
    config = folder / "config" / "config.yaml"
    content = yaml.safe_load(config.read_text())
    content["loops"]["fresh"]["sampling_bias"] = 0.8
    config.write_text(yaml.safe_dump(content, sort_keys=False))
    assert planned_jobs(folder)["train"] == 1
    output = run(folder, "dvc", "repro").stdout
    ran = {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}
    assert ran == {"loop@fresh", "evaluate@fresh", "report"}
    assert planned_jobs(folder) == {}
    run(folder, sys.executable, "-m", "autophagy.cli", "record")
    assert "up to date" in run(folder, "dvc", "status").stdout


def test_a_bad_configuration_is_one_line_before_anything_runs(tmp_path: Path) -> None:
    content = yaml.safe_load((REPOSITORY / "tests" / "configs" / "tiny.yaml").read_text())
    content["loops"]["fresh"]["sampling_bias"] = 1.5
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(content))
    done = run(
        REPOSITORY, "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"),
        "--directory", str(tmp_path), "--configfile", str(tmp_path / "bad.yaml"), "--cores", "1",
        status=1,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if line.startswith("autophagy:")]
    assert len(ours) == 1
    assert "loops.fresh.sampling_bias: 1.5" in ours[0]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("name", ["npz", "imagefolder"])
def test_changed_data_are_read_again(tmp_path: Path, name: str) -> None:
    content = yaml.safe_load((REPOSITORY / "tests" / "configs" / "tiny.yaml").read_text())
    own = {
        "npz": {"path": "pictures.npz"},
        "imagefolder": {"path": "pictures", "size": 8, "channels": "grey"},
    }
    content["dataset"] |= {"name": name} | own[name]
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content))
    pictures = np.random.default_rng(0).integers(0, 255, (300, 8, 8), dtype=np.uint8)

    def write(pictures: np.ndarray) -> None:
        """All of them, or the folder's first alone, in place: its times stay."""
        if name == "npz":
            np.savez(tmp_path / "pictures.npz", images=pictures)
            return
        (tmp_path / "pictures").mkdir(exist_ok=True)
        for row, picture in enumerate(pictures):
            file = tmp_path / "pictures" / f"{row:03}.bmp"
            if row == 0 or not file.exists():
                Image.fromarray(picture).save(file)

    command = [
        "--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(tmp_path),
        "--configfile", str(tmp_path / "own.yaml"), "--", "results/tiny/real/loop.manifest.json",
    ]  # fmt: skip
    write(pictures)
    run(REPOSITORY, "snakemake", "--cores", "1", *command)
    assert (tmp_path / "results" / "tiny" / "real" / "loop" / "images.npy").is_file()
    assert planned_jobs(REPOSITORY, *command) == {}
    write(255 - pictures)
    assert planned_jobs(REPOSITORY, *command) == {"real": 1}


def test_bad_data_fail_their_job_in_one_line(tmp_path: Path) -> None:
    content = yaml.safe_load((REPOSITORY / "tests" / "configs" / "tiny.yaml").read_text())
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 not a zip")
    content["dataset"] |= {"name": "npz", "path": "broken.npz"}
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(content))
    done = run(
        REPOSITORY, "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"),
        "--directory", str(tmp_path), "--configfile", str(tmp_path / "bad.yaml"), "--cores", "1",
        "--", "results/tiny/real/loop.manifest.json", status=1,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if line.startswith("autophagy:")]
    assert len(ours) == 1
    assert "broken.npz" in ours[0]
    assert not (tmp_path / "results" / "tiny" / "real" / "loop").exists()


def test_snakemakes_report_is_complete_with_the_page_inside(project) -> None:
    """Every figure under its category, the verdicts and the page; nothing is asked of a network."""
    import zipfile

    run(project, "snakemake", "--report", "results/report.zip")
    try:
        with zipfile.ZipFile(project / "results/report.zip") as file:
            names = {name.rsplit("/", 1)[1] for name in file.namelist()}
            index = file.read("report/report.html").decode()
            page = next(n for n in file.namelist() if "/raw/" in n and n.endswith("report.html"))
            whole = file.read(page)
    finally:
        (project / "results/report.zip").unlink()
    assert {f"grid-{loop}-seed-1.png" for loop in LOOPS} < names
    assert {"curves.png", "lineage.png", "verdicts.csv"} < names
    assert whole == (project / "results/tiny/report.html").read_bytes()
    for category in ("The page", "Verdicts", "Picture grids", "Curves", "Lineage"):
        assert category in index
