"""One source of pins: requirements.lock, environment.yml and the rules' environment agree."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

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
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    for extra in ("launcher", "slurm", "kubernetes", "test"):
        named = {Requirement(line).name for line in extras["optional-dependencies"][extra]}
        assert not named & set(rules), extra


def test_the_container_pins_the_plugins_that_the_lock_has_not() -> None:
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    text = (REPOSITORY / "docs" / "container" / "Dockerfile").read_text()
    pinned = dict(re.findall(r"(snakemake-[\w-]+)==([\d.]+)", text))
    for needed in map(Requirement, extras["optional-dependencies"]["kubernetes"]):
        assert needed.specifier.contains(pinned[needed.name]), needed


def test_the_launcher_environment_has_the_command() -> None:
    """Conda hands pip the paths of the file's own folder."""
    [section] = [
        entry["pip"]
        for entry in yaml.safe_load((REPOSITORY / "environment.yml").read_text())["dependencies"]
        if isinstance(entry, dict)
    ]
    assert section[-1] == "-e ."


@pytest.mark.parametrize("name", ["environment.yml", "workflow/envs/autophagy.yaml"])
def test_conda_may_be_strict_about_channels(name: str) -> None:
    assert yaml.safe_load((REPOSITORY / name).read_text())["channels"] == [
        "conda-forge", "nodefaults",
    ]  # fmt: skip


@pytest.mark.parametrize("package", ["snakemake", "dvc", "torch", "diffusers", "pytest"])
def test_the_lock_holds_what_the_project_is_made_of(package: str) -> None:
    assert package in pins("requirements.lock")


def test_a_closure_holds_the_needs_of_its_needs() -> None:
    found = closure(["diffusers"])
    assert {"diffusers", "safetensors", "huggingface-hub"} <= set(found)
    assert not any("+" in version for version in found.values())
