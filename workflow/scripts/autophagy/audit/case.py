"""What the laws share: an archive, its files hashed once each, and how a law survives forgery."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from autophagy import dropped, manifests, store
from autophagy.archive import Archive
from autophagy.audit.manifest_form import misshapen
from autophagy.errors import UserError

Findings = Iterator[tuple[str, str]]

_CHUNK = 1 << 20
#: What reading a manifest, array or ledger of another form than ours raises.
STRANGE = (
    ArithmeticError, AttributeError, LookupError, MemoryError, OSError, TypeError, ValueError,
)  # fmt: skip


@dataclass
class Case:
    """An archive under audit.

    with_md5: hash files for DVC too, in the same reading.
    """

    archive: Archive
    with_md5: bool = False
    _digests: dict[Path, tuple[str, str]] = field(default_factory=dict)
    _unreadable: dict[str, str | None] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.archive.root

    @cached_property
    def artifacts(self) -> list[str]:
        """Every artifact, in the order of paths."""
        return list(self.archive.artifacts())

    def unreadable(self, artifact: str) -> str | None:
        """Why an artifact's manifest cannot be read as one, or None where it can."""
        if artifact not in self._unreadable:
            try:
                wrong = misshapen(artifact, self.archive.manifest(artifact))
            except UserError as error:
                wrong = str(error)
            self._unreadable[artifact] = wrong
        return self._unreadable[artifact]

    def of_kind(self, *kinds: str) -> list[str]:
        return [path for path in self.artifacts if self.archive.manifest(path)["kind"] in kinds]

    def whole(self, *kinds: str) -> list[str]:
        """`of_kind`, without what was dropped and is not there to be read."""
        return [path for path in self.of_kind(*kinds) if path not in self.dropped]

    @cached_property
    def dropped(self) -> dict[str, str]:
        """Artifacts whose payload the experiment's `keep` has dropped -> that policy."""
        return dropped.missing(self.archive, self.artifacts)

    def loops(self) -> list[tuple[str, dict[str, Any]]]:
        """(artifact, manifest) of every loop's root."""
        return [(path, self.archive.manifest(path)) for path in self.of_kind("loop_root")]

    def sha256(self, path: Path) -> str:
        return self._digest(path)[0]

    def md5(self, path: Path) -> str:
        """The hex MD5 of a file's bytes, which is DVC's; needs `with_md5`."""
        return self._digest(path)[1]

    def payload(self, artifact: str, listed: dict[str, str]) -> dict[str, Path]:
        """The files an artifact vouches for that are there, by the names its manifest has them by.

        Args:
            listed: the manifest's `files`; only a root's files are known by it.
        """
        path = self.root / artifact
        if manifests.is_root(artifact):
            return {name: self.root / name for name in listed if os.path.lexists(self.root / name)}
        return store.payload_files(path) if os.path.lexists(path) else {}

    def _digest(self, path: Path) -> tuple[str, str]:
        if path not in self._digests:
            sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
            with store.opened(path) as file:
                if not self.with_md5:
                    sha256 = hashlib.file_digest(file, "sha256")
                while chunk := file.read(_CHUNK):
                    sha256.update(chunk)
                    md5.update(chunk)
            self._digests[path] = (sha256.hexdigest(), md5.hexdigest())
        return self._digests[path]


def guarded(path: str, law: Callable[..., Findings], *arguments: Any) -> Findings:
    """A law's findings; whatever it cannot read is a finding too, about `path`."""
    try:
        yield from law(*arguments)
    except UserError as error:
        yield path, str(error)
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        yield path, f"{where}cannot be read: {error.strerror or error}"
    except STRANGE as error:
        yield path, f"cannot be checked: {type(error).__name__}: {error}; is it of this version?"


def differ(keys: list[str]) -> str:
    """`its a and b differ`, `its a differs`."""
    return f"its {' and '.join(keys)} differ{'s' if len(keys) == 1 else ''}"
