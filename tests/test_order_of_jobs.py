"""In which order the workflow takes its jobs, where it has a choice."""

from __future__ import annotations

import re
from pathlib import Path

from conftest import REPOSITORY, TESTS
from project import run


def test_loops_go_on_side_by_side_and_other_real_only_models_fill_what_is_left(
    tmp_path: Path,
) -> None:
    tiny = TESTS / "configs" / "tiny.yaml"
    spare = "real_only={full: 60, small: 40, spare: 30}"
    told = run(
        tmp_path, "snakemake", "-n", "--snakefile", str(REPOSITORY / "Snakefile"),
        "--configfile", str(tiny), "--config", spare, "seeds=[1]",
        PYTHONPATH=str(REPOSITORY / "workflow" / "scripts"),
    ).stdout  # fmt: skip
    made = re.findall(r"^ +output: results/tiny/(\S+?),? .*\n((?: {4}.*\n)*)", told, flags=re.M)
    stated = {path: re.search(r"priority: (\d+)", rest) for path, rest in made}
    priority = {path: int(found[1]) if found else 0 for path, found in stated.items()}
    # Three generations: those left after the first, the second, the last.
    assert priority["evaluation/biased/seed-1/gen-001/metrics.json"] == 2
    for made_of_a_model in ("training_set.parquet", "model", "samples"):
        for loop in ("fully-synthetic", "fresh", "biased"):
            folder = f"loops/{loop}/seed-1"
            assert priority[f"{folder}/gen-002/{made_of_a_model}"] == 1
            assert priority[f"{folder}/gen-003/{made_of_a_model}"] == 0
        assert priority[f"real-only/full/seed-1/{made_of_a_model}"] == 3
        assert priority[f"real-only/spare/seed-1/{made_of_a_model}"] == 0


def test_results_depend_on_no_number_of_cores_and_know_the_libraries_that_made_them() -> None:
    for script in (REPOSITORY / "workflow" / "scripts").glob("*.py"):
        # What the rule asks for is cut down to the cores that there are.
        assert "snakemake.threads" not in script.read_text(), script.name
    for rules in ("report", "theory"):
        text = (REPOSITORY / "rules" / f"{rules}.smk").read_text()
        for rule in re.split(r"^(?:use )?rule ", text, flags=re.M)[1:]:
            params = rule.partition("params:")[2]
            if "code=" in params and "page" not in rule and not rule.startswith("audit"):
                assert 'software=PLAN.software["report"]' in params, rule.partition(":")[0]
