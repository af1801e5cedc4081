"""The registry, the shared configuration keys, the promises of a RealSet, and digits."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from autophagy import data
from autophagy.data.base import MAX_CLASSES, RealSet, checked, numbered_classes, sha256_file
from autophagy.data.table import DATASETS
from autophagy.errors import UserError
from pydantic import ValidationError

SOURCE = {"name": "npz", "licence": "not stated", "files": {"a.npz": "0" * 64}}
SPLITS = {"loop": 3, "reference": 2, "features": 1}
#: A valid section of the configuration for every data set.
SECTIONS = {
    "digits": {},
    "mnist": {},
    "fashion_mnist": {"path": "folder"},
    "npz": {"path": "a.npz"},
    "imagefolder": {"path": "folder", "size": 16, "channels": "grey"},
    "hf": {
        "path": "a/b",
        "split": "train",
        "image_column": "image",
        "size": 32,
        "channels": "rgb",
    },
    "gaussian": {"dimensions": 3, "count": 9},
    "grid_mixture": {"side": 2, "spacing": 1.0, "deviation": 0.1, "count": 9},
    "rosenbrock": {"count": 9},
}


def images(count: int = 4, side: int = 3, channels: int = 1) -> np.ndarray:
    """Random uint8 images."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, side, side, channels), dtype=np.uint8)


def build(**changes: object) -> RealSet:
    """A valid set of four images in two classes, but for `changes`."""
    good = {
        "images": images(),
        "labels": np.array([0, 1, 1, 0]),
        "levels": 256,
        "classes": ("no", "yes"),
        "source": SOURCE,
    }
    return checked(**(good | changes))


def test_a_set_that_keeps_its_promises_passes_unchanged() -> None:
    given = images()[:, ::-1]
    real = build(images=given, labels=np.array([0, 1, 1, 0], dtype=np.uint8))
    np.testing.assert_array_equal(real.images, given)
    assert real.images.flags.c_contiguous
    assert real.labels.dtype == np.int64
    assert real.labels.tolist() == [0, 1, 1, 0]
    assert (real.levels, real.classes, real.source) == (256, ("no", "yes"), SOURCE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": images(0), "labels": np.zeros(0, dtype=np.int64)}, "no images"),
        ({"images": images()[:, :2]}, "2×3"),
        ({"images": images(side=0)}, "0×0"),
        ({"images": images(channels=2)}, "2 channels"),
        ({"images": images(channels=4)}, "4 channels"),
        ({"images": images()[..., 0]}, "N×H×W×C"),
        ({"images": images().astype(np.float32)}, "float32"),
        ({"images": np.full((4, 3, 3, 1), 17, np.uint8), "levels": 17}, r"17; allowed: 0\.\.16"),
        ({"labels": np.array([0, 1, 1])}, "4 images but 3 labels"),
        ({"labels": np.array([0, 1, 2, 0])}, r"0\.\.2; allowed: 0\.\.1"),
        ({"labels": np.array([0, 1, -1, 0])}, r"-1\.\.1"),
        ({"labels": np.array([0.0, 1.0, 1.0, 0.0])}, "float64"),
        ({"labels": np.zeros((4, 1), dtype=np.int64)}, r"\(4, 1\)"),
        ({"labels": np.array([2**63, 1, 1, 0], dtype=np.uint64)}, "9223372036854775808"),
    ],
)
def test_a_set_that_breaks_a_promise_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        build(**changes)
    assert str(error.value).startswith("dataset npz (a.npz): ")


def test_the_highest_level_is_allowed_and_the_next_is_not() -> None:
    top = np.full((4, 3, 3, 1), 16, np.uint8)
    assert build(images=top, levels=17).levels == 17
    with pytest.raises(UserError):
        build(images=top, levels=16)


def test_numbered_classes_reach_to_the_largest_label() -> None:
    assert numbered_classes(np.array([3, 0], dtype=np.uint8), "x") == ("0", "1", "2", "3")
    for labels in (np.array([MAX_CLASSES]), np.array([-1]), np.array([True]), np.array(["a"])):
        with pytest.raises(UserError, match=r"^x: "):
            numbered_classes(labels, "x")


def test_sha256_of_a_file_is_the_standard_one(tmp_path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")  # FIPS 180-4's example
    assert sha256_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(UserError, match="missing"):
        sha256_file(tmp_path / "missing")


def test_every_data_set_has_the_four_parts() -> None:
    assert set(SECTIONS) == set(DATASETS)
    for name, keys in SECTIONS.items():
        module = data.module(name)
        section = module.Dataset(name=name, splits=SPLITS, **keys).model_dump()
        assert section["split_seed"] == 0
        assert section["splits"] == SPLITS
        assert callable(module.load)
        assert callable(module.check)
        assert module.shape(section) == {
            "digits": (8, 1),
            "mnist": (28, 1),
            "fashion_mnist": None,
            "npz": None,
            "imagefolder": (16, 1),
            "hf": (32, 3),
            "gaussian": (3,),
            "grid_mixture": (2,),
            "rosenbrock": (2,),
        }[name]  # fmt: skip


@pytest.mark.parametrize("name", SECTIONS)
@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"typo": 1},
        {"split_seed": -1},
        {"split_seed": 2**64},
        {"split_seed": 1.0},
        {"splits": {"loop": 3, "reference": 2}},
        {"splits": {**SPLITS, "loop": 0}},
        {"splits": {**SPLITS, "test": 1}},
        {"path": ""},
        {"size": 0},
        {"size": 1025},
        {"channels": "rgba"},
        {"split": ""},
    ],
)
def test_sections_with_other_keys_or_values_are_refused(name: str, changes: dict) -> None:
    section = {"name": name, "splits": SPLITS, **SECTIONS[name]}
    data.module(name).Dataset(**section)
    with pytest.raises(ValidationError):
        data.module(name).Dataset(**(section | changes))


def test_modules_are_light_to_import() -> None:
    code = (
        "import sys; from autophagy import data; from autophagy.data.table import DATASETS\n"
        "for name in DATASETS: data.module(name)\n"
        "print(*{'PIL', 'sklearn', 'scipy', 'pandas', 'torch', 'datasets'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert run.stdout.strip() == ""


def test_digits_are_the_ones_uci_describes() -> None:
    section = {"name": "digits", "splits": SPLITS, "split_seed": 0}
    assert data.check(section) is None
    real = data.load(section)
    assert real.images.shape == (1797, 8, 8, 1)
    assert (real.levels, real.images.max(), real.images.min()) == (17, 16, 0)
    # The counts of the test part, as the data set's description states them.
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(real.labels).tolist() == counts
    assert real.classes == tuple("0123456789")
    assert real.source["licence"] == "CC BY 4.0"
    assert list(real.source["files"]) == ["digits.csv.gz"]
    assert json.loads(json.dumps(real.source)) == real.source
