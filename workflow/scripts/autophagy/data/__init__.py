"""Real data sets, one small module each, behind four functions.

A data set module holds ``Dataset`` (its section of the configuration), ``SOFTWARE`` (libraries
that set what is loaded), ``check``, ``shape`` and ``rows`` (what is known before anything is
read), ``files`` (what is read) and ``load``, functions of the validated ``dataset:`` section as a
plain dict. ``KIND`` names what its rows are, images where it is left out; data drawn from a known
density have ``truth`` besides (`metrics.truth`). One that reads a folder may hold ``source_files``:
the hashes that `load` states, found without decoding. To add one: write the module, name it in
`table.DATASETS`.
"""

from __future__ import annotations

import hashlib
import os
from types import ModuleType

from autophagy import plugins
from autophagy.data.base import RealPoints, RealSet


def module(name: str) -> ModuleType:
    """The module of a data set, built in or added by an installed package."""
    return plugins.module("datasets", name, __name__)


def module_name(name: str) -> str:
    """The dotted name of a data set's module."""
    return plugins.module_name("datasets", name, __name__)


def kind(name: str) -> str:
    """What the rows of a data set are: a name in `rows.KINDS`."""
    return getattr(module(name), "KIND", "images")


def load(dataset: dict) -> RealSet | RealPoints:
    """The whole data set in source order; ``splits`` and ``split_seed`` play no part in it.

    Raises:
        UserError: files or packages are missing, or what the files hold is not a data set.
    """
    return module(dataset["name"]).load(dataset)


def check(dataset: dict) -> None:
    """Refuse, before anything runs and without decoding, what `load` would surely refuse.

    Raises:
        UserError: a missing path, missing files, or a missing optional package.
    """
    module(dataset["name"]).check(dataset)


def listing(files: list[str]) -> str:
    """A hash of the names, sizes and times of what lies below the folders among `files`.

    Cheap enough for every start of the workflow; a folder's own time stays when a file in it is
    edited in place.
    """
    digest = hashlib.sha256()
    for top in filter(os.path.isdir, files):
        for folder, subfolders, names in os.walk(top):
            subfolders.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                found = os.lstat(path)
                line = f"{os.path.relpath(path, top)}\0{found.st_size}\0{found.st_mtime_ns}\n"
                digest.update(os.fsencode(line))
    return digest.hexdigest()
