"""The distance that the default's recipe falls to, off the page that `make recipe` writes."""

from __future__ import annotations

import re

from rows.base import REPOSITORY
from rows.line import Sample

PAGE = REPOSITORY / "docs" / "recipe.md"
#: A budget's line of the table: steps, processor seconds, distance with its deviation.
BUDGET = re.compile(r"^\| (\d+) \| \d+ \| ([\d.]+) ± ([\d.]+) \|", flags=re.M)


def flattened() -> tuple[int, Sample]:
    """(steps, distance) of the longest training, where the learning curve is flat.

    Raises:
        ValueError: the page shows no table over seeds.
    """
    text = PAGE.read_text(encoding="utf-8")
    seeds, budgets = re.search(r"over (\d+) seeds", text), BUDGET.findall(text)
    if seeds is None or not budgets:
        raise ValueError(f"{PAGE.name}: no distances with their deviation over seeds")
    steps, mean, deviation = budgets[-1]
    return int(steps), Sample(float(mean), float(deviation), int(seeds[1]))
