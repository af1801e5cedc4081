"""DVC, called as a program: its refusals in one line, patience while others call it too, and what
one that was killed left torn.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from autophagy import store
from autophagy.errors import UserError

Done = subprocess.CompletedProcess[str]

#: Seconds to wait for other DVC commands in the same repository.
PATIENCE = 600.0

#: What DVC says when its repository, or a path in it, is another process's.
_BUSY = ("Unable to acquire lock", "is busy, it is being blocked by")
#: What it says of the list of its commands at work, where a kill left a part.
_TORN_LIST = re.compile(r"Unable to read RWLock-file '(.+?)'. JSON structure is corrupted")
#: What it says of files that a remote does not give; it takes an unreachable web server for one.
_MISSING = (
    "do not exist neither locally nor on remote",
    "No such file or directory",
    "failed to transfer",
)


def commit(file: str, stages: list[str]) -> None:
    """`dvc commit` by name those of the stages that DVC sees as changed.

    By name, because a blind commit would stamp stale work as current; only the changed ones,
    because DVC parses its files anew for each.

    DVC rewrites dvc.lock in place, and killed just then it leaves a file that no DVC command reads.
    Such a file is written anew: it says nothing that the results do not.

    Args:
        file: the dvc.yaml, relative to the repository.

    Raises:
        UserError: DVC refuses.
    """
    done = _call("status", "--json", file)
    if done.returncode:
        done = _without_torn_lock(file, done)
    changed = json.loads(_succeeded(file, done) or "{}")
    # DVC names a stage of the top dvc.yaml without its file.
    names = {name.removeprefix(f"{file}:") for name in changed}
    targets = [f"{file}:{stage}" for stage in stages if stage in names]
    if targets:
        _output(file, "commit", "--force", "--quiet", *targets)


def _without_torn_lock(file: str, failed: Done) -> Done:
    """What `dvc status` says without the lock file that it failed with, which is then removed.

    What failed, and the lock file in its place, where that is not the cause.
    """
    lock = Path(_lock(file))
    if not lock.is_file():
        return failed
    content = lock.read_bytes()
    lock.unlink()
    done = _call("status", "--json", file)
    if done.returncode:
        with store.new_file(lock) as aside:
            aside.write_bytes(content)
        return failed
    print(f"autophagy: {lock}: torn, as by a kill; written anew", file=sys.stderr)
    return done


def default_remote() -> tuple[str, str]:
    """Name and address of the remote that results are pushed to and pulled from.

    Raises:
        UserError: there is none.
    """
    lines = _output(".dvc/config", "config", "--list").splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line)
    name = settings.get("core.remote")
    if name and f"remote.{name}.url" in settings:
        return name, settings[f"remote.{name}.url"]
    raise UserError(
        "no default DVC remote to pull from; `make run` makes the results, "
        "`dvc remote add -d NAME URL` names a store"
    )


def fetch(file: str) -> None:
    """Bring what a dvc.yaml's lock names from the default remote into the cache.

    Raises:
        UserError: no remote, none that answers, its plugin is not installed, or it lacks files.
    """
    name, address = default_remote()
    remote = f"DVC remote {name} ({address})"
    done = _call("fetch", file)
    plugin = re.search(r"requires '?dvc-(\w+)'? to be installed", done.stderr)
    if plugin:
        raise UserError(f"{remote}: is not installed: `pip install 'dvc[{plugin[1]}]'`")
    answers = "failed to connect" not in done.stderr
    if answers and any(words in done.stderr for words in _MISSING):
        raise UserError(
            f"{remote}: does not give every file that {_lock(file)} names; "
            "`dvc push` them from where they were made"
        )
    if done.returncode:
        raise UserError(f"{remote}: cannot be read: {_first_line(done)}")


def checkout(file: str) -> None:
    """Bring the results that a dvc.yaml's lock names from the cache into the folder.

    Raises:
        UserError: the cache lacks some, or results lie in their place that DVC would overwrite
            and does not have.
    """
    done = _call("checkout", file)
    if "without confirmation" in done.stderr:
        lost = done.stderr.strip().splitlines()[-1]
        raise UserError(
            f"{_relative(lost)}: is in no record and would be lost; `autophagy record` keeps it, "
            "`dvc checkout --force` drops it"
        )
    if "Checkout failed" in done.stderr:
        missing = done.stderr.partition("targets:")[2].split()[:1]
        raise UserError(
            f"{''.join(missing)}: its recorded files are not in the cache; `make pull` fetches them"
        )
    if done.returncode:
        raise UserError(f"{file}: dvc checkout failed: {_first_line(done)}")


def _lock(file: str) -> str:
    return str(Path(file).with_name("dvc.lock"))


def _relative(path: str) -> str:
    place = Path(path)
    return str(place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place)


def _output(file: str, *arguments: str) -> str:
    return _succeeded(file, _call(*arguments))


def _succeeded(file: str, done: Done) -> str:
    if done.returncode:
        command = done.args[3]
        raise UserError(f"{file}: dvc {command} failed: {_first_line(done)}")
    return done.stdout.strip()


def _call(*arguments: str) -> Done:
    """Run DVC; where another DVC command holds its locks, wait and say so.

    Raises:
        UserError: the other command does not end.
    """
    give_up = time.monotonic() + PATIENCE
    told = False
    while True:
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        torn = _TORN_LIST.search(done.stderr)
        if done.returncode and torn:
            # DVC writes and reads it under a lock: only a killed command leaves half a list.
            Path(torn[1]).unlink(missing_ok=True)
            continue
        if not done.returncode or not any(words in done.stderr for words in _BUSY):
            return done
        if time.monotonic() > give_up:
            raise UserError(
                f"dvc {arguments[0]}: another DVC command is at work in this repository; "
                "wait for its end and try again"
            )
        if not told:
            print("autophagy: waiting for another DVC command to end", file=sys.stderr)
            told = True
        time.sleep(0.5)


def _first_line(done: Done) -> str:
    """What DVC says went wrong, without its frame."""
    lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return errors[0] if errors else lines[0]
