"""What rows share: a line of the table, medians over runs, a clock, the default's plan."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SCRIPTS = REPOSITORY / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

#: Of a side's calls, what each returned.
Found = dict[str, list[dict[str, Any]]]
#: Called with whether toy sizes are asked for, and how often the side has run before.
Side = Callable[[bool, int], dict[str, Any]]


@dataclass(frozen=True)
class Line:
    """One line of the table.

    value: what is held against `reach` and against the recorded value: a ratio, or a number in
        `unit` where nothing else does the same.
    reach: the least, or most, it should be; None where the number is only told.
    quality: what came out beside the speed, in words.
    """

    what: str
    against: str
    ours: str
    theirs: str
    value: float
    better: Literal["higher", "lower"] = "higher"
    reach: float | None = None
    unit: str = "×"
    quality: str = ""

    @property
    def reached(self) -> bool | None:
        if self.reach is None:
            return None
        higher = self.better == "higher"
        return self.value >= self.reach if higher else self.value <= self.reach


def median(found: Found, side: str, key: str) -> float:
    return statistics.median(run[key] for run in found[side])


def ratio(found: Found, above: str, below: str, key: str) -> float:
    """The median over pairs of runs, one after the other, of what one side took over the other."""
    pairs = zip(found[above], found[below], strict=False)
    return statistics.median(one[key] / other[key] for one, other in pairs)


def spread(found: Found, side: str, key: str) -> str:
    """Mean ± standard deviation over a side's runs, as text."""
    values = [run[key] for run in found[side]]
    if len(values) < 2:
        return f"{values[0]:.2f}"
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


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


def plan_of(content: dict[str, Any]) -> Any:
    from autophagy import config as configuration
    from autophagy import plan as planning

    return planning.build(configuration.parse(content, "config.yaml"))


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


def run(*command: str, folder: Path) -> float:
    """Seconds that a program of this environment takes in a folder.

    Raises:
        SystemExit: it fails; with the end of what it says.
    """
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        said = (done.stdout + done.stderr)[-2000:]
        sys.exit(f"{' '.join(command)} exits with {done.returncode}\n{said}")
    return took


def written(content: dict[str, Any], folder: Path) -> Path:
    """The configuration as a file of a folder."""
    file = folder / "bench.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file


def snakemake(content: dict[str, Any], folder: Path, *options: str) -> float:
    """Seconds of Snakemake on an experiment in a folder."""
    file = written(content, folder)
    place = ("--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", str(file))
    return run("snakemake", *place, "--quiet", "all", *options, folder=folder)
