"""Ledgers and tables of a stranger: what DVC and a run write, as neither would write it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml
from conftest import TESTS

from bad_input.archives import KIND, ROOT, good
from bad_input.case import Case
from bad_input.commands import here

LOCK = f"""schema: '2.0'
stages:
  a:
    cmd: 'true'
    outs: [{{path: {ROOT}/loops, hash: md5, md5: 0.dir, size: 1, nfiles: 1}}]
"""
NESTED = "[" * 3000
#: What is wrong -> dvc.lock, dvc.yaml, a word of the finding.
LEDGERS = {
    "a stage called by a number": (LOCK.replace("  a:", "  1:"), "stages: {}", "stage 1 is not"),
    "a stage of a list": (LOCK + "  b: [1]\n", "stages: {}", "stage b is not"),
    "a working folder with a null": (LOCK, 'stages: {a: {wdir: "\\0"}}', "stage a is not"),
    "variables that are a number": (LOCK, "vars: 5", "dvc.yaml: vars is no list"),
    "brackets in dvc.yaml": (LOCK, f"vars: {NESTED}", "dvc.yaml: cannot be read"),
    "brackets in dvc.lock": (f"# {ROOT}\n{NESTED}", "stages: {}", "dvc.lock: cannot be read"),
    "a tag that its text does not fit": (LOCK, "vars: !!bool x", "dvc.yaml: cannot be read"),
}


def ledger(lock: str, definition: str) -> Callable[[Path], None]:
    def plant(folder: Path) -> None:
        good(folder)
        (folder / ".dvc").mkdir()
        (folder / "dvc.lock").write_text(lock)
        (folder / "dvc.yaml").write_text(definition)

    return plant


def undecodable(folder: Path) -> None:
    here(folder)
    (folder / "dvc.yaml").write_bytes(b"# caf\xe9\n")


CASES = [
    Case(KIND, f"a ledger with {name}", ledger(lock, definition), (f"autophagy audit {ROOT}",),
         ("ledger", word))
    for name, (lock, definition, word) in LEDGERS.items()
]  # fmt: skip
CASES.append(
    Case(KIND, "a dvc.yaml that is no UTF-8", undecodable,
         ("autophagy record", "autophagy record --check"), ("dvc.yaml: is missing or out of date",))
)  # fmt: skip


# Tables

THEORY = yaml.safe_load((TESTS / "configs" / "theory.yaml").read_text(encoding="utf-8"))
ENDS = ("run", "n_real", "n_synthetic", "sampling_bias", "memory", "w2", "ratio", "ratio_se")
HEAD = ",".join((*ENDS, "drift", "chains")) + "\n"
#: What is wrong with theory.csv -> its content, a word of the line.
TABLES = {
    "nothing": (b"", "cannot be read"),
    "no text": (b"\xff\xfe\x00", "cannot be read"),
    "other columns": (b"a,b\n1,2\n", "columns"),
    "no rows": (HEAD.encode(), "no rows"),
    "words for numbers": ((HEAD + ",".join(["x"] * 10) + "\n").encode(), "n_real must hold"),
}


def table(content: bytes) -> Callable[[Path], None]:
    def plant(folder: Path) -> None:
        (folder / "config").mkdir()
        (folder / "config" / "config.yaml").write_text(yaml.safe_dump(THEORY))
        root = folder / "results" / THEORY["experiment"]
        root.mkdir(parents=True)
        (root / "theory.csv").write_bytes(content)

    return plant


CASES += [
    Case(KIND, f"a theory.csv with {name}", table(content),
         ("autophagy summary", "autophagy summary --json"), ("theory.csv", word))
    for name, (content, word) in TABLES.items()
]  # fmt: skip
