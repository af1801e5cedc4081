"""Edits of a finished experiment, and what must be made anew after each of them.

Jobs are named by rule and wildcards, as in `train fresh 1 002`; patterns of them are those of
`fnmatch`. Stages are DVC's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from project import environment

RESULTS = Path("results/tiny")
LIBRARY = Path("workflow/scripts/autophagy")
STYLE = LIBRARY / "figures/assets/paper.mplstyle"
CONFIG = Path("config/config.yaml")
#: Files of a project that an edit may change besides those it names.
TEXTS = (CONFIG, Path("dvc.yaml"))

#: Where a project keeps what makes a library seem to be of another version.
FAKE = ".fake"

#: Called with a project's folder; what it changes is undone by `applied`.
Change = Callable[[Path], None]


@dataclass(frozen=True)
class Edit:
    """One edit and what depends on it.

    jobs: patterns of exactly what Snakemake makes anew; new ones of added work included.
    stages: patterns of exactly the stages that `autophagy record --check` finds stale.
    dvc: likewise of `dvc status`; None where it is `stages`.
    touched: files that `change` alters, besides the configuration and the ledger.
    fake: the change is a `sitecustomize` in `FAKE`.
    long: left to `make long-tests`.
    """

    name: str
    change: Change
    jobs: tuple[str, ...]
    stages: tuple[str, ...]
    dvc: tuple[str, ...] | None = None
    touched: tuple[Path, ...] = ()
    fake: bool = False
    long: bool = False


def appended(path: Path, text: str) -> Change:
    """Text put at the end of a file."""

    def change(folder: Path) -> None:
        with (folder / path).open("a", encoding="utf-8") as file:
            file.write(text)

    return change


def configured(*edits: tuple[str, Any], ledger: bool = False) -> Change:
    """Keys of the configuration set, as ("loops.fresh.n_real", 3), or removed (None).

    ledger: write dvc.yaml anew, as is due where loops or code come or go.
    """

    def change(folder: Path) -> None:
        content = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
        for path, value in edits:
            *sections, key = path.split(".")
            section = content
            for name in sections:
                section = section[name]
            if value is None:
                del section[key]
            else:
                section[key] = value
        (folder / CONFIG).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        if ledger:
            subprocess.run(
                [sys.executable, "-m", "autophagy.cli", "ledger"],
                cwd=folder, env=environment(folder), check=True, capture_output=True,
            )  # fmt: skip

    return change


@contextmanager
def applied(edit: Edit, folder: Path) -> Iterator[None]:
    """The edit, undone afterwards: files and folders get their bytes and times back."""
    kept = {folder / path: folder / ".kept" / str(at) for at, path in enumerate(_paths(edit))}
    (folder / ".kept").mkdir()
    for path, aside in kept.items():
        # The edit gets a copy: what is linked into a cache must not be written through.
        path.rename(aside)
        copy = shutil.copytree if aside.is_dir() else shutil.copy2
        copy(aside, path)
    try:
        edit.change(folder)
        yield
    finally:
        for path, aside in kept.items():
            lost(path)(folder)
            aside.rename(path)
        (folder / ".kept").rmdir()


def _paths(edit: Edit) -> tuple[Path, ...]:
    return (*TEXTS, *edit.touched)


def lost(path: Path) -> Change:
    """A file or folder that is gone."""

    def change(folder: Path) -> None:
        if (folder / path).is_dir():
            shutil.rmtree(folder / path)
        else:
            (folder / path).unlink(missing_ok=True)

    return change


def flipped(path: Path) -> Change:
    """A file with one bit changed, its time as it was."""

    def change(folder: Path) -> None:
        content = (folder / path).read_bytes()
        times = (folder / path).stat()
        (folder / path).chmod(0o644)
        (folder / path).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        # As a failing disk would: nothing but the byte tells.
        os.utime(folder / path, ns=(times.st_atime_ns, times.st_mtime_ns))

    return change


@dataclass(frozen=True)
class Seen:
    """What the two engines and the record say of a project."""

    jobs: set[str]
    stale: set[str]
    changed: set[str]


def look(folder: Path, edit: Edit | None = None, *options: str) -> Seen:
    """Ask all three at once, under what an edit says of the environment; nothing is changed."""
    library = str(folder / "workflow" / "scripts")
    variables = (
        {}
        if edit is None or not edit.fake
        else {"PYTHONPATH": f"{folder / FAKE}{os.pathsep}{library}"}
    )
    commands = {
        "snakemake": ["snakemake", "-n", "--cores", "1", *options],
        "record": [sys.executable, "-m", "autophagy.cli", "record", "--check", "--json"],
        "dvc": [sys.executable, "-m", "dvc", "status", "--json"],
    }
    running = {
        name: subprocess.Popen(
            command, cwd=folder, env=environment(folder, **variables),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name, command in commands.items()
    }  # fmt: skip
    said = {name: child.communicate() for name, child in running.items()}
    for name, child in running.items():
        allowed = (0, 1) if name == "record" else (0,)
        assert child.returncode in allowed, f"{name}: {said[name]}"
    return Seen(
        jobs_in(said["snakemake"][0]),
        set(json.loads(said["record"][0])["stale"]),
        {name.removeprefix("dvc.yaml:") for name in json.loads(said["dvc"][0])},
    )


def jobs_in(text: str) -> set[str]:
    """The jobs that a dry run announces, without `all`."""
    found = set()
    for block in re.split(r"^(?=(?:local)?rule )", text, flags=re.MULTILINE):
        rule = re.match(r"(?:local)?rule (\w+):", block)
        if rule and rule[1] != "all":
            wildcards = re.search(r"^    wildcards: (.*)$", block, flags=re.MULTILINE)
            values = re.findall(r"=([^,\s]+)", wildcards[1]) if wildcards else []
            found.add(" ".join([rule[1], *values]))
    return found


def matching(names: set[str], patterns: tuple[str, ...]) -> set[str]:
    return {name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)}


def other_version(package: str) -> Change:
    """A `sitecustomize` in .fake/ that claims another version of a package."""
    text = f"""
import importlib.metadata as metadata
def version(name, known=metadata.version):
    return "99.0" if name == {package!r} else known(name)
metadata.version = version
"""

    def change(folder: Path) -> None:
        (folder / FAKE).mkdir(exist_ok=True)
        (folder / FAKE / "sitecustomize.py").write_text(text, encoding="utf-8")

    return change


ROWS = RESULTS / "loops/fresh/seed-1/gen-002"
#: What hangs on any evaluation, on any training set or picture, on any artifact at all.
TABLES = (
    "tabulate_metrics", "judge_loops", "draw_curves", "audit", "write_page", "record_report",
)  # fmt: skip
EVALUATED = ("evaluate *", "record_evaluation *", *TABLES)
DRAWN = ("draw_grid *", "draw_lineage")
REPORT = (*TABLES, *DRAWN, "map_features")
#: From training on.
TRAINED = (
    "train *", "train_real_only *", "sample *", "sample_real_only *", "sample_unbiased *", "mix *",
    "record_loop *", "record_real_only *", "evaluate *", "record_evaluation full",
    "record_evaluation small", "record_evaluation biased", "record_evaluation augmentation",
    "record_evaluation fresh", *REPORT,
)  # fmt: skip
SAMPLED = tuple(pattern for pattern in TRAINED if pattern != "train_real_only *")
TRAINING = ("real-only@*", "loop@*")
MEASURING = ("evaluate@*", "evaluate-real-only@*", "evaluate-real")
MEASURED = ("evaluate@*", "evaluate-real-only@*")
LOOP_FRESH = (
    "mix fresh *", "train fresh *", "sample fresh *", "evaluate fresh 1 002", "record_loop fresh",
    "record_evaluation fresh", "draw_grid fresh *", "draw_lineage", "map_features", *TABLES,
)  # fmt: skip
FRESH = ("loop@fresh", "evaluate@fresh", "report")

EDITS = (
    Edit(
        "a comment in the training code",
        appended(LIBRARY / "models/ddpm.py", "\n# A remark.\n"),
        (), (), dvc=TRAINING, touched=(LIBRARY / "models/ddpm.py",),
    ),
    Edit(
        "the model's code",
        appended(LIBRARY / "models/ddpm.py", "\nUNUSED = 1\n"),
        TRAINED, (*TRAINING, *MEASURED, "report"), dvc=TRAINING,
        touched=(LIBRARY / "models/ddpm.py",),
    ),
    Edit(
        "the sampling step",
        appended(LIBRARY / "steps/sample.py", "\nUNUSED = 1\n"),
        SAMPLED, (*TRAINING, *MEASURED, "report"), dvc=TRAINING,
        touched=(LIBRARY / "steps/sample.py",),
        long=True,
    ),
    Edit(
        "a metric",
        appended(LIBRARY / "metrics/labels.py", "\nUNUSED = 1\n"),
        ("evaluate_real *", *EVALUATED), (*MEASURING, "report"),
        touched=(LIBRARY / "metrics/labels.py",),
    ),
    Edit(
        "a name of an artifact",
        appended(LIBRARY / "paths.py", "\nUNUSED = 1\n"),
        ("map_features", *TABLES), ("report",), touched=(LIBRARY / "paths.py",), long=True,
    ),
    Edit(
        "the style of the figures",
        appended(STYLE, "\nlines.markersize: 5\n"),
        ("draw_curves", *DRAWN, "map_features", "write_page", "record_report"),
        ("report",), touched=(STYLE,),
    ),
    Edit(
        "the page",
        appended(LIBRARY / "page/render.py", "\nUNUSED = 1\n"),
        ("write_page", "record_report"), ("report",), touched=(LIBRARY / "page/render.py",),
    ),
    Edit(
        "what training sets are made of",
        appended(LIBRARY / "steps/mix.py", "\nUNUSED = 1\n"),
        ("mix_real_only *", *TRAINED), (*TRAINING, *MEASURED, "report"), dvc=TRAINING,
        touched=(LIBRARY / "steps/mix.py",),
        long=True,
    ),
    Edit(
        "a law of the audit",
        appended(LIBRARY / "audit/mixes.py", "\nUNUSED = 1\n"),
        ("audit", "write_page", "record_report"), ("report",),
        touched=(LIBRARY / "audit/mixes.py",), long=True,
    ),
    Edit(
        "reading and writing arrays",
        appended(LIBRARY / "sets.py", "\nUNUSED = 1\n"),
        ("*",), ("*",), touched=(LIBRARY / "sets.py",), long=True,
    ),
    Edit(
        "the command line",
        appended(LIBRARY / "cli" / "runs.py", "\nUNUSED = 1\n"),
        (), (), touched=(LIBRARY / "cli" / "runs.py",), long=True,
    ),
    Edit(
        "λ of one loop", configured(("loops.fresh.sampling_bias", 0.8)),
        ("sample_unbiased fresh *", "evaluate fresh 1 001", *LOOP_FRESH),
        FRESH, dvc=("loop@fresh", "report"),
    ),
    Edit(
        "n_synthetic of one loop", configured(("loops.fresh.n_synthetic", 25)),
        LOOP_FRESH, FRESH, dvc=("loop@fresh", "report"),
        long=True,
    ),
    Edit(
        "train.steps", configured(("train.steps", 4)),
        TRAINED, (*TRAINING, *MEASURED, "report"), dvc=(*TRAINING, "report"),
    ),
    Edit(
        "sample.steps", configured(("sample.steps", 4)),
        SAMPLED,
        (*TRAINING, *MEASURED, "report"), dvc=TRAINING, long=True,
    ),
    Edit(
        "evaluate.k", configured(("evaluate.k", 3)),
        ("evaluate_real *", *EVALUATED), (*MEASURING, "report"), dvc=MEASURING, long=True,
    ),
    Edit(
        "evaluate.n, where training needs more samples", configured(("evaluate.n", 38)),
        ("sample fresh 1 002", "sample_unbiased *", "record_loop biased", "record_loop fresh",
         "evaluate_real *", "draw_lineage", "draw_grid fresh *", "map_features", *EVALUATED),
        ("loop@biased", "loop@fresh", *MEASURING, "report"), dvc=(*TRAINING, *MEASURING),
    ),
    Edit(
        "one more seed", configured(("seeds", [1, 2])),
        ("* 2", "* 2 *", "record_*", "draw_lineage", "map_features", *TABLES),
        (*TRAINING, *MEASURING, "report"),
        long=True,
    ),
    Edit(
        "one more generation", configured(("generations", 3)),
        ("* 003", "record_loop *", "record_evaluation biased", "record_evaluation augmentation",
         "record_evaluation fresh", *REPORT),
        ("loop@*", "evaluate@*", "report"),
    ),
    Edit(
        "three more generations", configured(("generations", 5)),
        ("* 003", "* 004", "* 005", "record_loop *",
         "record_evaluation biased", "record_evaluation augmentation", "record_evaluation fresh",
         *REPORT),
        ("loop@*", "evaluate@*", "report"), long=True,
    ),
    Edit(
        "one more loop",
        configured(("loops.added", dict(regime="fully_synthetic", start_from="full",
            sampling_bias=1.0, n_real=0, n_synthetic=60, labels="balanced")), ledger=True),
        ("* added *", "record_* added", "draw_lineage", "map_features", *TABLES),
        ("*@added", "report"),
    ),
    Edit(
        "a fork of a loop",
        configured(("loops.added", dict(regime="fully_synthetic",
            start_from=dict(loop="biased", generation=1), sampling_bias=1.0, n_real=0,
            n_synthetic=40, labels="balanced")), ledger=True),
        ("mix added 1 002", "train added 1 002", "sample added 1 002", "evaluate added 1 002",
         "draw_grid added 1", "record_* added", "draw_lineage", "map_features", *TABLES),
        ("*-fork-added", "report"), long=True,
    ),
    Edit(
        "a loop removed", configured(("loops.biased", None), ledger=True),
        ("draw_lineage", "map_features", *TABLES), ("report",), long=True,
    ),
    Edit(
        "a loop renamed",
        configured(("loops.biased", None), ("loops.named", dict(regime="fully_synthetic",
            start_from="full", sampling_bias=0.5, n_real=0, n_synthetic=60, labels="inherited")),
            ledger=True),
        ("* named *", "record_* named", "draw_lineage", "map_features", *TABLES),
        ("*@named", "report"), long=True,
    ),
    Edit(
        "one more real-only model", configured(("real_only.added", 30), ledger=True),
        ("* added", "* added *", *TABLES), ("*@added", "report"), long=True,
    ),
    Edit(
        "the size of the features split", configured(("dataset.splits.features", 99)),
        ("real features", "features", "evaluate_real *", "map_features", *EVALUATED),
        ("real@features", "features", *MEASURING, "report"), dvc=("real@*",), long=True,
    ),
    Edit(
        "the size of the reference split", configured(("dataset.splits.reference", 62)),
        ("real reference", "real features", "features", "evaluate_real *", "draw_grid *",
         "map_features", *EVALUATED),
        ("real@reference", "real@features", "features", *MEASURING, "report"), dvc=("real@*",),
        long=True,
    ),
    Edit(
        "the size of the loop split", configured(("dataset.splits.loop", 122)),
        ("*",), ("*",), dvc=("real@*",), long=True,
    ),
    Edit(
        "threads", configured(("threads", 2)),
        ("features", "evaluate_real *", "record_evaluation real", *TRAINED),
        ("features", *TRAINING, *MEASURING, "report"), dvc=("features", *TRAINING, *MEASURING),
        long=True,
    ),
    Edit(
        "another device", configured(("device", "cuda")),
        ("features", "evaluate_real *", "record_evaluation real", *TRAINED),
        ("features", *TRAINING, *MEASURING, "report"), dvc=("features", *TRAINING, *MEASURING),
    ),
    Edit(
        "another version of torch", other_version("torch"),
        ("features", "evaluate_real *", "record_evaluation real", *TRAINED),
        ("features", *TRAINING, *MEASURING, "report"), dvc=(), fake=True,
    ),
    Edit(
        "another version of matplotlib", other_version("matplotlib"),
        ("tabulate_metrics", "judge_loops", "draw_*", "map_features", "write_page",
         "record_report"), ("report",), dvc=(),
        fake=True, long=True,
    ),
    Edit(
        "a sample set deleted", lost(ROWS / "samples"),
        ("sample fresh 1 002", "evaluate fresh 1 002", "draw_grid fresh 1", "draw_lineage",
         "record_loop fresh", "record_evaluation fresh", "map_features", *TABLES),
        FRESH, dvc=("loop@fresh", "evaluate@fresh", "report"), touched=(ROWS / "samples",),
    ),
    Edit(
        "the last model deleted", lost(ROWS / "model"),
        ("train fresh 1 002", "sample fresh 1 002", "evaluate fresh 1 002", "draw_grid fresh 1",
         "draw_lineage", "record_loop fresh", "record_evaluation fresh", "map_features", *TABLES),
        FRESH, dvc=("loop@fresh", "evaluate@fresh", "report"), touched=(ROWS / "model",),
    ),
    Edit(
        "a manifest deleted", lost(ROWS / "training_set.parquet.manifest.json"),
        ("mix fresh 1 002", "train fresh 1 002", "sample fresh 1 002", "evaluate fresh 1 002",
         "draw_grid fresh 1", "draw_lineage", "record_loop fresh", "record_evaluation fresh",
         "map_features", *TABLES),
        FRESH, dvc=("loop@fresh", "evaluate@fresh", "report"),
        touched=(ROWS / "training_set.parquet.manifest.json",),
        long=True,
    ),
    Edit(
        "one byte of a sample set", flipped(ROWS / "samples/images.npy"),
        (), FRESH, dvc=("loop@fresh", "evaluate@fresh", "report"), touched=(ROWS / "samples",),
    ),
    Edit(
        "one file of a sample set deleted", lost(ROWS / "samples/images.npy"),
        (), FRESH, dvc=("loop@fresh", "evaluate@fresh", "report"), touched=(ROWS / "samples",),
        long=True,
    ),
    Edit(
        "a figure deleted", lost(RESULTS / "figures/curves.pdf"),
        ("draw_curves", "record_report"), ("report",), touched=(RESULTS / "figures/curves.pdf",),
        long=True,
    ),
)  # fmt: skip
