"""One source of pins: requirements.lock, environment.yml and the rules' environment agree."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tools"))

from pins import closure, files  # noqa: E402


def pins(name: str) -> dict[str, str]:
    text = (REPOSITORY / name).read_text()
    if not name.endswith(".lock"):
        [section] = [d["pip"] for d in yaml.safe_load(text)["dependencies"] if isinstance(d, dict)]
        text = "\n".join(section)
    return dict(re.findall(r"^([\w.-]+)==(\S+)$", text, flags=re.M))


def test_the_files_are_what_make_lock_writes() -> None:
    for name, content in files().items():
        assert (REPOSITORY / name).read_text() == content, f"{name}: run `make lock`"


def test_the_launcher_environment_pins_what_the_lock_pins() -> None:
    assert pins("environment.yml") == pins("requirements.lock")


def test_the_rules_environment_is_a_part_of_the_lock_without_launcher_and_tests() -> None:
    rules, lock = pins("workflow/envs/autophagy.yaml"), pins("requirements.lock")
    assert rules.items() < lock.items()
    assert {"torch", "diffusers", "numpy", "pandas", "matplotlib"} <= set(rules)
    assert not {"snakemake", "dvc", "pytest", "hypothesis", "ruff", "snakefmt"} & set(rules)


@pytest.mark.parametrize("package", ["snakemake", "dvc", "torch", "diffusers", "pytest"])
def test_the_lock_holds_what_the_project_is_made_of(package: str) -> None:
    assert package in pins("requirements.lock")


def test_a_closure_holds_the_needs_of_its_needs() -> None:
    found = closure(["diffusers"])
    assert {"diffusers", "safetensors", "huggingface-hub"} <= set(found)
    assert not any("+" in version for version in found.values())
