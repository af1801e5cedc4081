"""Write report.html of a finished experiment with pictures or points."""

from __future__ import annotations

from typing import Any

from autophagy.page import render
from autophagy.page.gather import gather


def write_page(root: str, asked: dict[str, Any]) -> None:
    """Write the page.

    Args:
        asked: see `page.asked.of_images`.
    """
    render.write(root, "images.html", gather(root, asked))
