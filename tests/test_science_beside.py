"""docs/science.md: what theory says beside a run."""

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tools"))

import science
import science_beside as beside

DOSE = science.loaded(REPOSITORY, "science-dose")
IMBALANCED = science.loaded(REPOSITORY, "science-imbalanced")


def test_the_gaussian_helps_as_its_closed_form_says() -> None:
    """λ = 1 and n_r ≫ d: n_e/n_r = 2 − p in the limit, and less on the way from 1 there."""
    names = ["p50-l100-s225", "p50-l50-s225"]
    window = pd.DataFrame({"loop": names, "first_generation": 1, "last_generation": [2, 4]})
    found = beside.gaussian_table(DOSE, names, window, dimensions=1)
    assert found["ratio"][0] == pytest.approx(1.5, abs=0.1 + 3 * found["ratio_se"][0])
    assert found["ratio"][1] < found["ratio"][0]
    assert 1.0 < found["within"][0] < found["ratio"][0]


def test_a_first_generation_alone_is_as_good_as_its_real_points() -> None:
    window = pd.DataFrame({"loop": ["p50-l100-s225"], "first_generation": 1, "last_generation": 1})
    found = beside.gaussian_table(DOSE, ["p50-l100-s225"], window, dimensions=8)
    assert found["within"][0] == pytest.approx(1.0, abs=4 * found["within_se"][0])


def test_labels_are_counted_off_every_training_set(tmp_path, monkeypatch) -> None:
    read = []
    monkeypatch.setattr(
        beside.training_sets,
        "read",
        lambda file: read.append(file) or SimpleNamespace(label=np.array([0, 0, 0, 7])),
    )
    table = beside.labels_table(beside.labels_of(tmp_path, IMBALANCED))
    assert len(table) == len(IMBALANCED.loops) * 3 * IMBALANCED.generations
    assert table.iloc[0].to_dict() == {
        "loop": "inherited", "seed": 1, "generation": 1, "n": 4, "classes": 2,
        "diversity": pytest.approx(1 - 9 / 16 - 1 / 16),
    }  # fmt: skip
    # Generation 1 is the real-only start's.
    assert read[0] == tmp_path / "real-only/start/seed-1/training_set.parquet"
    assert read[1] == tmp_path / "loops/inherited/seed-1/gen-002/training_set.parquet"


def test_inherited_labels_lose_what_the_wright_fisher_model_says() -> None:
    left = beside.inherited(np.array([5, 5, 5, 5]), 20, 5, np.random.default_rng(1))
    assert left.shape == (beside.REPEATS,)
    error = left.std() / np.sqrt(beside.REPEATS)
    assert left.mean() == pytest.approx((1 - 1 / 20) ** 5, abs=4 * error)


def test_more_seeds_lie_nearer_to_the_law(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(
        beside.training_sets, "read", lambda _: SimpleNamespace(label=np.repeat([0, 1, 2], 20))
    )
    few, many = (
        beside.drift_table(
            beside.labels_of(tmp_path, IMBALANCED.model_copy(update={"seeds": seeds})),
            ["inherited"],
        ).iloc[0]
        for seeds in ([1, 2], list(range(1, 21)))
    )
    assert few["law"] == many["law"] == pytest.approx((1 - 1 / 60) ** 10)
    assert few["low"] < many["low"] < many["law"] < many["high"] < few["high"]
