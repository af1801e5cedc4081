"""Files on disk: hashing, and writing so that no reader ever sees a torn file."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from autophagy.errors import UserError, unreadable

#: The empty file that the workflow engine leaves inside folders; never part of an artifact.
_TIMESTAMP = ".snakemake_timestamp"


def opened(path: Path) -> BinaryIO:
    """A regular file, to be read.

    Raises:
        OSError: it cannot be read, or is no regular file: a named pipe could be waited for for
            ever.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    raise OSError(errno.EINVAL, "it is no regular file", str(path))


def require_folders(files: Iterable[str]) -> None:
    """Refuse what lies where these files, to be written, need a folder.

    Raises:
        UserError: naming it.
    """
    needed, ahead = set(), list(map(os.path.dirname, files))
    while ahead:
        if (folder := ahead.pop()) and folder not in needed:
            needed.add(folder)
            ahead.append(os.path.dirname(folder))
    for folder in sorted(needed):
        if os.path.lexists(folder) and not os.path.isdir(folder):
            if os.path.islink(folder):
                raise UserError(f"{folder}: is a link that leads to no folder; mend or remove it")
            raise UserError(f"{folder}: is no folder, and results belong in one; remove it")


def sha256(path: Path) -> str:
    """The hex SHA-256 of a file's bytes; errors as in `opened`."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_bookkeeping(path: Path) -> bool:
    """Is this what the workflow engine leaves inside folders, and nothing more?"""
    if path.name != _TIMESTAMP:
        return False
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and found.st_size == 0


def payload_files(path: Path) -> dict[str, Path]:
    """The files of an artifact by name: those below a folder, or the one file itself.

    Whatever is no folder counts, also what cannot be read as a file.
    """
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if not (p.is_dir() or is_bookkeeping(p)))
        return {file.relative_to(path).as_posix(): file for file in files}
    return {path.name: path}


def hashes(path: Path) -> dict[str, str]:
    """{file name: sha256} of an artifact's payload, sorted by name."""
    return {name: sha256(file) for name, file in payload_files(path).items()}


def canonical_json(content: Any) -> str:
    """Deterministic JSON text: sorted keys, two spaces, no NaN, a newline at the end.

    Raises:
        ValueError: the content holds NaN or infinity.
    """
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"


def content_hash(content: Any) -> str:
    """SHA-256 of `canonical_json`, as hexadecimal digits."""
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A path to write to, beside `path`; renamed to it, synced, if the block succeeds.

    Raises:
        UserError: the place cannot be written (full disk, no permission, missing parent).
    """
    aside = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(aside)
        yield aside
        _open_to_others(aside)
        _sync(aside)
        os.replace(aside, path)
        _sync(path.parent)
    except BaseException as error:
        _discard(aside)
        _raise_unwritable(path, error)
        raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """An empty folder to fill, beside `path`; it takes its place if the block succeeds.

    Raises:
        UserError: as for `new_file`.
    """
    aside = path.with_name(f".{path.name}.partial")
    try:
        _remove(aside)
        aside.mkdir(parents=True)
        yield aside
        for inner in aside.rglob("*"):
            _open_to_others(inner)
            _sync(inner)
        _sync(aside)
        _swap(aside, path)
        _sync(path.parent)
    except BaseException as error:
        _discard(aside)
        _raise_unwritable(path, error)
        raise


def write_json(path: Path, content: Any) -> None:
    """Write canonical JSON, whole or not at all."""
    text = canonical_json(content)
    with new_file(path) as aside:
        aside.write_text(text, encoding="utf-8")


def read_json(path: Path, largest: int = 2**30) -> Any:
    """The content of a JSON file.

    Args:
        largest: bytes it may have.

    Raises:
        UserError: it is missing, too large or not JSON.
    """
    try:
        with opened(path) as file:
            raw = file.read(largest + 1)
        if len(raw) > largest:
            raise ValueError(f"more than {largest} bytes")
        return json.loads(raw.decode("utf-8"), parse_constant=_no_number)
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid JSON: {error}") from error


def _no_number(name: str) -> None:
    """Python's own NaN and Infinity, which `write_json` does not write either."""
    raise ValueError(f"{name} is no number")


def _swap(aside: Path, path: Path) -> None:
    """Put a folder in the place of what is there, if anything, which is removed last.

    Removing it first could leave a part of it, and no system renames onto a folder with files.
    """
    old = path.with_name(f".{path.name}.old")
    _remove(old)
    if not os.path.lexists(path):
        os.replace(aside, path)
        return
    os.replace(path, old)
    try:
        os.replace(aside, path)
    except BaseException:
        os.replace(old, path)
        raise
    _discard(old)


def _raise_unwritable(path: Path, error: BaseException) -> None:
    """Raise a UserError where the operating system refused to write; return for other errors."""
    # Writers in Rust, such as safetensors, put the system's error into the text of their own.
    told = re.search(r"\(os error (\d+)\)", str(error))
    if isinstance(error, OSError):
        reason = os.strerror(error.errno) if error.errno else str(error)
    elif told and not isinstance(error, UserError):
        reason = os.strerror(int(told[1]))
    else:
        return
    raise UserError(f"{path}: cannot be written: {reason}") from error


def _open_to_others(path: Path) -> None:
    """Give a file the mode that this process gives its files: some writers keep theirs private."""
    if path.is_file():
        mask = os.umask(0)
        os.umask(mask)
        path.chmod(0o666 & ~mask)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _discard(path: Path) -> None:
    """Remove what a failed write left, where the place lets us: the failure is what matters."""
    with suppress(OSError):
        _remove(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
