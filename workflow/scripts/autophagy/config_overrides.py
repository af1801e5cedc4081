"""What `snakemake --config key=value` sets below a key, in the types that YAML gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml


def typed(content: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the given values read as YAML reads a file's.

    Snakemake types a whole value, `--config generations=2`, and leaves what lies inside of one,
    `--config 'train={steps: 2}'`, texts.

    Args:
        content: the configuration, with the given values laid over it.
        given: what `--config` gave, as Snakemake holds it.
    """
    nested = {key: value for key, value in given.items() if isinstance(value, dict | list)}
    return dict(content) | {key: _typed(content[key], value) for key, value in nested.items()}


def _typed(value: Any, given: Any) -> Any:
    """`value` with its parts that `given` names, and are texts there, as YAML reads them."""
    if isinstance(given, dict) and isinstance(value, dict):
        return value | {key: _typed(value[key], part) for key, part in given.items()}
    if isinstance(given, list) and isinstance(value, list):
        return [_typed(*pair) for pair in zip(value, given, strict=True)]
    return _scalar(given) if isinstance(given, str) else value


def _scalar(text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    # A text that is no YAML of its own, such as "a: b: c".
    except yaml.YAMLError:
        return text
    return text if isinstance(value, dict | list) else value
