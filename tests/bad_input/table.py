"""All malformed inputs."""

from __future__ import annotations

from bad_input import archives, commands, configs, datasets, forged, ledgers

CASES = [
    *configs.CASES,
    *datasets.CASES,
    *archives.CASES,
    *forged.CASES,
    *ledgers.CASES,
    *commands.CASES,
]
