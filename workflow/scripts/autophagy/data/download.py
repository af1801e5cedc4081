"""Published files, downloaded once into a cache folder and believed only by their checksum."""

from __future__ import annotations

import hashlib
import os
import pathlib
import tempfile
import time
from collections.abc import Sequence

from autophagy.errors import UserError

#: More than any file we know of has (the largest is 26 MB); a server that sends more is refused.
MAX_BYTES = 64 * 2**20


def cache_folder() -> pathlib.Path:
    """``$AUTOPHAGY_CACHE``, or ``~/.cache/autophagy`` where that is unset or empty."""
    chosen = os.environ.get("AUTOPHAGY_CACHE")
    if chosen:
        return pathlib.Path(chosen)
    try:
        return pathlib.Path.home() / ".cache" / "autophagy"
    except RuntimeError as error:
        raise UserError(
            "AUTOPHAGY_CACHE: must name a folder for downloads, since you have no home folder"
        ) from error


def fetch(
    folder: pathlib.Path,
    published: dict[str, str],
    mirrors: Sequence[str],
    *,
    timeout: float = 30.0,
    deadline: float = 600.0,
) -> None:
    """Make `folder` hold every published file, downloading those that are missing or altered.

    A file is written aside, checked, then renamed: whoever looks finds a whole file or none.

    Args:
        folder: created where needed.
        published: file name → ``"<algorithm of hashlib>:<hexadecimal digest>"``.
        mirrors: addresses ending in a slash, tried in this order for each file.
        timeout: longest silence of a server, in seconds.
        deadline: longest time a file may take from one mirror, in seconds.

    Raises:
        UserError: no mirror gave the file with its checksum, or the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, checksum in published.items():
            if not _holds(folder / name, checksum):
                _fetch_one(folder / name, checksum, mirrors, timeout, deadline)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot keep downloads here ({error}); set AUTOPHAGY_CACHE to another "
            "folder, or dataset.path to one that holds the files"
        ) from error


def _holds(path: pathlib.Path, checksum: str) -> bool:
    algorithm, _, digest = checksum.partition(":")
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest() == digest


def _fetch_one(
    target: pathlib.Path, checksum: str, mirrors: Sequence[str], timeout: float, deadline: float
) -> None:
    import http.client

    reasons = []
    for mirror in mirrors:
        try:
            body = _get(mirror + target.name, timeout, deadline)
        # ValueError: an address that is none, such as one without a scheme.
        except (OSError, http.client.HTTPException, ValueError) as error:
            reasons.append(f"{mirror}: {error}")
            continue
        algorithm, _, digest = checksum.partition(":")
        if hashlib.new(algorithm, body).hexdigest() != digest:
            reasons.append(f"{mirror}: not the published {algorithm}")
            continue
        _write(target, body)
        return
    raise UserError(
        f"{target.name}: cannot be downloaded ({'; '.join(reasons)}); "
        "set dataset.path to a folder that holds the files"
    )


def _get(url: str, timeout: float, deadline: float) -> bytes:
    """The bytes at an address; OSError for too many, too slow, and all that urllib raises."""
    import urllib.request

    end = time.monotonic() + deadline
    body = bytearray()
    with urllib.request.urlopen(url, timeout=timeout) as response:
        # read1 returns after one packet, so that a server that drips cannot outlast the deadline.
        while chunk := response.read1(1 << 16):
            body += chunk
            if len(body) > MAX_BYTES:
                raise OSError(f"sends more than {MAX_BYTES} bytes")
            if time.monotonic() > end:
                raise TimeoutError(f"takes longer than {deadline:g} s")
    return bytes(body)


def _write(target: pathlib.Path, body: bytes) -> None:
    descriptor, aside = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(body)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(aside, target)
    except BaseException:
        pathlib.Path(aside).unlink(missing_ok=True)
        raise
