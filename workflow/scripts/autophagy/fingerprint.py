"""What code and which library versions a step's numbers depend on."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from autophagy.errors import UserError

SCRIPTS = Path(__file__).resolve().parent.parent
_PACKAGE = "autophagy"
#: How files of other packages begin, whose place on this machine is nobody's business.
ELSEWHERE = "@"
#: Where a statement holds others: loops, branches, `except`, `case`, functions and classes.
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def modules_of(scripts: tuple[str, ...], extra: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The files behind a step: its scripts and every library module they import, lazily too.

    A package's assets (templates, styles, scripts of a page) come with it.

    Args:
        scripts: file names in workflow/scripts.
        extra: dotted modules reached through a table (a model family, a data set), also those of
            other installed packages (see `plugins`), which are followed within their package.

    Returns:
        Paths relative to workflow/scripts, sorted; those of other packages are `ELSEWHERE` and
        their path within the package's folder.
    """
    found: set[str] = set()
    queue = [*scripts, *map(_named, extra)]
    # Python runs the packages around a module too; those of the library import nothing by name.
    queue += [file for module in extra for file in _chain(module) if is_elsewhere(file)]
    while queue:
        file = queue.pop()
        if file not in found:
            found.add(file)
            queue += _imports(file) + _assets(file)
    return tuple(sorted(found))


def is_elsewhere(file: str) -> bool:
    """Is this a file of another installed package, in `modules_of`?"""
    return file.startswith(ELSEWHERE)


def code_hash(files: tuple[str, ...]) -> str:
    """SHA-256 over the syntax trees of the files, without docstrings, comments and layout.

    Of files that are no Python, over their bytes.
    """
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file}\0{_tree_hash(_place(file))}\0".encode())
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
def _assets(file: str) -> tuple[str, ...]:
    """The files in the folder assets/ of a package of the library, given its `__init__`."""
    if is_elsewhere(file) or not file.endswith("/__init__.py"):
        return ()
    folder = file.removesuffix("__init__.py") + "assets"
    return tuple(sorted(f"{folder}/{p.name}" for p in (SCRIPTS / folder).glob("*") if p.is_file()))


@cache
def _source(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _import_statements(file: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    if file.suffix != ".py":
        return ()
    return tuple(_imports_in(_source(file).body))


def _imports_in(body: Iterable[ast.AST]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Those among statements and within them; no expression holds one, so none is looked into."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        for part in _BLOCKS:
            yield from _imports_in(getattr(node, part, ()))


@cache
def _imports(file: str) -> tuple[str, ...]:
    """The library's files a file imports by name, packages' `__init__` included.

    Of a file of another package: that package's files too.
    """
    followed = {_PACKAGE} | ({_dotted(file).split(".")[0]} if is_elsewhere(file) else set())
    files: list[str] = []
    for node in _import_statements(_place(file)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            base = _absolute(file, node.level, node.module)
            names = [base] + [f"{base}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] in followed:
                files += _chain(name)
    return tuple(files)


def _absolute(file: str, level: int, module: str | None) -> str:
    """The dotted name that `from ...module import` means in a file."""
    if not level:
        return module or ""
    parts = _dotted(file).split(".")
    package = parts if file.endswith("/__init__.py") else parts[:-1]
    return ".".join([*package[: len(package) - level + 1], *([module] if module else [])])


def _dotted(file: str) -> str:
    path = file.removeprefix(ELSEWHERE).removesuffix(".py").removesuffix("/__init__")
    return path.replace("/", ".")


@cache
def _chain(name: str) -> tuple[str, ...]:
    """The file of a dotted name, if it is a module, and of the packages that hold it."""
    parts = name.split(".")
    candidates = [".".join(parts[: end + 1]) for end in range(len(parts))]
    return tuple(file for dotted in candidates if (file := _find(dotted)))


def _named(module: str) -> str:
    file = _find(module)
    if file is None:
        raise UserError(f"{module}: no such module")
    return file


def _find(module: str) -> str | None:
    """A dotted name as `modules_of` names its file; None where it is no module."""
    parts = module.split(".")
    ours = parts[0] == _PACKAGE
    folder = SCRIPTS if ours else _folder(parts[0])
    if folder is None:
        return None
    path = folder.joinpath(*parts)
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return f"{'' if ours else ELSEWHERE}{file.relative_to(folder).as_posix()}"
    return None


def _place(file: str) -> Path:
    """Where a file of `modules_of` lies."""
    if not is_elsewhere(file):
        return SCRIPTS / file
    folder = _folder(_dotted(file).split(".")[0])
    if folder is None:
        raise UserError(f"{file.removeprefix(ELSEWHERE)}: its package is no longer installed")
    return folder / file.removeprefix(ELSEWHERE)


@cache
def _folder(package: str) -> Path | None:
    """The folder that holds another package's top module."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    origin = Path(spec.origin)
    return origin.parent.parent if origin.name == "__init__.py" else origin.parent


@cache
def _tree_hash(file: Path) -> str:
    if file.suffix != ".py":
        return hashlib.sha256(file.read_bytes()).hexdigest()
    return hashlib.sha256(_serialise(_source(file)).encode()).hexdigest()


def _serialise(node: object) -> str:
    # Not ast.dump: its text differs between Python versions for the same tree.
    if isinstance(node, list):
        return f"[{','.join(map(_serialise, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = []
    for name in node._fields:
        value = getattr(node, name, None)
        if name == "body" and _has_docstring(node):
            value = value[1:]
        if value is not None and value != []:
            fields.append(f"{name}={_serialise(value)}")
    return f"{type(node).__name__}({','.join(fields)})"


def _has_docstring(node: ast.AST) -> bool:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None
