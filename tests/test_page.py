"""The page: its words and numbers are those of the tables, its pictures those of the previews."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from autophagy import (
    evaluated,
    fingerprint,
    layout,
    lineage,
    lineage_figure,
    manifests,
    paths,
    plane,
    sets,
    store,
    tables,
    tabular,
)
from autophagy.archive import Archive
from autophagy.errors import UserError
from autophagy.metrics import OF_FEATURES
from autophagy.page import charts, descent, extra_tables, lineage_graph, render, runs, story
from autophagy.page.asked import of_images
from autophagy.page.gather import gather
from autophagy.page.sprites import LARGEST, Sheets, thumbnails
from autophagy.verdict import attribution, opinions
from autophagy.verdict import tables as verdicts
from conftest import Made, changed, plan_of
from PIL import Image

MB = 2**20


@pytest.fixture(scope="module")
def found(tiny_experiment):
    return gather(str(tiny_experiment.root), of_images(tiny_experiment.plan))


@pytest.fixture(scope="module")
def text(tiny_experiment) -> str:
    return (tiny_experiment.root / paths.PAGE).read_text(encoding="utf-8")


def first_chains(made: Made) -> dict[str, dict[str, list[str]]]:
    """The artifacts of the first run seed."""
    return runs.chains_of(of_images(made.plan), 1)


def decoded(url: str) -> np.ndarray:
    png = base64.b64decode(url.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(png)))


# The file


def test_the_page_is_hashed_by_the_report_and_the_same_bytes_again(tiny_experiment, text) -> None:
    report = manifests.read(tiny_experiment.root, paths.REPORT)
    hashed = store.sha256(tiny_experiment.root / paths.PAGE)
    assert report["files"][paths.PAGE] == hashed
    again = gather(str(tiny_experiment.root), of_images(tiny_experiment.plan))
    assert render.page("images.html", again["shell"], again["data"]) == text


def test_it_names_no_address_that_a_browser_would_load(text) -> None:
    shell = text.replace(render._charting(), "")
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", shell)
    assert not re.findall(r"url\((?!\$\{addresses|#)", shell)


def test_whatever_stands_in_an_experiment_is_escaped(found) -> None:
    bad = "</script><script>alert(1)</script>&<b>'\""
    shell = found["shell"] | {"title": bad, "configuration": bad, "lead": [bad]}
    page = render.page("images.html", shell, {"loops": [{"name": bad}]})
    assert "alert(1)</script>" not in page
    assert "<b>" not in page.replace(render._charting(), "")
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert json.loads(data) == {"loops": [{"name": bad}]}


def test_what_has_no_value_in_json_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        render.script_json({"x": float("nan")})


def test_its_template_style_and_script_are_part_of_the_code(tmp_path, monkeypatch) -> None:
    files = fingerprint.modules_of(("write_page.py",))
    assets = [file for file in files if "/assets/" in file]
    assert {file.rsplit("/", 1)[1] for file in assets} >= {"page.js", "style.css", "images.html"}
    before = fingerprint.code_hash(("autophagy/page/assets/page.js",))
    (tmp_path / "autophagy/page/assets").mkdir(parents=True)
    (tmp_path / "autophagy/page/assets/page.js").write_text("// other", encoding="utf-8")
    monkeypatch.setattr(fingerprint, "SCRIPTS", tmp_path)
    assert fingerprint.code_hash(("autophagy/page/assets/page.js",)) != before


# Words


def test_one_seed_decides_nothing_and_the_budget_is_told(found) -> None:
    lead = " ".join(found["shell"]["lead"])
    assert "One seed decides nothing" in lead
    assert "3 steps of 16" in lead
    assert "40 samples of each are measured against 60 held-out real images" in lead


def test_a_loops_words_are_the_tables_numbers(tiny_experiment, found) -> None:
    table = tables.read(tiny_experiment.root)
    rows = table[(table["loop"] == "fresh") & (table["view"] == "model")]
    values = rows["frechet_distance"].to_numpy()
    [fresh] = [loop for loop in found["shell"]["loops"] if loop["name"] == "fresh"]
    told = " ".join(fresh["sentences"])
    assert f"{values[0]:.3g} → {values[-1]:.3g}" in told
    assert f"{np.polyfit([1, 2, 3], values, 1)[0]:+.2g} a generation" in told
    assert "1 seed; 3 are needed for any verdict" in told
    small = table[(table["loop"] == "real-only/small") & (table["view"] == "model")]
    distance = f"distance {small['frechet_distance'].iloc[0]:.3g}"
    assert f"40 real images alone, same budget: {distance}" in told
    assert "no model of 20 real images alone was trained" in told
    assert "20 real and 20" in fresh["rule"]


def test_loops_that_train_in_another_way_are_no_part_of_every_model(tiny_experiment, found) -> None:
    assert "Every model was trained from scratch: 3 steps" in found["shell"]["lead"][0]
    edits = [("loops.fresh.start", "previous"), ("loops.biased.train", {"steps": 6})]
    asked = of_images(plan_of(changed(*edits[:1])))
    table, judged = tables.metrics(tiny_experiment.root), verdicts.by_loop(tiny_experiment.root)
    [sentence, *_] = story.lead(asked, table, judged, "LeNet")
    assert " 3 steps of 16. Otherwise those of fresh, whose later models go on from" in sentence
    [sentence, *_] = story.lead(of_images(plan_of(changed(*edits[1:]))), table, judged, "LeNet")
    assert " 3 steps of 16. Otherwise those of biased, which has train.steps 6." in sentence


def test_with_several_seeds_the_verdict_stands_in_the_headline(tiny_experiment) -> None:
    table = tables.metrics(tiny_experiment.root)
    judged = verdicts.by_loop(tiny_experiment.root)
    words = ["diverging", "diverging", "no worse", "undecided"]
    for row, word in zip(judged.values(), words, strict=True):
        row["verdict"] = word
    asked = of_images(tiny_experiment.plan) | {"seeds": [1, 2, 3]}
    lead = story.lead(asked, table, judged, "LeNet")
    assert "Diverging: fully-synthetic, biased." in lead
    assert "No worse: augmentation." in lead
    assert not any("One seed" in sentence for sentence in lead)


def test_a_verdict_that_lacks_or_stands_twice_is_named(tiny_experiment, tmp_path) -> None:
    table, judged = tables.metrics(tiny_experiment.root), verdicts.by_loop(tiny_experiment.root)
    del judged["biased"]
    with pytest.raises(UserError, match=r"^verdicts\.csv: has no row of biased; run the workflow"):
        story.loops(of_images(tiny_experiment.plan), table, judged)
    lines = (tiny_experiment.root / paths.VERDICTS).read_text().splitlines()
    (tmp_path / paths.VERDICTS).write_text("\n".join([*lines, lines[-1]]))
    with pytest.raises(UserError, match=r"verdicts\.csv: has a loop twice"):
        verdicts.by_loop(tmp_path)


# Charts


def test_curves_are_means_over_seeds_with_their_spread(tiny_experiment) -> None:
    one = tables.read(tiny_experiment.root)
    more = one.assign(seed=2, recall=one["recall"] + 0.2)
    two = tables.Metrics(pd.concat([one, more]).to_dict("records"))
    asked = of_images(tiny_experiment.plan)
    floor = evaluated.resplits(tiny_experiment.root, 1)
    curves = {c["metric"]: c for c in charts.curves(asked, two, floor, {"fresh": [1.0]}, "LeNet")}
    rows = one[(one["loop"] == "fresh") & (one["view"] == "output")]
    series = curves["recall"]["loops"]["fresh"]["output"]
    assert series["x"] == [1, 2, 3]
    assert series["mean"] == pytest.approx((rows["recall"] + 0.1).tolist(), rel=1e-4)
    assert series["sd"] == pytest.approx([0.2 / np.sqrt(2)] * 3, rel=1e-4)
    assert curves["recall"]["band"]["low"] == pytest.approx(floor["recall"]["low"], rel=1e-4)
    assert curves["class_entropy"]["band"] is None
    assert curves["synthetic_depth"]["loops"]["fresh"]["output"]["mean"] == [1.0]
    assert [c for c in curves if c not in (*charts.CURVES, "synthetic_depth")] == []


def test_every_metric_has_a_curve() -> None:
    from autophagy.metrics import METRICS

    assert set(charts.CURVES) == set(METRICS)


def test_descent_is_that_of_the_manifests(tiny_experiment, found) -> None:
    archive = Archive(tiny_experiment.root)
    of = found["data"]["runs"][0]["descent"]["augmentation"]
    for t, step in enumerate(of, start=1):
        path = layout.training_set_path(tiny_experiment.plan.experiment, "augmentation", 1, t)
        assert step["training_set"] == {"path": path, "sha256": archive.digest(path)}
        assert {s["path"]: s["share"] for s in step["sources"]} == lineage.shares(archive, path)
        assert step["real_ancestors"] == lineage.real_ancestors(archive, path)
    assert descent.depths(archive, first_chains(tiny_experiment))["fully-synthetic"] == [1, 2, 3]


# Pictures


def test_a_sheet_shows_the_previews_pixels(tiny_experiment, found) -> None:
    data, root = found["data"], tiny_experiment.root
    preview = layout.preview_path(tiny_experiment.plan.experiment, "fresh", 1, 3)
    images = sets.read_array(root, preview, "images")
    sheet = decoded(data["sheets"][data["runs"][0]["pictures"]["loops"]["fresh"][2]])
    columns = data["pictures"]["columns"]
    for at in (0, 13, 39):
        row, column = divmod(at, columns)
        shown = sheet[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
        np.testing.assert_array_equal(shown, np.rint(images[at, ..., 0] * (255 / 16)))
    assert data["runs"][0]["pictures"]["seeds"][0] == str(
        sets.read_array(root, preview, "seeds")[0]
    )


def test_equal_sheets_are_there_once(found) -> None:
    pictures = found["data"]["runs"][0]["pictures"]["loops"]
    # Unbiased loops that start from the same real-only model share their first generation.
    assert pictures["fully-synthetic"][0] == pictures["augmentation"][0]
    assert len(set(found["data"]["sheets"])) == len(found["data"]["sheets"])


def test_large_pictures_are_averaged_down() -> None:
    images = np.zeros((1, 70, 64, 3), np.uint8)
    images[0, :3, :3] = 9
    small = thumbnails(images, 10)
    assert small.shape == (1, 24, 22, 3)
    assert (small[0, 0, 0] == 255).all()
    assert small[0, 1:].max() == 0
    assert max(small.shape) <= LARGEST


def test_four_loops_of_twenty_generations_fit_into_forty_megabytes(text) -> None:
    """With pictures that no compression makes smaller."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3)).astype(np.uint8)
    sheets = Sheets()
    sheets.add(noise, 256, 10)
    assert len(text) < 15 * MB
    assert len(text) + 4 * 20 * len(sheets.urls[0]) < 40 * MB


def test_no_other_seed_is_shown_where_the_page_would_grow_too_large(
    tiny_experiment, monkeypatch
) -> None:
    asked = of_images(tiny_experiment.plan) | {"seeds": [1, 2]}
    of = asked["loops"]["biased"]["runs"]["1"]
    asked["loops"] = {
        name: loop | {"runs": loop["runs"] | {"2": of}} for name, loop in asked["loops"].items()
    }
    root = tiny_experiment.root
    places = store.read_json(root / paths.MAPS)["places"]
    given = (root, Archive(root), asked, tables.metrics(root), places)
    one, two = runs.gather(*given, Sheets())
    assert [one["seed"], two["seed"]] == [1, 2]
    for part in ("places", "profiles", "descent"):
        assert two[part]["fresh"] == one[part]["biased"] != one[part]["fresh"]
    assert two["pictures"]["loops"]["fresh"] == one["pictures"]["loops"]["biased"]
    monkeypatch.setattr(runs, "LARGEST", 10)
    assert [run["seed"] for run in runs.gather(*given, Sheets())] == [1]


def test_what_stands_above_a_preview_is_its_own_seeds(tiny_experiment) -> None:
    one = tables.read(tiny_experiment.root)
    more = one.assign(seed=2, recall=0.25)
    both = tables.Metrics(pd.concat([one, more]).to_dict("records"))
    asked, root = of_images(tiny_experiment.plan), tiny_experiment.root
    places = store.read_json(root / paths.MAPS)["places"]
    [run] = runs.gather(root, Archive(root), asked, both, places, Sheets())
    rows = one[(one["loop"] == "biased") & (one["view"] == "output")]
    assert run["metrics"]["biased"]["recall"] == pytest.approx(rows["recall"].tolist(), rel=1e-4)


# Tables that only some experiments have


def test_the_attribution_stands_on_the_page_with_its_intervals(tmp_path) -> None:
    distances = {
        "plain": np.array([[1.0, 2, 3], [1, 2.1, 3.1], [1, 1.9, 2.9]]),
        "longer": np.array([[1.0, 1, 1], [1, 1.1, 1], [1, 0.9, 1]]),
    }
    changes = {"plain": "", "longer": "train.steps 3 → 6"}
    found = attribution.table(distances, changes, {"plain": "3 steps", "longer": "6 steps"})
    tabular.write_rows(tmp_path / paths.ATTRIBUTION, attribution.COLUMNS, found)
    [shown] = extra_tables.gather(tmp_path, {"tables": [paths.METRICS_CSV, paths.ATTRIBUTION]})
    assert shown["head"] == ["loop", "changed", "budget", "drift", "difference", "told"]
    reference, longer = shown["rows"]
    assert reference[:3] == ["plain", "", "3 steps"]
    assert reference[4:] == ["", "reference"]
    assert longer[1] == "train.steps 3 → 6"
    # The differences are -1, -1.05 and -0.95; t of two degrees of freedom is 4.303.
    assert longer[4] == "-1 [-1.12, -0.876]"
    assert longer[5] == "drifts less"


def test_a_second_opinion_stands_on_the_page(tmp_path) -> None:
    loops = ["a", "b", "c"]
    first = [
        {"loop": loop, "seed": 1, "generation": 1} | dict.fromkeys(OF_FEATURES, value)
        for loop, value in zip(loops, (1.0, 2.0, 3.0), strict=True)
    ]
    second = [row | {"recall": 4.0 - row["recall"]} for row in first]
    found = opinions.table(first, second, ["LeNet", "random LeNet"], "5 steps")
    tabular.write_rows(tmp_path / paths.SECOND_OPINION, opinions.COLUMNS, found)
    [shown] = extra_tables.gather(tmp_path, {"tables": [paths.SECOND_OPINION]})
    rows = {row[0]: row[1:] for row in shown["rows"] if row[1] == "3 loops"}
    assert rows["precision"] == ["3 loops", "+1", "a < b < c", "a < b < c"]
    assert rows["recall"] == ["3 loops", "-1", "a < b < c", "c < b < a"]


def test_an_attribution_of_one_seed_has_no_intervals(tmp_path) -> None:
    distances = {"plain": np.array([[1.0, 2, 3]]), "longer": np.array([[1.0, 1, 1]])}
    names = dict.fromkeys(distances, "")
    found = attribution.table(distances, names, names)
    tabular.write_rows(tmp_path / paths.ATTRIBUTION, attribution.COLUMNS, found)
    [shown] = extra_tables.gather(tmp_path, {"tables": [paths.ATTRIBUTION]})
    assert shown["rows"][1][3:5] == ["+0", "-1"]
    assert shown["rows"][1][5].startswith("undecided: 3 seeds")


def test_the_lineage_graphs_bars_and_arrows_are_the_manifests_shares(tiny_experiment) -> None:
    archive = Archive(tiny_experiment.root)
    graphs = lineage_graph.graphs(archive, first_chains(tiny_experiment))
    assert [graph["name"] for graph in graphs] == [
        "fully-synthetic", "biased", "augmentation", "fresh"
    ]  # fmt: skip
    for name, t, of in ((g["name"], of["t"], of) for g in graphs for of in g["generations"]):
        path = layout.training_set_path(tiny_experiment.plan.experiment, name, 1, t)
        depths = lineage.depths(archive, path)
        whole = sum(bar["height"] for bar in of["bars"])
        assert {bar["depth"]: round(bar["height"] / whole, 2) for bar in of["bars"]} == {
            depth: round(share, 2) for depth, share in depths.items()
        }
        assert of["rows"] == archive.manifest(path)["rows"]
    assert graphs[2]["generations"][2]["arrows"][0]["label"] == "50%"
    assert graphs[2]["generations"][2]["real"] == "50% real"


def test_the_graphs_colours_are_the_figures() -> None:
    from matplotlib.colors import to_hex

    style = (render.ASSETS / "style.css").read_text(encoding="utf-8")
    told = re.findall(r"\.depth-(\d) \{ fill: (#[0-9a-f]{6}); \}", style)
    assert told == [
        (str(depth), to_hex(lineage_figure.colour(depth)))
        for depth in range(lineage_figure.DEEPEST + 1)
    ]


# Feature space


def test_points_of_two_dimensions_lie_where_they_are() -> None:
    points = np.random.default_rng(0).normal(size=(50, 2)) * [1.0, 3.0] + 5
    ground = plane.of_features(points)
    np.testing.assert_array_equal(ground.places(points), points)
    assert ground.explained[1] > ground.explained[0]
    assert sum(ground.explained) == pytest.approx(1)


def test_the_plane_is_that_of_the_largest_variances() -> None:
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    scaled = rng.normal(size=(400, 5)) * [9.0, 4.0, 0.1, 0.1, 0.1]
    ground = plane.of_features(scaled @ axes.T + 3)
    for axis in (0, 1):
        assert abs(ground.axes[:, axis] @ axes[:, axis]) == pytest.approx(1, abs=1e-2)
        assert ground.axes[np.abs(ground.axes[:, axis]).argmax(), axis] > 0
    assert sum(ground.explained) == pytest.approx(1, abs=1e-2)
    places = ground.places(scaled @ axes.T + 3)
    np.testing.assert_allclose(places.mean(axis=0), 0, atol=1e-9)
    assert places.std(axis=0) == pytest.approx([9, 4], rel=0.1)


@pytest.mark.parametrize("features", [np.ones((5, 3)), np.arange(4.0)[:, None]])
def test_a_plane_of_less_than_two_dimensions(features) -> None:
    ground = plane.of_features(features)
    assert np.isfinite(ground.axes).all()
    assert (ground.places(features)[:, 1] == 0).all()
    assert sum(ground.explained) in (0, 1)


def test_the_nearest_of_points_on_a_line() -> None:
    rows, among = np.array([[0.2], [5.0]]), np.array([[9.0], [0.0], [4.0]])
    found, distances = plane.nearest(rows, among)
    assert found.tolist() == [1, 2]
    assert distances == pytest.approx([0.2, 1.0])


def test_a_preview_of_real_images_is_its_own_neighbour(tiny_experiment, tmp_path) -> None:
    """Copies of training images are found as such."""
    from autophagy.steps.map_features import map_features

    for part in ("real", "features"):
        shutil.copytree(tiny_experiment.root / part, tmp_path / part)
    previews = {"copies": {"1": ["real/loop"]}}
    map_features(str(tmp_path), "lenet", previews, "a title", str(tmp_path / "map"), threads=1)
    assert (
        "The same 120 sample seeds in 1 generation of copies" in (tmp_path / "map.txt").read_text()
    )
    found = store.read_json(tmp_path / paths.MAPS)
    near = found["neighbours"]["real/loop"]
    assert near["loop"]["rows"] == list(range(10))
    assert near["loop"]["distances"] == [0.0] * 10
    assert min(near["reference"]["distances"]) > 0
    assert len(found["real"]) == 60


def test_points_have_no_pictures_and_the_page_says_nothing_of_them(found) -> None:
    shell = found["shell"] | {"has_pictures": False, "has_spectra": False}
    page = render.page("images.html", shell, {"loops": []})
    assert 'id="panels"' not in page.replace(render._inline("page.js", "</script"), "")
