"""One HTML file of plain values: escaped, self-contained, the same bytes every time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autophagy import store
from autophagy.errors import UserError
from autophagy.paths import PAGE

ASSETS = Path(__file__).resolve().parent / "assets"


def write(root: str, template: str, found: dict[str, Any]) -> None:
    """Write report.html.

    Args:
        found: {shell, data}; see `page`.
    """
    write_to(Path(root) / PAGE, template, found)


def write_to(file: Path, template: str, found: dict[str, Any]) -> None:
    """Write a page to any file; arguments as in `write`."""
    text = page(template, found["shell"], found["data"])
    with store.new_file(file) as aside:
        aside.write_text(text, encoding="utf-8")


def page(template: str, shell: dict[str, Any], data: dict[str, Any]) -> str:
    """A page of assets/<template>.

    Args:
        shell: what the template shows; everything in it is escaped.
        data: what the page's script reads: plain values.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(ASSETS), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template(template).render(
        **shell,
        style=_inline("style.css", "</style"),
        script=_script("page.js"),
        inline=_script,
        charting=_charting(),
        data=script_json(data),
    )


def script_json(content: Any) -> str:
    """JSON that stands inside a script element: nothing in it can end the element.

    Raises:
        ValueError: it holds NaN or infinity.
    """
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _script(name: str) -> str:
    return _inline(name, "</script")


def _inline(name: str, ending: str) -> str:
    text = (ASSETS / name).read_text(encoding="utf-8")
    return _checked(text, ending, name)


def _charting() -> str:
    """plotly.js, as the package brings it."""
    import plotly

    file = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}; run `make setup`") from error
    return _checked(text, "</script", file.name)


def _checked(text: str, ending: str, name: str) -> str:
    if ending in text.lower():
        raise ValueError(f"{name} holds {ending!r} and cannot be inlined")
    return text
