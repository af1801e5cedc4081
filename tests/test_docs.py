"""What the documentation says exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from autophagy import config as configuration
from autophagy.models.table import FAMILIES
from autophagy.tables import COLUMNS
from autophagy.theory.options import experiment_class as theory_class
from autophagy.theory.studies.table import STUDIES
from autophagy.verdict import attribution, opinions, pairs
from autophagy.verdict import tables as verdicts

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_in_the_text_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), flags=re.M))
    assert set(re.findall(r"`make ([a-z-]+)", page.read_text())) <= targets


def test_every_key_of_the_configuration_is_explained() -> None:
    text = (REPOSITORY / "docs" / "configuration.md").read_text()
    for family in FAMILIES:
        schema = configuration.experiment_class(family).model_json_schema()
        keys = set(schema["properties"])
        for definition in schema["$defs"].values():
            keys |= set(definition.get("properties", {}))
        missing = {key for key in keys if not re.search(rf"[`.]{key}`", text)}
        assert not missing


def test_every_key_of_theory_is_explained() -> None:
    text = (REPOSITORY / "docs" / "theory.md").read_text()
    for study in STUDIES:
        schema = theory_class(study).model_json_schema()
        keys = set(schema["properties"])
        for definition in schema["$defs"].values():
            keys |= set(definition.get("properties", {}))
        assert not {key for key in keys if f"`{key}`" not in text}


def test_every_column_of_the_table_is_explained() -> None:
    text = (REPOSITORY / "docs" / "metrics.md").read_text()
    assert {name for name in COLUMNS if f"`{name}`" not in text} == set()
    others = (*verdicts.COLUMNS, *verdicts.SIZES, *attribution.COLUMNS, *pairs.COLUMNS)
    short = re.compile(r"^n_(real|total)_|_(low|high|p)$")
    for name in (*others, *opinions.COLUMNS):
        assert f"`{name}`" in text or f"`{short.sub('', name)}`" in text, name
