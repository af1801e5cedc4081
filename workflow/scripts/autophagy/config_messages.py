"""What pydantic finds wrong with a configuration, in words of the configuration."""

from __future__ import annotations

import difflib
import json
import re
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import Tag, ValidationError

from autophagy import keep, regimes
from autophagy.filters.table import FILTERS
from autophagy.schema import Options

MAPPING = "a mapping of keys to values"
#: pydantic's terms for "not a mapping".
_NO_MAPPING = {"model_type", "model_attributes_type", "dict_type"}
#: Pattern -> what it asks for; any other is that of names.
_PATTERNS = {
    keep.PATTERN: f"be {keep.ALLOWED}",
    regimes.SYNTHETIC: f"be {regimes.SYNTHETIC_ALLOWED}",
}
_NAMES = "be letters, digits, '-' and '_', beginning with a letter or digit, at most 64"
_UNKNOWN = ("extra_forbidden", "invalid_key")
_UNIONS = ("union_tag_invalid", "union_tag_not_found")
#: Numbers that YAML 1.1 reads as text, for want of a point or of the exponent's sign.
_SHORT_FLOAT = r"[-+]?\d+(\.\d*)?[eE][-+]?\d{1,2}"


def first_finding(error: ValidationError, experiment: type[Options]) -> str:
    """The first finding as `key.path: value is not allowed: reason`.

    Unknown keys come first: where one is misspelt, the right one is said to be missing.
    """
    findings = error.errors(include_url=False)
    finding = min(findings, key=lambda found: found["type"] not in _UNKNOWN)
    allowed, meant = _allowed(experiment, finding) if finding["type"] in _UNKNOWN else ([], None)
    if meant is not None:
        place = (*finding["loc"][:-1], meant)
        findings = [f for f in findings if (f["type"], f["loc"]) != ("missing", place)]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    kind, value = finding["type"], finding["input"]
    # A union adds its discriminator's tag, and a bad key "[key]": no keys of the file.
    tag = _tag(finding["loc"])
    where = ".".join(
        str(part) if re.fullmatch(r"[\w-]+", str(part)) else short(part)
        for place, part in enumerate(finding["loc"])
        if place != tag and part != "[key]"
    )
    if kind in _UNIONS:
        allowed_tags = finding["ctx"].get("expected_tags", ", ".join(FILTERS)).replace("'", "")
        said = f"{short(value['kind'])} is not allowed" if "tag" in finding["ctx"] else "is missing"
        return f"{where}.kind: {said}; allowed: {allowed_tags}{more}"
    if kind == "missing":
        return f"{where}: is missing; see workflow/schemas/config.schema.json{more}"
    if kind in _UNKNOWN:
        hint = f"did you mean {meant}? " if meant is not None else ""
        return f"{where}: unknown key; {hint}allowed: {', '.join(allowed)}{more}"
    if kind == "string_type" and finding["loc"][-1] == "[key]":
        section = ".".join(map(str, finding["loc"][:-2]))
        return f"{section}: YAML does not take the name {short(value)} for text; quote it{more}"
    reason = re.sub(r"^\w+ should | after validation.*", "", finding["msg"])
    if kind in _NO_MAPPING:
        reason = f"be {MAPPING}"
    elif kind == "string_pattern_mismatch":
        reason = _PATTERNS.get(finding["ctx"]["pattern"], _NAMES)
    elif kind == "float_type" and isinstance(value, str) and re.fullmatch(_SHORT_FLOAT, value):
        reason += f"; YAML takes it for text, write {yaml.safe_dump(float(value)).split()[0]}"
    return f"{where}: {short(value)} is not allowed: it should {reason}{more}"


def misspelt(section: dict[Any, Any], missing: str, place: str = "") -> str | None:
    """The key of a section that was meant for a missing one, as a message; None where none is.

    Args:
        place: what stands before the section's keys, such as `model.`.
    """
    near = difflib.get_close_matches(missing, [key for key in section if isinstance(key, str)])
    return f"{place}{near[0]}: unknown key; did you mean {missing}?" if near else None


def _allowed(experiment: type[Options], finding: Any) -> tuple[list[str], str | None]:
    """The keys that an unknown one's section has, and the one it is most like."""
    allowed = _siblings(experiment, finding["loc"])
    return allowed, next(iter(difflib.get_close_matches(str(finding["loc"][-1]), allowed)), None)


def _siblings(experiment: type[Options], path: tuple[Any, ...]) -> list[str]:
    """The keys that may stand beside the last one of a path in pydantic's terms."""
    section: Any = experiment
    for part in path[:-1]:
        if get_origin(section) is dict:
            section = get_args(section)[1]
        elif get_origin(section) is Union:
            [section] = [member for member in get_args(section) if part in _tags(member)]
        else:
            section = section.model_fields[part].annotation
        section = _stated(section)
    return [field.alias or name for name, field in section.model_fields.items()]


def _tag(path: tuple[Any, ...]) -> int | None:
    """The place of a union's tag in a path in pydantic's terms."""
    if path[:1] == ("dataset",):
        return 1
    if path[:2] == ("model", "autoencoder"):
        return 2 if path[2:3] in (("text",), ("mapping",)) else None
    return 3 if path[:1] == ("loops",) and path[2:3] in (("filter",), ("start_from",)) else None


def _tags(member: Any) -> tuple[Any, ...]:
    """The names by which a union's member is chosen."""
    if get_origin(member) is Annotated:
        return tuple(part.tag for part in get_args(member)[1:] if isinstance(part, Tag))
    fields = member.model_fields
    return get_args(fields["kind" if "kind" in fields else "name"].annotation)


def _stated(section: Any) -> Any:
    """What an optional section is where it is stated."""
    if get_origin(section) not in (Union, UnionType):
        return section
    members = [member for member in get_args(section) if member is not type(None)]
    if len(members) > 1:
        return Union[tuple(members)]  # noqa: UP007 - from values
    # The annotation of a union that is told apart by a key.
    return _stated(get_args(members[0])[0]) if get_origin(members[0]) is Annotated else members[0]


def short(value: Any) -> str:
    """A value on one line; its type where it cannot be printed (endless, or a huge number)."""
    try:
        text = json.dumps(value, ensure_ascii=True, default=str)
    except (TypeError, ValueError, RecursionError):
        return f"this {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
