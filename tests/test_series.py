"""Means and spreads over seeds, held against pandas."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from autophagy import series
from hypothesis import given
from hypothesis import strategies as st

values = st.floats(-1e6, 1e6) | st.just(math.nan)
rows = st.lists(
    st.fixed_dictionaries({"generation": st.integers(1, 3), "recall": values}), min_size=1
)


@given(rows)
def test_what_pandas_says_of_the_groups_of_generations(made) -> None:
    spreads = series.over_generations(made, "recall")
    grouped = pd.DataFrame(made, columns=["generation", "recall"]).groupby("generation")["recall"]
    assert list(spreads) == grouped.mean().index.tolist()
    means, sds = ([getattr(of, name) for of in spreads.values()] for name in ("mean", "sd"))
    np.testing.assert_allclose(means, grouped.mean(), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(sds, grouped.std(), rtol=1e-6, atol=1e-6)


def test_the_spread_is_the_samples() -> None:
    assert series.spread([1.0, 2.0, math.nan, 6.0]) == (3.0, math.sqrt(7.0))
    mean, sd = series.spread([4.0])
    assert mean == 4.0
    assert math.isnan(sd)
    assert all(map(math.isnan, series.spread([math.nan])))
    assert series.spread([1.0, math.inf]).mean == math.inf
