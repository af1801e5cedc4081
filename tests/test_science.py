"""docs/science.md: what it asks of runs, and how it tells what they found."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from autophagy import plan as planning
from autophagy.errors import UserError
from autophagy.metrics import OF_FEATURES
from autophagy.models import budgets
from autophagy.tables import COLUMNS, VIEWS
from autophagy.verdict import attribution, judge, opinions
from autophagy.verdict import tables as verdicts
from conftest import REPOSITORY
from scipy.stats import spearmanr

sys.path.insert(0, str(REPOSITORY / "tools"))

import science
import science_answers as answers
import science_beside
import science_chance
import science_found
import science_outcomes as outcomes
import science_page

ASKED = science.content(REPOSITORY)


EXPERIMENTS = {name: science.loaded(REPOSITORY, name) for name in ASKED["configs"]}


@pytest.mark.parametrize("row", ASKED["rows"], ids=lambda row: row["claim"][:40])
def test_claims_ask_of_loops_and_metrics_that_there_are(row) -> None:
    experiment = EXPERIMENTS[row["config"]]
    assert row["control"]
    assert row["asks"]
    before = row.get("earlier", ())
    assert all(old["claim"] and old["why"] for old in before)
    for ask in [*row["asks"], *(ask for old in before for ask in old["asks"])]:
        [kind] = ask.keys() & answers.KINDS
        for name in answers.loops_of(ask, experiment):
            run, _, loop = name.rpartition(":")
            assert loop in EXPERIMENTS[run or row["config"]].loops
            # Only differences look beside their run.
            assert not run or kind == "difference"
        assert ask.get("metric", "recall") in COLUMNS
        assert ask.get("view", "model") in VIEWS
        if kind == "opinion":
            assert ask[kind] in OF_FEATURES
            assert experiment.evaluate.second
            # With fewer there is no interval, so nothing to expect.
            assert "expect" not in ask or len(experiment.loops) >= opinions.FEWEST_OF_INTERVAL
        if kind == "attribution":
            assert ask[kind] == experiment.attribution
            expected = ask.get("expect", {})
            assert expected.keys() <= {"less", "same"}
            assert {loop for loops in expected.values() for loop in loops} < set(experiment.loops)
        elif kind == "verdict":
            words = ask.get("expect", judge.UNDECIDED)
            assert ({words} if isinstance(words, str) else set(words)) <= set(judge.WORDS)
        elif ask.get("expect") == outcomes.WITHIN:
            # The margin is of this distance, whose rise is damage.
            assert (kind, ask["metric"]) == ("change", "frechet_distance")
        else:
            assert ask.get("expect", outcomes.ABOVE) in (outcomes.ABOVE, outcomes.BELOW)
        assert "expect" not in ask or kind in outcomes.JUDGED
        if kind == "dose":
            # Loops have to start where they are compared.
            loops = [experiment.loops[name] for name in ask[kind]]
            assert all(experiment.real_only[loop.start_from] == loop.n_real for loop in loops)


def test_what_make_runs_is_there() -> None:
    for name in ASKED["configs"]:
        assert (REPOSITORY / "config" / name / "config.yaml").is_file()
    assert set(ASKED["short"]) <= set(ASKED["configs"])
    page = (REPOSITORY / science.PAGE).read_text(encoding="utf-8")
    assert f"# {' and '.join(ASKED['short'])} alone" in page
    assert page == science.write(REPOSITORY), "make science-page"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_piece_takes_two_hours_of_two_cores_at_most_and_has_three_seeds(name) -> None:
    assert 0.5 < science.hours(EXPERIMENTS[name]) < 2 * 2
    assert len(EXPERIMENTS[name].seeds) >= 3


def test_fixed_epochs_and_fixed_steps_part_in_the_piece_on_budgets() -> None:
    experiment = EXPERIMENTS["science-budgets"]
    trained = {
        name: budgets.resolved(experiment.settings("train", name), loop.n_synthetic)["steps"]
        for name, loop in experiment.loops.items()
    }
    assert trained["twice-the-rows-epochs"] == 2 * trained["twice-the-rows"] == 2000


def test_classes_of_the_imbalanced_digits_shrink_by_their_share() -> None:
    classes = np.repeat(np.arange(4), 100)
    kept = classes[science.digits(classes, 0.5)]
    assert np.bincount(kept).tolist() == [100, 50, 25, 12]
    assert np.bincount(classes[science.digits(classes, 0.001)]).tolist() == [100, 1, 1, 1]


def test_intervals_need_three_seeds_and_lost_seeds_are_counted() -> None:
    told = answers.over_seeds
    assert told(np.array([1.0, np.nan])) == "+1 (1 seed, no interval; undefined in 1 of 2 seeds)"
    assert told(np.array([1.0, 3.0])) == "+2 (2 seeds, no interval)"
    assert told(np.array([np.nan] * 3)) == "undefined in 3 of 3 seeds"
    # Student's 97.5% of three values: 4.303 standard errors of 1/√3.
    assert told(np.array([1.0, 2.0, 3.0])) == "+2 (-0.484 to +4.48)"


@pytest.fixture
def found(tmp_path) -> science_found.Found:
    """Tables of runs with two loops of controls-steps and one of science-dose, three seeds."""
    rows = [
        {"loop": loop, "seed": seed, "generation": t, "view": view,
         "frechet_distance": slope * t + 0.1 * seed * t + (view == "output")}
        for loop, slope in (("fully-synthetic", 2.0), ("steps-2x", 1.0))
        for seed in (1, 2, 3)
        for t in (1, 2)
        for view in ("output", "model")
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "metrics.csv", index=False)
    told = [{"loop": "fully-synthetic", "verdict": "diverging", "margin": 1.2,
             "told": "diverging: +1 a generation; 3 seeds", "slope": 1.0},
            {"loop": "steps-2x", "verdict": "undecided", "told": "undecided (why)"},
            {"loop": "steps-half", "verdict": "no worse", "told": "no worse: here; 3 seeds",
             "slope": -0.03, "slope_low": -0.06, "slope_high": -0.01, "first_generation": 11,
             "last_generation": 20}]  # fmt: skip
    pd.DataFrame(told).to_csv(tmp_path / "verdicts.csv", index=False)
    blank = dict.fromkeys(attribution.COLUMNS, np.nan) | {"first_generation": 1, "seeds": 3}
    drifts = [
        {"loop": "fully-synthetic", "changed": "", "budget": "9 steps", "drift": 2.0,
         "drift_low": 1.0, "drift_high": 3.0, "told": "reference"},
        {"loop": "steps-2x", "changed": "steps", "budget": "18 steps", "drift": 1.0, "p": 0.01,
         "difference": -1.0, "difference_low": -2.0, "difference_high": -0.5,
         "told": "drifts less"},
        {"loop": "steps-4x", "changed": "more", "budget": "36 steps", "drift": 2.0, "p": 1.0,
         "difference": 0.0, "told": "undecided"},
    ]  # fmt: skip
    pd.DataFrame([blank | row for row in drifts]).to_csv(tmp_path / "attribution.csv", index=False)
    agreed = {"metric": "recall", "ranked": "loops", "items": 5, "seeds": 3, "correlation": 0.9,
              "low": 0.8, "high": 1.0, "first": "one", "second": "two",
              "ranking_first": "a < b < c < d < e",
              "ranking_second": "a < b < c < d < e"}  # fmt: skip
    few = agreed | {"metric": "precision", "items": 4, "low": np.nan, "high": np.nan,
                    "ranking_first": "a < b", "ranking_second": "b < a"}  # fmt: skip
    none = few | {"metric": "density", "items": 1, "seeds": 0, "correlation": np.nan}
    long = agreed | {"metric": "density", "ranked": "generations", "items": 20}
    table = pd.DataFrame([agreed, few, none, long], columns=list(opinions.COLUMNS))
    table.to_csv(tmp_path / "second_opinion.csv", index=False)
    labels = [
        {"loop": "fully-synthetic", "seed": seed, "generation": t, "n": 10, "classes": 12 - t,
         "diversity": 0.8 * 0.9 ** (t - 2)}
        for seed in (1, 2)
        for t in (2, 3, 4)
    ]  # fmt: skip
    pd.DataFrame(labels).to_csv(tmp_path / "labels.csv", index=False)
    sizes = dict.fromkeys(verdicts.SIZES, np.nan) | {
        "loop": "p50-l100-s75", "first_generation": 2, "last_generation": 4, "limit": False,
        "n_e": 60.0, "n_e_low": 0.0, "n_e_high": 90.0, "n_min": 25, "n_max": 900,
    }  # fmt: skip
    above = {"loop": "p50-l50-s75", "n_e": np.inf, "n_e_low": 450.0, "n_e_high": np.inf}
    pd.DataFrame([sizes, sizes | above]).to_csv(tmp_path / "effective_size.csv", index=False)
    exact = {
        "loop": "p50-l100-s75",
        "dimensions": 64,
        "first_generation": 2,
        "last_generation": 4,
        "within": 1.4,
        "within_se": 0.005,
        "ratio": 1.5968,
        "ratio_se": 0.0076,
    }
    pd.DataFrame([exact]).to_csv(tmp_path / "gaussian.csv", index=False)
    seeds = {"seeds": [1, 2, 3]}
    return science_found.Found(tmp_path, EXPERIMENTS["controls-steps"].model_copy(update=seeds))


DOSE = "science-dose"


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        ({"change": "fully-synthetic", "metric": "frechet_distance"},
         "`fully-synthetic`: Fréchet distance (output), generation 1 to 2: "
         "+2.2 (+1.95 to +2.45)"),
        ({"trend": "fully-synthetic", "metric": "frechet_distance"},
         "`fully-synthetic`: Fréchet distance (output), slope over generations 1 to 2: "
         "+2.2 (+1.95 to +2.45) a generation"),
        ({"difference": ["fully-synthetic", "steps-2x"], "metric": "frechet_distance"},
         "`fully-synthetic` less `steps-2x`: Fréchet distance (model) in the last generation: "
         "+2 (in each of 3 seeds, no interval)"),
        ({"verdict": "fully-synthetic"},
         "`fully-synthetic`: diverging: +1 a generation"),
        ({"verdict": "steps-2x"}, "`steps-2x`: undecided (why)"),
        ({"verdict": "steps-half"},
         "`steps-half`: no worse: here; slope over generations 11 to 20: -0.03 (-0.06 to -0.01)"),
        ({"verdict": "steps-4x"}, "`steps-4x`: undefined, verdicts.csv has no row of it"),
        ({"attribution": "fully-synthetic"},
         "`fully-synthetic`: drift +2 (+1 to +3) a generation; "
         "drifts less: `steps-2x` (-1 (-2 to -0.5)); drifts more: none; undecided: `steps-4x` (+0)"
         " ([the table](#attribution-of-drift))"),
        ({"opinion": "recall"},
         "recall: rank correlation of one and two +0.9 (+0.8 to +1) over 5 loops"),
        ({"opinion": "precision"},
         "one and two +0.9 (no interval: fewer than 5 loops) over 4 loops "
         "(a < b; b < a)"),
        ({"opinion": "density"},
         "density: rank correlation of one and two +0.9 (+0.8 to +1) over 20 generations"),
        ({"labels": "fully-synthetic"},
         "of 10 classes in D^2 died by D^4: +2 (2 seeds, no interval); 1 − Σp² of D^4 over that of "
         "D^2, n = 10: +0.81 (2 seeds, no interval)"),
    ],
)  # fmt: skip
def test_an_answer_is_read_off_the_tables(ask, words, found) -> None:
    told = answers.answer(ask, found)
    assert words in told
    # It stands in a line of a Markdown list.
    assert "\n" not in told


def test_doses_are_told_in_a_table(found) -> None:
    run = science_found.Found(found.folder, EXPERIMENTS[DOSE])
    loops = ["p50-l100-s75", "p50-l50-s75", "p25-l50-s225"]
    told = answers.doses({"dose": loops}, run)
    assert told[0] == (
        "`p50-l100-s75`", "75 + 75", "1", "2-4, not converged", "0.8 (< 0.333 to 1.2)",
        "1.4 ± 0.005", "1.6 ± 0.008",
    )  # fmt: skip
    # The exact loop was not computed; of the last there is nothing at all.
    assert told[1][4:6] == (
        "> 12 (6 to > 12)",
        "`p50-l50-s75`: undefined, gaussian.csv has no row of it",
    )
    assert told[2][4] == "`p25-l50-s225`: undefined, effective_size.csv has no row of it"
    assert all(len(row) == len(answers.DOSE) for row in told)


def test_a_difference_of_the_first_generation_is_told_as_such(found) -> None:
    ask = {"difference": ["fully-synthetic", "steps-2x"], "metric": "frechet_distance",
           "generation": "first"}  # fmt: skip
    assert (
        "(model) in the first generation: +1 (in each of 3 seeds, no interval)"
        in answers.answer(ask, found)
    )


FD = {"metric": "frechet_distance"}
GROWS = {"change": "fully-synthetic", "expect": "above", **FD}


@pytest.mark.parametrize(
    ("asks", "word"),
    [
        ([GROWS], "held"),
        ([GROWS | {"expect": "below"}], "against it"),
        ([{"trend": "fully-synthetic", "expect": "above", **FD}], "held"),
        ([{"trend": "fully-synthetic", "expect": "below", **FD}], "against it"),
        ([{"difference": ["fully-synthetic", "steps-2x"], "expect": "above", **FD}], "held"),
        ([{"verdict": "fully-synthetic", "expect": "diverging"}], "held"),
        ([{"verdict": "fully-synthetic", "expect": ["no worse", "diverging"]}], "held"),
        ([{"verdict": "fully-synthetic", "expect": "no worse"}], "against it"),
        ([{"verdict": "steps-2x", "expect": "no worse"}], "undecided"),
        ([{"verdict": "steps-4x", "expect": "no worse"}], "undecided"),
        ([{"attribution": "fully-synthetic", "expect": {"less": ["steps-2x"]}}], "held"),
        ([{"attribution": "fully-synthetic", "expect": {"less": ["steps-4x"]}}], "undecided"),
        ([{"attribution": "fully-synthetic", "expect": {"same": ["steps-2x"]}}], "against it"),
        ([{"attribution": "fully-synthetic", "expect": {"same": ["steps-4x"]}}], "undecided"),
        ([GROWS | {"expect": "within margin"}], "against it"),
        ([GROWS | {"expect": "within margin", "change": "steps-2x"}], "undecided"),
        ([{"opinion": "recall", "expect": "above"}], "held"),
        ([{"opinion": "precision", "expect": "above"}], "undecided"),
        ([GROWS, {"opinion": "precision", "expect": "above"}], "undecided"),
        ([GROWS | {"expect": "below"}, {"opinion": "precision", "expect": "above"}], "against it"),
        ([{"change": "fully-synthetic", **FD}, {"dose": ["p50-l100-s75"]}], None),
    ],
)
def test_a_claim_is_held_where_all_that_it_expects_came_out(asks, word, found) -> None:
    assert outcomes.outcome(asks, found) == word


@pytest.mark.parametrize(
    ("told", "low", "high", "word"),
    [
        ("undecided", -0.9, 0.9, "held"),
        ("undecided", -0.9, 1.1, "undecided"),
        ("undecided: 2 seeds; intervals need 3", np.nan, np.nan, "undecided"),
        ("drifts more", 0.1, 0.2, "against it"),
        ("drifts less", -0.2, -0.1, "against it"),
    ],
)
def test_a_change_is_none_where_it_is_surely_less_than_half_of_the_drift(
    told, low, high, word
) -> None:
    # The reference drifts by 2 in the generations in which the two are compared.
    row = pd.Series({"told": told, "drift": 2.3, "difference": 0.3,
                     "difference_low": low, "difference_high": high})  # fmt: skip
    assert outcomes._same(row) == word


def test_two_seeds_or_a_lost_one_decide_nothing() -> None:
    judged = outcomes._of_values
    assert judged(np.array([1.0, 1.1]), "above") == "undecided"
    assert judged(np.array([1.0, 1.1, np.nan]), "above") == "undecided"
    assert judged(np.array([1.0, 1.1, 1.2]), "above") == "held"
    assert judged(np.array([-1.0, 0.1, 1.2]), "above") == "undecided"


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(-0.1, 0.4, "held"), (0.2, 0.6, "undecided"), (0.6, 0.8, "against it")],
)
def test_a_recovery_is_a_change_below_the_margin(low, high, word) -> None:
    assert outcomes.of_interval(low, high, "within margin", margin=0.5) == word


def test_the_attribution_stands_whole_on_the_page(found) -> None:
    pieces = {name: EXPERIMENTS[name] for name in ("controls-steps", "science-budgets", DOSE)}
    lines = science_page.attribution(pieces, {"controls-steps": found}).splitlines()
    assert lines[3] == (
        "| `controls-steps` | `steps-2x` | steps | 18 steps | 3 | 1-4 | +1 | -1 (-2 to -0.5) | "
        "0.01 | drifts less |"
    )
    assert [line.split(" | ")[1] for line in lines[2:]] == [
        "`fully-synthetic`", "`steps-2x`", "`steps-4x`", "not yet run"
    ]  # fmt: skip
    assert len({line.count("|") for line in lines}) == 1


def test_every_claim_has_a_line_and_a_section_with_a_word_for_each_answer(found) -> None:
    name, ask = "controls-steps", {"change": "fully-synthetic", "metric": "frechet_distance"}
    row = {"claim": "It's λ < 1, so drift", "config": name, "control": "None"}
    rows = [
        row | {"asks": [ask | {"expect": "above"}, ask]},
        row | {"asks": [ask]},
        row | {"config": DOSE, "asks": [ask]},
    ]
    assert science_page.tally(rows, {name: found}) == "1 held, 1 told only, 1 not yet run"
    _, _, first, *_ = science_page.summary(rows, {name: found}).splitlines()
    assert first == (f"| 1 | [It's λ < 1, so drift](#1-its-λ--1-so-drift) | held | `{name}` |")
    sections = science_page.sections(rows, {name: found}, {name: 1.0, DOSE: 2.5})
    judged, told, waiting = sections.split("\n\n### ")
    assert f"[`{name}`](../config/{name}/config.yaml), 3 seeds, trainings of 1000 steps" in judged
    assert judged.startswith("### 1. It's λ < 1, so drift\n")
    assert judged.count(" → held") == 1
    assert judged.count("\n- ") == 2
    assert "→" not in told
    assert waiting.endswith(
        f"Not yet run: `make run CONFIG=config/{DOSE}/config.yaml`, about 2.5 processor hours."
    )


def test_what_a_run_compares_stands_beside_its_distances_of_real_images(found) -> None:
    table = pd.read_csv(found.folder / "metrics.csv")
    names = ["real", *(f"real-only/{name}" for name in found.experiment.real_only)]
    real = [table[table["loop"] == "steps-2x"].assign(loop=name) for name in names]
    pd.concat([table, *real]).to_csv(found.folder / "metrics.csv", index=False)
    *_, line = science_page.scale({"controls-steps": found}).splitlines()
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1].startswith("fully-synthetic 0+500, ")
    # Models draw at λ = 1, and real images are what was drawn: 2·(1 + 0.1 seed), and 1 more.
    assert cells[4] == "1000 steps of 128"
    assert cells[5].startswith("500: 2.40 ± 0.20")
    assert cells[6:] == ["3.40 ± 0.20", "1.20"]


@pytest.mark.parametrize(
    ("other", "above", "below"),
    [
        # Spearman's exact law of five things: 1, 5 and 120 of the 120 orders.
        ("a < b < c < d < e", 1 / 120, 1.0),
        ("b < a < c < d < e", 5 / 120, 119 / 120),
        ("e < d < c < b < a", 1.0, 1 / 120),
    ],
)
def test_agreement_by_chance_is_counted_over_all_orders(other, above, below) -> None:
    orders = {"ranked": "loops", "ranking_first": "a < b < c < d < e", "ranking_second": other}
    found = science_chance.by_chance(pd.DataFrame([orders]))
    assert found == pytest.approx((above, below))


def test_agreement_of_many_loops_is_counted_over_orders_that_are_drawn() -> None:
    names = [f"loop-{place}" for place in range(10)]
    orders = {"ranked": "loops", "ranking_first": " < ".join(names)}
    for shown, expected in ((names, 1e-5), (names[::2] + names[1::2], 0.1)):
        rows = pd.DataFrame([orders | {"ranking_second": " < ".join(shown)}])
        above, _ = science_chance.by_chance(rows)
        assert above == science_chance.by_chance(rows)[0]
        law = spearmanr(names, shown).pvalue / 2
        assert 0 < above <= expected
        assert above == pytest.approx(law, abs=0.01)


def test_few_loops_have_no_chance_told() -> None:
    few = {"ranked": "loops", "ranking_first": "a < b < c", "ranking_second": "a < b < c"}
    for row in (few, few | {"ranked": "generations", "ranking_first": np.nan}):
        assert science_chance.by_chance(pd.DataFrame([row])) is None


def test_a_loop_of_another_run_is_compared_in_the_last_generation_of_both(found, tmp_path) -> None:
    shorter = tmp_path / "shorter"
    shorter.mkdir()
    table = pd.read_csv(found.folder / "metrics.csv")
    table[table["generation"] == 1].to_csv(shorter / "metrics.csv", index=False)
    ask = {"difference": ["fully-synthetic", "controls-fork:fully-synthetic"], **FD}
    assert "undefined, `controls-fork` has not been run" in answers.answer(ask, found)
    assert outcomes.outcome([ask | {"expect": "above"}], found) == "undecided"
    found.beside = {
        "controls-fork": science_found.Found(shorter, EXPERIMENTS["controls-fork"]),
        "science-imbalanced": science_found.Found(shorter, EXPERIMENTS["science-imbalanced"]),
    }
    assert answers.answer(ask, found) == (
        "`fully-synthetic` less `fully-synthetic` of `controls-fork`: Fréchet distance (model) in "
        "generation 1, the last of both: +0 (in each of 3 seeds, no interval)"
    )
    assert answers.budgets([ask], found) == ["1000 steps of 128"]
    apart = ask | {"difference": ["fully-synthetic", "science-imbalanced:balanced"]}
    with pytest.raises(UserError, match="science-imbalanced:balanced: its run has another dataset"):
        answers.answer(apart, found)


def test_loops_of_runs_with_other_seeds_are_paired_by_those_of_both(found, tmp_path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    table = pd.read_csv(found.folder / "metrics.csv")
    late = table[table["seed"] > 1].assign(seed=lambda rows: rows["seed"] + 10)
    late["frechet_distance"] += 100.0
    pd.concat([table[table["seed"] == 1], late]).to_csv(more / "metrics.csv", index=False)
    five = "science-longer-null"
    found.beside = {five: science_found.Found(more, EXPERIMENTS[five])}
    ask = {"difference": ["fully-synthetic", f"{five}:fully-synthetic"], **FD}
    assert answers.answer(ask, found).endswith(
        "the last of both (1 seed of both): +0 (1 seed, no interval)"
    )


def test_what_a_claim_was_before_is_told_with_what_came_out_of_it(found) -> None:
    old = {"claim": "It shrinks", "why": "it grew", "asks": [GROWS | {"expect": "below"}]}
    row = {"claim": "It grows", "config": "controls-steps", "asks": [GROWS], "earlier": [old]}
    *_, line = science_page.earlier([row], {"controls-steps": found}).splitlines()
    assert line == "| 1 | It shrinks | against it | it grew |"
    assert science_page.tally([row], {"controls-steps": found}) == "1 held"


def test_labels_of_a_loop_that_inherits_them_stand_beside_what_inheritance_leaves(found) -> None:
    pd.read_csv(found.folder / "labels.csv").assign(loop="inherited").to_csv(
        found.folder / "labels.csv", index=False
    )
    law = {"loop": "inherited", "law": 0.81, "low": 0.7, "high": 0.9}
    pd.DataFrame([law]).to_csv(found.folder / "drift.csv", index=False)
    other = science_found.Found(found.folder, EXPERIMENTS["science-imbalanced"])
    assert answers.answer({"labels": "inherited"}, other).endswith(
        "labels drawn anew from those before leave 0.81 of it, (1 − 1/n)^2, and 95 of 100 runs of "
        "as many seeds 0.7 to 0.9"
    )


def test_the_data_of_our_own_are_written_whole(tmp_path) -> None:
    science.data(tmp_path)
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        "digits-imbalanced.npz", "digits-unlabelled.npz"
    ]  # fmt: skip
    made = np.load(tmp_path / "data/digits-imbalanced.npz")
    assert len(made["images"]) == len(made["labels"]) == 582
    assert len(np.load(tmp_path / "data/digits-unlabelled.npz")["images"]) == 1797


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """One piece that has ended, of controls-null's configuration, and one that has not."""
    (tmp_path / "docs/science").mkdir(parents=True)
    (tmp_path / science.ROWS).write_text("configs: [ended, running]\nrows: []\n")
    for name in ("ended", "running"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / f"results/{name}/metrics.csv").write_text("loop\n")
        (tmp_path / "config" / name).mkdir(parents=True)
        text = (REPOSITORY / "config/controls-null/config.yaml").read_text(encoding="utf-8")
        text = text.replace("controls-null", name)
        (tmp_path / "config" / name / "config.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "results/ended/audit.json").write_text("{}")
    plan = planning.build(science.loaded(tmp_path, "ended"))
    made = {path: plan.record(path) for path in plan.nodes}
    monkeypatch.setattr(science.manifests, "read", lambda results, path: made[path])
    rows = SimpleNamespace(label=np.array([0, 0, 0, 7]))
    monkeypatch.setattr(science_beside.training_sets, "read", lambda _: rows)
    return tmp_path


def test_only_what_has_ended_is_collected(repository) -> None:
    science.collect(repository, [])
    kept = repository / science.KEPT
    assert [path.name for path in kept.iterdir() if path.is_dir()] == ["ended"]
    assert sorted(path.name for path in (kept / "ended").iterdir()) == [
        "labels.csv", "metrics.csv", "run.json"
    ]  # fmt: skip
    run = json.loads((kept / "ended/run.json").read_text())
    assert (run["processor_minutes"], run["clock_minutes"]) == (0.0, 0.0)
    assert "cores of" in run["machine"]


def test_one_run_is_collected_by_its_name(repository) -> None:
    with pytest.raises(UserError, match=r"^neither: is none of .*ended"):
        science.collect(repository, ["ended", "neither"])
    kept = repository / science.KEPT
    assert not (kept / "ended").exists()
    science.collect(repository, ["ended"])
    assert (kept / "ended/run.json").exists()


def test_results_of_other_settings_are_neither_collected_nor_told(repository) -> None:
    science.collect(repository, [])
    experiment = science.loaded(repository, "ended")
    assert science.collected(repository, "ended", experiment).folder.name == "ended"
    file = repository / "config/ended/config.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text("# Another comment.\n" + text, encoding="utf-8")
    assert science.collected(repository, "ended", experiment)
    file.write_text(text.replace("steps: 1000", "steps: 900"), encoding="utf-8")
    with pytest.raises(UserError, match=r"is of another configuration than config/ended"):
        science.collected(repository, "ended", experiment)
    with pytest.raises(UserError, match=r"made with other settings than its configuration"):
        science.collect(repository, [])
