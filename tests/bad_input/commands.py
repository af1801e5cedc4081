"""Malformed command lines."""

from __future__ import annotations

from pathlib import Path

import yaml

from bad_input.archives import ROOT, SAMPLES, TRAINING_SET, good
from bad_input.case import Case
from bad_input.datasets import configured, content_of

KIND = "command lines"


def here(folder: Path) -> None:
    """An experiment and its configuration, whose data set is gone."""
    good(folder)
    (folder / "config").mkdir()
    content = content_of({"name": "digits"})
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(content))
    (folder / "notes").mkdir()
    (folder / "notes" / "mine.txt").write_text("keep me")


def elsewhere(name: str):
    def plant(folder: Path) -> None:
        here(folder)
        (folder / "config" / name).mkdir()
        configured(folder / "config" / name, name="digits")
        (folder / "config" / "config.yaml").unlink()

    return plant


LINES: dict[str, str] = {
    "": "COMMAND",
    "nonsense": "nonsense",
    "--version=1": "COMMAND",
    "check config/config.yaml more": "more",
    "check --force": "--force",
    "check ../nowhere.yaml": "nowhere.yaml",
    "check .": ".",
    "check ''": ".",
    "check /dev/null/x": "/dev/null/x",
    "ledger nowhere.yaml": "nowhere.yaml",
    "record --check config": "config",
    "record": "dvc.yaml",
    "record --yes": "--yes",
    "summary": "metrics.csv",
    "lineage": "path",
    "lineage nowhere": "nowhere",
    "lineage ''": "experiment",
    "lineage /": "/",
    "lineage /etc/passwd": "/etc/passwd",
    "lineage ../../..": "../../..",
    f"lineage {ROOT}": ROOT,
    f"lineage {ROOT}/nowhere": "nowhere",
    f"lineage {ROOT}/../../notes": "notes",
    f"lineage {ROOT}/real": "real",
    f"trace {ROOT}/{SAMPLES}": "row",
    f"trace {ROOT}/{SAMPLES} x": "'x'",
    f"trace {ROOT}/{SAMPLES} 1.5": "'1.5'",
    f"trace {ROOT}/{SAMPLES} nan": "'nan'",
    f"trace {ROOT}/{SAMPLES} -1": "no row -1",
    f"trace {ROOT}/{SAMPLES} 6": "no row 6",
    f"trace {ROOT}/{TRAINING_SET} {10**30}": "no row 1000000",
    f"trace {ROOT}/{TRAINING_SET} {'9' * 5000}": "row",
    f"trace {ROOT}/real/loop 6": "no row 6",
    f"trace {ROOT}/loops/only 0": "has no rows",
    f"trace {ROOT}/features/lenet 0": "has no rows",
    "descendants nowhere": "nowhere",
    f"descendants {ROOT}": ROOT,
    "audit": "results",
    "audit nowhere": "nowhere",
    "audit /": "/",
    "audit config/config.yaml": "config/config.yaml",
    f"audit {ROOT}/loops": "loops",
    f"export {ROOT}": "--format",
    f"export {ROOT} --format pdf": "'pdf'",
    f"export {ROOT} --format ../card": "'../card'",
    "export nowhere --format card": "nowhere",
    f"export {ROOT} --format card --out {ROOT}/loops": "loops",
    f"export {ROOT} --format card --out {ROOT}/../own/new": "new",
    f"export {ROOT} --format card --out notes": "mine.txt",
    f"export {ROOT} --format card --out config/config.yaml": "config.yaml",
    f"export {ROOT} --format card --out /dev/null/x": "/dev/null/x",
}
ASKED = {"n-real": "100", "n-synthetic": "50", "bias": "0.7", "dim": "2", "chains": "8"}
LINES |= {
    "effective-size " + " ".join(f"--{k} {v}" for k, v in (ASKED | {flag: value}).items()): word
    for flag, value, word in (
        ("n-real", "1", "n_real: 1 "),
        ("n-real", f"{10**22}", f"n_real: {10**22} "),
        ("n-real", "2.5", "--n-real"),
        ("n-synthetic", "0", "n_synthetic: 0 "),
        ("n-synthetic", f"{10**22}", f"n_synthetic: {10**22} "),
        ("bias", "0", "sampling_bias: 0.0 "),
        ("bias", "nan", "sampling_bias: nan "),
        ("dim", "0", "dimensions: 0 "),
        ("dim", "-3", "dimensions: -3 "),
        ("dim", f"{10**22}", f"dimensions: {10**22} "),
        ("chains", "1", "chains: 1 "),
        ("chains", f"{10**22}", f"{10**22} chains"),
    )
}
CASES = [
    Case(KIND, line[:110] or "nothing", here, (f"autophagy {line}",), (word,))
    for line, word in LINES.items()
]
CASES += [
    Case(KIND, f"{command} of {name!r}", elsewhere(name),
         (f"autophagy {command} 'config/{name}/config.yaml'",), ("config/", "has no ledger"))
    for command in ("ledger", "record")
    for name in ("a;touch ran", "$(touch ran)", "a b", "a&b", "..x")
]  # fmt: skip
