"""Archives that lie consistently: every file is well formed, and together they cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from autophagy import manifests

from bad_input.archives import (
    FIRST_SAMPLES,
    INDEX,
    KIND,
    ROOT,
    SAMPLES,
    SECOND,
    START,
    TRAINING_SET,
    array,
    edited,
    good,
    index,
)
from bad_input.case import Case
from bad_input.datasets import LABELS, npy

MODEL = f"{SECOND}/model"
OTHER = {"path": f"{START}/model", "sha256": "0" * 64}
TRACE = f"autophagy trace {ROOT}"


def circle(folder: Path) -> None:
    """The first training set is mixed from what its own descendants sampled."""
    file = good(folder) / manifests.path_of(f"{START}/training_set.parquet")
    content = json.loads(file.read_text())
    content["materials"] = [{"path": SAMPLES, "sha256": "0" * 64}]
    content["params"]["parts"][0]["artifact"] = SAMPLES
    file.write_text(json.dumps(content))


CASES = [
    Case(KIND, f"a circle, for {command}", circle, (f"autophagy! {command}",), ("itself",))
    for command in (
        f"lineage {ROOT}/{TRAINING_SET}",
        f"trace {ROOT}/{SAMPLES} 0",
        f"descendants {ROOT}/real/loop",
    )
]
CASES += [
    Case(KIND, name, plant, tuple(f"{TRACE}/{asked}" for asked in commands), (word,))
    for name, plant, commands, word in (
        ("samples of no model", edited(SAMPLES, materials=[]), [f"{SAMPLES} 0"], SAMPLES),
        ("samples of two models", edited(SAMPLES, materials=lambda held: [*held, OTHER]),
         [f"{SAMPLES} 0"], SAMPLES),
        ("a model of nothing", edited(MODEL, materials=[]), [f"{SAMPLES} 0"], MODEL),
        ("a model that is missing",
         edited(SAMPLES, materials=[{"path": "nowhere/model", "sha256": "0" * 64}]),
         [f"{SAMPLES} 0"], "nowhere/model"),
        ("an index of rows beyond the last", index(row=[99] * 6), [f"{TRAINING_SET} 0"], "99"),
        ("an index shorter than its manifest says",
         index(**{name: values[:3] for name, values in INDEX.items()}), [f"{TRAINING_SET} 5"],
         TRAINING_SET),
        ("an index of itself", index(artifact=[TRAINING_SET] * 6), [f"{TRAINING_SET} 0"],
         TRAINING_SET),
        ("an index of no parent", index(artifact=[MODEL] * 6), [f"{TRAINING_SET} 0"], MODEL),
        ("an index of what is missing", index(artifact=["no/such"] * 6), [f"{TRAINING_SET} 0"],
         "no/such"),
        ("fewer labels than rows", array(SAMPLES, "labels", npy(LABELS[:2])), [f"{SAMPLES} 5"],
         "labels"),
        ("fewer seeds than rows", array(SAMPLES, "seeds", npy(np.arange(2, dtype=np.uint64))),
         [f"{SAMPLES} 5"], "seeds"),
        ("fewer source rows than rows", array("real/loop", "source_rows", npy(np.arange(2))),
         ["real/loop 5"], "source_rows"),
        ("source rows fewer than an index asks for",
         array("real/loop", "source_rows", npy(np.arange(2))), [f"{FIRST_SAMPLES} 0"],
         "source_rows"),
    )
]  # fmt: skip
CASES += [
    Case("command lines", f"{command} of a name of 5000 characters", good,
         (f"autophagy {command}",), ("xxx",))
    for command in (
        f"lineage {ROOT}/{'x' * 5000}", f"audit {'x' * 5000}", f"descendants {'x' * 5000}",
        f"export {'x' * 5000} --format card", f"check {'x' * 5000}",
        f"export {ROOT} --format card --out {'x' * 300}",
    )
]  # fmt: skip
