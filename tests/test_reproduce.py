"""What `make reproduce` hands to a run in another folder."""

from __future__ import annotations

import sys

import pytest
import yaml
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tools"))

import reproduce


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("pictures", "full", "net"):
        (tmp_path / name).mkdir()
    return tmp_path


def said(here, content) -> dict:
    (here / "config.yaml").write_text(yaml.safe_dump(content))
    return yaml.safe_load(reproduce.standalone("config.yaml"))


def test_paths_mean_the_same_in_any_folder_and_names_stay_names(here) -> None:
    content = {
        "dataset": {"name": "imagefolder", "path": "pictures"},
        "model": {"autoencoder": "./net"},
        "evaluate": {"features": "./net", "second": "lenet_random", "weights": "./none"},
        "loops": {"a": {"start_from": "full"}, "b": {"start_from": "./pictures"}, "c": {}},
    }
    found = said(here, content)
    assert found["dataset"]["path"] == str(here / "pictures")
    assert found["model"]["autoencoder"] == found["evaluate"]["features"] == str(here / "net")
    assert found["evaluate"]["second"] == "lenet_random"
    assert found["evaluate"]["weights"] == "./none"
    assert [loop.get("start_from") for loop in found["loops"].values()] == [
        "full", str(here / "pictures"), None,
    ]  # fmt: skip


def test_a_theory_has_no_data_set_and_a_fork_no_path(here) -> None:
    for content in (
        {"kind": "theory", "experiment": "x"},
        {"loops": {"a": {"start_from": {"loop": "b", "generation": 2}}}},
    ):
        assert said(here, content) == content
