"""Hugging Face data sets: against a stand-in for `datasets`, and the real one where it is."""

from __future__ import annotations

import importlib.metadata
import sys
import types

import numpy as np
import pytest
from autophagy import data
from autophagy.errors import UserError
from PIL import Image

PIXELS = np.random.default_rng(4).integers(0, 256, (4, 6, 6, 3), dtype=np.uint8)
PICTURES = [Image.fromarray(pixels) for pixels in PIXELS]
SECTION = {
    "name": "hf",
    "path": "someone/something",
    "split": "train",
    "image_column": "image",
    "label_column": "label",
    "size": 6,
    "channels": "rgb",
}


class Rows:
    """What is used of `datasets.Dataset`."""

    license = "mit"

    def __init__(self, columns: dict, names: list[str] | None = None, split=None) -> None:
        self.columns, self.split = columns, split
        self.features = {name: types.SimpleNamespace() for name in columns}
        if names is not None:
            self.features["label"].names = names

    @property
    def column_names(self) -> list[str]:
        return list(self.columns)

    def select_columns(self, names: list[str]) -> Rows:
        return Rows({name: self.columns[name] for name in names})

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, key):
        if isinstance(key, str):
            return self.columns[key]
        return {name: values[key] for name, values in self.columns.items()}


@pytest.fixture
def package(monkeypatch) -> types.SimpleNamespace:
    """A stand-in for `datasets`; `.rows` is what it loads, `.calls` what it was asked."""
    fake = types.ModuleType("datasets")
    fake.rows = Rows({"image": PICTURES, "label": [1, 0, 1, 2]}, names=["cat", "dog", "eel"])
    fake.calls = []

    def load_dataset(*args, **keywords):
        fake.calls.append(("hub", args, keywords))
        if isinstance(fake.rows, Exception):
            raise fake.rows
        return fake.rows

    def load_from_disk(*args, **keywords):
        fake.calls.append(("disk", args, keywords))
        return fake.rows

    fake.load_dataset, fake.load_from_disk = load_dataset, load_from_disk
    fake.version = "4.0.0"
    monkeypatch.setitem(sys.modules, "datasets", fake)
    real = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata,
        "version",
        lambda name: fake.version if name == "datasets" else real(name),
    )
    return fake


def test_pictures_labels_and_class_names_come_through(package) -> None:
    data.check(SECTION)
    real = data.load(SECTION)
    np.testing.assert_array_equal(real.images, PIXELS)
    assert real.labels.tolist() == [1, 0, 1, 2]
    assert real.classes == ("cat", "dog", "eel")
    assert real.levels == 256
    assert real.source["licence"] == "mit"
    assert list(real.source["files"]) == ["train"]
    assert real.source["count"] == 4


def test_nothing_but_the_split_is_asked_of_the_hub(package) -> None:
    data.load(SECTION)
    assert package.calls == [("hub", ("someone/something",), {"split": "train"})]


def test_without_a_label_column_all_is_one_class(package) -> None:
    for section in (SECTION | {"label_column": None}, {**SECTION, "channels": "grey"}):
        real = data.load(section)
        assert real.images.shape == (4, 6, 6, 3 if section["channels"] == "rgb" else 1)
    unlabelled = {key: value for key, value in SECTION.items() if key != "label_column"}
    assert data.load(unlabelled).classes == ("all",)
    assert data.load(unlabelled).labels.tolist() == [0] * 4


def test_plain_integers_are_numbered(package) -> None:
    package.rows = Rows({"image": PICTURES, "label": [3, 0, 1, 1]})
    assert data.load(SECTION).classes == ("0", "1", "2", "3")


def test_no_other_column_is_decoded(package) -> None:
    class Sound(list):
        def __getitem__(self, key: object) -> None:
            raise ImportError("no decoder for sound")

    package.rows.columns["sound"] = Sound("abcd")
    assert len(data.load(SECTION).images) == 4


def test_the_digest_is_of_the_pictures_before_they_are_resized(package) -> None:
    files = data.load(SECTION).source["files"]
    assert data.load(SECTION | {"size": 3, "channels": "grey"}).source["files"] == files
    package.rows.columns["image"] = PICTURES[::-1]
    assert data.load(SECTION).source["files"] != files


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": ["a", "b", "c", "d"]}, "label_column: label.*cast it to ClassLabel"),
        ({"label": [0, None, 1, 1]}, "ClassLabel"),
        ({"label": [0, 1, 1, -1]}, r"-1\.\.1"),
        ({"label": [0, 1, 1, 2**80]}, "only integers"),
        ({"image": [*PICTURES[:3], [[1, 2], [3, 4]]]}, "image_column: image, row 3.*list"),
        ({"image": [None, *PICTURES[1:]]}, "row 0.*NoneType"),
        ({"image": [Image.new("I;16", (4, 4))] * 4}, "more than 8 bits"),
        ({"image": [], "label": []}, "no images"),
    ],
)
def test_columns_of_other_things_are_refused(package, changes: dict, message: str) -> None:
    package.rows = Rows({"image": PICTURES, "label": [0, 0, 1, 1]} | changes)
    with pytest.raises(UserError, match=message):
        data.load(SECTION)


@pytest.mark.parametrize("key", ["image_column", "label_column"])
def test_a_missing_column_lists_those_there_are(package, key: str) -> None:
    with pytest.raises(UserError, match=f"dataset.{key}: no 'img'; there are image, label"):
        data.load(SECTION | {key: "img"})


@pytest.mark.parametrize("error", [ConnectionError("no net"), ValueError("a\nb"), KeyError("x")])
def test_whatever_the_package_raises_is_one_line(package, error: Exception) -> None:
    package.rows = error
    with pytest.raises(UserError, match=r"dataset\.path: cannot load someone/something") as caught:
        data.load(SECTION)
    assert type(error).__name__ in str(caught.value)
    assert "\n" not in str(caught.value)


def test_saved_folders_are_loaded_from_disk_and_their_split_is_believed(package, tmp_path) -> None:
    section = SECTION | {"path": str(tmp_path)}
    (tmp_path / "state.json").write_text("{}")
    data.check(section)
    assert len(data.load(section).images) == 4
    package.rows.split = "test"
    with pytest.raises(UserError, match=r"no 'train'.*there is test"):
        data.load(section)
    (tmp_path / "state.json").rename(tmp_path / "dataset_dict.json")
    package.rows = {"train": package.rows}
    assert len(data.load(section).images) == 4
    with pytest.raises(UserError, match=r"no 'valid'.*there are train"):
        data.load(section | {"split": "valid"})
    assert {call[0] for call in package.calls} == {"disk"}


def test_a_local_path_that_is_not_there_is_refused_early(package, tmp_path) -> None:
    for path in (str(tmp_path / "nowhere"), "./nowhere", "../nowhere-at-all"):
        with pytest.raises(UserError, match=r"dataset\.path: no folder"):
            data.check(SECTION | {"path": path})


def test_versions_that_can_run_foreign_code_are_refused(package) -> None:
    package.version = "3.6.0"
    for function in (data.check, data.load):
        with pytest.raises(UserError, match=r"4 or newer, found 3\.6\.0"):
            function(SECTION)
    assert package.calls == []
    package.version = "10.0.0.dev0"
    data.check(SECTION)


def test_a_missing_package_is_named_with_its_cure(monkeypatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    message = r"dataset\.name: hf needs the optional package `datasets`: pip install -e '\.\[hf\]'"
    for function in (data.check, data.load):
        with pytest.raises(UserError, match=message):
            function(SECTION)


def test_the_real_package_loads_what_it_saved(tmp_path, monkeypatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    rows = datasets.Dataset.from_dict({"image": PICTURES, "label": [1, 0, 0, 1]}, features)
    rows.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": rows}).save_to_disk(tmp_path / "many")
    found = []
    for folder in ("one", "many"):
        section = SECTION | {"path": str(tmp_path / folder)}
        data.check(section)
        real = data.load(section)
        np.testing.assert_array_equal(real.images, PIXELS)
        assert real.labels.tolist() == [1, 0, 0, 1]
        assert real.classes == ("cat", "dog")
        found.append(real.source)
    assert found[0] == found[1]
    with pytest.raises(UserError, match="no 'test'"):
        data.load(SECTION | {"path": str(tmp_path / "many"), "split": "test"})
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "script.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit"
    )
    with pytest.raises(UserError, match=r"dataset\.path: cannot load"):
        data.load(SECTION | {"path": str(tmp_path / "script")})
    assert not (tmp_path / "ran").exists()
