"""Figures as PNG and PDF with their caption beside them, all in one style.

The style is assets/paper.mplstyle; a module a kind of figure draws it and says in words what it
shows.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autophagy import store

#: Of every figure; of the user's own style nothing is left.
STYLE = Path(__file__).resolve().parent / "assets" / "paper.mplstyle"
#: Width of a figure in inches, that of a page's text.
WIDTH = 7.0
#: The files of a figure.
SUFFIXES = ("png", "pdf", "txt")
#: Okabe & Ito's palette, told apart by every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


@contextmanager
def drawing() -> Iterator[Any]:
    """Within it figures are drawn and saved in the one style; gives matplotlib's `Figure`."""
    import matplotlib.artist

    # While it is imported, matplotlib writes into its docstrings what properties each kind of
    # artist has, a quarter of the time that takes.
    told, matplotlib.artist.kwdoc = matplotlib.artist.kwdoc, lambda _: ""
    try:
        from matplotlib.figure import Figure
    finally:
        matplotlib.artist.kwdoc = told
    with matplotlib.rc_context(fname=STYLE):
        yield Figure


def save(figure: Any, caption: str, stem: Path) -> None:
    """Write `<stem>.png`, `<stem>.pdf` and, in words, `<stem>.txt`.

    Without dates: the same figure is the same bytes.
    """
    for suffix, metadata in ((".png", {}), (".pdf", {"CreationDate": None, "ModDate": None})):
        target = stem.with_name(stem.name + suffix)
        # Resolution and fonts are looked up when a figure is saved, not when it is drawn.
        with store.new_file(target) as file, drawing():
            figure.savefig(file, format=suffix[1:], metadata=metadata, bbox_inches="tight")
    with store.new_file(stem.with_name(f"{stem.name}.txt")) as file:
        file.write_text(textwrap.fill(caption, 100, break_long_words=False) + "\n", "utf-8")


def legend_columns(labels: list[str]) -> int:
    """How many labels stand side by side below a figure of full width."""
    widest = max(map(len, labels), default=1)
    # A character is a twentieth of an inch at the legend's size, its handle and gap half an inch.
    return max(1, min(4, len(labels), int(WIDTH / (0.5 + 0.062 * widest))))
