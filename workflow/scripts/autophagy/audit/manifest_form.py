"""Whether a manifest has the form of one: a forger may have written anything."""

from __future__ import annotations

from typing import Any

#: Key of a manifest -> its type.
_KEYS: dict[str, type | tuple[type, ...]] = {
    "kind": str,
    "step": str,
    "files": dict,
    "rows": (int, type(None)),
    "facts": dict,
    "materials": list,
    "params": dict,
    "seed": (int, type(None)),
    "code": str,
    "software": dict,
    "device": str,
}


def misshapen(artifact: str, manifest: Any) -> str | None:
    """Why this is no manifest of the artifact, or None where it is."""
    if not isinstance(manifest, dict):
        return "is not a manifest"
    for key, kind in _KEYS.items():
        if key not in manifest:
            return f"is not a manifest: it has no {key}"
        if not isinstance(manifest[key], kind) or isinstance(manifest[key], bool):
            return f"is not a manifest: its {key} is a {type(manifest[key]).__name__}"
    if manifest.get("path") != artifact:
        return f"is the manifest of {manifest.get('path')!r}, not of {artifact}"
    if not all(map(_is_inside, manifest["files"])):
        return "is not a manifest: it lists a file outside its folder"
    for material in manifest["materials"]:
        if not isinstance(material, dict) or not {"path", "sha256"} <= material.keys():
            return "is not a manifest: a material lacks its path or sha256"
        if not _is_inside(material["path"]):
            return f"is not a manifest: its parent {material['path']!r} lies outside the experiment"
    return None


def _is_inside(name: Any) -> bool:
    """Is this a relative path without detours?"""
    if not isinstance(name, str) or "\0" in name:
        return False
    return not {"", ".", ".."} & set(name.split("/"))
