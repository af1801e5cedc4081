"""All malformed inputs."""

from __future__ import annotations

from bad_input import archives, commands, configs, datasets, forged

CASES = [*configs.CASES, *datasets.CASES, *archives.CASES, *forged.CASES, *commands.CASES]
