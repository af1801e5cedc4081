"""The lineage graph: its bars are the depths, its arrows the shares."""

from __future__ import annotations

import pytest
from autophagy import figures, layout, lineage, lineage_figure
from autophagy.archive import Archive
from autophagy.lineage_figure import DRAWN, Generation


def chain(length: int) -> list[Generation]:
    """Half real, half from the generation before."""
    found = [Generation(1, 40, {0: 1.0}, {0: 1.0}, 40)]
    for t in range(2, length + 1):
        depths = {d: 0.5 ** (d + 1) for d in range(t - 1)} | {t - 1: 0.5 ** (t - 1)}
        found.append(Generation(t, 80, {0: 0.5, t - 1: 0.5}, depths, 40))
    return found


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_generations_tell_what_the_manifests_tell(tiny_experiment) -> None:
    archive = Archive(tiny_experiment.root)
    chains = layout.training_sets(tiny_experiment.plan.experiment, 1)
    for made in chains.values():
        for path, found in zip(made, lineage_figure.generations(archive, made), strict=True):
            assert found.rows == archive.manifest(path)["rows"]
            assert found.depths == lineage.depths(archive, path)
            assert sum(found.parts.values()) == pytest.approx(1.0)
            assert found.parts.get(0, 0.0) == pytest.approx(found.depths.get(0, 0.0))


def test_bars_are_as_high_as_the_shares_and_arrows_say_them() -> None:
    figure = lineage_figure.draw({"half": chain(3)}, "the title")
    [axes] = figure.axes
    heights = [patch.get_height() for patch in axes.patches if hasattr(patch, "get_height")]
    assert heights == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.25, 0.25])
    assert [text for text in texts(axes) if "real" in text and "%" in text] == [
        "100% real", "50% real", "50% real"
    ]  # fmt: skip
    assert "80 rows\n40 real ancestors" in texts(axes)
    assert figure.get_suptitle() == "the title"


def test_a_long_loop_shows_its_beginning_and_its_end(tmp_path) -> None:
    figure = lineage_figure.draw({"long": chain(40), "short": chain(2)}, "x")
    names = [text for text in texts(figure.axes[0]) if text.startswith("$D")]
    assert len(names) == DRAWN
    assert names[-1] == "$D^{40}$"
    assert "…" in texts(figure.axes[0])
    figures.save(figure, "x", tmp_path / "lineage")


def test_arrows_from_several_generations_are_all_drawn() -> None:
    found = chain(3)
    found[2] = Generation(3, 120, {0: 1 / 3, 1: 1 / 3, 2: 1 / 3}, {0: 1 / 3, 1: 2 / 3}, 40)
    [axes] = lineage_figure.draw({"accumulate": found}, "x").axes
    arrows = [text for text in axes.texts if getattr(text, "arrow_patch", None)]
    # Real rows into each of three generations, S^1 into two, S^2 into one.
    assert len(arrows) == 3 + 2 + 1
