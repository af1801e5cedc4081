"""One malformed input: how it is planted, the commands that meet it, and what a refusal is."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autophagy import cli
from conftest import REPOSITORY, TESTS, child_environment

from bad_input import loading

#: Seconds to a refusal: of the processor, which other work on the machine does not slow; and until
#: what waits for something else is taken to hang.
DEADLINE, HANGS = 3.0, 60.0
#: What a process of its own may ask for, and what it may touch, in bytes.
ADDRESSES, RESIDENT = 6 * 2**30, 600 * 2**20
#: What a refused command may leave: logs of the job and of Snakemake, and the audit's findings.
LEFT = (".snakemake", "logs", "audit.json")
#: No file of this name, planted where a hostile path leads, is ever opened.
OUTSIDE = "outside"


@dataclass(frozen=True)
class Case:
    """One malformed input.

    plant: writes it into an empty folder, the working directory of the commands.
    commands: each must refuse it; a first word `autophagy` is called in this process, `real` is
        the step that loads the data set of a configuration, `autophagy!`, `real!` and `snakemake`
        are processes of their own.
    words: what the line of each refusal holds: the culprit.
    """

    kind: str
    name: str
    plant: Callable[[Path], Any]
    commands: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    status: int
    out: str
    err: str
    seconds: float
    waited: float
    resident: int = 0


def faults(case: Case, folder: Path) -> list[str]:
    """Why this input is not refused as it should be, or nothing."""
    case.plant(folder)
    before, found = _snapshot(folder), []
    for command in case.commands:
        with contextlib.chdir(folder), _watched() as opened:
            outcome = _run(shlex.split(command))
        found += [f"{command}: {fault}" for fault in _of(outcome, case, command)]
        found += [f"{command}: opened {path}" for path in opened]
    after = _snapshot(folder)
    found += [f"wrote {path}" for path in after if after[path] != before.get(path)]
    return found + [f"removed {path}" for path in before.keys() - after.keys()]


def _of(outcome: Outcome, case: Case, command: str) -> Iterator[str]:
    lines = [line for line in outcome.err.splitlines() if not line.startswith("Using workflow")]
    # The audit tells its findings as its result: on stdout, with exit status 1.
    if command.startswith("autophagy audit") and outcome.status == 1 and not lines:
        lines = ["autophagy: " + " ".join(outcome.out.splitlines())]
    if not outcome.status:
        yield f"exit status 0, said {outcome.out[:200]!r}"
    if "Traceback" in outcome.err + outcome.out:
        yield f"a traceback: {outcome.err[-300:]}"
    elif len(lines) != 1 or not lines[0].startswith("autophagy: "):
        yield f"not one line: {outcome.err[:500]!r}"
    elif missing := [word for word in case.words if word not in lines[0]]:
        yield f"does not name {missing}: {lines[0][:300]!r}"
    if outcome.seconds >= DEADLINE:
        yield f"took {outcome.seconds:.1f} s"
    if outcome.waited >= HANGS:
        yield f"hung for {outcome.waited:.0f} s"
    if outcome.resident > RESIDENT:
        yield f"took {outcome.resident / 2**20:.0f} MiB of memory"


def _run(words: list[str]) -> Outcome:
    first, *arguments = words
    if first == "snakemake":
        return _process(["snakemake", "--snakefile", f"{REPOSITORY}/Snakefile", *arguments])
    if first == "autophagy!":
        return _process(["autophagy.cli", *arguments])
    if first == "real!":
        return _process(["bad_input.loading", *arguments], str(TESTS))
    call = {"autophagy": lambda: cli.main(arguments), "real": lambda: loading.load(*arguments)}[
        first
    ]
    start, waited, out, err = time.process_time(), time.monotonic(), io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = call()
        except SystemExit as ended:
            status = ended.code
        except Exception as error:
            # What Python would print, without ending the table.
            status = f"Traceback: {type(error).__name__}: {error}"
    if isinstance(status, str):
        err.write(status + "\n")
        status = 1
    seconds, waited = time.process_time() - start, time.monotonic() - waited
    return Outcome(status or 0, out.getvalue(), err.getvalue(), seconds, waited)


def _process(arguments: list[str], more: str = "") -> Outcome:
    environment = child_environment()
    environment["PYTHONPATH"] += os.pathsep + more if more else ""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.monotonic()
        # Linux counts the memory of the process that forks as the child's: a small one does it.
        done = subprocess.run(
            [sys.executable, "-c", _BOUNDED, sys.executable, "-m", *arguments],
            stdout=out, stderr=err, env=environment, check=False,
        )  # fmt: skip
        waited = time.monotonic() - start
        out.seek(0)
        err.seek(0)
        told, _, last = err.read().rstrip("\n").rpartition("\n")
        seconds, resident = map(float, last.split())
        return Outcome(
            done.returncode, out.read(), told + "\n" * bool(told), seconds, waited, int(resident)
        )


#: Runs a command within bounds and adds a last line to its stderr: seconds and bytes it took.
_BOUNDED = f"""
import os, resource, sys
child = os.fork()
if not child:
    resource.setrlimit(resource.RLIMIT_AS, ({ADDRESSES}, {ADDRESSES}))
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
    os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, file=sys.stderr)
sys.exit(abs(os.waitstatus_to_exitcode(status)))
"""


_opened: list[str] | None = None


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is not None and event == "open" and OUTSIDE in os.path.basename(str(arguments[0])):
        _opened.append(str(arguments[0]))


sys.addaudithook(_hear)


@contextlib.contextmanager
def _watched() -> Iterator[list[str]]:
    """Within it, the files that are opened and should not be."""
    global _opened
    _opened = found = []
    try:
        yield found
    finally:
        _opened = None


def _snapshot(folder: Path) -> dict[str, str]:
    """Path -> what stands there."""
    found = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT]
        for name in folders + [name for name in files if name not in LEFT]:
            path = Path(place, name)
            if path.is_symlink():
                what = f"link to {os.readlink(path)}"
            elif path.is_file():
                what = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                what = "folder"
            found[str(path.relative_to(folder))] = what
    return found
