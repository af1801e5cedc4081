"""An experiment's provenance in formats that others read, from its manifests alone.

A format is a module with ``files(archive) -> {relative path: text}``, a pure function of the
manifests: no clock, no random identifier, so that the same manifests give the same bytes. To add
one: write the module, name it in `FORMATS`.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from autophagy import lineage, manifests, store
from autophagy.archive import LANDMARKS, Archive, require_experiment
from autophagy.errors import UserError

#: What `--format` takes -> the module of this package that writes it.
FORMATS = {"prov": "prov", "ro-crate": "ro_crate", "croissant": "croissant", "card": "card"}
#: Stands where a format demands a date of publication: manifests hold none, so that they repeat.
NO_DATE = "1970-01-01"
#: Kinds whose rows or weights have a synthetic depth.
DEEP = ("real_set", "training_set", "model", "imported_set", "sample_set", "preview")


def export(root: Path, form: str, out: Path | None = None) -> list[Path]:
    """Write one format of an experiment, whole or not at all.

    Args:
        root: the experiment's folder.
        form: a key of `FORMATS`.
        out: the folder to fill; default <root>/../../exports/<experiment>/<format>.

    Returns:
        The files written, sorted.

    Raises:
        UserError: no experiment, unreadable or disagreeing manifests, a missing package, or `out`
            lies among the results or holds files that are no part of this export.
    """
    root = Path(root).absolute()
    require_experiment(root)
    if (root / LANDMARKS[1]).is_file():
        raise UserError(
            f"{root}: is of kind theory; only lineages of pictures and points are exported"
        )
    out = root.parent.parent / "exports" / root.name / form if out is None else Path(out).absolute()
    if out.is_symlink() and not out.exists():
        raise UserError(f"{out}: is a link that leads nowhere; give another --out")
    # Of links in a circle `resolve` makes a RuntimeError.
    if Path(os.path.realpath(out)).is_relative_to(os.path.realpath(root)):
        raise UserError(f"{out}: lies among the results; give an --out outside {root}")
    module = importlib.import_module(f"autophagy.export.{FORMATS[form]}")
    archive = Archive(root)
    try:
        _require_whole(archive)
        content = module.files(archive)
    except KeyError as error:
        raise UserError(f"{root}: a manifest lacks {error}; see `autophagy audit`") from error
    _refuse_strangers(out, set(content))
    with store.new_folder(out) as aside:
        for name, text in content.items():
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            (aside / name).write_text(text, encoding="utf-8")
    return sorted(out / name for name in content)


def identifier(archive: Archive, artifact: str) -> str:
    """The hex SHA-256 of an artifact's manifest, which names it wherever it is copied to."""
    return manifests.material(archive.root, artifact)["sha256"]


def of_kind(archive: Archive, *kinds: str) -> list[str]:
    """The artifacts of these kinds, sorted by path."""
    return [name for name in archive.artifacts() if archive.manifest(name)["kind"] in kinds]


def real_source(archive: Archive) -> dict[str, Any]:
    """What the real data is, as its manifest says: at least {name, licence, files}."""
    return archive.manifest("real/loop")["facts"]["source"]


def real_share(archive: Archive, artifact: str) -> float:
    """Share of rows known to be real in what a model, or the model of a sample set, learned from.

    What descends from outside is not known to be: of a checkpoint from outside, and of what it
    draws, that is all.
    """
    sampled = archive.manifest(artifact)["kind"] in ("sample_set", "preview")
    models = lineage.shares(archive, artifact) if sampled else {artifact: 1.0}
    if any(lineage.origin(archive, model) is not None for model in models):
        return 0.0
    return lineage.depths(archive, artifact).get(1 if sampled else 0, 0.0)


def require(package: str) -> ModuleType:
    """An optional package of the extra `export`.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        message = f"this format needs the package {package}: pip install -e '.[export]'"
        raise UserError(message) from error


def _require_whole(archive: Archive) -> None:
    """Refuse a tree whose manifests do not agree: what it would say of ancestry is not true."""
    for artifact in archive.artifacts():
        for entry in archive.manifest(artifact)["materials"]:
            if manifests.material(archive.root, entry["path"]) != entry:
                where = archive.root / manifests.path_of(artifact)
                raise UserError(f"{where}: its parent {entry['path']} has changed; run the audit")


def _refuse_strangers(out: Path, expected: set[str]) -> None:
    # The folder is replaced whole; nobody's other files may go with it.
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is no folder; give another --out")
    for file in out.rglob("*") if out.is_dir() else ():
        name = file.relative_to(out).as_posix()
        if not file.is_dir() and name not in expected:
            raise UserError(f"{out}: holds {name}, no part of this export; give another --out")
