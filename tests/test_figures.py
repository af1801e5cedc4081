"""Figures: the same ones are the same bytes, and they show what they are given."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from autophagy import figures, fingerprint
from autophagy.figures import curves, grid
from autophagy.tables import COLUMNS, Metrics
from autophagy.tabular import Rows
from conftest import REPOSITORY, child_environment
from matplotlib import RcParams, rc_params_from_file
from PIL import Image

LOOPS = ["unbiased", "biased"]
FLOOR = {name: {"mean": 0.5, "low": 0.4, "high": 0.6} for name in curves.CURVES}
DRAWN = "import test_figures as t; from pathlib import Path; t.draw(Path({folder!r}))"


def measured_by(rows: Rows) -> Metrics:
    return Metrics([dict.fromkeys(COLUMNS, math.nan) | row for row in rows])


def table(seeds: int = 2) -> Metrics:
    rows = [
        {
            "loop": loop, "seed": seed, "generation": t, "view": view,
            "sampling_bias": 0.5 if (loop, view) == ("biased", "output") else 1.0,
            "frechet_distance": t + seed + 10 * ((loop, view) == ("biased", "model")),
            "precision": 0.5 + t / 10, "recall": 0.9 - t / 10,
        }
        for loop in LOOPS
        for seed in range(seeds)
        for t in (1, 2, 3)
        for view in ("output", "model")
    ]  # fmt: skip
    real = {"loop": "real", "seed": 0, "generation": 0, "view": "output", "sampling_bias": 1.0}
    rows.append(real | {"n_samples": 40, "n_reference": 60})
    return measured_by(rows)


def pictures(n: int = 5, channels: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        name: rng.integers(0, 17, (n, 4, 4, channels), dtype=np.uint8)
        for name in ("real", "generation 1", "generation 2")
    }


def style() -> RcParams:
    return rc_params_from_file(figures.STYLE, use_default_template=False)


def draw(folder: Path) -> dict[str, bytes]:
    """Both kinds of figure, saved: their bytes by name."""
    figures.save(grid.draw(pictures(), 17, "λ = 0.5"), "A grid.", folder / "grid-x-seed-1")
    asked = (table(), LOOPS, FLOOR, "Fréchet", "LeNet")
    figures.save(curves.draw(*asked), curves.caption(*asked), folder / "curves")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> dict[str, bytes]:
    return draw(tmp_path_factory.mktemp("figures"))


def test_a_figure_is_a_png_a_pdf_and_its_caption(drawn) -> None:
    assert set(drawn) == {f"{n}.{s}" for n in ("curves", "grid-x-seed-1") for s in figures.SUFFIXES}
    begins = {"png": b"\x89PNG", "pdf": b"%PDF"}
    for name, content in drawn.items():
        assert content.startswith(begins.get(name[-3:], b"")), name
    assert drawn["grid-x-seed-1.txt"] == b"A grid.\n"


def test_the_same_figure_is_the_same_bytes(drawn, tmp_path) -> None:
    assert draw(tmp_path) == drawn


def test_the_same_figure_is_the_same_bytes_in_another_process(drawn, tmp_path) -> None:
    subprocess.run(
        [sys.executable, "-c", DRAWN.format(folder=str(tmp_path))], check=True,
        cwd=REPOSITORY / "tests", env=child_environment() | {"PYTHONHASHSEED": "5"},
    )  # fmt: skip
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == drawn


def test_another_figure_is_other_bytes(drawn, tmp_path) -> None:
    changed = table()
    changed.rows[0]["frechet_distance"] += 5
    drawing = curves.draw(changed, LOOPS, FLOOR, "Fréchet", "LeNet")
    figures.save(drawing, "x", tmp_path / "curves")
    for suffix in ("png", "pdf"):
        assert (tmp_path / f"curves.{suffix}").read_bytes() != drawn[f"curves.{suffix}"]


def test_a_pdf_holds_no_date_and_no_bitmap_fonts(drawn) -> None:
    for name in ("curves.pdf", "grid-x-seed-1.pdf"):
        assert b"CreationDate" not in drawn[name]
        assert b"ModDate" not in drawn[name]
        assert b"/Type3" not in drawn[name]
        assert b"/Subtype /Type0" in drawn[name]


def test_a_png_has_the_styles_resolution(drawn, tmp_path) -> None:
    (tmp_path / "x.png").write_bytes(drawn["curves.png"])
    width, _ = Image.open(tmp_path / "x.png").size
    # The tight box cuts or adds little.
    assert abs(width / style()["savefig.dpi"] - figures.WIDTH) < 0.4


def test_the_users_style_leaves_figures_alone(drawn, tmp_path) -> None:
    from matplotlib import rc_context

    with rc_context({"lines.linewidth": 9, "font.family": "monospace", "axes.grid": True}):
        assert draw(tmp_path) == drawn


def test_every_module_that_draws_does_so_in_the_one_style() -> None:
    library = REPOSITORY / "workflow/scripts/autophagy"
    drawing = [file for file in library.rglob("*.py") if "Figure(" in file.read_text("utf-8")]
    assert len(drawing) >= 6
    for file in drawing:
        text = file.read_text("utf-8")
        assert "with drawing()" in text, file
        assert "rc_context" not in text, file
    assert "autophagy/figures/assets/paper.mplstyle" in fingerprint.modules_of(("draw_grid.py",))
    assert "autophagy/figures/assets/paper.mplstyle" in fingerprint.modules_of(("draw_theory.py",))


def test_a_caption_tells_what_the_numbers_say() -> None:
    told = curves.caption(table(), LOOPS, FLOOR, "x: 3 steps", "LeNet")
    assert "Fréchet distance (LeNet), Precision, Recall over generations of unbiased, bi" in told
    assert "40 samples against 60 held-out real ones" in told
    assert "means over 2 seeds" in told
    assert "Dotted: the same models sampled at λ = 1" in told
    assert told.endswith("x: 3 steps.")
    alone = curves.caption(table(1), ["unbiased"], {}, "x", "LeNet")
    assert "Dotted" not in alone
    assert "One seed" in alone
    said = grid.caption("fresh", 2, 5, ["0", "0", "3", "3"], "λ = 1")
    assert "the same 4 sample seeds" in said
    assert "sorted by class (0, 3)" in said
    assert "class" not in grid.caption("fresh", 2, 5, ["all", "all"], "λ = 1")


def test_figures_leave_the_users_style_alone(tmp_path) -> None:
    from matplotlib import rcParams

    before = {name: value for name, value in rcParams.items() if name != "backend"}
    figures.save(curves.draw(table(), LOOPS, FLOOR, "x", "LeNet"), "x", tmp_path / "x")
    figures.save(grid.draw(pictures(), 17, "x"), "x", tmp_path / "x")
    assert {name: rcParams[name] for name in before} == before


@pytest.mark.parametrize("channels", [1, 3])
def test_a_strip_lays_pictures_side_by_side_with_white_between(channels) -> None:
    images = pictures(3, channels)["real"]
    strip = grid._strip(images, 17)
    assert strip.shape[:2] == (5, 15)
    for place, image in enumerate(images):
        cell = strip[:4, 5 * place : 5 * place + 4]
        np.testing.assert_array_equal(cell, image.squeeze() / 16)
        assert (strip[:, 5 * place + 4] == 1).all()
    assert (strip[4] == 1).all()


def test_a_grid_has_a_labelled_row_for_each_set(tmp_path) -> None:
    rows = pictures()
    [axes] = grid.draw(rows, 17, "the title").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(rows)
    assert axes.get_title(loc="left") == "the title"
    sheet = axes.images[0].get_array()
    assert sheet.shape == (15, 25)
    for place, (images, centre) in enumerate(zip(rows.values(), axes.get_yticks(), strict=True)):
        np.testing.assert_array_equal(sheet[5 * place : 5 * place + 4, :4], images[0, ..., 0] / 16)
        assert centre == 5 * place + 2


def test_curves_show_every_loop_and_the_biased_one_twice() -> None:
    figure = curves.draw(table(), LOOPS, FLOOR, "the title", "LeNet")
    labels = {text.get_text() for text in figure.legends[0].get_texts()}
    assert labels == {"real against real", "unbiased", "biased", "biased, sampled at λ = 1"}
    for axes, title in zip(figure.axes, curves.CURVES.values(), strict=True):
        assert axes.get_title(loc="left") == title.format(space="LeNet")
        lines = {line.get_label(): line for line in axes.lines}
        assert set(lines) == labels
        assert lines["biased"].get_color() == lines["biased, sampled at λ = 1"].get_color()
        assert lines["biased"].get_color() != lines["unbiased"].get_color()
    distance = {line.get_label(): line for line in figure.axes[0].lines}
    # The mean over seeds 0 and 1.
    assert distance["unbiased"].get_xydata().tolist() == [[1, 1.5], [2, 2.5], [3, 3.5]]
    assert distance["biased, sampled at λ = 1"].get_ydata().tolist() == [11.5, 12.5, 13.5]
    assert distance["real against real"].get_ydata() == [0.5, 0.5]


def test_classes_have_a_panel_where_they_can_die_and_were_seen() -> None:
    rows = [row | {"class_entropy": 2.3 - row["generation"] / 10} for row in table().rows]
    measured = measured_by(rows)
    asked = (LOOPS, FLOOR, "x", "LeNet")
    *three, last = curves.draw(measured, *asked, classes=True).axes
    assert [axes.get_title(loc="left") for axes in three][1:] == ["Precision", "Recall"]
    assert last.get_title(loc="left") == "Class entropy (nats)"
    [line] = [line for line in last.lines if line.get_label() == "unbiased"]
    assert line.get_ydata() == pytest.approx([2.2, 2.1, 2.0])
    # Its axis is not one of shares: small falls are seen.
    assert last.get_ylim()[0] > 1.5
    assert "Recall, Class entropy (nats) over" in curves.caption(measured, *asked, classes=True)
    for without in (
        curves.draw(measured, *asked),
        curves.draw(table(), *asked, classes=True),
    ):
        assert len(without.axes) == 3


def test_one_seed_has_no_band() -> None:
    bands = [
        sum(
            len(axes.collections) for axes in curves.draw(table(n), LOOPS, FLOOR, "x", "LeNet").axes
        )
        for n in (1, 2)
    ]
    assert bands == [0, 9]


def test_more_loops_than_colours_still_differ() -> None:
    rows = table(1).rows
    many = [f"loop-{n}" for n in range(10)]
    every = [
        row | {"loop": name} for name in many for row in rows if row["loop"] == "unbiased"
    ] + rows[-1:]
    axes = curves.draw(measured_by(every), many, FLOOR, "x", "LeNet").axes[0]
    styles = {(line.get_color(), line.get_marker()) for line in axes.lines[1:]}
    assert len(styles) == 10
