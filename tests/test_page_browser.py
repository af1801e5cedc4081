"""The page in a real browser: Chromium without a head, driven by Playwright."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from autophagy import cli, evaluations, layout, paths, store, tables, timings
from autophagy.page import render
from autophagy.page.asked import of_images
from autophagy.page.gather import gather
from conftest import TESTS, Made, make, make_theory, plan_of

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium here: apt-get install chromium"
)


class Opened:
    """A page, what it has logged as an error and what it has asked the network for."""

    def __init__(self, page: Any, file: Path) -> None:
        self.page, self.errors, self.requests = page, [], []
        page.on("console", self._log)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._ask)
        page.goto(file.as_uri())
        self.wait("!!window.autophagy && !!window.Plotly")

    def _log(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _ask(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.requests.append(request.url)

    def wait(self, expression: str) -> None:
        """Until it holds; Playwright's own waiting evaluates strings, which the page forbids."""
        for _ in range(200):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never came true: {expression}")

    def scroll(self) -> None:
        """To the end, so that every chart has been in view, and back."""
        self.page.evaluate(
            "async () => { for (const plot of document.querySelectorAll('.plot')) {"
            "plot.scrollIntoView({behavior: 'instant'}); let tries = 0;"
            "while (!plot.dataset.drawn && tries++ < 100)"
            " await new Promise((done) => setTimeout(done, 50)); }"
            "scrollTo({top: 0, behavior: 'instant'}); }"
        )

    def overflow(self) -> list[str]:
        """Elements that stick out of the window and lie in nothing that scrolls."""
        return self.page.evaluate(
            "[...document.querySelectorAll('main *, header *')].filter((node) =>"
            " node.getBoundingClientRect().right > innerWidth + 1 &&"
            " !node.closest('.scroll, pre, svg, .hidden'))"
            ".map((node) => node.outerHTML.slice(0, 90))"
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            folder, executable_path=CHROMIUM, headless=True, args=FLAGS,
            viewport={"width": 1200, "height": 800}, color_scheme="light",
        )  # fmt: skip
        yield context
        context.close()


@pytest.fixture(scope="module")
def opened(browser, tiny_experiment) -> Opened:
    return Opened(browser.new_page(), tiny_experiment.root / paths.PAGE)


def pictures(opened: Opened, loop: str) -> str:
    return opened.page.evaluate(
        "(name) => document.querySelector(`#panels [data-loop=${name}] button.pic`)"
        ".style.backgroundImage",
        loop,
    )


def generation(opened: Opened) -> str:
    return opened.page.inner_text("#now")


def test_it_loads_whole_without_an_error_or_a_request(opened) -> None:
    opened.scroll()
    assert opened.page.locator(".plot").count() > 15
    undrawn = opened.page.evaluate("document.querySelectorAll('.plot:not([data-drawn])').length")
    assert undrawn == 0
    assert opened.errors == []
    assert opened.requests == []


def test_the_slider_changes_pictures_charts_and_words(opened) -> None:
    first, told = pictures(opened, "fresh"), opened.page.inner_text("#panels [data-loop=fresh] p")
    opened.page.fill("#generation", "3")
    assert generation(opened) == "generation 3 of 3"
    assert pictures(opened, "fresh") != first
    assert opened.page.inner_text("#panels [data-loop=fresh] p") != told
    label = opened.page.get_attribute("#panels [data-loop=fresh] button.pic", "aria-label")
    assert label == "fresh, generation 3, class 0, picture 0"


def test_the_keyboard_moves_through_generations_and_pictures(opened) -> None:
    page = opened.page
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Home")
    assert generation(opened) == "generation 1 of 3"
    page.keyboard.press("ArrowRight")
    assert generation(opened) == "generation 2 of 3"
    page.focus("#panels [data-loop=fresh] button.pic")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert generation(opened) == "generation 3 of 3"
    page.keyboard.press("Enter")
    assert page.inner_text("#dialog-title") == "fresh, generation 3, picture 1"
    page.keyboard.press("Escape")
    assert not page.is_visible("#dialog")


def test_play_runs_to_the_last_generation(opened) -> None:
    opened.page.keyboard.press("Home")
    opened.page.click("#play")
    opened.wait("document.getElementById('now').textContent.includes('3 of 3')")
    opened.wait("document.getElementById('play').textContent === '▶'")


def test_a_click_shows_where_a_picture_comes_from(opened, tiny_experiment) -> None:
    page = opened.page
    page.keyboard.press("End")
    page.click("#panels [data-loop=augmentation] button.pic >> nth=4")
    text = page.inner_text("#dialog")
    model = layout.model_path(tiny_experiment.plan.experiment, "augmentation", 1, 3)
    assert model in text
    assert "120 rows: 50% real/loop, 50% loops/augmentation/seed-1/gen-002/samples" in text
    assert "real-only/full" in text
    preview = layout.preview_path(tiny_experiment.plan.experiment, "augmentation", 1, 3)
    assert f"autophagy trace results/tiny/{preview} 4 --regenerate" in text
    page.click("#dialog button")
    assert not page.is_visible("#dialog")


def test_a_loop_is_hidden_everywhere(opened) -> None:
    box = opened.page.locator("#toggles input").nth(3)
    box.uncheck()
    assert not opened.page.is_visible("#panels [data-loop=fresh]")
    # A chart is drawn anew when it is in view.
    opened.page.locator("#curves").scroll_into_view_if_needed()
    names = "document.querySelector('#curves .plot').data.map((trace) => trace.name)"
    opened.wait(f"!{names}.includes('fresh')")
    assert "biased" in opened.page.evaluate(names)
    box.check()
    assert opened.page.is_visible("#panels [data-loop=fresh]")


def test_distances_can_be_logarithmic_and_of_the_other_view(opened) -> None:
    page = opened.page
    page.locator("#curves").scroll_into_view_if_needed()
    axis = "document.querySelector('#curves .plot').layout.yaxis.type"
    values = (
        "[...document.querySelector('#curves .plot').data]"
        ".find((trace) => trace.name === 'biased').y"
    )
    linear, output = page.evaluate(axis), page.evaluate(values)
    page.check("input[name=scale][value=log]")
    page.check("input[name=view][value=model]")
    assert (linear, page.evaluate(axis)) == ("linear", "log")
    assert page.evaluate(values) != output


def serious_issues(opened: Opened, theme: str) -> list[tuple[str, str]]:
    """What axe finds on a page with everything open; of the dark one, in its colours alone."""
    from axe_playwright_python.sync_playwright import Axe

    opened.page.evaluate(
        "(theme) => { if (document.documentElement.dataset.theme !== theme)"
        " document.getElementById('theme').click(); }",
        theme,
    )
    opened.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    opened.scroll()
    rules = None if theme == "light" else {"runOnly": ["color-contrast"]}
    found = Axe().run(opened.page, options=rules).response["violations"]
    return [
        (issue["id"], issue["nodes"][0]["html"][:120])
        for issue in found
        if issue["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_issue(opened, theme) -> None:
    assert serious_issues(opened, theme) == []


def test_nothing_overflows_a_phone(opened) -> None:
    opened.page.set_viewport_size({"width": 400, "height": 800})
    opened.scroll()
    opened.wait("[...document.querySelectorAll('.plot svg')].every((svg) => svg.clientWidth < 400)")
    assert opened.overflow() == []
    opened.wait("document.documentElement.scrollWidth === 400")
    assert opened.errors == []


def test_it_paints_within_a_second(browser, tiny_experiment) -> None:
    """Before the charts' library is even parsed."""
    other = Opened(browser.new_page(), tiny_experiment.root / paths.PAGE)
    order = other.page.evaluate(
        "[...document.querySelectorAll('body > script')].map((node) => node.textContent.length)"
    )
    assert max(order[:2]) < min(order[2], 10**6)
    paint = "performance.getEntriesByType('paint')[0].startTime"
    other.wait("performance.getEntriesByType('paint').length > 0")
    # Twice the limit of an idle machine: tests run beside each other.
    assert other.page.evaluate(paint) < 2000
    other.page.close()


# Pages of other kinds


def comparison_page(tiny: Made, folder: Path) -> Path:
    """A run beside itself, in which one recall is another."""
    root = folder / "tiny"
    shutil.copytree(tiny.root, root)
    file = root / "evaluation/fresh/seed-1/gen-003/metrics.json"
    content = store.read_json(file)
    content["output"]["recall"] = content["model"]["recall"] = 0.123
    store.write_json(file, content)
    tables.write_csv(root, evaluations.of(tiny.plan.experiment))
    cli.main(["compare", str(tiny.root), str(root), "--html", str(folder / "compare.html")])
    return folder / "compare.html"


def theory_page(tiny: Made, folder: Path) -> Path:
    content = yaml.safe_load((TESTS / "configs" / "theory.yaml").read_text(encoding="utf-8"))
    make_theory(plan_of(content), folder)
    return folder / paths.PAGE


def points_page(tiny: Made, folder: Path) -> Path:
    content = yaml.safe_load((TESTS / "configs" / "points.yaml").read_text(encoding="utf-8"))
    make(plan_of(content), folder)
    return folder / paths.PAGE


def timings_page(tiny: Made, folder: Path) -> Path:
    rows = [
        {"rule": rule, "name": f"loops/{loop}/seed-1/gen-{t:03d}/{rule}", "loop": loop,
         "generation": t, "seconds": 10.0 / t, "cpu": 9.0, "MB": 100.0 + t}
        for loop in ("fresh", "biased") for t in (2, 3) for rule in ("train", "sample")
    ]  # fmt: skip
    return timings.write(pd.DataFrame(rows), "tiny", folder)


@pytest.fixture(scope="module", params=[comparison_page, theory_page, points_page, timings_page])
def other(request, browser, tiny_experiment, tmp_path_factory) -> Iterator[Opened]:
    folder = tmp_path_factory.mktemp("page")
    found = Opened(browser.new_page(), request.param(tiny_experiment, folder))
    yield found
    found.page.close()


def test_every_other_page_is_as_sound(other) -> None:
    other.scroll()
    assert other.page.evaluate("document.querySelectorAll('.plot:not([data-drawn])').length") == 0
    assert other.page.locator(".plot").count() > 1
    assert [serious_issues(other, theme) for theme in ("light", "dark")] == [[], []]
    other.page.set_viewport_size({"width": 400, "height": 800})
    other.scroll()
    assert other.overflow() == []
    assert (other.errors, other.requests) == ([], [])
    other.page.set_viewport_size({"width": 1200, "height": 800})


def test_what_is_unchecked_is_hidden_on_every_other_page(other) -> None:
    page = other.page
    # All of it in view: charts elsewhere are drawn when they come into it.
    page.set_viewport_size({"width": 1200, "height": 12000})
    other.scroll()
    shown = (
        "[...document.querySelectorAll('.plot')].map((of) => (of.data || []).length).join() + ' '"
        " + document.querySelectorAll('.chart[hidden], .pair[hidden], .graph[hidden]').length"
    )
    before = page.evaluate(shown)
    page.locator("#toggles input").first.uncheck()
    other.wait(f"({shown}) !== '{before}'")
    page.locator("#toggles input").first.check()
    other.wait(f"({shown}) === '{before}'")
    page.set_viewport_size({"width": 1200, "height": 800})


def test_a_comparison_shows_both_curves_and_pairs(browser, tiny_experiment, tmp_path) -> None:
    opened = Opened(browser.new_page(), comparison_page(tiny_experiment, tmp_path))
    page = opened.page
    page.locator("#compared").scroll_into_view_if_needed()
    opened.wait("!!document.querySelector('#compared .plot').data")
    dashes = page.evaluate(
        "document.querySelector('#compared .plot').data.map((of) => [of.name, of.line.dash])"
    )
    assert ["A: fresh", "solid"] in dashes
    assert ["B: fresh", "dash"] in dashes
    picture = "document.querySelectorAll('#pairs [data-loop=fresh] .pic')[0].style.backgroundImage"
    first = page.evaluate(picture)
    page.fill("#generation", "3")
    assert page.evaluate(picture) != first
    assert "B, generation 3" in page.inner_text("#pairs [data-loop=fresh]")
    page.close()


def test_the_run_seed_can_be_chosen(browser, tiny_experiment, tmp_path) -> None:
    """The previews of another loop stand in for those of another seed."""
    asked = of_images(tiny_experiment.plan)
    asked["seeds"] = [1, 2]
    of = asked["loops"]["biased"]["runs"]["1"]
    asked["loops"] = {
        name: loop | {"runs": loop["runs"] | {"2": of}} for name, loop in asked["loops"].items()
    }
    render.write_to(tmp_path / "x.html", "images.html", gather(str(tiny_experiment.root), asked))
    opened = Opened(browser.new_page(), tmp_path / "x.html")
    opened.page.fill("#generation", "3")
    nearest = "document.querySelector('#neighbours [data-loop=fresh] .nearest').textContent"
    before = opened.page.evaluate(nearest)
    assert pictures(opened, "fresh") != pictures(opened, "biased")
    opened.page.select_option("#run", label="2")
    assert pictures(opened, "fresh") == pictures(opened, "biased")
    assert opened.page.evaluate(nearest) != before
    opened.page.click("#panels [data-loop=fresh] button.pic >> nth=4")
    text = opened.page.inner_text("#dialog")
    assert "run seed 2" in text
    assert "loops/biased/seed-1/gen-003/preview" in text
    assert opened.errors == []
    opened.page.close()
