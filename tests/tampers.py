"""The tamper matrix: every kind of artifact × every way to tamper with it, and the law that tells.

`make tampers` prints it as a table; tests/test_audit.py runs the same cases one by one.
A careful forger re-hashes: he knows the format and brings every manifest downstream into agreement
again. Where no law of contents can see that, dvc.lock does, which he cannot edit behind git's back.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

TESTS = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:0] = [str(TESTS), str(TESTS.parent / "workflow" / "scripts")]

from autophagy import audit, manifests, store, training_sets  # noqa: E402
from autophagy.archive import Archive  # noqa: E402
from autophagy.audit import recorded  # noqa: E402
from autophagy.audit.case import Case  # noqa: E402
from autophagy.plan import Plan  # noqa: E402
from frames import write_index  # noqa: E402

FRESH = "loops/fresh/seed-1/gen-002"
LATER = "loops/fresh/seed-1/gen-003"
BIASED = "loops/biased/seed-1/gen-002"
FIXED = "loops/augmentation/seed-1/gen-003/training_set.parquet"
START = "real-only/small/seed-1"
INDEX = f"{FRESH}/training_set.parquet"
SAMPLES = f"{FRESH}/samples"

#: Kind -> (an artifact of it, one of its files, another artifact of the kind).
ARTIFACTS = {
    "real_set": ("real/loop", "images.npy", "real/features"),
    "real_set, held out": ("real/reference", "images.npy", "real/features"),
    "feature_network": ("features/lenet", "weights.safetensors", f"{LATER}/model"),
    "training_set": (INDEX, "", f"{LATER}/training_set.parquet"),
    "model": (f"{FRESH}/model", "unet/diffusion_pytorch_model.safetensors", f"{LATER}/model"),
    "sample_set": (SAMPLES, "images.npy", f"{START}/samples"),
    "sample_set, λ < 1": (f"{BIASED}/samples", "images.npy", f"{BIASED[:-1]}3/samples"),
    "sample_set, unbiased": (
        f"{BIASED}/samples-unbiased", "images.npy", f"{BIASED[:-1]}3/samples-unbiased",
    ),
    "preview": (f"{FRESH}/preview", "images.npy", f"{LATER}/preview"),
    "evaluation": (
        "evaluation/fresh/seed-1/gen-002/metrics.json", "",
        "evaluation/fresh/seed-1/gen-003/metrics.json",
    ),
}  # fmt: skip
#: Kind -> (a root of it, another root of the kind).
ROOTS = {
    "loop_root": ("loops/fresh/manifest.json", "loops/augmentation/manifest.json"),
    "real_only_root": ("real-only/small/manifest.json", "real-only/full/manifest.json"),
    "evaluation_root": ("evaluation/fresh/manifest.json", "evaluation/biased/manifest.json"),
    "report": ("figures/manifest.json", "evaluation/fresh/manifest.json"),
}
#: Files of the report, and files that might pass for them.
REPORTED = {
    "metrics.csv": "metrics.json",
    "metrics.json": "evaluation/fresh/seed-1/gen-002/metrics.json",
    "verdicts.csv": "metrics.csv",
    "figures/curves.png": "figures/grid-fresh-seed-1.png",
    "figures/curves.pdf": "figures/grid-fresh-seed-1.pdf",
}
REPORT = "figures/manifest.json"


@dataclass(frozen=True)
class Tampering:
    """One case.

    apply: does it, in the experiment's folder. about: what a finding must name. law: the law that
    must tell, or None where any may.
    """

    kind: str
    name: str
    apply: Callable[[Path], Any]
    about: str
    law: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


# An experiment to break and mend


@dataclass
class Arena:
    """An experiment under DVC that is broken and put back, file by file."""

    folder: Path
    root: Path
    plan: Plan
    whole: dict[Path, bytes] = field(default_factory=dict)
    _ledger: Any = None

    def __post_init__(self) -> None:
        self.whole = {file: file.read_bytes() for file in self._files()}
        self._ledger, _ = recorded.find(self.root)

    def _files(self) -> list[Path]:
        below = [Path(folder) / name for folder, _, names in os.walk(self.root) for name in names]
        return [self.folder / "dvc.lock", *below]

    def mend(self) -> None:
        for file in self._files():
            if file not in self.whole:
                file.unlink()
        for file, content in self.whole.items():
            _replace(file, content)
        for folder, _, _ in os.walk(self.root, topdown=False):
            if not os.listdir(folder):
                os.rmdir(folder)

    def findings(self) -> list[audit.Finding]:
        """What the laws of contents find and, where they find nothing, that of the ledger."""
        found = audit.audit(Archive(self.root))
        if found:
            return found
        if (self.folder / "dvc.lock").read_bytes() != self.whole[self.folder / "dvc.lock"]:
            return audit.examine(Archive(self.root)).findings
        case = Case(Archive(self.root), with_md5=True)
        return [
            audit.Finding(recorded.LAW, path, message)
            for path, message in recorded.agrees(case, self._ledger)
        ]

    def tried(self, case: Tampering) -> list[audit.Finding]:
        """The findings after one tampering; everything is mended again."""
        try:
            case.apply(self.root)
            return self.findings()
        finally:
            self.mend()

    def false_alarms(self) -> list[audit.Finding]:
        """Findings on the clean experiment: as the workflow audits it and as a person does."""
        found = audit.audit(Archive(self.root, tuple(self.plan.audited())))
        found += audit.audit(Archive(self.root))
        return found + audit.examine(Archive(self.root)).findings


def record(folder: Path) -> None:
    """Put a finished experiment under DVC, with DVC itself; its code lies beside it."""
    from dvc.repo import Repo

    shutil.copytree(TESTS.parent / "workflow" / "scripts", folder / "workflow" / "scripts")
    shutil.copy(TESTS.parent / ".dvcignore", folder / ".dvcignore")
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        Repo.init(".", no_scm=True, force=True).close()
        with Repo(".") as repo:
            repo.commit(force=True)


def found_by(case: Tampering, findings: list[audit.Finding]) -> list[audit.Finding]:
    """The findings that name what was tampered with, by the law that must tell."""
    return [
        finding
        for finding in findings
        if (case.about in f"{finding.path} {finding.message}" or _holds(finding.path, case.about))
        and case.law in (None, finding.law)
    ]


def _holds(folder: str, path: str) -> bool:
    return folder != "" and (path == folder or path.startswith(f"{folder}/"))


# What a tamperer does


def forge(root: Path, *artifacts: str) -> None:
    """Bring the manifests of artifacts and of all their descendants into agreement again.

    What a forger does who knows the format: only the laws that read contents can find him.
    """
    for name in order(root):
        path = root / manifests.path_of(name)
        manifest = store.read_json(path)
        if manifests.is_root(name):
            manifest["files"] = {
                file: store.sha256(root / file) for file in manifest.get("files", {})
            }
        elif name in artifacts and "files" in manifest:
            manifest["files"] = store.hashes(root / name)
        for material in manifest.get("materials", []):
            material["sha256"] = store.sha256(root / manifests.path_of(material["path"]))
        _write(path, manifest)


def order(root: Path) -> list[str]:
    """Every artifact, parents before children."""
    archive, done = Archive(root), {}

    def visit(name: str) -> None:
        if name not in done:
            # Raw: a forged manifest may be one that no reader takes.
            manifest = store.read_json(root / manifests.path_of(name))
            for material in manifest.get("materials", []):
                visit(material["path"])
            done[name] = None

    for name in archive.artifacts():
        visit(name)
    return list(done)


def _write(path: Path, content: Any) -> None:
    _replace(path, store.canonical_json(content).encode())


def _replace(path: Path, content: bytes) -> None:
    # A new file: some file systems wait for the disk when an old one is written anew.
    if not path.is_file() or path.read_bytes() != content:
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def flip(root: Path, name: str) -> None:
    content = bytearray((root / name).read_bytes())
    content[-1] ^= 1
    (root / name).write_bytes(bytes(content))


def remove(root: Path, *names: str) -> None:
    for name in names:
        shutil.rmtree(root / name) if (root / name).is_dir() else (root / name).unlink()


def pipe(root: Path, name: str) -> None:
    """A named pipe in the place of a file: whoever opened it would wait for a writer."""
    (root / name).unlink()
    os.mkfifo(root / name)


def put(root: Path, source: str, target: str) -> None:
    """A copy of a file or folder in the place of another."""
    if (root / target).exists():
        remove(root, target)
    clone = shutil.copytree if (root / source).is_dir() else shutil.copy
    clone(root / source, root / target)


def swap(root: Path, one: str, other: str) -> None:
    aside = "aside"
    put(root, one, aside)
    put(root, other, one)
    put(root, aside, other)
    remove(root, aside)


def edit(root: Path, artifact: str, change: Callable[[dict[str, Any]], Any]) -> str:
    path = root / manifests.path_of(artifact)
    manifest = store.read_json(path)
    change(manifest)
    _write(path, manifest)
    return artifact


def edited_index(root: Path, change: Callable, path: str = INDEX) -> str:
    table = training_sets.read(root / path).frame().astype({"artifact": str, "origin": str})
    write_index(root / path, change(table))
    return path


def array(root: Path, artifact: str, name: str) -> np.ndarray:
    return np.load(root / artifact / f"{name}.npy")


def edited_array(
    root: Path, artifact: str, name: str, change: Callable[[np.ndarray], np.ndarray | None]
) -> str:
    content = array(root, artifact, name)
    changed = change(content)
    np.save(root / artifact / f"{name}.npy", content if changed is None else changed)
    return artifact


def tuned(root: Path) -> str:
    """Claim that a model went on from the weights of the one before."""
    before = f"{FRESH}/model"

    def claim(manifest: dict[str, Any]) -> None:
        manifest["materials"].append({"path": before, "sha256": ""})
        shares = {f"{LATER}/training_set.parquet": 0.5, before: 0.5}
        manifest["params"] |= {"initial": before, "shares": shares}

    return edit(root, f"{LATER}/model", claim)


def first_row(root: Path, path: str = INDEX) -> int:
    return int(training_sets.read(root / path).frame()["row"][0])


def put_at(row: int, value: Any) -> Callable[[np.ndarray], None]:
    """A change of one row."""

    def change(content: np.ndarray) -> None:
        content[row] = value

    return change


def held_out(root: Path, artifact: str, split: str = "reference", row: int = 0) -> str:
    """A held-out picture among the pictures of a set."""
    picture = array(root, f"real/{split}", "images")[0]
    return edited_array(root, artifact, "images", put_at(row, picture))


def mixed_preview(root: Path) -> str:
    preview = f"{START}/preview"
    before = f"{START}/samples"

    def renamed(manifest: dict[str, Any]) -> None:
        for entry in (*manifest["materials"], *manifest["params"]["parts"]):
            key = "path" if "path" in entry else "artifact"
            entry[key] = entry[key].replace(before, preview)

    edit(root, INDEX, renamed)
    return edited_index(root, lambda t: t.assign(artifact=t["artifact"].replace(before, preview)))


def other_loops_rows(root: Path) -> str:
    target = "loops/augmentation/seed-1/gen-002/samples"
    mine = "loops/fully-synthetic/seed-1/gen-002/samples"
    path = FIXED

    def renamed(manifest: dict[str, Any]) -> None:
        for entry in (*manifest["materials"], *manifest["params"]["parts"]):
            key = "path" if "path" in entry else "artifact"
            entry[key] = entry[key].replace(target, mine)

    edit(root, path, renamed)
    return edited_index(
        root, lambda t: t.assign(artifact=t["artifact"].replace(target, mine)), path
    )


def used_row(root: Path) -> str:
    first = first_row(root, f"{START}/training_set.parquet")
    return edited_index(root, lambda t: t.assign(row=[first, *t["row"][1:]]))


def other_fixed_row(root: Path) -> str:
    rows = training_sets.read(root / FIXED).frame()["row"].tolist()
    spare = min(set(range(120)) - set(rows[:60]))
    return edited_index(root, lambda t: t.assign(row=[spare, *t["row"][1:]]), FIXED)


def other_first_rows(root: Path) -> str:
    """Real rows that the loop never uses, in place of those that its seed gives."""
    path = f"{START}/training_set.parquet"
    used = {
        row
        for index in (path, INDEX, f"{LATER}/training_set.parquet")
        for row in training_sets.read(root / index).frame().query("origin == 'real'")["row"]
    }
    spare = min(set(range(120)) - used)
    labels = array(root, "real/loop", "labels")
    return edited_index(
        root,
        lambda t: t.assign(row=[spare, *t["row"][1:]], label=[int(labels[spare]), *t["label"][1:]]),
        path,
    )


def repeated(column: str) -> Callable:
    """The last row's value is that of the row before."""
    return lambda t: t.assign(**{column: [*t[column][:-1], t[column].iloc[-2]]})


def reused_seed(root: Path) -> str:
    seed = array(root, f"{START}/samples", "seeds")[0]
    return edited_array(root, SAMPLES, "seeds", put_at(3, seed))


def preview_seed(root: Path) -> str:
    seed = array(root, f"{FRESH}/preview", "seeds")[0]
    return edited_array(root, SAMPLES, "seeds", put_at(3, seed))


def of_a_removed_loop(root: Path) -> None:
    """A loop that was whole and is in no configuration any more."""
    shutil.copytree(root / "loops/fresh", root / "loops/gone")
    for file in (root / "loops/gone").rglob("*manifest.json"):
        file.write_text(file.read_text().replace("loops/fresh/", "loops/gone/"))
    edit(root, "loops/gone/manifest.json", lambda m: m["params"]["loop"].update(name="gone"))
    forge(root)


def locked(root: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """dvc.lock, edited."""
    path = root.parent.parent / "dvc.lock"
    content = copy.deepcopy(_parsed(path.read_text()))
    change(content["stages"])
    path.write_text(json.dumps(content))  # which is YAML too, written in no time


@cache
def _parsed(lock: str) -> dict[str, Any]:
    return yaml.safe_load(lock)


# The matrix


def matrix() -> list[Tampering]:
    """Every case."""
    cases = [case for kind in ARTIFACTS for case in _of_artifact(kind)]
    cases += [case for kind in ROOTS for case in _of_root(kind)]
    cases += [case for name in REPORTED for case in _of_report(name)]
    return [*cases, *_of_laws(), *_of_ledger(), *_of_folders()]


def _of_artifact(kind: str) -> Iterator[Tampering]:
    artifact, file, other = ARTIFACTS[kind]
    manifest, payload = manifests.path_of(artifact), f"{artifact}/{file}" if file else artifact
    inside = f"{artifact}/extra.npy" if file else f"{artifact}.bak"

    def older(root: Path) -> None:
        put(root, other, artifact)
        put(root, manifests.path_of(other), manifest)

    def clumsy(name: str, apply: Callable[[Path], Any]) -> Tampering:
        return Tampering(kind, name, apply, artifact, "files")

    yield clumsy("one byte flipped", lambda r: flip(r, payload))
    yield clumsy("swapped with another", lambda r: swap(r, artifact, other))
    yield clumsy("replaced by an older one, manifest too", older)
    yield clumsy("deleted", lambda r: remove(r, artifact))
    yield clumsy("its manifest deleted", lambda r: remove(r, manifest))
    yield clumsy("deleted with its manifest", lambda r: remove(r, artifact, manifest))
    yield clumsy("manifest edited", lambda r: edit(r, artifact, lambda m: m.update(seed=7)))
    yield clumsy("manifest of nonsense", lambda r: (r / manifest).write_text("[]"))
    yield clumsy("a stranger's file beside its own", lambda r: (r / inside).write_bytes(b"x"))
    yield clumsy("a pipe in its place", lambda r: pipe(r, payload))
    yield clumsy("its manifest a pipe", lambda r: pipe(r, manifest))
    if file:
        bookkeeping = f"{artifact}/.snakemake_timestamp"
        yield clumsy("bytes in a timestamp", lambda r: (r / bookkeeping).write_bytes(b"x"))
        yield clumsy("a link to nowhere", lambda r: (r / inside).symlink_to("nowhere"))
        yield clumsy("a pipe beside its own", lambda r: os.mkfifo(r / inside))

    def careful(name: str, apply: Callable[[Path], Any], *also: str) -> Tampering:
        def forged(root: Path) -> None:
            apply(root)
            forge(root, artifact, *also)

        return Tampering(kind, f"{name}, all re-hashed", forged, artifact)

    yield careful("one byte flipped", lambda r: flip(r, payload))
    yield careful("swapped with another", lambda r: swap(r, artifact, other), other)
    yield careful("replaced by an older one", lambda r: put(r, other, artifact))
    yield careful("another seed", lambda r: edit(r, artifact, lambda m: m.update(seed=7)))
    yield careful("another code", lambda r: edit(r, artifact, lambda m: m.update(code="0" * 64)))
    yield careful("a parameter added", lambda r: edit(r, artifact, _with_parameter))
    yield careful("its parameters deleted", lambda r: edit(r, artifact, lambda m: m.pop("params")))
    yield careful("its facts replaced", lambda r: edit(r, artifact, _with_other_facts))
    yield careful("rows miscounted", lambda r: edit(r, artifact, lambda m: m.update(rows=1)))
    if file:
        yield careful("a file added", lambda r: (r / inside).write_bytes(b"x"))


def _of_root(kind: str) -> Iterator[Tampering]:
    root_path, other = ROOTS[kind]

    def careful(name: str, change: Callable[[dict[str, Any]], Any]) -> Tampering:
        def forged(root: Path) -> None:
            edit(root, root_path, change)
            forge(root)

        return Tampering(kind, f"{name}, all re-hashed", forged, root_path.rpartition("/")[0])

    def older_parent(manifest: dict[str, Any]) -> None:
        manifest["materials"][0]["sha256"] = "0" * 64

    yield Tampering(
        kind, "a parent's hash edited", lambda r: edit(r, root_path, older_parent), root_path,
        "files",
    )  # fmt: skip
    yield Tampering(kind, "deleted", lambda r: remove(r, root_path), root_path, "files")
    yield Tampering(
        kind, "replaced by another", lambda r: put(r, other, root_path), root_path, "files"
    )
    yield Tampering(
        kind, "manifest of nonsense", lambda r: (r / root_path).write_text("{}"), root_path, "files"
    )
    yield careful("another code", lambda m: m.update(code="0" * 64))
    yield careful("a parameter added", _with_parameter)
    yield careful("its parameters deleted", lambda m: m.pop("params"))
    yield careful("its parameters emptied", lambda m: m["params"].clear())
    yield careful("a parent dropped", lambda m: m["materials"].pop())


def _of_report(name: str) -> Iterator[Tampering]:
    other = REPORTED[name]
    for careful in (False, True):
        law, suffix = (None, ", all re-hashed") if careful else ("files", "")
        for how, act in (
            ("one byte flipped", lambda r: flip(r, name)),
            ("replaced by another", lambda r: put(r, other, name)),
        ):

            def apply(root: Path, act=act, careful=careful) -> None:
                act(root)
                if careful:
                    forge(root)

            yield Tampering(f"report, {name}", f"{how}{suffix}", apply, name, law)
    yield Tampering(f"report, {name}", "deleted", lambda r: remove(r, name), name, "files")


def _of_laws() -> Iterator[Tampering]:
    """A careful forger's cases that a law of contents must tell."""

    def case(
        kind: str, name: str, law: str, apply: Callable[[Path], str], about: str = ""
    ) -> Tampering:
        def forged(root: Path) -> None:
            forge(root, apply(root))

        return Tampering(kind, f"{name}, all re-hashed", forged, about or INDEX, law)

    def used(root: Path) -> int:
        return first_row(root, f"{START}/training_set.parquet")

    for split in ("reference", "features"):
        rows = f"real/{split}"
        yield case(
            "training_set", f"a row of {rows}", "held-out",
            lambda r, s=rows: edited_index(r, lambda t: t.assign(artifact=[s, *t["artifact"][1:]])),
        )  # fmt: skip
        yield case(
            "real_set", f"a picture of {rows} under another id", "held-out",
            lambda r, s=split: held_out(r, "real/loop", s, used(r)),
            f"{START}/training_set.parquet",
        )  # fmt: skip
        yield case(
            "real_set", f"a source row of {rows}", "held-out",
            lambda r, s=rows: edited_array(
                r, "real/loop", "source_rows", put_at(used(r), array(r, s, "source_rows")[0])
            ),
            f"{START}/training_set.parquet",
        )  # fmt: skip
    for how, change in (
        ("as 16-bit numbers", lambda a: a.astype(np.uint16)),
        ("as floats", lambda a: a.astype(np.float32)),
        ("flattened", lambda a: a.reshape(len(a), -1)),
        ("with other grey levels", lambda a: a * 15),
        ("magnified", lambda a: a.repeat(2, axis=1).repeat(2, axis=2)),
    ):

        def encoded(root: Path, change: Callable = change) -> str:
            held_out(root, SAMPLES)
            return edited_array(root, SAMPLES, "images", change)

        yield case("sample_set", f"a held-out picture {how}", "forms", encoded, SAMPLES)
    for kind, artifact, about in (
        ("sample_set", SAMPLES, f"{LATER}/training_set.parquet"),
        ("sample_set, λ < 1", f"{BIASED}/samples", f"{BIASED}/samples"),
        ("sample_set, unbiased", f"{BIASED}/samples-unbiased", f"{BIASED}/samples-unbiased"),
        ("preview", f"{FRESH}/preview", f"{FRESH}/preview"),
    ):
        yield case(
            kind, "a held-out picture among its own", "held-out",
            lambda r, a=artifact: held_out(r, a), about,
        )  # fmt: skip

        def reordered(root: Path, artifact: str = artifact) -> str:
            held_out(root, artifact)
            return edited_array(root, artifact, "images", np.asfortranarray)

        yield case(kind, "one in another memory order", "held-out", reordered, about)
    yield case("training_set", "a fresh row used again", "real-rows", used_row)
    yield case("training_set", "another fixed row", "real-rows", other_fixed_row, FIXED)
    yield case(
        "training_set", "other real rows than the seed's", "real-rows", other_first_rows,
        f"{START}/training_set.parquet",
    )  # fmt: skip
    yield case(
        "training_set", "a real row twice", "real-rows",
        lambda r: edited_index(r, repeated("row"), f"{START}/training_set.parquet"),
        f"{START}/training_set.parquet",
    )  # fmt: skip
    for name, change in (
        ("fewer real rows", lambda t: t.iloc[1:]),
        ("real rows called synthetic", lambda t: t.assign(origin="synthetic", generation=1)),
        ("samples called real", lambda t: t.assign(origin="real", generation=0)),
        ("a sample twice", repeated("row")),
        ("a row beyond its set", lambda t: t.assign(row=[*t["row"][:-1], 10**6])),
        ("labels shuffled", lambda t: t.assign(label=t["label"].to_numpy()[::-1])),
        ("rows of a set it does not name", lambda t: t.assign(artifact=f"{LATER}/samples")),
    ):
        yield case("training_set", name, "composition", lambda r, c=change: edited_index(r, c))
    yield case("training_set", "a preview mixed", "composition", mixed_preview)
    yield case(
        "training_set", "rows of another loop's samples", "composition", other_loops_rows, FIXED
    )
    yield case(
        "sample_set", "another λ", "composition",
        lambda r: edit(r, SAMPLES, lambda m: m["params"].update(sampling_bias=0.9)), SAMPLES,
    )  # fmt: skip
    yield case(
        "sample_set, unbiased", "another λ", "composition",
        lambda r: edit(
            r, f"{BIASED}/samples-unbiased", lambda m: m["params"].update(sampling_bias=0.9)
        ),
        f"{BIASED}/samples-unbiased",
    )  # fmt: skip
    yield case("model", "tuned, where its regime starts anew", "origins", tuned, f"{LATER}/model")
    yield case("sample_set", "a seed of another set", "seeds", reused_seed, SAMPLES)
    yield case("sample_set", "a seed of the previews", "seeds", preview_seed, SAMPLES)
    yield case(
        "sample_set", "a seed twice", "seeds",
        lambda r: edited_array(
            r, SAMPLES, "seeds", put_at(3, array(r, SAMPLES, "seeds")[0])
        ),
        SAMPLES,
    )  # fmt: skip
    yield case(
        "preview", "seeds of its own", "seeds",
        lambda r: edited_array(r, f"{FRESH}/preview", "seeds", lambda a: a + np.uint64(1)),
        f"{FRESH}/preview",
    )  # fmt: skip
    for artifact, key, value in (
        (f"{FRESH}/model", "code", "0" * 64),
        (SAMPLES, "software", {"torch": "1.0"}),
        (f"{FRESH}/model", "device", "cuda"),
    ):
        yield case(
            "model" if artifact != SAMPLES else "sample_set", f"another {key} than its siblings",
            "consistency",
            lambda r, a=artifact, k=key, v=value: edit(r, a, lambda m: m.update({k: v})), artifact,
        )  # fmt: skip
    yield case(
        "model", "longer training", "consistency",
        lambda r: edit(r, f"{FRESH}/model", lambda m: m["params"]["train"].update(steps=9)),
        f"{FRESH}/model",
    )  # fmt: skip
    yield case(
        "model", "a budget that its train does not ask for", "budgets",
        lambda r: edit(
            r, f"{FRESH}/model", lambda m: m["facts"].update(budget={"rows": 40, "steps": 3})
        ),
        f"{FRESH}/model",
    )  # fmt: skip
    root = "loops/fresh/manifest.json"
    yield case(
        "loop_root", "longer training claimed", "consistency",
        lambda r: edit(r, root, lambda m: m["params"]["train"].update(steps=9)), root,
    )  # fmt: skip
    yield case(
        "loop_root", "more real rows claimed", "composition",
        lambda r: edit(r, root, lambda m: m["params"]["loop"].update(n_real=30)), INDEX,
    )  # fmt: skip


def _of_ledger() -> Iterator[Tampering]:
    def case(name: str, change: Callable[[dict[str, Any]], Any], about: str) -> Tampering:
        return Tampering("dvc.lock", name, lambda r: locked(r, change), about, "ledger")

    def entry(stages: dict[str, Any], stage: str, key: str, path: str) -> dict[str, Any]:
        return next(e for e in stages[stage][key] if e["path"] == f"results/tiny/{path}")

    for key in ("md5", "size", "nfiles"):
        yield case(
            f"an out's {key} edited",
            lambda s, k=key: entry(s, "loop@fresh", "outs", "loops/fresh").update({k: "0"}),
            "loops/fresh",
        )
    yield case(
        "a file's md5 edited",
        lambda s: entry(s, "report", "outs", "metrics.csv").update(md5="0" * 32),
        "metrics.csv",
    )
    yield case(
        "a dep's md5 edited",
        lambda s: entry(s, "loop@fresh", "deps", "real/loop").update(md5="0" * 32 + ".dir"),
        "real/loop",
    )
    yield case("a stage deleted", lambda s: s.pop("loop@fresh"), "loops/fresh")
    yield case(
        "an out deleted",
        lambda s: s["report"].update(outs=s["report"]["outs"][:-1]),
        "verdicts.csv",
    )
    yield case("a stage emptied", lambda s: s.update({"loop@fresh": None}), "loop@fresh")
    yield Tampering(
        "dvc.lock", "not YAML",
        lambda r: (r.parent.parent / "dvc.lock").write_text("results/tiny: ["), "dvc.lock",
        "ledger",
    )  # fmt: skip


def _of_folders() -> Iterator[Tampering]:
    def stranger(root: Path) -> None:
        (root / FRESH / "samples-best").mkdir()
        (root / FRESH / "samples-best" / "images.npy").write_bytes(b"x")

    def copied(root: Path) -> None:
        shutil.copytree(root / FRESH, root / "loops/fresh/seed-1/gen-009")

    def emptied(root: Path) -> None:
        shutil.rmtree(root / "loops/fresh")

    def excused(root: Path) -> None:
        """A record of dropped payloads that lists what no policy drops."""
        content = {"schema": 1, "keep": "last", "artifacts": [f"{FRESH}/preview"]}
        store.write_json(root / "loops/fresh/dropped.json", content)

    for name, apply, about in (
        ("a stranger's folder", stranger, f"{FRESH}/samples-best"),
        ("a stranger's file", lambda r: (r / "notes.txt").write_text("x"), "notes.txt"),
        ("a generation copied", copied, "loops/fresh/seed-1/gen-009"),
        ("a removed loop left behind", of_a_removed_loop, "loops/gone"),
        ("a loop deleted", emptied, "loops/fresh"),
        ("a record of other payloads than are dropped", excused, "loops/fresh/dropped.json"),
        ("a pipe for a record", lambda r: os.mkfifo(r / "loops/fresh/dropped.json"), "dropped"),
    ):
        yield Tampering("the folder", name, apply, about, "files")


def _with_other_facts(manifest: dict[str, Any]) -> None:
    manifest["facts"] = {} if manifest["facts"] else {"forged": 1}


def _with_parameter(manifest: dict[str, Any]) -> None:
    manifest["params"]["forged"] = 1


def main() -> int:
    """Print the matrix; 1 where a tampering goes unseen or a clean experiment is accused."""
    from conftest import make_tiny

    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stderr(io.StringIO()):
        folder = Path(place)
        plan = make_tiny(folder)
        record(folder)
        arena = Arena(folder, folder / plan.root, plan)
        alarms, unseen, counted = arena.false_alarms(), 0, Counter()
        print("| what | tampering | law | finding |\n|---|---|---|---|")
        cases = matrix()
        for case in cases:
            named = found_by(case, arena.tried(case))
            laws = list(dict.fromkeys(finding.law for finding in named)) or ["NOT FOUND"]
            unseen += not named
            counted.update(laws)
            first = f"{named[0].path}: {named[0].message}" if named else ""
            print(f"| {case.kind} | {case.name} | {', '.join(laws)} | {first} |")
        alarms += arena.false_alarms()
    by_law = ", ".join(f"{law} {count}" for law, count in counted.most_common())
    print(f"\nTold by: {by_law}.")
    print(
        f"{len(cases) - unseen} of {len(cases)} tamperings found, {len(alarms)} false alarms",
    )
    return 1 if unseen or alarms else 0


if __name__ == "__main__":
    sys.exit(main())
