"""The laws a finished experiment keeps, each a function from its archive to findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from autophagy import manifests, regimes, sets, store
from autophagy.data.split import content_hashes
from autophagy.errors import UserError
from autophagy.lineage import Archive

#: Splits that no model may see, nor any picture of.
HELD_OUT = ("real/reference", "real/features")
#: Files of an experiment's folder that no manifest vouches for.
_UNVOUCHED = {"audit.json", "report.html"}


@dataclass(frozen=True)
class Finding:
    """One broken law: the file it is about and what is wrong with it."""

    law: str
    path: str
    message: str


def audit(archive: Archive) -> list[Finding]:
    """Every finding, law by law; laws that read contents wait until the files are whole."""
    found = [Finding("files", path, message) for path, message in files(archive)]
    if found:
        return found
    for name, law in LAWS.items():
        found += [Finding(name, path, message) for path, message in law(archive)]
    return found


def as_json(found: list[Finding]) -> dict[str, Any]:
    """The content of audit.json."""
    return {
        "schema": 1,
        "laws": ["files", *LAWS],
        "findings": [asdict(finding) for finding in found],
    }


Findings = Iterator[tuple[str, str]]


def files(archive: Archive) -> Findings:
    """Every file matches its manifest, every parent is there and is the one that was used.

    Of a whole folder also: no file is without a manifest, no artifact unreferenced.
    """
    root, vouched, referenced = archive.root, set(_UNVOUCHED), set()
    artifacts = list(archive.artifacts())
    for artifact in artifacts:
        vouched.add(manifests.path_of(artifact))
        try:
            manifest = archive.manifest(artifact)
            listed = {name: str(digest) for name, digest in manifest["files"].items()}
            parents = [(material["path"], material["sha256"]) for material in manifest["materials"]]
        except UserError as error:
            yield manifests.path_of(artifact), str(error)
            continue
        except (AttributeError, KeyError, TypeError):
            yield manifests.path_of(artifact), "is not a manifest"
            continue
        yield from _payload(archive, artifact, listed)
        vouched |= _names(archive, artifact, listed)
        for parent, digest in parents:
            referenced.add(parent)
            path = root / manifests.path_of(parent)
            if not path.is_file():
                yield manifests.path_of(artifact), f"its parent {parent} is missing"
            elif store.sha256(path) != digest:
                yield (
                    manifests.path_of(artifact),
                    f"its parent {parent} is not the one it was made from",
                )
    if archive.listed is not None:
        return
    for artifact in artifacts:
        if artifact not in referenced and not manifests.is_root(artifact):
            yield artifact, "belongs to no loop, real-only model, evaluation or report"
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root).as_posix()
        if file.is_file() and name not in vouched and file.name not in store.IGNORED:
            yield name, "has no manifest"


def _payload(archive: Archive, artifact: str, listed: dict[str, str]) -> Findings:
    path = archive.root / artifact
    if manifests.is_root(artifact):
        there = {name: archive.root / name for name in listed if (archive.root / name).is_file()}
    else:
        there = store.payload_files(path) if path.exists() else {}
    for name in sorted(listed.keys() | there.keys()):
        if name not in there:
            yield artifact, f"{name} is missing"
        elif name not in listed:
            yield artifact, f"{name} is not in its manifest"
        elif store.sha256(there[name]) != listed[name]:
            yield artifact, f"{name} is not what its manifest says"


def _names(archive: Archive, artifact: str, listed: dict[str, str]) -> set[str]:
    if manifests.is_root(artifact):
        return set(listed)
    is_folder = (archive.root / artifact).is_dir()
    return {f"{artifact}/{name}" if is_folder else artifact for name in listed}


def held_out(archive: Archive) -> Findings:
    """Pictures of the reference and features splits occur in no training set, by id and content."""
    training_sets = _of_kind(archive, "training_set")
    if not training_sets:
        return
    ids: dict[int, str] = {}
    contents: dict[str, str] = {}
    for split in HELD_OUT:
        rows = sets.read_array(archive.root, split, "source_rows")
        images = sets.read_array(archive.root, split, "images")
        ids |= dict.fromkeys(rows.tolist(), split)
        contents |= dict.fromkeys(content_hashes(images), split)
    known: dict[str, list[str]] = {}
    for training_set in training_sets:
        table = sets.read_index(archive.root / training_set)
        for artifact, group in table.groupby("artifact", observed=True):
            artifact, rows = str(artifact), group["row"].to_numpy()
            if artifact in HELD_OUT:
                yield training_set, f"holds {len(rows)} rows of {artifact}"
                continue
            if artifact not in known:
                known[artifact] = content_hashes(sets.read_array(archive.root, artifact, "images"))
            copies = [row for row in rows.tolist() if known[artifact][row] in contents]
            if copies:
                split = contents[known[artifact][copies[0]]]
                yield training_set, f"row {copies[0]} of {artifact} is a picture of {split}"
            if archive.manifest(artifact)["kind"] == "real_set":
                source = sets.read_array(archive.root, artifact, "source_rows")
                same = [row for row in source[rows].tolist() if row in ids]
                if same:
                    yield training_set, f"holds source row {same[0]}, which is in {ids[same[0]]}"


def real_rows(archive: Archive) -> Findings:
    """Fresh real rows are used once in a loop; a fixed real set is the same in every generation."""
    for _, root in _loops(archive):
        for chain in _chains(root["params"]):
            used: dict[int, str] = {}
            fixed: set[int] | None = None
            for t, path in enumerate(chain, start=1):
                table = sets.read_index(archive.root / path)
                rows = table.loc[table["origin"] == "real", "row"].tolist()
                if len(set(rows)) < len(rows):
                    yield path, "holds a real row twice"
                if root["params"]["loop"]["real"] == "fresh":
                    again = [row for row in rows if row in used]
                    if again:
                        yield path, f"real row {again[0]} was already used in {used[again[0]]}"
                    used |= dict.fromkeys(rows, path)
                elif root["params"]["loop"]["real"] == "fixed" and t > 1:
                    if fixed is not None and set(rows) != fixed:
                        yield path, "its fixed real rows are not those of the generation before"
                    fixed = set(rows)


def composition(archive: Archive) -> Findings:
    """Every D^t has the sizes and sources, and every S^t the λ, that its regime demands."""
    for name, root in _loops(archive):
        params = root["params"]
        loop = params["loop"]
        regime = regimes.Regime(real=loop["real"], synthetic=loop["synthetic"])
        for chain in _chains(params):
            for t, path in enumerate(chain, start=1):
                table = sets.read_index(archive.root / path)
                counted = table.groupby(["origin", "generation"], observed=True).size().to_dict()
                parts = regimes.compose(
                    regime, t, params["n_initial"], loop["n_real"], loop["n_synthetic"]
                )
                expected: dict[tuple[str, int], int] = defaultdict(int)
                for part in parts:
                    expected[part.origin, part.generation] += part.count
                if counted != dict(expected):
                    yield (
                        path,
                        f"holds {_told(counted)}; {loop['regime']} demands {_told(expected)}",
                    )
                for artifact in archive.parents(path):
                    manifest = archive.manifest(artifact)
                    if manifest["kind"] == "preview":
                        yield path, f"mixes {artifact}, a preview"
                    bias = manifest["params"].get("sampling_bias", loop["sampling_bias"])
                    if bias != loop["sampling_bias"]:
                        yield artifact, f"λ is {bias}; {name} demands {loop['sampling_bias']}"


def _told(counts: dict[tuple[str, int], int]) -> str:
    return ", ".join(
        f"{count} {origin}" + (f" of generation {t}" if t else "")
        for (origin, t), count in sorted(counts.items())
    )


def seeds(archive: Archive) -> Findings:
    """No seed is used twice; previews have seeds of their own."""
    owners: dict[int, str] = {}
    previews: set[int] = set()
    for preview in _of_kind(archive, "preview"):
        previews |= set(sets.read_array(archive.root, preview, "seeds").tolist())
    for sample_set in _of_kind(archive, "sample_set"):
        drawn = sets.read_array(archive.root, sample_set, "seeds")
        if len(np.unique(drawn)) < len(drawn):
            yield sample_set, "uses a seed twice"
        for seed in drawn.tolist():
            if owners.get(seed, sample_set) != sample_set:
                yield sample_set, f"shares seed {seed} with {owners[seed]}"
                break
            if seed in previews:
                yield sample_set, f"shares seed {seed} with the previews"
                break
            owners[seed] = sample_set


def consistency(archive: Archive) -> Findings:
    """Code, libraries, device and settings of a step are the same along a loop."""
    for _, root in _loops(archive):
        first: dict[str, tuple[str, dict[str, Any]]] = {}
        for path in _history(archive, root):
            manifest = archive.manifest(path)
            same = {key: manifest[key] for key in ("code", "software", "device")}
            same |= {key: manifest["params"].get(key) for key in ("model", "train", "sample")}
            known, expected = first.setdefault(manifest["step"], (path, same))
            differing = [key for key in same if same[key] != expected[key]]
            if differing:
                yield path, f"its {' and '.join(differing)} differ from those of {known}"


#: Law -> what finds where it is broken; `files` comes before all of them.
LAWS: dict[str, Callable[[Archive], Findings]] = {
    "held-out": held_out,
    "real-rows": real_rows,
    "composition": composition,
    "seeds": seeds,
    "consistency": consistency,
}


def _of_kind(archive: Archive, kind: str) -> list[str]:
    return [path for path in archive.artifacts() if archive.manifest(path)["kind"] == kind]


def _loops(archive: Archive) -> list[tuple[str, dict[str, Any]]]:
    """(name, root manifest) of every loop."""
    roots = [archive.manifest(path) for path in _of_kind(archive, "loop_root")]
    return [(root["params"]["loop"]["name"], root) for root in roots]


def _chains(params: dict[str, Any]) -> list[list[str]]:
    """The training sets of a loop by generation, one list a run seed."""
    loop = params["loop"]
    return [
        [f"real-only/{loop['start_from']}/seed-{seed}/training_set.parquet"]
        + [
            f"loops/{loop['name']}/seed-{seed}/gen-{t:03d}/training_set.parquet"
            for t in range(2, params["generations"] + 1)
        ]
        for seed in params["seeds"]
    ]


def _history(archive: Archive, root: dict[str, Any]) -> Iterator[str]:
    """What a loop's root certifies, its start's artifacts first."""
    for material in root["materials"]:
        path = material["path"]
        if archive.manifest(path)["kind"] == "real_only_root":
            yield from _history(archive, archive.manifest(path))
        elif archive.manifest(path)["kind"] != "real_set":
            yield path
