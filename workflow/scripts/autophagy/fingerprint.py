"""What code and which library versions a step's numbers depend on."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
from functools import cache
from pathlib import Path

from autophagy.errors import UserError

SCRIPTS = Path(__file__).resolve().parent.parent
_PACKAGE = "autophagy"


def modules_of(scripts: tuple[str, ...], extra: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The files behind a step: its scripts and every library module they import, lazily too.

    Args:
        scripts: file names in workflow/scripts.
        extra: dotted modules reached through a table (a model family, a data set).

    Returns:
        Paths relative to workflow/scripts, sorted.
    """
    found: set[Path] = set()
    queue = [SCRIPTS / script for script in scripts] + [_file_of(module) for module in extra]
    while queue:
        file = queue.pop()
        if file not in found:
            found.add(file)
            queue += _imports(file)
    return tuple(sorted(file.relative_to(SCRIPTS).as_posix() for file in found))


def code_hash(files: tuple[str, ...]) -> str:
    """SHA-256 over the syntax trees of the files, without docstrings, comments and layout."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file}\0{_tree_hash(SCRIPTS / file)}\0".encode())
    return digest.hexdigest()


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Installed versions, without the local part (`+cpu`), which names a build, not a release.

    Raises:
        UserError: a package is not installed.
    """
    return {package: _version(package) for package in sorted(packages)}


def require_versions(recorded: dict[str, str]) -> None:
    """Refuse to compute with other library versions than the plan recorded.

    Raises:
        UserError: the first package whose installed version differs.
    """
    for package, version in recorded.items():
        if (installed := _version(package)) != version:
            raise UserError(
                f"{package}: this job runs version {installed} and the workflow planned {version}; "
                "install requirements.lock in both environments"
            )


@cache
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package).split("+")[0]
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError(f"{package}: not installed; run `make setup`") from error


@cache
def _source(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _imports(file: Path) -> tuple[Path, ...]:
    """The library's files a file imports by name, packages' `__init__` included."""
    files: list[Path] = []
    for node in ast.walk(_source(file)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == _PACKAGE:
                files += _chain(name)
    return tuple(files)


def _chain(name: str) -> list[Path]:
    """The file of a dotted name, if it is a module, and of the packages that hold it."""
    parts = name.split(".")
    candidates = [".".join(parts[: end + 1]) for end in range(len(parts))]
    return [file for dotted in candidates if (file := _find(dotted))]


def _file_of(module: str) -> Path:
    file = _find(module)
    if file is None:
        raise UserError(f"{module}: no such module of the library")
    return file


def _find(module: str) -> Path | None:
    path = SCRIPTS.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


@cache
def _tree_hash(file: Path) -> str:
    return hashlib.sha256(_serialise(_source(file)).encode()).hexdigest()


def _serialise(node: object) -> str:
    # Not ast.dump: its text differs between Python versions for the same tree.
    if isinstance(node, list):
        return "[" + ",".join(_serialise(item) for item in node) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = []
    for name, value in ast.iter_fields(node):
        if name == "body" and _has_docstring(node):
            value = value[1:]
        if value is not None and value != []:
            fields.append(f"{name}={_serialise(value)}")
    return f"{type(node).__name__}({','.join(fields)})"


def _has_docstring(node: ast.AST) -> bool:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None
