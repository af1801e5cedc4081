"""Which artifact of which experiment a path on disk names."""

from __future__ import annotations

import os
from pathlib import Path

from autophagy import manifests, paths
from autophagy.archive import Archive, is_experiment
from autophagy.errors import UserError


def locate(path: Path) -> tuple[Archive, str]:
    """The experiment a path lies in, and the artifact it names there.

    A file inside an artifact, an artifact's manifest, the folder of a root, and a table or figure
    that a root vouches for, all name the artifact.

    Raises:
        UserError: the path is in no experiment, or is no finished artifact of it.
    """
    path = Path(path)
    within = Path(os.path.normpath(path.absolute()))
    root = next((at for at in (within, *within.parents) if is_experiment(at)), None)
    if root is None:
        raise UserError(
            f"{path}: {'lies in no experiment' if path.exists() else 'does not exist'}; give an "
            "artifact below results/<experiment>/"
        )
    archive = Archive(root)
    name = within.relative_to(root).as_posix().removesuffix(".manifest.json")
    for candidate in (name, *(parent.as_posix() for parent in Path(name).parents)):
        if candidate != "." and (root / manifests.path_of(candidate)).is_file():
            inside = name.removeprefix(f"{candidate}/")
            # A payload may have been dropped; its files are known all the same.
            if candidate == name or (root / name).exists() or inside in archive.files(candidate):
                return archive, candidate
            break
    if name != "." and (root / name / "manifest.json").is_file():
        return archive, f"{name}/manifest.json"
    if (root / paths.REPORT).is_file() and name in archive.files(paths.REPORT):
        return archive, paths.REPORT
    raise UserError(f"{path}: {_why_no_artifact(root, name)}")


def _why_no_artifact(root: Path, name: str) -> str:
    if name == ".":
        return "is a whole experiment; give one of its artifacts, such as loops/<loop>"
    if not (root / name).exists():
        return f"does not exist in the experiment {root.name}"
    # Of a folder that holds artifacts or further folders, name some, nearest first.
    inside = sorted((root / name).rglob("*manifest.json"), key=lambda file: len(file.parts))
    if inside:
        found = [file.relative_to(root / name).as_posix() for file in inside[:3]]
        listed = ", ".join(file.removesuffix(".manifest.json") for file in found)
        return f"is no artifact of {root.name} but a folder of some: {listed} …"
    return (
        f"is no finished artifact of {root.name}: it has no manifest; run the workflow to its end"
    )
