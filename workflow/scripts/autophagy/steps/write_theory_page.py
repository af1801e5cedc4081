"""Write report.html of an experiment of the exact loops."""

from __future__ import annotations

from typing import Any

from autophagy.page import render
from autophagy.page.theory import gather


def write_theory_page(root: str, asked: dict[str, Any]) -> None:
    """Write the page.

    Args:
        asked: see `page.asked.of_theory`.
    """
    render.write(root, "theory.html", gather(root, asked))
