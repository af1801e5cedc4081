"""Attribution of drift: loops that differ in one thing each, compared over seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from autophagy import config as configuration
from autophagy import ledger, paths, tabular
from autophagy import plan as planning
from autophagy.errors import UserError
from autophagy.steps.attribute_drift import attribute_drift
from autophagy.verdict import attribution
from autophagy.verdict import plan as verdict_plan
from conftest import REPOSITORY, changed, plan_of
from test_verdict import distances, stream


def framed(*arguments) -> pd.DataFrame:
    return tabular.frame(attribution.table(*arguments), attribution.COLUMNS)


def lines_of(table: pd.DataFrame) -> list[str]:
    return attribution.lines(table.reset_index().fillna({"changed": ""}).to_dict("records"))


def found(seeds: int, noise: float = 0.05, **slopes: float) -> pd.DataFrame:
    made = {
        name: distances(stream(31, seeds, place), seeds, 6, slope=slope, noise=noise)
        for place, (name, slope) in enumerate(slopes.items())
    }
    told = dict.fromkeys(made, "x")
    return framed(made, told, told).set_index("loop")


def test_what_takes_the_drift_away_is_told() -> None:
    table = found(8, base=0.5, same=0.5, less=0.1, more=1.0)
    assert table["told"].to_dict() == {
        "base": "reference", "same": "undecided", "less": "drifts less", "more": "drifts more",
    }  # fmt: skip
    for loop, slope in (("base", 0.5), ("less", 0.1), ("more", 1.0)):
        assert table["drift"][loop] == pytest.approx(slope, abs=0.05)
        assert table["drift_low"][loop] < table["drift"][loop] < table["drift_high"][loop]
    assert table["difference"]["less"] == pytest.approx(
        table["drift"]["less"] - table["drift"]["base"]
    )
    assert np.isnan(table["difference"]["base"])


def test_loops_that_differ_in_nothing_are_told_apart_in_one_of_twenty_tables_at_most() -> None:
    wrong = 0
    for run in range(200):
        rng = stream(32, run)
        made = {f"{k}": distances(rng, 3, 5) for k in range(5)}
        told = dict.fromkeys(made, "")
        table = attribution.table(made, told, told)
        wrong += any(row["told"].startswith("drifts") for row in table)
    # At 5% ten are due, and more than twenty come by chance once in 800 such tests (binomial).
    assert wrong <= 20


def test_the_step_to_models_of_another_training_is_no_drift() -> None:
    """One lower from generation 2 on; generation 1 is the reference's."""
    rng = stream(34)
    base = distances(rng, 5, 6, slope=0.3, noise=0.01)
    longer = base - 3.0 + distances(rng, 5, 6, noise=0.01)
    longer[:, 0] = base[:, 0]
    told = {"base": "", "longer": ""}
    [_, row] = attribution.table({"base": base, "longer": longer}, told, told, ["longer"])
    assert (row["first_generation"], row["told"]) == (2, "undecided")
    assert row["drift"] == pytest.approx(0.3, abs=0.02)
    assert row["difference"] == pytest.approx(0.0, abs=0.02)


def test_two_generations_leave_another_training_no_drift() -> None:
    base = distances(stream(35), 5, 2, slope=0.3, noise=0.01)
    three = {"base": base, "longer": base - 3.0, "less": base * 0.5}
    told = dict.fromkeys(three, "")
    table = framed(three, told, told, ["longer"]).set_index("loop")
    assert table["told"].to_dict() == {
        "base": "reference", "longer": "undefined", "less": "drifts less"
    }  # fmt: skip
    unknown = ["drift", "drift_low", "difference", "difference_low", "p"]
    assert table.loc["longer", unknown].isna().all()
    # It is one of no comparisons that p is corrected for.
    alone = attribution.table({"base": base, "less": base * 0.5}, told, told)
    assert table["p"]["less"] == alone[1]["p"]
    assert "  longer: no drift; " in "\n".join(lines_of(table))


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_have_no_interval(seeds) -> None:
    table = found(seeds, base=0.5, less=0.0)
    assert table["told"]["less"] == f"undecided: 3 seeds are needed, this run has {seeds}"
    assert table[["drift_low", "drift_high", "p"]].isna().all(axis=None)
    assert "less" in lines_of(table)[2]


def asked_of(name: str) -> dict:
    return verdict_plan.attributed(configuration.load(REPOSITORY / "config" / name / "config.yaml"))


def test_the_shipped_experiments_change_one_thing_at_a_time() -> None:
    asked = asked_of("controls-attribution")
    assert asked["changes"] == {
        "fully-synthetic": "",
        "samples-4x": "n_synthetic 500 → 2000",
        "sampler-4x": "sample.steps 25 → 100",
        "no-ema": "train.ema_decay 0.99 → 0.0",
        "biased": "sampling_bias 1.0 → 0.5",
        "labels-inherited": "labels balanced → inherited",
        "exact-samples": "sample.exact None → True",
        "real-rows": "counterfactual none → real",
    }
    assert asked["otherwise"] == ["no-ema"]
    asked = asked_of("controls-steps")
    assert asked["changes"] == {
        "fully-synthetic": "",
        "steps-half": "train.steps 1000 → 500",
        "steps-2x": "train.steps 1000 → 2000",
        "steps-4x": "train.steps 1000 → 4000",
    }
    assert asked["budgets"]["steps-2x"] == "2000 steps of 128"
    assert asked["otherwise"] == ["steps-half", "steps-2x", "steps-4x"]


def test_what_else_follows_from_a_rule_is_told() -> None:
    changes = asked_of("science-budgets")["changes"]
    assert changes == {
        "fully-synthetic": "",
        "twice-the-rows": "n_synthetic 500 → 1000",
        "twice-the-rows-epochs": "train.steps → train.epochs, n_synthetic 500 → 1000",
        "until-flat": "train.steps → train.until_flat, decay of the learning rate to 0 → none, "
        "rows of D^t that train 100% → 90%",
    }


def test_the_pieces_of_one_attribution_share_their_reference() -> None:
    """Tables of several pieces stand together, so they compare with one and the same loop."""
    one, *others = (
        planning.build(configuration.load(REPOSITORY / "config" / name / "config.yaml"))
        for name in ("controls-attribution", "controls-steps", "science-budgets")
    )
    made = [
        path
        for path, node in one.nodes.items()
        if path.startswith("loops/fully-synthetic/") and node.kind in ("model", "sample_set")
    ]
    assert len(made) > 3 * 4
    for plan in others:
        assert [plan.record(path) for path in made] == [one.record(path) for path in made]


def test_table_and_figure_are_made_where_they_are_asked_for(tmp_path) -> None:
    content = changed(("loops.biased.labels", "balanced")) | {"attribution": "fully-synthetic"}
    plan = plan_of(content)
    asked = verdict_plan.attributed(plan.experiment)
    assert list(asked["changes"]) == ["fully-synthetic", "biased", "augmentation"]
    rng, rows = stream(33), []
    for name in (*content["loops"], *(f"real-only/{n}" for n in content["real_only"])):
        values = distances(rng, 2, 3 if name in content["loops"] else 1)
        rows += [
            {"loop": name, "seed": seed, "generation": t + 1, "view": view,
             "frechet_distance": value}
            for seed, of_seed in zip((1, 2), values, strict=True)
            for t, value in enumerate(of_seed)
            for view in ("output", "model")
        ]  # fmt: skip
    from autophagy.tables import columns

    table = pd.DataFrame(rows).reindex(columns=list(columns("images")))
    table.to_csv(tmp_path / "metrics.csv", index=False)
    (tmp_path / "figures").mkdir()
    attribute_drift(str(tmp_path), asked, "tiny", "LeNet", str(tmp_path / "figures/attribution"))
    made = pd.read_csv(tmp_path / paths.ATTRIBUTION)
    assert tuple(made) == attribution.COLUMNS
    # As a file has it, and as the end of a run tells it.
    read_back = tabular.rows(tmp_path / paths.ATTRIBUTION, attribution.COLUMNS)
    assert "as it is" in attribution.lines(read_back)[1]
    assert made["changed"][1] == "sampling_bias 1.0 → 0.5"
    for suffix in ("png", "pdf", "txt"):
        assert (tmp_path / f"figures/attribution.{suffix}").stat().st_size
    payload = plan.nodes[paths.REPORT].payload
    assert {"attribution.csv", "figures/attribution.png"} <= set(payload)
    text = ledger.text(plan, "config/x/config.yaml")
    assert "- attribution\n" in text
    assert "attribution.csv" in text
    assert "attribution.csv" not in ledger.text(plan_of(changed()), "config/config.yaml")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("nobody", "attribution: 'nobody' is no loop; allowed: fully-synthetic, biased"),
        ("fresh", "attribution: no other loop starts where fresh does"),
        (3, "attribution: 3 is not allowed"),
        ("../x", "attribution:"),
    ],
)
def test_what_cannot_be_attributed_is_refused(value, words) -> None:
    with pytest.raises(UserError) as raised:
        plan_of(changed() | {"attribution": value})
    assert words in str(raised.value)
    with pytest.raises(UserError, match="no drift in 1 generation"):
        plan_of(changed(("generations", 1)) | {"attribution": "biased"})
