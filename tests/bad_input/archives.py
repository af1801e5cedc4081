"""Results of a stranger: manifests, indices and arrays that lie, break or lead elsewhere."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from autophagy import manifests, seeds, sets, store, training_sets
from autophagy.archive import Archive
from autophagy.schema import plain
from autophagy.steps.mix import mix
from autophagy.steps.real import real
from conftest import plan_of, quiet
from frames import write_index

from bad_input.case import OUTSIDE, Case
from bad_input.datasets import IMAGES, LABELS, content_of, npy, objects, zipped

KIND = "archives"
ROOT = "results/own"
START, SECOND = "real-only/full/seed-1", "loops/only/seed-1/gen-002"
TRAINING_SET, SAMPLES = f"{SECOND}/training_set.parquet", f"{SECOND}/samples"
FIRST_SAMPLES = f"{START}/samples"
LOOP = "loops/only/manifest.json"

#: Commands that read the manifest of an artifact, and those that read every manifest.
ASK = (f"autophagy lineage {ROOT}/{{path}}", f"autophagy trace {ROOT}/{{path}} 0")
EVERY = (
    f"autophagy descendants {ROOT}/real/loop",
    f"autophagy audit {ROOT}",
    f"autophagy export {ROOT} --format card --out exported",
)


@cache
def _template() -> tempfile.TemporaryDirectory[str]:
    """A whole small experiment without its figures: real indices, drawn pictures, no networks."""
    kept = tempfile.TemporaryDirectory()
    folder = Path(kept.name)
    np.savez(folder / "own.npz", images=IMAGES, labels=LABELS)
    plan = plan_of(content_of({"name": "npz", "path": str(folder / "own.npz")}))
    root = folder / ROOT
    splits = [plan.record(f"real/{split}") for split in ("loop", "reference", "features")]
    real(root, splits, quiet, dataset=plain(plan.experiment.dataset))
    facts = sets.row_facts(manifests.read(root, "real/loop"))
    for path, node in plan.nodes.items():
        record = plan.record(path)
        if node.step == "mix":
            mix(root, [record], quiet)
        elif node.step == "sample":
            n, drawn = node.params["n"], np.random.default_rng(node.seed)
            with store.new_folder(root / path) as place:
                sets.write_arrays(
                    place,
                    images=drawn.integers(0, 256, (n, 8, 8, 1), dtype=np.uint8),
                    labels=np.arange(n) % 3,
                    seeds=seeds.derive_rows(n, node.seed),
                )
            manifests.write(root, record, rows=n, facts=facts)
        elif node.step not in ("real", "report"):
            if not manifests.is_root(path):
                place = root / path if path.endswith(".json") else root / path / "config.json"
                store.write_json(place, {"of": path})
            manifests.write(root, record, facts=facts)
    (folder / "own.npz").unlink()
    return kept


@cache
def _order() -> list[str]:
    """Every artifact, parents before children."""
    archive = Archive(Path(_template().name) / ROOT)
    return archive.parents_first()


def good(folder: Path) -> Path:
    """Plant the whole experiment, and a file outside it; returns the experiment's folder."""
    shutil.copytree(_template().name, folder, dirs_exist_ok=True)
    np.save(folder / f"{OUTSIDE}.npy", np.zeros(3))
    (folder / OUTSIDE).mkdir()
    for name in ("images", "labels", "source_rows"):
        np.save(folder / OUTSIDE / f"{OUTSIDE}-{name}.npy", np.zeros(3))
    return folder / ROOT


def seal(root: Path, but: str = "") -> None:
    """Make every hash what the files are, as a stranger who forges with care would.

    Args:
        but: the artifact whose own manifest is left as it is.
    """
    for artifact in _order():
        file = root / manifests.path_of(artifact)
        if artifact == but or not file.is_file():
            continue
        content = json.loads(file.read_text())
        for material in content["materials"]:
            material |= manifests.material(root, material["path"])
        if not manifests.is_root(artifact):
            content["files"] = store.hashes(root / artifact)
        file.write_text(json.dumps(content))


# Manifests


def edited(artifact: str, **changes: Any) -> Callable[[Path], None]:
    """Keys of a manifest set to something else; a callable changes what stands there."""

    def plant(folder: Path) -> None:
        root = good(folder)
        file = root / manifests.path_of(artifact)
        content = json.loads(file.read_text())
        for key, value in changes.items():
            content[key] = value(content[key]) if callable(value) else value
        file.write_text(json.dumps(content))
        seal(root, but=artifact)

    return plant


def written(artifact: str, content: bytes) -> Callable[[Path], None]:
    """Any bytes in the place of a manifest."""

    def plant(folder: Path) -> None:
        root = good(folder)
        (root / manifests.path_of(artifact)).write_bytes(content)
        seal(root, but=artifact)

    return plant


def lacking(artifact: str, key: str) -> Callable[[Path], None]:
    def plant(folder: Path) -> None:
        root = good(folder)
        file = root / manifests.path_of(artifact)
        content = json.loads(file.read_text())
        del content[key]
        file.write_text(json.dumps(content))
        seal(root, but=artifact)

    return plant


def parent(path: Any) -> Callable[[list[Any]], list[Any]]:
    return lambda held: [*held[1:], {"path": path, "sha256": "0" * 64}]


def parts(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda held: held | {"parts": [held["parts"][0] | changes]}


def params(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda held: held | changes


def rule(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda held: held | {"loop": held["loop"] | changes}


UP = f"../../{OUTSIDE}"
#: name -> (the artifact, what is planted in its manifest's place, a word of the refusal).
MANIFESTS: dict[str, tuple[str, Callable[[Path], None], str]] = {
    name: (TRAINING_SET, edited(TRAINING_SET, **change), word)
    for name, change, word in (
        ("a parent above the folder", {"materials": parent("../../../etc/passwd")}, "materials"),
        ("a parent at the root", {"materials": parent("/etc/passwd")}, "materials"),
        ("a parent behind a name", {"materials": parent("real/../../../x")}, "materials"),
        ("a parent that is a number", {"materials": parent(3)}, "materials"),
        ("a parent with NUL", {"materials": parent("real/loop\x00")}, "materials"),
        ("a parent with a line's end", {"materials": parent("real/loop\n")}, "materials"),
        ("a parent twice", {"materials": lambda held: held * 2}, "materials"),
        ("itself as a parent", {"materials": parent(TRAINING_SET)}, "materials"),
        ("parents that are a text", {"materials": "real/loop"}, "materials"),
        ("files above the folder", {"files": {"../../outside.npy": "0" * 64}}, "files"),
        ("files at the root", {"files": {"/etc/passwd": "0" * 64}}, "files"),
        ("files that are a list", {"files": ["images.npy"]}, "files"),
        ("files hashed by a number", {"files": {"images.npy": 3}}, "files"),
        ("a number for a kind", {"kind": 3}, "kind"),
        ("a kind that clears the screen", {"kind": "\x1b[2J"}, "kind"),
        ("a text for rows", {"rows": "6"}, "rows"),
        ("rows below zero", {"rows": -6}, "rows"),
        ("rows beyond counting", {"rows": 10**30}, "rows"),
        ("a fraction of rows", {"rows": 6.5}, "rows"),
        ("a boolean for rows", {"rows": True}, "rows"),
        ("no rows", {"rows": 0}, "rows"),
        ("params that are a list", {"params": []}, "params"),
        ("no params", {"params": {}}, "params"),
        ("NaN among the params", {"params": params(x=float("nan"))}, "manifest"),
        ("half a character", {"facts": {"classes": ["\ud800"]}}, "manifest"),
        ("facts that are a text", {"facts": "x"}, "facts"),
        ("classes that are a number", {"facts": {"classes": 3}}, "facts"),
        ("a negative seed", {"seed": -1}, "seed"),
        ("a seed of 65 bits", {"seed": 2**64}, "seed"),
        ("software of two lines", {"software": {"numpy": "1\n2"}}, "software"),
        ("a device of another kind", {"device": ["cpu"]}, "device"),
        ("code that is markup", {"code": "<script>"}, "code"),
        ("a path that leads up", {"path": "../../x"}, "path"),
        ("schema 2", {"schema": 2}, "schema"),
        ("schema true", {"schema": True}, "schema"),
        ("schema as a text", {"schema": "1"}, "schema"),
    )
}
MANIFESTS |= {
    f"rows {name}": (TRAINING_SET, edited(TRAINING_SET, params=change), "p")
    for name, change in (
        ("of an artifact above the folder", parts(artifact=UP)),
        ("of an artifact at the root", parts(artifact="/etc")),
        ("of no parent", parts(artifact="real/reference")),
        ("of no origin", parts(origin="imagined")),
        ("counted below zero", parts(count=-6)),
        ("counted beyond all", parts(count=10**30)),
        ("that do not add up", parts(count=5)),
        ("from before the first", parts(start=-1)),
        ("in no part", params(parts=[])),
        ("in parts that are numbers", params(parts=[6])),
    )
}
MANIFESTS |= {
    f"a λ {name}": (SAMPLES, edited(SAMPLES, params=params(sampling_bias=value)), "sampling_bias")
    for name, value in (("of zero", 0), ("below zero", -1.0), ("as a text", "1"), ("of null", None))
}
MANIFESTS |= {
    name: (TRAINING_SET, written(TRAINING_SET, content), "training_set.parquet.manifest.json")
    for name, content in {
        "an empty file": b"",
        "no JSON": b"{'a': 1}",
        "a list": b"[]",
        "null": b"null",
        "NaN alone": b"NaN",
        "deep nesting": b"[" * 200_000,
        "deep mappings": b'{"a":' * 100_000,
        "a number of 5000 digits": b'{"schema": ' + b"9" * 5000 + b"}",
        "UTF-16": '{"schema": 1}'.encode("utf-16"),
        "binary": bytes(range(256)),
        "a pickle": b"\x80\x04K\x01.",
        "70 megabytes": b" " * (70 * 2**20),
    }.items()
}
MANIFESTS |= {
    f"without {key}": (SAMPLES, lacking(SAMPLES, key), key)
    for key in ("schema", "path", "kind", "step", "files", "rows", "facts", "materials", "params",
                "seed", "code", "software", "device")
}  # fmt: skip


def _commands(artifact: str) -> tuple[str, ...]:
    return tuple(command.format(path=artifact) for command in ASK) + EVERY


CASES = [
    Case(KIND, f"a manifest: {name}", plant, _commands(artifact), (word,))
    for name, (artifact, plant, word) in MANIFESTS.items()
]
CASES += [
    Case(KIND, f"a loop's root: {name}", edited(LOOP, params=change),
         (f"autophagy lineage {ROOT}/{LOOP}", *EVERY), (LOOP, "params"))
    for name, change in (
        ("a start above the folder", rule(start_from="../../../x")),
        ("a history above the folder", rule(start_from={"loop": "../x", "generation": 1})),
        ("a history without end", rule(start_from={"loop": "x", "generation": 10**9})),
        ("a name above the folder", rule(name="../../x")),
        ("generations beyond counting", params(generations=10**9)),
        ("seeds that are texts", params(seeds=["../../x"])),
        ("no loop", params(loop=None)),
    )
]  # fmt: skip
CASES += [
    Case(KIND, f"the real data's manifest: {name}", edited("real/loop", facts=facts), EVERY[1:],
         ("real/loop", "facts"))
    for name, facts in (
        ("a source that is a text", {"source": "digits"}),
        ("a licence that is a list", {"source": {"name": "x", "licence": [], "files": {}}}),
        ("a source without a name", {"source": {"licence": "x", "files": {}}}),
    )
]  # fmt: skip


# Indices

INDEX = {
    "artifact": [FIRST_SAMPLES] * 6,
    "row": list(range(6)),
    "label": [0, 1, 2, 0, 1, 2],
    "origin": ["synthetic"] * 6,
    "generation": [1] * 6,
}


def index(**changes: Any) -> Callable[[Path], None]:
    """The index of D^2 with some columns exchanged, all hashes made to fit."""

    def plant(folder: Path) -> None:
        root = good(folder)
        write_index(root / TRAINING_SET, pd.DataFrame(INDEX | changes))
        seal(root)

    return plant


def parquet(content: Callable[[], pa.Table] | bytes) -> Callable[[Path], None]:
    """Any table, or any bytes, in the place of that index."""

    def plant(folder: Path) -> None:
        root = good(folder)
        if isinstance(content, bytes):
            (root / TRAINING_SET).write_bytes(content)
        else:
            pq.write_table(content(), root / TRAINING_SET)
        seal(root)

    return plant


def arrow(**changes: Any) -> pa.Table:
    columns: dict[str, Any] = {name: pa.array(values) for name, values in INDEX.items()}
    for name in ("artifact", "origin"):
        columns[name] = columns[name].dictionary_encode()
    return pa.table(columns | changes)


def promising(folder: Path) -> None:
    """More rows than an index may have, in a few kilobytes."""
    root = good(folder)
    table = arrow().take(pa.array(np.zeros(training_sets.MAX_ROWS // 10 + 1, np.int8)))
    with pq.ParquetWriter(root / TRAINING_SET, table.schema, compression="zstd") as writer:
        for _ in range(10):
            writer.write_table(table, row_group_size=len(table))
    seal(root)


def taken(array: list[str]) -> pa.DictionaryArray:
    return pa.array(array).dictionary_encode()


OF_INDEX = (f"autophagy trace {ROOT}/{TRAINING_SET} 0",)
WITH_AUDIT = (*OF_INDEX, f"autophagy audit {ROOT}")
WORD = "training_set.parquet"
INDICES: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "of an artifact above the folder": (index(artifact=[UP] * 6), WITH_AUDIT),
    "of an artifact at the root": (index(artifact=["/etc"] * 6), WITH_AUDIT),
    "of an artifact behind a name": (
        index(artifact=["real/../../../outside"] * 6), WITH_AUDIT),
    "of an artifact with a line's end": (index(artifact=["real/loop\n"] * 6), WITH_AUDIT),
    "of an artifact without a name": (index(artifact=[""] * 6), WITH_AUDIT),
    "of one artifact above the folder": (
        index(artifact=[FIRST_SAMPLES] * 5 + [UP]), WITH_AUDIT),
    "of rows below zero": (index(row=[-1] * 6), WITH_AUDIT),
    "of labels below zero": (index(label=[-1] * 6), WITH_AUDIT),
    "of generations below zero": (index(generation=[-1] * 6), WITH_AUDIT),
    "of rows that are texts": (
        parquet(lambda: arrow(row=pa.array(["0"] * 6))), WITH_AUDIT),
    "of rows that are fractions": (
        parquet(lambda: arrow(row=pa.array([0.5] * 6))), WITH_AUDIT),
    "of rows that are lists": (
        parquet(lambda: arrow(row=pa.array([[0]] * 6))), WITH_AUDIT),
    "with a row missing": (
        parquet(lambda: arrow(row=pa.array([0, None, 2, 3, 4, 5]))), WITH_AUDIT),
    "with an artifact missing": (
        parquet(lambda: arrow(artifact=taken([FIRST_SAMPLES, None, *["x"] * 4]))), WITH_AUDIT),
    "of artifacts that are numbers": (
        parquet(lambda: arrow(artifact=pa.array([1] * 6))), WITH_AUDIT),
    "without a column": (
        parquet(lambda: arrow().drop_columns(["label"])), WITH_AUDIT),
    "with another column": (
        parquet(lambda: arrow(code=pa.array([b"x"] * 6))), WITH_AUDIT),
    "that is empty": (parquet(b""), WITH_AUDIT),
    "that is text": (parquet(b"artifact,row\n"), WITH_AUDIT),
    "that is a pickle": (parquet(b"\x80\x04K\x01."), WITH_AUDIT),
    "of too many rows": (promising, (f"autophagy! trace {ROOT}/{TRAINING_SET} 0",)),
}  # fmt: skip
CASES += [
    Case(KIND, f"an index {name}", plant, commands, (WORD,))
    for name, (plant, commands) in INDICES.items()
]


# Arrays


def array(artifact: str, name: str, content: bytes) -> Callable[[Path], None]:
    def plant(folder: Path) -> None:
        root = good(folder)
        (root / artifact / f"{name}.npy").write_bytes(content)
        seal(root)

    return plant


def claims(shape: str, kind: str = "<i8") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + bytes(64)


ARRAYS = {
    "a pickle": npy(objects()),
    "a bare pickle": b"\x80\x04K\x01.",
    "empty": b"",
    "text": b"0 1 2\n",
    "cut short": npy(LABELS)[:-9],
    "an archive": zipped(("labels.npy", npy(LABELS))),
    "of texts": npy(LABELS.astype(str)),
    "of fractions": npy(LABELS / 2),
    "of two dimensions": npy(LABELS[:, None]),
    "of none": npy(LABELS[0]),
    "that claims 8 TB": claims("(1099511627776,)"),
    "that claims 2^80 rows": claims(f"({2**80},)"),
    "that claims less than nothing": claims("(-1,)"),
}
CASES += [
    Case(KIND, f"labels: {name}", array(SAMPLES, "labels", content),
         (f"autophagy trace {ROOT}/{SAMPLES} 0",), ("labels.npy",))
    for name, content in ARRAYS.items()
]  # fmt: skip
CASES += [
    Case(KIND, f"source rows: {name}", array("real/loop", "source_rows", ARRAYS[name]),
         (f"autophagy trace {ROOT}/real/loop 0",), ("source_rows.npy",))
    for name in ("a pickle", "of texts", "that claims 8 TB")
]  # fmt: skip
CASES += [
    Case(KIND, f"held-out pictures: {name}", array("real/reference", "images", ARRAYS[name]),
         (f"autophagy audit {ROOT}",), ("real/reference", "images"))
    for name in ("a pickle", "of fractions", "an archive")
]  # fmt: skip
CASES += [
    Case(KIND, "labels: that claim 8 TB, in bounds",
         array(SAMPLES, "labels", ARRAYS["that claims 8 TB"]),
         (f"autophagy! trace {ROOT}/{SAMPLES} 0",), ("labels.npy",)),
    Case(KIND, "a manifest: deep nesting, in bounds", written(TRAINING_SET, b"[" * 200_000),
         (f"autophagy! lineage {ROOT}/{TRAINING_SET}",), (WORD,)),
]  # fmt: skip
