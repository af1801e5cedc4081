"""Killed at any moment and started again, a run ends with the bytes of one that nobody disturbed.

The long form is `make torture`.
"""

from __future__ import annotations

import random
from pathlib import Path

import torture
import yaml
from conftest import SCRIPTS, make, plan_of


def test_every_script_of_a_rule_is_hit_or_named_as_not() -> None:
    hit = set(torture.STEPS) - {torture.START, torture.LEDGER}
    assert {script.stem for script in SCRIPTS.glob("*.py")} == hit | set(torture.NOT_HIT)
    assert hit.isdisjoint(torture.NOT_HIT)


def test_three_kills_leave_no_trace(tmp_path: Path) -> None:
    """In a training, in sampling, and as the run begins; by three kinds."""
    project, undisturbed = tmp_path / "project", tmp_path / "undisturbed"
    project.mkdir()
    torture.prepare(project, "fully-synthetic", generations=1, steps=60)
    plan = plan_of(yaml.safe_load((project / "config/config.yaml").read_text()))
    make(plan, undisturbed)
    # Those who call the steps by themselves title their figures as they like.
    own = ("figures/", "dvc.lock")
    reference = {
        name: content
        for name, content in torture.hashes_of(undisturbed).items()
        if not name.startswith(own)
    }
    killed = torture.Torture(project, random.Random(1))
    aims = [
        ("train", "SIGKILL to all"),
        ("sample", "SIGKILL to Snakemake alone"),
        (torture.START, "SIGKILL to one job"),
    ]
    assert killed.one_pass(aims, eager=True) == []
    assert len(killed.hits) == 3
    torture.require_same(project, reference, own)
