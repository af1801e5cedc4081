"""What lies in an experiment's folder belongs to its report; what does not is named."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from autophagy import dropped, manifests, store
from autophagy.audit.case import Case, Findings
from autophagy.paths import (
    ATTRIBUTION,
    AUDIT,
    EFFECTIVE_SIZE,
    LOOP_PAIRS,
    METRICS_CSV,
    METRICS_JSON,
    PAGE,
    REPORT,
    SECOND_OPINION,
    THEORY_CSV,
    VERDICTS,
)

#: Files of an experiment's folder that no manifest vouches for.
_UNVOUCHED = {AUDIT}
#: Signatures of roots, checked by `autophagy verify`; see `signing`.
_SIGNATURES = re.compile(r"signatures/([a-z-]+/)?[A-Za-z0-9_-]+\.dsse\.json")
#: What the report makes beside the audit: before it is finished, nothing vouches for these yet.
_REPORTED = (
    "figures/", METRICS_CSV, METRICS_JSON, VERDICTS, EFFECTIVE_SIZE, LOOP_PAIRS, ATTRIBUTION,
    SECOND_OPINION, THEORY_CSV, PAGE,
)  # fmt: skip
#: Folders that hold a folder each for the things the configuration names.
_GROUPS = ("loops", "real-only", "evaluation")


def belonging(case: Case) -> Findings:
    """Every artifact is behind the last report, and every file is vouched for by a manifest.

    Before there is a report: every group of artifacts has its root.
    """
    finished = (case.root / REPORT).is_file()
    ours = _behind_the_report(case) if finished else set(case.artifacts)
    if not finished:
        yield REPORT, "is missing: the experiment is unfinished; finish the run"
    if any(case.unreadable(artifact) for artifact in ours):
        # What it was made from is unknown, and no leftover: nobody shall be told to remove it.
        ours = set(case.artifacts)
        finished = finished and not case.unreadable(REPORT)
    kept, done = _around(ours), set()
    for artifact in case.artifacts:
        folder = _folder(artifact)
        if folder in done:
            continue
        if folder is not None and not (case.root / folder / "manifest.json").is_file():
            done.add(folder)
            yield folder, f"is unfinished: it has no manifest.json; {_finish(case, folder)}"
        elif artifact not in ours:
            leftover = _largest(artifact, kept, 2)
            if leftover not in done:
                done.add(leftover)
                yield leftover, f"is no part of the last report; {_finish(case, leftover)}"
    yield from _strangers(case, finished)


def _behind_the_report(case: Case) -> set[str]:
    """The report, the roots of what it measures, and all their ancestors."""
    queue = [REPORT]
    for parent in _parents(case, REPORT):
        group, _, name = parent.removesuffix("/manifest.json").partition("/")
        if group == "evaluation":
            is_loop = name in case.archive.manifest(REPORT)["params"]["loops"]
            queue.append(f"{'loops' if is_loop else 'real-only'}/{name}/manifest.json")
    found: set[str] = set()
    there = set(case.artifacts)
    while queue:
        artifact = queue.pop()
        if artifact in there and artifact not in found:
            found.add(artifact)
            queue += _parents(case, artifact)
    return found


def _parents(case: Case, artifact: str) -> list[str]:
    return [] if case.unreadable(artifact) else case.archive.parents(artifact)


def _folder(artifact: str) -> str | None:
    """loops/<name> and its like, of an artifact that lies in one."""
    group, *rest = artifact.split("/")
    return f"{group}/{rest[0]}" if group in _GROUPS and len(rest) > 1 else None


def _largest(path: str, kept: set[str], top: int) -> str:
    """The largest folder around a path that holds nothing of what is kept, or the path.

    Args:
        kept: paths to keep and every folder around one.
        top: the number of parts of the largest folder that may be named.
    """
    parts = path.split("/")
    folders = ("/".join(parts[:end]) for end in range(top, len(parts)))
    return next((folder for folder in folders if folder not in kept), path)


def _around(paths: Iterable[str]) -> set[str]:
    """The paths and every folder around one."""
    return {part for path in paths for part in _prefixes(path)}


def _prefixes(path: str) -> set[str]:
    parts = path.split("/")
    return {"/".join(parts[:end]) for end in range(1, len(parts) + 1)}


def _finish(case: Case, path: str) -> str:
    """What to do about something left over or begun."""
    both = (case.root / path, case.root / manifests.path_of(path))
    names = dict.fromkeys(str(file) for file in both if os.path.lexists(file))
    return f"finish the run, or remove it with `rm -r {' '.join(names)}`"


def _strangers(case: Case, finished: bool) -> Findings:
    vouched, folders = set(_UNVOUCHED), set()
    for artifact in case.artifacts:
        vouched.add(manifests.path_of(artifact))
        if not manifests.is_root(artifact):
            # What lies inside an artifact is the law of files' own business.
            folders.add(artifact)
        elif not case.unreadable(artifact):
            group, _, rest = artifact.partition("/")
            if group == "loops":
                vouched.add(dropped.path_of(rest.removesuffix("/manifest.json")))
            vouched |= case.archive.manifest(artifact)["files"].keys()
    vouched |= {name for name in _files(case) if _SIGNATURES.fullmatch(name)}
    kept = _around(vouched | folders)
    named: set[str] = set()
    for name in _linked_folders(case):
        yield name, "is a link to a folder; put the folder itself there"
    for name in _files(case):
        of_the_report = not finished and name.startswith(_REPORTED)
        if name in vouched or _prefixes(name) & folders or of_the_report:
            continue
        stranger = _largest(name, kept, 1)
        if stranger not in named:
            named.add(stranger)
            yield stranger, "has no manifest"


def _linked_folders(case: Case) -> Iterator[str]:
    """Links to folders: nothing looks behind them, so nothing vouches for what lies there."""
    for folder, inner, _ in os.walk(case.root):
        for name in sorted(inner):
            if os.path.islink(path := os.path.join(folder, name)):
                yield os.path.relpath(path, case.root).replace(os.sep, "/")


def _files(case: Case) -> Iterator[str]:
    """Every file below the experiment's folder, in the order of paths."""
    found = []
    for folder, _, names in os.walk(case.root):
        place = os.path.relpath(folder, case.root).replace(os.sep, "/")
        prefix = "" if place == "." else f"{place}/"
        here = Path(folder)
        found += [prefix + name for name in names if not store.is_bookkeeping(here / name)]
    yield from sorted(found)
