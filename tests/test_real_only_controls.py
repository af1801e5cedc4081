"""Which real-only models belong beside a loop."""

from __future__ import annotations

import json

import pytest
import yaml
from autophagy import cli
from autophagy import config as configuration
from autophagy.verdict import controls
from conftest import REPOSITORY, tiny_content


def lacking(**real_only: int) -> tuple[dict[int, list[str]], int]:
    """What a small experiment lacks, and the size of its first real-only model."""
    content = tiny_content()
    start = next(iter(content["real_only"]))
    n = content["real_only"][start]
    loops = {
        "alone": {"regime": "fully_synthetic", "n_real": 0, "n_synthetic": n},
        "both": {"regime": "synthetic_augmentation", "n_real": n, "n_synthetic": 10},
        "swapped": {"regime": "synthetic_augmentation", "n_real": n, "n_synthetic": 10,
                    "counterfactual": "real"},
        "far": {"regime": "synthetic_augmentation", "n_real": n, "n_synthetic": 10**6},
    }  # fmt: skip
    common = {"start_from": start, "sampling_bias": 1.0, "labels": "balanced"}
    content["loops"] = {name: common | loop for name, loop in loops.items()}
    content["real_only"] = {start: n} | real_only
    return controls.lacking(configuration.parse(content, "here")), n


def test_sizes_that_no_real_only_model_has_are_named_with_their_loops() -> None:
    found, n = lacking()
    # All rows of a counterfactual are real; what no split reaches is asked of nobody.
    assert found == {10: ["both"], n + 10: ["both", "swapped"]}


def test_whoever_has_them_all_hears_nothing() -> None:
    found, n = lacking(few=10)
    assert found == {n + 10: ["both", "swapped"]}
    found, _ = lacking(few=10, sum=n + 10)
    assert found == {}


@pytest.mark.parametrize("as_json", [False, True])
def test_check_names_them(tmp_path, monkeypatch, capsys, as_json) -> None:
    content = yaml.safe_load((REPOSITORY / "config/controls-null/config.yaml").read_text())
    del content["real_only"]["small"]
    content["loops"] = {"null": content["loops"]["null-full"] | {"n_real": 300}}
    (tmp_path / "short.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["check", "short.yaml", *["--json"] * as_json]) == 0
    said = capsys.readouterr().out
    if as_json:
        assert json.loads(said)["real_only_lacking"] == {"300": ["null"]}
    else:
        assert said.splitlines()[1:] == [
            "real_only: no model of as many images as 300 (beside null): verdicts interpolate or "
            "have no control"
        ]
