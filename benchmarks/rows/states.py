"""What code a row's measurements are of: its own and the library's, as far as the row reaches.

Comments, layout and docstrings do not count, nor does what only tells of measurements (`lines`, the
table): hours of runs outlive a change of words.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from rows.base import REPOSITORY, default_content

BENCHMARKS = REPOSITORY / "benchmarks"
#: As the library's fingerprint names a file that is not in its folder.
BESIDE = "../../benchmarks/"
#: Names of a row's module that say nothing of how it measures.
TELLING = {"lines", "REPEATS", "FEW", "ONCE", "SECONDS"}
#: Modules that only tell.
TELLERS = {"rows.line", "rows.page", "rows.recipe"}


def state(row: str, machine: dict[str, Any]) -> str:
    """One token for the code that a row measures and the machine it measures on."""
    files = own_files(row)
    parts: list[Any] = [machine, *(_measuring(BENCHMARKS / name) for name in files)]
    parts.append(_library(files))
    if any("default_content" in (BENCHMARKS / name).read_text() for name in _but_base(files)):
        parts.append(default_content())
    if "rows/programs.py" in files:
        places = [REPOSITORY / "Snakefile", *sorted((REPOSITORY / "rules").glob("*.smk"))]
        parts += [_uncommented(place) for place in places]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def own_files(row: str) -> tuple[str, ...]:
    """The files of benchmarks/ that a row runs, relative to that folder, sorted.

    What runs a side in a process of its own (`rows.process`) is one of them.
    """
    found: set[str] = set()
    queue = [f"rows.{row}", "rows.process"]
    while queue:
        module = queue.pop()
        name = f"{module.replace('.', '/')}.py"
        if module not in TELLERS and name not in found and (BENCHMARKS / name).is_file():
            found.add(name)
            queue += _imports(_tree(BENCHMARKS / name))
    return tuple(sorted(found))


def _but_base(files: Iterable[str]) -> Iterator[str]:
    return (name for name in files if name != "rows/base.py")


def _library(files: tuple[str, ...]) -> str:
    """The library's fingerprint of all its files behind a row's own."""
    from autophagy import fingerprint

    scripts = tuple(f"{BESIDE}{name}" for name in files)
    reached = set(fingerprint.modules_of(scripts)) - set(scripts)
    # What is reached through tables (a model family, a data set) only a plan knows.
    if "rows/programs.py" in files:
        reached |= _steps(every=True)
    elif "in_process.py" in files:
        reached |= _steps(every=False)
    return fingerprint.code_hash(tuple(sorted(reached)))


@cache
def _steps(every: bool) -> frozenset[str]:
    """The code behind the default's steps: every one, or those that `in_process` calls."""
    import in_process

    plan = in_process.plan_of(default_content())
    steps = plan.steps if every else ("real", *in_process.FUNCTIONS)
    return frozenset(file for step in steps for file in plan.files(step))


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _imports(tree: ast.Module) -> Iterator[str]:
    """Dotted names that may be modules, imported anywhere in a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _measuring(file: Path) -> str:
    """A file of benchmarks/ as text without comments, layout, docstrings and what only tells."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not _tells(node)]
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _tells(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module in TELLERS
    if isinstance(node, ast.FunctionDef):
        return node.name in TELLING
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(target, ast.Name) and target.id in TELLING for target in targets)


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _uncommented(file: Path) -> str:
    """A file of rules without blank lines and lines of comment."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))
