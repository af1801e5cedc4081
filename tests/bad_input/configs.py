"""Malformed configurations, as files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from conftest import TESTS, changed, tiny_content

from bad_input.case import Case

KIND = "configurations"
CHECK = ("autophagy check bad.yaml",)
TINY = (TESTS / "configs" / "tiny.yaml").read_bytes()
LOOP = tiny_content()["loops"]["fully-synthetic"]
NAMES = "letters, digits"
SPLITS = {"loop": 120, "reference": 60, "features": 100}


def bomb(levels: int) -> bytes:
    """Billion laughs: ten times more values a level, for one line each."""
    lines = ["l0: &l0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"l{n}: &l{n} [{','.join([f'*l{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines).encode() + b"\n"


def folder_in_its_place(folder: Path) -> None:
    (folder / "bad.yaml").mkdir()


def nothing(folder: Path) -> None:
    """The file is missing."""


def dangling(folder: Path) -> None:
    (folder / "bad.yaml").symlink_to("nowhere.yaml")


def circle(folder: Path) -> None:
    (folder / "bad.yaml").symlink_to("bad.yaml")


def endless(folder: Path) -> None:
    (folder / "bad.yaml").symlink_to("/dev/zero")


def file_of(content: bytes) -> Callable[[Path], None]:
    def plant(folder: Path) -> None:
        (folder / "bad.yaml").write_bytes(content)

    return plant


def edited(*edits: tuple[str, Any]) -> Callable[[Path], None]:
    """The tiny configuration with some keys set."""

    def plant(folder: Path) -> None:
        text = yaml.safe_dump(changed(*edits), sort_keys=False, allow_unicode=True)
        (folder / "bad.yaml").write_text(text, encoding="utf-8")

    return plant


def of_config(file: str, *edits: tuple[str, Any]) -> Callable[[Path], None]:
    """A configuration of tests/configs/ with some keys set."""
    content = yaml.safe_load((TESTS / "configs" / f"{file}.yaml").read_text(encoding="utf-8"))
    for path, value in edits:
        *sections, key = path.split(".")
        section = content
        for name in sections:
            section = section[name]
        section[key] = value
    return file_of(yaml.safe_dump(content, sort_keys=False).encode())


def without(key: str) -> Callable[[Path], None]:
    content = tiny_content()
    del content[key]
    return file_of(yaml.safe_dump(content).encode())


def replaced(old: bytes, new: bytes) -> Callable[[Path], None]:
    """The tiny configuration's text with one place changed."""
    assert TINY.count(old) == 1, old
    return file_of(TINY.replace(old, new))


#: name -> (what is planted, words of the refusal).
FILES: dict[str, tuple[Callable[[Path], Any], tuple[str, ...]]] = {
    "missing": (nothing, ("bad.yaml", "cannot be read")),
    "a folder": (folder_in_its_place, ("bad.yaml", "is a folder")),
    "a dangling link": (dangling, ("bad.yaml", "cannot be read")),
    "a link to itself": (circle, ("bad.yaml", "cannot be read")),
    "a device without end": (endless, ("bad.yaml", "larger than")),
    "empty": (file_of(b""), ("bad.yaml", "must be a mapping")),
    "a list": (file_of(b"- 1\n- 2\n"), ("bad.yaml", "must be a mapping")),
    "a text": (file_of(b"digits\n"), ("bad.yaml", "must be a mapping")),
    "two documents": (file_of(TINY + b"---\n" + TINY), ("bad.yaml", "not valid YAML")),
    "not closed": (file_of(b"loops: ["), ("bad.yaml", "not valid YAML")),
    "binary": (file_of(bytes(range(256)) * 8), ("bad.yaml", "not valid YAML")),
    "Latin-1": (file_of(b"experiment: caf\xe9\n"), ("bad.yaml", "not valid YAML")),
    "UTF-16": (file_of(TINY.decode().encode("utf-16")), ("bad.yaml", "not valid YAML")),
    "a byte order mark in the middle": (
        replaced(b"seeds:", b"\xef\xbb\xbfseeds:"), ("bad.yaml",),
    ),
    "deeply nested": (file_of(b"a: " + b"[" * 50_000), ("bad.yaml", "not valid YAML")),
    "a megabyte": (file_of(TINY + b"#" * 2**20), ("bad.yaml", "larger than")),
    "a key twice": (file_of(TINY + b"seeds: [3]\n"), ("bad.yaml", '"seeds" stands twice')),
    "billion laughs as a value": (
        file_of(bomb(10) + TINY.replace(b"seeds: [1, 2]", b"seeds: *l9")), ("bad.yaml", "values"),
    ),
    "billion laughs in an unknown key": (file_of(TINY + bomb(30)), ("bad.yaml", "values")),
    "an alias to itself": (
        replaced(b"seeds: [1, 2]", b"seeds: &s [1, *s]"), ("bad.yaml", "seeds"),
    ),
    "a YAML tag that runs a command": (
        replaced(b"seeds: [1, 2]", b"seeds: !!python/object/apply:os.system ['touch ran']"),
        ("bad.yaml", "not valid YAML"),
    ),
    "a YAML tag that makes an object": (
        replaced(b"seeds: [1, 2]", b"seeds: !!python/object/new:pathlib.Path [x]"),
        ("bad.yaml", "not valid YAML"),
    ),
    "a YAML tag that names a function": (
        replaced(b"seeds: [1, 2]", b"seeds: !!python/name:os.system"),
        ("bad.yaml", "not valid YAML"),
    ),
    "a template for Snakemake's reader": (
        file_of(b"__use_yte__: true\n" + TINY.replace(
            b"tiny", b"?__import__('pathlib').Path('ran').touch() or 'tiny'")),
        ("bad.yaml", "__use_yte__"),
    ),
    "a date that does not exist": (
        replaced(b"seeds: [1, 2]", b"seeds: 2024-13-45"), ("bad.yaml", "not valid YAML"),
    ),
    "a number of 5000 digits": (
        replaced(b"generations: 3", b"generations: " + b"9" * 5000), ("bad.yaml",),
    ),
    "a hexadecimal number of 50000 digits": (
        replaced(b"generations: 3", b"generations: 0x" + b"f" * 50_000), ("generations",),
    ),
    "1e400": (replaced(b"learning_rate: 0.005", b"learning_rate: 1.0e+400"), ("learning_rate",)),
    ".nan": (replaced(b"learning_rate: 0.005", b"learning_rate: .nan"), ("learning_rate", "NaN")),
    "-.inf": (replaced(b"learning_rate: 0.005", b"learning_rate: -.inf"), ("learning_rate",)),
    "an octal": (replaced(b"generations: 3", b"generations: 0o3"), ("generations",)),
    "a boolean for a number": (replaced(b"generations: 3", b"generations: yes"), ("generations",)),
    "null for a number": (replaced(b"generations: 3", b"generations:"), ("generations", "null")),
    "no schema": (without("schema"), ("schema", "missing")),
    "no data set": (without("dataset"), ("dataset", "missing")),
    "no model": (without("model"), ("model", "missing")),
    "no loops": (without("loops"), ("loops", "missing")),
    "no seeds": (without("seeds"), ("seeds", "missing")),
    "no experiment": (without("experiment"), ("experiment", "missing")),
}  # fmt: skip

#: key -> values that it refuses.
VALUES: dict[str, list[Any]] = {
    "schema": [0, 2, "1", True, 1.0],
    "experiment": [
        "", ".", "..", "../up", "a/b", "/abs", "a\\b", "a b", "a\x00b", "a\nb", "-rf", "~", "$HOME",
        "x;touch ran", "${experiment}", "schön", "а" + "bc", "a\u202eb", "a\u200bb",
        "\uff0e\uff0e", "x" * 65, "x" * 5000, 3, None, ["a"],
    ],
    "generations": [0, -1, 1000, 10**30, 2.5, "3", True, [3]],
    "seeds": [[], [-1], [2**32], [1, 1], ["1"], [True], [1.5], 1, {"a": 1}],
    "threads": [0, -1, 10**6, "all"],
    "device": ["gpu", "cuda:99", 0],
    "dataset.name": ["../digits", "os", "data.digits", "digits\n", 7, ["digits"]],
    "dataset.splits.loop": [0, -120, 10**12, 120.0, "120", float("nan")],
    "dataset.splits.more": [1],
    "dataset.split_seed": [-1, 2**64],
    "model.family": ["../ddpm", "os", "base", None],
    "model.channels": [[], [0], [-8, 8], [10**9], ["8"], [8.0], 8, [[8]]],
    "model.timesteps": [1, 10**9, float("inf")],
    "model.unknown": [1],
    "train.steps": [0, -5, 10**30, 1e3, "many"],
    "train.epochs": [1, 0, "3"],
    "train.until_flat": [{}, True, 3, {"held_out": 0.1, "interval": 1, "patience": 1,
                                       "tolerance": 0.0, "max_steps": 9}],
    "train.batch_size": [0, 10**12],
    "train.learning_rate": [0, -0.1, 1.5, "1e-3", None],
    "train.accumulate": [0, -2, 3, 32, 2.0, "2", True, [2]],
    "train.processes": [0, -1, 3, 65, 2.0, "2", True, "auto"],
    "model.checkpointing": ["yes", 1, 0, "true"],
    "sample.steps": [0, 50, 10**9],
    "sample.exact": ["yes", 1, "float32"],
    "evaluate.n": [0, 121, "all"],
    "evaluate.k": [0, 40, -1],
    "evaluate.features": ["../lenet", "/etc/passwd", "inception", "", None, 3, ["lenet"],
                          "lenet\x00/", "/", "vgg"],
    "evaluate.second": ["lenet", "identity", "inception", "../lenet", "", 3, ["lenet_random"],
                        "a\x00/", "vgg"],
    "evaluate.metrics": [[], [""], ["recall"], ["../x"], "recall", 3, [3], {"a": 1}, ["x", "x"]],
    "evaluate.weights": ["", 3, "w.pth", "../w.pth", ["w"], {"a": 1}],
    "real_only": [{}, [60], {"../full": 60}, {"real": 60}, {"Real": 60},
                  {"FULL": 60, "full": 60, "small": 40}],
    "real_only.full": [0, 121, 10**30, -60],
    "loops": [{}, [LOOP], None, {"": LOOP}, {"..": LOOP}, {"a/../b": LOOP}, {"real": LOOP},
              {"a\x1b[2Jb": LOOP}, {"full": LOOP}, {"a": LOOP, "A": LOOP}, {7: LOOP}],
    "loops.fresh.start_from": ["smal", "../small", "", None, "/etc/passwd", "./no.npz", 3,
                               "a\x00/b", {}, [1], {"loop": "fresh", "generation": 1},
                               {"loop": "full", "generation": 1}, {"loop": "biased"},
                               {"loop": "biased", "generation": 0},
                               {"loop": "biased", "generation": "1"},
                               {"loop": "biased", "generation": 3},
                               {"loop": "../biased", "generation": 1},
                               {"lop": "biased", "generation": 1}],
    "attribution": ["nobody", "fresh", "../x", 3, ["fresh"], ""],
    "loops.fresh.counterfactual": ["fake", True, 1],
    "loops.fresh.train": [{}, [], 3, {"steps": 0}, {"steps": "3"}, {"stes": 3},
                          {"warmup_steps": 10}, {"accumulate": 3},
                          {"batch_size": 6, "accumulate": 4}, {"steps": 2, "epochs": 1},
                          {"until_flat": {"held_out": 1.5}}, {"epochs": 10**9}],
    "loops.fresh.sample": [{}, "fast", {"steps": 10**9}, {"scheduler": None, "steps": -1}],
    "loops.fresh.n_real": [0, -1, 50, 10**12],
    "loops.fresh.sampling_bias": [0, -0.5, 1.01, float("nan"), float("inf"), "1"],
    "loops.fresh.regime": ["fresh", "", None],
    "loops.fresh.n_sythetic": [20],
    "loops.fresh.real": ["none", "some", 1],
    "loops.fresh.synthetic": [
        "none", "all", "last", "last-1", "last-3", "last-1000", "last--2", 2, "every",
    ],
    "loops.fresh.pool": ["accumulate", "subsample", "keep", 1],
    "loops.fresh.start": ["again", 1],
    "loops.fresh.labels": ["uniform", 1],
    "loops.fresh.filter": [
        "verifier", [], {}, {"kind": "luck"}, {"keep_right": 1.0},
        {"kind": "verifier", "keep_right": 0.0, "keep_wrong": 0.0},
        {"kind": "verifier", "keep_right": 1.5, "keep_wrong": 0.0},
        {"kind": "verifier", "keep_right": 1.0},
        {"kind": "reward", "candidates": 1, "classes": [0], "weight": 1.0},
        {"kind": "reward", "candidates": 4, "classes": [], "weight": 1.0},
        {"kind": "reward", "candidates": 4, "classes": [-1], "weight": 1.0},
        {"kind": "reward", "candidates": 4, "classes": [0, 10], "weight": 1.0},
        {"kind": "reward", "candidates": 4, "classes": [0], "weight": float("inf")},
        {"kind": "confidence", "candidates": "4"}, {"kind": "likelihood", "candidates": 10**6},
        {"kind": "confidence", "candidates": 4, "k": 1},
    ],
    "loops.fresh.guidance": [
        "neon", {"kind": "neon"}, {"kind": "away", "weight": 1.0, "n": 10, "steps": 2},
        {"kind": "sims", "weight": 0.0, "n": 10, "steps": 2},
        {"kind": "sims", "weight": 1.0, "n": 0, "steps": 2},
        {"kind": "sims", "weight": 1.0, "n": 10, "steps": 1},
    ],
    "loops.fresh.n_synthetic": [0, -1, 10**12, "20"],
}  # fmt: skip

#: The data set of a configuration that is refused before anything is read of it.
PLACES: dict[str, dict[str, Any]] = {
    "npz that is missing": {"name": "npz", "path": "../../nowhere.npz"},
    "npz that is a folder": {"name": "npz", "path": "/"},
    "a folder that is missing": {
        "name": "imagefolder", "path": "../nowhere", "size": 8, "channels": "grey"},
    "a folder that is a file": {
        "name": "imagefolder", "path": "/etc/passwd", "size": 8, "channels": "grey"},
    "a path of 5000 characters": {
        "name": "imagefolder", "path": "x" * 5000, "size": 8, "channels": "grey"},
    "a path with NUL": {"name": "npz", "path": "a\x00b"},
    "no path": {"name": "npz"},
    "an empty path": {"name": "npz", "path": ""},
    "a path that is a number": {"name": "npz", "path": 3},
    "pictures of no size": {"name": "imagefolder", "path": ".", "size": 0, "channels": "grey"},
    "pictures of any size": {"name": "imagefolder", "path": ".", "size": 10**9, "channels": "rgb"},
    "a folder without IDX files": {"name": "mnist", "path": "."},
    "MNIST of no size": {"name": "mnist", "size": 0},
    "MNIST of any size": {"name": "mnist", "size": 10**9},
    "MNIST of a size in words": {"name": "fashion_mnist", "size": "16"},
}  # fmt: skip


#: The same of tests/configs/points.yaml.
POINTS: dict[str, list[Any]] = {
    "kind": ["images", "point", None],
    "dataset.count": [0, 300, 10**12, "301", None],
    "dataset.data_seed": [-1, 2**64, "0"],
    "dataset.dimensions": [2],
    "dataset.name": ["gaussian", "grid_mixture", "digits", "rosenbrok"],
    "model.family": ["ddpm", "gan", "mixture"],
    "model": [{"family": "mixture", "components": 41}],
    "train.steps": [1],
    "sample.batch_size": [1],
    "evaluate.features": ["lenet", "inception"],
    "real_only.full": [1, 201],
    "loops.biased.n_synthetic": [1],
}  # fmt: skip

#: The same of tests/configs/latent.yaml.
LATENT: dict[str, list[Any]] = {
    "model.pad": [True, False],
    "model.channels": [[8] * 4, [8, 6]],
    "model.autoencoder": [None, {}, 3, "", "./vae", "/etc/passwd", "a" * 300, "a\0b",
                          {"channels": [8, 8], "stride": 2}, {"path": "./vae"}],
    "model.autoencoder.channels": [[], [8], [8, 6], [8] * 4, [10**9, 8], "8"],
    "model.autoencoder.layers_per_block": [0, 9, 1.5],
    "model.autoencoder.latent_channels": [0, 65, "4"],
    "train.autoencoder": [None, {}, 5, {"steps": 5}],
    "train.autoencoder.steps": [0, -1, 1e3, "5"],
    "train.autoencoder.batch_size": [0, 10**12],
    "train.autoencoder.learning_rate": [0, 1.5, None],
    "train.autoencoder.kl_weight": [-0.1, 1.1, float("nan")],
    "train.processes": [4],
}  # fmt: skip


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 70 else f"{text[:30]}... ({len(text)} characters)"


def _case(name: str, plant: Callable[[Path], Any], words: tuple[str, ...]) -> Case:
    return Case(KIND, name, plant, CHECK, words)


CASES = [_case(f"a file: {name}", *planted) for name, planted in FILES.items()]
CASES += [
    _case(f"{key}: {_short(value)}", edited((key, value)), ("bad.yaml", key.split(".")[0]))
    for key, values in VALUES.items()
    for value in values
]
CASES += [
    _case(
        f"{file}: {key}: {_short(value)}",
        of_config(file, (key, value)),
        ("bad.yaml", key.split(".")[0]),
    )
    for file, table in (("points", POINTS), ("latent", LATENT))
    for key, values in table.items()
    for value in values
]
CASES += [
    _case(f"dataset: {name}", edited(("dataset", dataset | {"splits": SPLITS})), ("dataset.",))
    for name, dataset in PLACES.items()
]
# The other entrances read a configuration before they do anything.
CASES += [
    Case(
        KIND, f"for {entrance.split()[0]} {entrance.split()[1]}", edited(("treads", 1)),
        (f"{entrance}",), ("bad.yaml", "treads"),
    )
    for entrance in (
        "autophagy! check bad.yaml",
        "autophagy record bad.yaml",
        "autophagy ledger bad.yaml",
        "autophagy summary bad.yaml --json",
        "snakemake --configfile bad.yaml --dry-run --quiet all",
    )
]  # fmt: skip
CASES += [
    Case(
        KIND, f"for Snakemake: {name}", plant,
        ("snakemake --configfile bad.yaml --dry-run --quiet all",), words,
    )
    for name, plant, words in (
        ("a name that leads up", edited(("experiment", "../up")), ("bad.yaml", "experiment")),
        ("a key twice", file_of(TINY + b"seeds: [3]\n"), ("bad.yaml", '"seeds" stands twice')),
        ("billion laughs", file_of(bomb(10) + TINY), ("bad.yaml", "values")),
    )
]  # fmt: skip
if os.name == "posix":
    CASES += [
        Case(KIND, "for a process: a device without end", endless,
             ("autophagy! check bad.yaml",), ("bad.yaml", "larger than")),
        Case(KIND, "for a process: billion laughs", file_of(bomb(30) + TINY),
             ("autophagy! check bad.yaml",), ("bad.yaml", "values")),
    ]  # fmt: skip
