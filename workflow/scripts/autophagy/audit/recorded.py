"""The law of the ledger: dvc.lock, the disk and the manifests agree.

A forger who brings every manifest into agreement again still has to edit dvc.lock, which git keeps.
DVC's hashes are computed here, so that an audit needs no DVC: of a file its MD5; of a folder the
MD5 of the JSON list of its files' {md5, relpath}, sorted by relpath.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from autophagy import manifests
from autophagy.audit.case import STRANGE, Case, Findings, differ, guarded
from autophagy.errors import UserError
from autophagy.paths import AUDIT

LAW = "ledger"
#: Folders of an experiment that DVC versions one by one, by the name below them.
_GROUPS = ("loops", "real-only", "evaluation")


@dataclass(frozen=True)
class Entry:
    """A file or folder as a stage of dvc.lock records it.

    path: relative to the experiment's folder. current: the stage is one that dvc.yaml still has.
    """

    stage: str
    path: str
    recorded: dict[str, Any]
    current: bool

    def hash(self) -> str:
        return str(self.recorded["md5"])


@dataclass(frozen=True)
class Ledger:
    """What the dvc.lock files of a repository say of one experiment."""

    repository: Path
    outs: list[Entry]
    deps: list[Entry]


def find(root: Path) -> tuple[Ledger | None, str | None]:
    """The ledger of an experiment, or one line on why there is none.

    Raises:
        UserError: a dvc.lock or dvc.yaml that names the experiment cannot be read.
    """
    # A link from outside the repository may lead to it, and `..` to a folder within.
    places = dict.fromkeys((Path(os.path.normpath(root.absolute())), root.resolve()))
    found = [_named(place) for place in places]
    return next((ledger for ledger in found if ledger[0] is not None), found[0])


def _named(root: Path) -> tuple[Ledger | None, str | None]:
    """`find`, of an experiment by one of its paths."""
    repository = next((folder for folder in root.parents if (folder / ".dvc").is_dir()), None)
    if repository is None:
        return None, f"{root.name} lies in no DVC repository"
    ledger = Ledger(repository, [], [])
    for lock in sorted([repository / "dvc.lock", *repository.glob("config/*/dvc.lock")]):
        if lock.is_file() and root.name in lock.read_text(encoding="utf-8", errors="replace"):
            _read(lock, root, ledger)
    if not ledger.outs:
        return None, f"no dvc.lock names {root.relative_to(repository).as_posix()}"
    # DVC's own, by which files that it ignores are passed over.
    if importlib.util.find_spec("pathspec") is None:
        return None, "the package pathspec is not installed: `pip install dvc`"
    return ledger, None


def agrees(case: Case, ledger: Ledger) -> Findings:
    """Outs are on disk as recorded, deps are the outs of other stages, every artifact is in one."""
    seen: set[str] = set()
    for out in ledger.outs:
        # An audit writes its own file anew: whatever stood there before is no finding.
        if out.current and out.path not in (AUDIT, *seen):
            seen.add(out.path)
            yield from guarded(out.path, _out, case, ledger, out)
    made = {out.path: out for out in ledger.outs if out.current}
    for dep in ledger.deps:
        if dep.current:
            yield from guarded(dep.path, _dep, dep, made)
    covered = tuple(out.path for out in ledger.outs)
    named: set[str] = set()
    for artifact in case.artifacts:
        for name in _names(case, artifact):
            group = _group(name)
            if group not in named and not any(_lies_in(name, out) for out in covered):
                named.add(group)
                yield group, "lies in nothing that dvc.lock records; run `autophagy record`"


def digest(case: Case, repository: Path, path: Path) -> dict[str, Any]:
    """What DVC would record of a file or folder: md5, size in bytes and, of a folder, nfiles."""
    if not path.is_dir():
        return {"md5": case.md5(path), "size": path.stat().st_size}
    ignored = _ignored(repository, path)
    files = sorted(
        (file.relative_to(path).as_posix(), file)
        for folder, _, names in os.walk(path)
        for name in names
        if not ignored(file := Path(folder) / name)
    )
    listed = [{"md5": case.md5(file), "relpath": name} for name, file in files]
    text = json.dumps(listed, sort_keys=True).encode()
    return {
        "md5": hashlib.md5(text, usedforsecurity=False).hexdigest() + ".dir",
        "size": sum(file.stat().st_size for _, file in files),
        "nfiles": len(files),
    }


def _out(case: Case, ledger: Ledger, out: Entry) -> Findings:
    path = case.root.absolute() / out.path
    place = path.relative_to(ledger.repository).as_posix()
    checkout = f"`dvc checkout --force {place}`"
    if not path.exists():
        yield out.path, f"is missing; stage {out.stage} recorded it: {checkout}"
    elif out.recorded.get("hash") != "md5":
        yield out.path, f"stage {out.stage} records no MD5 of DVC 3; run `autophagy record`"
    else:
        found = digest(case, ledger.repository, path)
        differing = [key for key, value in found.items() if out.recorded.get(key) != value]
        if differing:
            yield (
                out.path,
                f"{differ(differing)} from what stage {out.stage} recorded; "
                f"`autophagy record` if the workflow made it, else {checkout}",
            )


def _dep(dep: Entry, made: dict[str, Entry]) -> Findings:
    if dep.path not in made:
        yield dep.path, f"stage {dep.stage} was made from it and no stage records it"
    elif made[dep.path].hash() != dep.hash():
        yield (
            dep.path,
            f"stage {dep.stage} was recorded with another one than stage {made[dep.path].stage} "
            "made; run `autophagy record`",
        )


def _read(lock: Path, root: Path, ledger: Ledger) -> None:
    """Add to the ledger what one dvc.lock says of what lies below `root`."""
    stages = _yaml(lock).get("stages")
    defined = _yaml(lock.with_name("dvc.yaml")) if lock.with_name("dvc.yaml").is_file() else {}
    if not isinstance(stages, dict):
        raise UserError(f"{lock}: has no stages; bring it back with `git checkout`")
    variables = _variables(lock.parent, defined)
    for name, body in stages.items():
        try:
            working = (lock.parent / _working_folder(defined, name)).resolve()
            current = _is_current(defined, variables, name)
            for key, entries in (("outs", ledger.outs), ("deps", ledger.deps)):
                for entry in body.get(key) or []:
                    path = os.path.relpath(working / entry["path"], root.resolve())
                    path = path.replace(os.sep, "/")
                    if path.split("/")[0] != "..":
                        entries.append(Entry(name, path, entry, current))
        except (*STRANGE, RuntimeError) as error:
            raise UserError(f"{lock}: stage {name} is not one that DVC writes") from error


def _yaml(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    # A tag that its text does not fit (`!!bool x`) and brackets within brackets raise these too.
    except (*STRANGE, RecursionError, yaml.YAMLError) as error:
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"{file}: cannot be read: {why}") from error
    if not isinstance(content, dict):
        raise UserError(f"{file}: is no mapping; bring it back with `git checkout`")
    return content


def _definition(defined: dict[str, Any], stage: str) -> dict[str, Any] | None:
    stages = defined.get("stages")
    body = stages.get(stage.partition("@")[0]) if isinstance(stages, dict) else None
    return body if isinstance(body, dict) else None


def _working_folder(defined: dict[str, Any], stage: str) -> str:
    body = _definition(defined, stage) or {}
    inner = body.get("do")
    return str((inner if isinstance(inner, dict) else body).get("wdir", "."))


def _is_current(defined: dict[str, Any], variables: dict[str, Any], stage: str) -> bool:
    """Does dvc.yaml still have this stage? DVC leaves removed ones in dvc.lock."""
    body = _definition(defined, stage)
    if body is None:
        return not defined
    _, at, key = stage.partition("@")
    each = body.get("foreach")
    if not at or each is None:
        return not at and each is None
    if isinstance(each, str):
        name, each = each.removeprefix("${").removesuffix("}"), variables
        for part in name.split("."):
            each = each.get(part) if isinstance(each, dict) else None
    return not isinstance(each, dict | list) or key in map(str, each)


def _variables(folder: Path, defined: dict[str, Any]) -> dict[str, Any]:
    """What dvc.yaml has under its `vars`: files and mappings."""
    found: dict[str, Any] = {}
    sources = defined.get("vars") or []
    if not isinstance(sources, list):
        raise UserError(
            f"{folder / 'dvc.yaml'}: vars is no list; bring it back with `git checkout`"
        )
    for source in sources:
        found |= source if isinstance(source, dict) else _yaml(folder / str(source))
    return found


def _ignored(repository: Path, folder: Path) -> Callable[[Path], bool]:
    """Whether DVC passes over a file, by the .dvcignore files above it (none may lie in an out)."""
    import pathspec

    above = [place for place in folder.parents if place.is_relative_to(repository)]
    files = [place / ".dvcignore" for place in above]
    rules = {
        file.parent: pathspec.GitIgnoreSpec.from_lines(file.read_text().splitlines())
        for file in files
        if file.is_file()
    }

    def ignored(file: Path) -> bool:
        return any(
            file.is_relative_to(place) and rule.match_file(file.relative_to(place).as_posix())
            for place, rule in rules.items()
        )

    return ignored


def _names(case: Case, artifact: str) -> list[str]:
    """An artifact's files and folder, relative to the experiment's folder."""
    own = [manifests.path_of(artifact)]
    if not manifests.is_root(artifact):
        return [*own, artifact]
    return own if case.unreadable(artifact) else [*own, *case.archive.manifest(artifact)["files"]]


def _lies_in(name: str, out: str) -> bool:
    return out == "." or name == out or name.startswith(f"{out}/")


def _group(name: str) -> str:
    first, *rest = name.split("/")
    return f"{first}/{rest[0]}" if first in _GROUPS and rest else first
