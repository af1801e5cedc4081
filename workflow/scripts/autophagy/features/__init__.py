"""Feature spaces that metrics are taken in: one module each, named in `table.NETWORKS`.

`evaluate.features` is such a name, or the path of a folder, which has a slash in it. A folder's
network is called `local-<the folder's name>` wherever results speak of it.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

from autophagy import plugins, store
from autophagy.schema import place

LOCAL = "local-"
#: How a folder is told from a name in the configuration.
SEPARATOR = "/"


def name_of(features: str) -> str:
    """What results call the network: the name itself, or of a path `local-` and a safe name."""
    if SEPARATOR not in features:
        return features
    folder = place(features).name.lower()
    return LOCAL + (re.sub("[^a-z0-9]+", "-", folder).strip("-")[:40] or "network")


def source_of(features: str, weights: str | None) -> str | None:
    """The path of the user's files that hold a network, if it has any."""
    return str(place(features)) if SEPARATOR in features else weights


def module(name: str) -> ModuleType:
    """The module of a network by its name in results, imported only when asked for."""
    return plugins.module("features", _module_of(name), __name__)


def module_name(name: str) -> str:
    """The dotted name of a network's module."""
    return plugins.module_name("features", _module_of(name), __name__)


def space(name: str) -> str:
    """What the space is called beside a distance, as in "Fréchet distance (LeNet)"."""
    return name.removeprefix(LOCAL) if name.startswith(LOCAL) else module(name).SPACE


def dimension(name: str, root: Path) -> int:
    """d of the network in an experiment's folder."""
    fixed = module(name).DIMENSION
    return fixed or store.read_json(root / f"features/{name}/config.json")["dimension"]


def files(features: str, weights: str | None) -> list[str]:
    """The user's files that hold the network, none where it is trained here."""
    listed = getattr(module(name_of(features)), "files", None)
    source = source_of(features, weights)
    return listed(source) if listed and source else []


def fit(name: str, source: str | None, *arguments: Any) -> Any:
    """The network, by its module's `fit`; one of the user's files is told where they lie."""
    known = {} if source is None else {"source": source}
    return module(name).fit(*arguments, **known)


def _module_of(name: str) -> str:
    return "local" if name.startswith(LOCAL) else name
