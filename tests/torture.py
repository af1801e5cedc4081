"""Kill `make run` at random moments, start it again, and compare with a run nobody disturbed.

Usage: python tests/torture.py [--kills N] [--seed 1] [--folder FOLDER]

By default each step of `STEPS` is aimed at once and those of `HEAVY` once more, by every kind of
kill in turn; then `dvc repro` is killed twice. What was running at each kill is printed as a table
of docs/reliability.md, and at the end the steps in which no kill landed. In one pass over the
experiment, killed run follows killed run; a pass ends with the undisturbed run's bytes, a clean
audit and nothing left over. Moments are drawn from the seed, but what they hit depends on the
machine.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml
from autophagy import store
from conftest import tiny_content
from project import copy_of_repository, git, run

#: What users type, but for the environment, which stands.
MAKE = ("make", "-o", "setup", "run", "CORES=2")
REPRO = ("dvc", "repro")
#: Trainings save that often, so that those of a tiny experiment have something to go on from.
CHECKPOINTS = """
from autophagy.models import checkpoints
checkpoints.EVERY, checkpoints.TRAINING_PER_SAVING = 0.1, 0
"""
#: What can be hit: Snakemake before its first job, each script of a rule that the tests' experiment
#: of pictures has a job of, the DVC ledger.
START, LEDGER = "(Snakemake starts)", "autophagy record"
STEPS = (
    START, "real", "features", "mix", "train", "sample", "evaluate_real", "evaluate",
    "record_root", "audit", "tabulate_metrics", "judge_loops", "draw_grid", "draw_curves",
    "draw_lineage", "map_features", "write_page", LEDGER,
)  # fmt: skip
#: Scripts of rules that it has no job of: loops from outside, `keep`, `attribution`,
#: `evaluate.second`, three seeds, a learning curve, and the exact loops.
NOT_HIT = (
    "import_model", "import_pictures", "drop", "compare_loops", "attribute_drift",
    "compare_opinions", "draw_effective_size", "theory_part", "theory_table", "draw_theory",
    "write_theory_page",
)  # fmt: skip
#: Hit more often than once before others are.
HEAVY = ("train", "sample", "mix", "evaluate", "train", LEDGER, "record_root")
#: Seconds from a step's first sight to the kill, at most, where no run was measured.
UNMEASURED = 2.0
#: Seconds any command may take on a busy machine.
PATIENCE = 600.0


@dataclass
class Live:
    """A command at work in a session of its own."""

    process: subprocess.Popen
    log: Path

    def tree(self) -> list[psutil.Process]:
        """The command and all below it."""
        try:
            above = psutil.Process(self.process.pid)
            return [above, *above.children(recursive=True)]
        except psutil.Error:
            return []

    def steps(self) -> dict[psutil.Process, str]:
        """What is at work now, Snakemake itself only while it has no job."""
        named = {process: step for process in self.tree() if (step := step_of(process))}
        jobs = {process: step for process, step in named.items() if step != START}
        return jobs or named


def step_of(process: psutil.Process) -> str | None:
    """The element of STEPS that a process is."""
    try:
        words = process.cmdline()[1:]
    except psutil.Error:
        return None
    if not words:
        return None
    if "/.snakemake/scripts/" in words[0]:
        return words[0].split(".")[-2]
    program = Path(words[0]).name
    if program == "snakemake":
        return START
    return LEDGER if program == "autophagy" and words[1:2] == ["record"] else None


def kill_all(live: Live, draw: random.Random) -> None:
    os.killpg(live.process.pid, signal.SIGKILL)


def interrupt(live: Live, draw: random.Random) -> None:
    os.killpg(live.process.pid, signal.SIGINT)


def kill_one_job(live: Live, draw: random.Random) -> None:
    at_work = sorted(live.steps(), key=lambda process: process.pid)
    if at_work:
        draw.choice(at_work).kill()


def to_snakemake(sent: signal.Signals) -> Callable[[Live, random.Random], None]:
    def send(live: Live, draw: random.Random) -> None:
        """Without a Snakemake, to the command itself."""
        named = [process for process in live.tree() if step_of(process) == START]
        for process in named or live.tree()[:1]:
            process.send_signal(sent)

    return send


KINDS: dict[str, Callable[[Live, random.Random], None]] = {
    "SIGKILL to all": kill_all,
    "SIGKILL to one job": kill_one_job,
    "SIGKILL to Snakemake alone": to_snakemake(signal.SIGKILL),
    "SIGTERM to Snakemake": to_snakemake(signal.SIGTERM),
    "SIGINT to all (Ctrl-C)": interrupt,
}


@dataclass(frozen=True)
class Hit:
    """One kill: what it was meant for, and what was running."""

    command: str
    kind: str
    aim: str
    running: tuple[str, ...]


@dataclass
class Torture:
    """An experiment in a folder, killed again and again.

    Args:
        seconds: how long each step takes, which moments are drawn from.
    """

    folder: Path
    draw: random.Random
    command: tuple[str, ...] = MAKE
    seconds: dict[str, float] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)
    resumed: set[tuple[Path, int]] = field(default_factory=set)
    starts: int = 0

    def start(self) -> Live:
        self.starts += 1
        log = self.folder.parent / f"{self.folder.name}-{self.starts}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                self.command, cwd=self.folder, env=environment(self.folder),
                stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        return Live(process, log)

    def measure(self) -> None:
        """Run once, undisturbed, and see how long each step takes."""
        live, first = self.start(), {}
        while live.process.poll() is None:
            now = time.monotonic()
            for process, step in live.steps().items():
                began = first.setdefault(process, now)
                if step == START and len(first) > 1:
                    continue
                self.seconds[step] = max(self.seconds.get(step, 0.0), now - began)
            time.sleep(0.05)
        require_success(live)

    def one_pass(self, aims: list[tuple[str, str]], eager: bool) -> list[tuple[str, str]]:
        """Kill and restart until the experiment is made.

        Args:
            aims: (step, kind) of each kill that is wanted.
            eager: kill at the first chance, not at one of several.

        Returns:
            The aims that no kill was made for.
        """
        aims, former = list(aims), []
        while True:
            live = self.start()
            aim = self.await_aim(live, aims, eager)
            if aim is None:
                require_success(live)
                self.note_resumed()
                require_ended(former)
                return aims
            former += live.tree()
            if self.strike(live, *aim):
                aims.remove(aim)

    def await_aim(
        self, live: Live, aims: list[tuple[str, str]], eager: bool
    ) -> tuple[str, str] | None:
        """Until a step that is to be killed has begun; None: the command ended before."""
        seen: set[psutil.Process] = set()
        end = time.monotonic() + PATIENCE
        while live.process.poll() is None:
            assert time.monotonic() < end, f"{live.log}: does not end"
            for process, step in live.steps().items():
                wanted = [aim for aim in aims if aim[0] == step and process not in seen]
                seen.add(process)
                if wanted and (eager or self.draw.random() < 0.5):
                    return wanted[0]
            time.sleep(0.02)
        return None

    def strike(self, live: Live, step: str, kind: str) -> bool:
        """Kill at a random moment of the step, and wait for the command's end.

        Returns:
            False where it was too late to hinder the command.
        """
        time.sleep(self.draw.uniform(0, self.seconds.get(step, UNMEASURED)))
        running = tuple(sorted(live.steps().values()))
        if live.process.poll() is None:
            KINDS[kind](live, self.draw)
        status = live.process.wait(PATIENCE)
        self.note_resumed()
        if status == 0:
            return False
        self.hits.append(Hit(self.command[0], kind, step, running))
        print(f"{live.log.name}: {kind}, running: {', '.join(running)}", file=sys.stderr)
        # Of Ctrl-C, Python itself tells where it comes before a job's own first line.
        assert KINDS[kind] is interrupt or "Traceback" not in live.log.read_text(), live.log
        return True

    def note_resumed(self) -> None:
        """Remember the trainings that went on from a checkpoint, by their logs."""
        for log in (self.folder / "logs").rglob("train.log"):
            if "resumed at step" in log.read_text():
                self.resumed.add((log, log.stat().st_mtime_ns))

    def kill(self, aims: list[tuple[str, str]], reference: dict[str, str]) -> None:
        """Pass after pass, each over nothing, until every aim was killed for."""
        passes = 0
        while aims:
            passes += 1
            reset(self.folder)
            aims = self.one_pass(aims, eager=passes > 2)
            require_same(self.folder, reference)
            assert passes < 10, f"never at work: {aims}"


def environment(folder: Path) -> dict[str, str]:
    """For commands in a copy: its own library, and checkpoints every moment."""
    paths = [folder.parent / "site", folder / "workflow" / "scripts"]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {
        "PATH": programs, "PYTHONPATH": os.pathsep.join(map(str, paths)), "OMP_NUM_THREADS": "1",
    }  # fmt: skip


def content_of_project(loop: str, generations: int, steps: int) -> dict:
    """One loop of the tiny experiment."""
    content = tiny_content() | {"seeds": [1], "generations": generations}
    content["loops"] = {loop: content["loops"][loop]}
    content["real_only"] = {"full": content["real_only"]["full"]}
    content["train"]["steps"] = steps
    return content


def prepare(folder: Path, loop: str = "biased", generations: int = 2, steps: int = 300) -> None:
    """A repository in an empty folder whose default experiment is `content_of_project`."""
    copy_of_repository(folder)
    content = content_of_project(loop, generations, steps)
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    git(folder, "init", "-q")
    run(folder, sys.executable, "-m", "autophagy.cli", "ledger")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "tiny")
    site = folder.parent / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(CHECKPOINTS)


def reset(folder: Path) -> None:
    """Nothing made, nothing recorded."""
    git(folder, "clean", "-fdxq")


def hashes_of(root: Path) -> dict[str, str]:
    """File -> hash of all results."""
    return {name: store.sha256(path) for name, path in store.payload_files(root).items()}


def result_of(folder: Path) -> dict[str, str]:
    """File -> hash of all results and of the ledger."""
    lock = yaml.safe_load((folder / "dvc.lock").read_text())
    # Its stages stand in the order in which they were recorded.
    told = store.content_hash(lock)
    return hashes_of(folder / "results" / "tiny") | {"dvc.lock": told}


def leftovers(folder: Path) -> list[str]:
    """What a killed run may leave and a finished one may not."""
    places = {
        "results": ("*.partial", "*.old"),
        "logs": ("*.checkpoint", "*.partial"),
        ".snakemake/locks": ("*",),
        ".snakemake/incomplete": ("*",),
    }
    return [
        str(path.relative_to(folder))
        for place, patterns in places.items()
        for pattern in patterns
        for path in (folder / place).rglob(pattern)
        if path.name != "migration_underway"
    ]


def require_success(live: Live) -> None:
    assert live.process.wait() == 0, live.log.read_text()[-5000:]


def require_ended(processes: list[psutil.Process]) -> None:
    """No process of a killed run is alive."""
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert alive == []


def require_same(folder: Path, reference: dict[str, str], own: tuple[str, ...] = ()) -> None:
    """The folder holds the undisturbed run's bytes, passes the audit and lacks nothing.

    Args:
        own: beginnings of the files that the reference does not hold.
    """
    found = {name: hash for name, hash in result_of(folder).items() if not name.startswith(own)}
    assert found == reference
    assert leftovers(folder) == []
    command = [sys.executable, "-m", "autophagy.cli"]
    run(folder, *command, "audit", "results/tiny")
    run(folder, *command, "record", "--check")
    planned = run(folder, "snakemake", "-n")
    assert "Nothing to be done" in planned.stdout + planned.stderr
    assert "up to date" in run(folder, "dvc", "status").stdout


def aims_of(kills: int, draw: random.Random) -> list[tuple[str, str]]:
    """Each step once, the heavy ones again; each kind in turn."""
    steps = [*STEPS, *HEAVY]
    steps = [steps[number % len(steps)] for number in range(kills)]
    kinds = list(KINDS) * kills
    shift = draw.randrange(len(KINDS))
    aims = list(zip(steps, kinds[shift:], strict=False))
    draw.shuffle(aims)
    return aims


def table(hits: list[Hit]) -> str:
    """Markdown: kind of kill by step that was running."""
    lines = ["| kill | kills | hit work | running then |", "|---|---|---|---|"]
    groups = dict.fromkeys((hit.command, hit.kind) for hit in hits)
    for command, kind in sorted(groups, key=lambda group: (group[0] != "make", group)):
        chosen = [hit for hit in hits if (hit.command, hit.kind) == (command, kind)]
        steps = Counter(step for hit in chosen for step in hit.running)
        named = ", ".join(
            f"{step} {steps[step]}" if steps[step] > 1 else step for step in STEPS if steps[step]
        )
        working = sum(bool(hit.running) for hit in chosen)
        lines.append(f"| {command}: {kind} | {len(chosen)} | {working} | {named} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=len(STEPS) + len(HEAVY), metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="work here and keep it")
    chosen = parser.parse_args()
    # A shell's background commands, and all below them, ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="torture-"))
    folder.mkdir(parents=True, exist_ok=True)
    began, draw = time.monotonic(), random.Random(chosen.seed)
    project = folder / "project"
    project.mkdir()
    prepare(project)
    torture = Torture(project, draw)
    torture.measure()
    reference = result_of(project)
    print(f"undisturbed: {len(reference)} files, {time.monotonic() - began:.0f} s", flush=True)
    torture.kill(aims_of(chosen.kills, draw), reference)
    repro = Torture(project, draw, REPRO, torture.seconds, starts=1000)
    repro.kill([("train", "SIGKILL to all"), ("sample", "SIGINT to all (Ctrl-C)")], reference)
    hits = torture.hits + repro.hits
    steps = {step for hit in hits for step in hit.running}
    print(table(hits))
    print(
        f"\nSurvived {len(hits)} of {len(hits)} kills, {sum(bool(hit.running) for hit in hits)} of "
        f"them of running work, over {len(steps)} of {len(STEPS)} steps; "
        f"{len(torture.resumed | repro.resumed)} times a training went on from a checkpoint; "
        f"{time.monotonic() - began:.0f} s."
    )
    if not chosen.folder:
        shutil.rmtree(folder)
    missed = [step for step in STEPS if step not in steps]
    print(f"Steps in which no kill landed: {', '.join(missed) or 'none'}")


if __name__ == "__main__":
    main()
