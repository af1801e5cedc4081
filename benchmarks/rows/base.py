"""What rows measure with: a clock, the default's configuration and a small one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SCRIPTS = REPOSITORY / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

#: Called with whether toy sizes are asked for, and how often the side has run before.
Side = Callable[[bool, int], dict[str, Any]]


@contextmanager
def clocked(found: dict[str, Any], name: str = "") -> Iterator[None]:
    """Put seconds, and seconds of processor time, of what is done within it into `found`."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    prefix = f"{name}_" if name else ""
    found[f"{prefix}seconds"] = time.perf_counter() - wall
    found[f"{prefix}cpu"] = time.process_time() - cpu


def default_content() -> dict[str, Any]:
    """The default experiment's configuration."""
    return yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text(encoding="utf-8"))


def shrunk(content: dict[str, Any]) -> dict[str, Any]:
    """A configuration whose networks learn nothing, in as many jobs."""
    content["model"] |= {"channels": [8, 8], "norm_groups": 4, "timesteps": 20}
    content["train"] |= {"steps": 2, "warmup_steps": 1, "batch_size": 8}
    content["sample"] |= {"steps": 2, "batch_size": 32}
    content["evaluate"] |= {"n": 40}
    content["real_only"] = dict.fromkeys(content["real_only"], 60)
    for loop in content["loops"].values():
        loop["n_synthetic"] = 60
        loop["n_real"] = min(loop["n_real"], 60)
    return content
