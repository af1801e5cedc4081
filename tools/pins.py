"""One source of pins: write requirements.lock, environment.yml and the rules' environment.

The versions are those installed beside the Python that runs this; which packages go where follows
from the dependency lists of pyproject.toml. `make lock` runs it; a test compares `files()` with
what stands in the repository.
"""

from __future__ import annotations

import importlib.metadata as metadata
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parent.parent
PYTHON = "3.11"

LOCK_HEADER = """\
# Exact pins of everything: rules, launcher and tests. Written by `make lock`; do not edit.
"""
ENVIRONMENT_HEADER = """\
# The launcher for conda users: snakemake, dvc, all that the commands need, and `autophagy` itself.
# Written by `make lock` from requirements.lock's pins; do not edit.
name: autophagy
"""
RULES_HEADER = """\
# What a rule's job runs in under --use-conda: no launcher, no tests, since every byte changed here
# reruns every rule. Written by `make lock` from requirements.lock's pins; do not edit.
"""
#: What torch requires in its builds for CUDA alone: pins hold for every build.
OF_CUDA = ("cuda-", "nvidia-", "triton")


def closure(roots: list[str]) -> dict[str, str]:
    """{name: version} of the installed packages and of all that they require, sorted.

    Versions are public ones: a local part such as `+cpu` names a build for this machine.
    """
    found: dict[str, str] = {}
    queue = [Requirement(root) for root in roots]
    expanded: set[tuple[str, str]] = set()
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *sorted(requirement.extras)):
            if (name, extra) in expanded:
                continue
            expanded.add((name, extra))
            distribution = metadata.distribution(requirement.name)
            found[name] = distribution.version.split("+")[0]
            for line in distribution.requires or []:
                needed = Requirement(line)
                if needed.name.startswith(OF_CUDA):
                    continue
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    queue.append(needed)
    return dict(sorted(found.items()))


def files() -> dict[str, str]:
    """Path relative to the repository -> content, of every file that holds pins."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    rules = project["dependencies"]
    extras = project["optional-dependencies"]
    everything = closure([*rules, *extras["launcher"], *extras["test"]])
    return {
        "requirements.lock": LOCK_HEADER + "".join(f"{k}=={v}\n" for k, v in everything.items()),
        "environment.yml": ENVIRONMENT_HEADER
        + _conda(everything, ["git", "make"])
        # This folder: the command `autophagy`.
        + "      - -e .\n",
        "workflow/envs/autophagy.yaml": RULES_HEADER + _conda(closure(rules), []),
    }


def _conda(pins: dict[str, str], programs: list[str]) -> str:
    lines = ["channels:", "  - conda-forge", "  - nodefaults", "dependencies:"]
    lines += [f"  - {name}" for name in [f"python={PYTHON}", "pip", *programs]]
    lines += ["  - pip:", *(f"      - {name}=={version}" for name, version in pins.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for name, content in files().items():
        (REPOSITORY / name).write_text(content)
        print(f"{name}: {content.count('==')} pins")
