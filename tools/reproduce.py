"""Run an experiment again in a fresh folder and compare it with its results, artifact by artifact.

Usage: python tools/reproduce.py CONFIG FOLDER CORES

Exit status: that of `autophagy compare`; Snakemake's where the run fails; 2 for wrong use. A run
that was interrupted goes on where it was.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml
from autophagy import cli, paths
from autophagy import config as configuration
from autophagy.archive import is_experiment
from autophagy.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[1]


def main(config: str, folder: str, cores: str) -> int:
    """Run and compare; see the module."""
    try:
        results = Path("results") / configuration.load(config).experiment
        if not is_experiment(results):
            raise UserError(
                f"{results}: holds no results to compare with; `make run` makes them, `make pull` "
                "fetches them"
            )
        own = prepare(Path(folder), results, standalone(config))
    except UserError as error:
        print(f"autophagy: {error}", file=sys.stderr)
        return 2
    command = ["snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--directory", folder]
    command += ["--configfile", str(own), "--cores", cores, "--quiet", "rules"]
    status = subprocess.run(command, check=False).returncode
    return status or cli.main(["compare", str(results), str(Path(folder) / results)])


def standalone(config: str) -> str:
    """The configuration as a text that says the same in any folder."""
    content = yaml.safe_load(Path(config).read_text(encoding="utf-8"))
    loops = content.get("loops") or {}
    places = [
        (content.get("dataset"), "path"),
        (content.get("model"), "autoencoder"),
        *((content.get("evaluate"), key) for key in ("features", "second", "weights")),
        *((loop, "start_from") for loop in loops.values()),
    ]
    for section, key in places:
        path = (section or {}).get(key)
        # A name, of a network or a start, has no "/"; that of a Hugging Face data set may have one.
        is_path = isinstance(path, str) and (key == "path" or "/" in path)
        if is_path and Path(path).exists():
            section[key] = os.path.abspath(path)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def prepare(folder: Path, results: Path, text: str) -> Path:
    """The configuration put into a folder that is new, or that an unfinished run has left.

    Raises:
        UserError: the folder holds anything else.
    """
    own = folder / "config.yaml"
    if (folder / results / paths.REPORT).is_file():
        raise UserError(
            f"{folder}: holds a finished run; remove it to run again, or compare: "
            f"`autophagy compare {results} {folder / results}`"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not own.is_file() or own.read_text(encoding="utf-8") != text:
            raise UserError(
                f"{folder}: is no unfinished run of this configuration; remove it or give another "
                "FOLDER"
            )
        return own
    folder.mkdir(parents=True, exist_ok=True)
    own.write_text(text, encoding="utf-8")
    return own


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
