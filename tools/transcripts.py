"""Run the commands that docs show and put down what they print.

A block fenced as ``console`` holds commands, each on a line that begins with ``$ ``, and what they
printed. They run in a copy of the repository's files and of results/digits, so that nothing a
command writes stays behind.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = "results/digits"
BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[str]:
    """The commands of a block; a line that ends in a backslash goes on."""
    joined = re.sub(r"\\\n\s*", "", block)
    return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


def transcript(block: str, folder: Path) -> str:
    """The block with what its commands print now."""
    shown = re.findall(r"^\$ (?:.*\\\n)*.*\n", block, re.MULTILINE)
    pieces = []
    for text, command in zip(shown, commands(block), strict=True):
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False
        )
        pieces.append(text + (done.stdout + done.stderr).replace(f"{folder}/", ""))
    return "".join(piece if piece.endswith("\n") else piece + "\n" for piece in pieces)


def main(pages: list[str]) -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in tracked:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / file, folder / file)
        if (REPOSITORY / RESULTS).exists():
            shutil.copytree(REPOSITORY / RESULTS, folder / RESULTS, dirs_exist_ok=True)
        for page in map(Path, pages):
            text = page.read_text(encoding="utf-8")
            page.write_text(
                BLOCK.sub(lambda found: transcript(found[1], folder), text), encoding="utf-8"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
