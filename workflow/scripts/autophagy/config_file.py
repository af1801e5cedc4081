"""A configuration's file as plain YAML values: no key twice, no template, no endless value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from autophagy.config_messages import short
from autophagy.errors import UserError, unreadable

#: The largest file that is read: a hundred times the default.
MAX_BYTES = 2**18
#: The most values below one key, however few the file writes out.
MAX_VALUES = 100_000
#: A key by which Snakemake, reading the file itself, would evaluate the values of others.
TEMPLATE = "__use_yte__"


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which would keep the last of two equal keys and say nothing."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            # "<<" merges another mapping in; it may stand more than once.
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if (key.tag, key.value) in seen:
                    line = key.start_mark.line + 1
                    raise UserError(f"line {line}: the key {short(key.value)} stands twice")
                seen.add((key.tag, key.value))
        return node


def read(path: Path | str) -> Any:
    """The content of a YAML file.

    Raises:
        UserError: the file is missing, larger than `MAX_BYTES` or not YAML, or a key stands twice.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise UserError(f"is no configuration: larger than {MAX_BYTES} bytes")
        content = yaml.load(raw.decode("utf-8"), Loader=_Loader)
        if isinstance(content, dict) and TEMPLATE in content:
            raise UserError(f"{TEMPLATE}: unknown key; templates run code, so write plain values")
        return content
    except IsADirectoryError as error:
        raise UserError(f"{path}: is a folder; a configuration is a file") from error
    except OSError as error:
        raise unreadable(path, error) from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    # What PyYAML's constructors raise on impossible scalars (2024-13-45, !!int x) has no common
    # base.
    except Exception as error:
        raise UserError(f"{path}: not valid YAML: {error}") from error


def name_in(path: Path | str) -> Any:
    """What a YAML file calls its experiment, whatever else is in it or its data need.

    Raises:
        UserError: the file is missing or not YAML.
    """
    content = read(path)
    return content.get("experiment") if isinstance(content, dict) else None


def refuse_twice(path: Path | str) -> None:
    """Refuse a file in which a key stands twice: whoever reads it otherwise keeps the last.

    Raises:
        UserError: naming the line; or the file is missing or not YAML.
    """
    read(path)


def require_few(key: Any, value: Any) -> None:
    """Refuse a value that aliases blow up (or lead round in a circle) before anyone walks it.

    Raises:
        UserError: naming its key.
    """
    count, stack = 0, [value]
    while stack:
        item = stack.pop()
        count += 1
        if count > MAX_VALUES:
            where = key if isinstance(key, str) else short(key)
            raise UserError(
                f"{where}: holds more than {MAX_VALUES} values, aliases counted as often as they "
                "stand"
            )
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list | tuple | set):
            stack.extend(item)
