"""profiles/slurm on a cluster of one node: the same bytes, and a killed job is tried again."""

from __future__ import annotations

import re
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import slurm_node
import yaml
from autophagy.plan import Plan
from conftest import REPOSITORY, TESTS, make, plan_of
from project import copy_of_repository, run

PROFILE = REPOSITORY / "profiles" / "slurm" / "config.yaml"
RULES = "".join(path.read_text() for path in (REPOSITORY / "rules").glob("*.smk"))


def content() -> dict:
    """Points, whose jobs take a second."""
    whole = yaml.safe_load((TESTS / "configs" / "points.yaml").read_text(encoding="utf-8"))
    loops = {"fresh": whole["loops"]["fresh"]}
    return whole | {"generations": 2, "real_only": {"small": 40}, "loops": loops}


def prepared(tmp_path: Path) -> tuple[Path, Path, Plan]:
    """A repository with points.yaml, what that makes in this process, and its plan."""
    folder, expected = tmp_path / "project", tmp_path / "expected"
    folder.mkdir()
    copy_of_repository(folder)
    (folder / "points.yaml").write_text(yaml.safe_dump(content(), sort_keys=False))
    plan = plan_of(content())
    make(plan, expected)
    return folder, expected, plan


def test_the_profile_says_what_the_default_one_does() -> None:
    default = yaml.safe_load((REPOSITORY / "profiles/default/config.yaml").read_text())
    profile = yaml.safe_load(PROFILE.read_text())
    for key in ("rerun-triggers", "rerun-incomplete", "nolock"):
        assert profile[key] == default[key]


def test_the_profile_names_rules_that_there_are() -> None:
    profile = yaml.safe_load(PROFILE.read_text())
    grouped = [entry.partition("=")[0] for entry in profile["groups"]]
    for rule in [*profile["set-resources"], *grouped]:
        assert f"rule {rule}:" in RULES or f" as {rule} with:" in RULES, rule
    groups = {entry.partition("=")[2] for entry in profile["groups"]}
    assert groups == {entry.partition("=")[0] for entry in profile["group-components"]}


@pytest.mark.parametrize("name", ["slurm", "kubernetes"])
def test_a_job_that_dies_asks_for_more_memory_whatever_its_rule_says(name: str) -> None:
    profile = yaml.safe_load((REPOSITORY / "profiles" / name / "config.yaml").read_text())
    rules = re.findall(r"^\s*(?:use rule \w+ as|rule) (\w+)", RULES, flags=re.M)
    assert "features_second" in rules
    assert set(profile["set-resources"]) == set(rules)
    for asked in profile["set-resources"].values():
        assert all(str(value).startswith("attempt * ") for value in asked.values())
    assert profile["retries"] >= 1


def test_the_profile_plans_a_run(tmp_path: Path, slurm_library: str) -> None:
    """Also where no Slurm is: a job a rule that computes, one for the steps of seconds."""
    (tmp_path / "points.yaml").write_text(yaml.safe_dump(content(), sort_keys=False))
    told = run(
        tmp_path, "snakemake", "-n", "--snakefile", str(REPOSITORY / "Snakefile"),
        "--workflow-profile", str(PROFILE.parent), "--configfile", "points.yaml",
        PYTHONPATH=slurm_library,
    ).stdout  # fmt: skip
    groups = re.findall(r"^\[.*\] Group job (\w+)", told, flags=re.M)
    assert sorted(groups) == ["data", "first", "report"]
    assert "mem_mb=8000" in told


def test_cards_may_have_a_partition_of_their_own(tmp_path: Path, slurm_library: str) -> None:
    """As the profile's comments say; groups of two partitions would be refused here."""
    profile = yaml.safe_load(PROFILE.read_text())
    profile["default-resources"] = ["slurm_partition=cpu", "constraint=KIND"]
    named = r"train.*|sample.*|evaluate|evaluate_real|features.*|real"
    for rule, asked in profile["set-resources"].items():
        if re.fullmatch(named, rule):
            asked["slurm_partition"] = "gpu"
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile" / "config.yaml").write_text(yaml.safe_dump(profile))
    told = run(
        tmp_path, "snakemake", "-n", "--snakefile", str(REPOSITORY / "Snakefile"),
        "--workflow-profile", "profile", "--configfile", str(TESTS / "configs" / "tiny.yaml"),
        "--config", "device=cuda", "seeds=[1]", PYTHONPATH=slurm_library,
    ).stdout  # fmt: skip
    lines = re.findall(r"^ *resources: (.*slurm_partition=.*)$", told, flags=re.M)
    assert len(lines) > 20
    for line in lines:
        assert "constraint=KIND" in line
        assert "gpu=1" not in line or "slurm_partition=gpu" in line, line
    assert any("slurm_partition=cpu" in line for line in lines)


#: Snakemake, asking Slurm twice a second what became of its jobs. By itself the plugin waits ten
#: seconds longer after each question that finds no job ended: here, minutes for jobs of seconds.
SNAKEMAKE = """
import asyncio
from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

async def sleep(self):
    await asyncio.sleep(0.5)

Executor.sleep = sleep
main()
"""


@pytest.mark.slurm
def test_a_run_on_a_cluster_is_the_same_bytes_and_survives_a_killed_job(
    tmp_path: Path, request
) -> None:
    if why := slurm_node.lacks():
        pytest.skip(why)
    library = request.getfixturevalue("slurm_library")
    folder, expected, plan = prepared(tmp_path)
    killed: list[int] = []
    aim = (folder / ".snakemake" / "scripts", ".train.py", killed)
    threading.Thread(target=kill_one, args=aim, daemon=True).start()
    with slurm_node.cluster(tmp_path / "slurm"):
        done = run(
            folder, sys.executable, "-c", SNAKEMAKE,
            "--workflow-profile", "profiles/slurm", "--configfile", "points.yaml",
            "--cores", "2", "--latency-wait", "5", "--slurm-no-account",
            "--slurm-init-seconds-before-status-checks", "1", "--slurm-status-command", "squeue",
            PYTHONPATH=library,
        )  # fmt: skip
    assert killed
    assert "Trying to restart job" in done.stderr
    assert "mem_mb=16000" in done.stderr
    root = folder / plan.root
    for path in (*plan.audited(), "metrics.csv", "verdicts.csv"):
        names = [path] if (expected / path).is_file() else []
        names += [
            file.relative_to(expected).as_posix()
            for file in (expected / path).rglob("*")
            if file.is_file()
        ]
        assert names, path
        for name in names:
            assert (root / name).read_bytes() == (expected / name).read_bytes(), name
    told = run(folder, sys.executable, "-m", "autophagy.cli", "audit", plan.root).stdout
    assert "every law holds" in told


def kill_one(scripts: Path, name: str, killed: list[int]) -> None:
    """Kill the first process of a script of the workflow that comes up, once."""
    until = time.monotonic() + 600
    while not killed and time.monotonic() < until:
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if any(word.startswith(f"{scripts}/") and word.endswith(name) for word in words[1:2]):
                process.kill()
                killed.append(process.pid)
                return
        time.sleep(0.1)
