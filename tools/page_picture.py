"""Take the picture of a run's page that README shows: what a reader sees first, last generation.

Usage: python tools/page_picture.py results/<experiment>/report.html docs/figures/page.png
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def main(page: Path, picture: Path) -> None:
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if chromium is None:
        sys.exit("there is no chromium here: apt-get install chromium")
    if not page.is_file():
        sys.exit(f"{page}: is missing; run the workflow first")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            folder, executable_path=chromium, headless=True, args=FLAGS,
            viewport={"width": 1200, "height": 1750}, color_scheme="light",
        )  # fmt: skip
        shown = context.new_page()
        shown.goto(page.resolve().as_uri())
        shown.keyboard.press("End")
        shown.wait_for_timeout(2000)
        shown.screenshot(path=picture)
        context.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
