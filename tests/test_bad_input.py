"""What is malformed is refused: one line that names the culprit, in seconds, nothing written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from autophagy import config as configuration
from autophagy import data, manifests, sets, training_sets
from autophagy.data import idx
from autophagy.errors import LONGEST, UserError
from bad_input.archives import SAMPLES, TRAINING_SET, good
from bad_input.case import faults
from bad_input.datasets import GOOD, PICTURES, PNG
from bad_input.table import CASES
from conftest import REPOSITORY, tiny_content
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FUZZ = settings(
    derandomize=True,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {ascii(case.name)[1:-1]}")
def test_a_malformed_input_is_refused_in_one_line(case, tmp_path) -> None:
    assert faults(case, tmp_path) == []


def test_no_input_is_counted_twice() -> None:
    names = [(case.kind, case.name) for case in CASES]
    assert len(set(names)) == len(names)


def test_the_docs_count_what_is_tried() -> None:
    tried = Counter(case.kind for case in CASES)
    named = {
        "configurations": "configurations",
        "data sets": "data sets",
        "results of others": "archives",
        "command lines": "command lines",
    }
    counts = ", ".join(f"{tried[kind]} {name}" for name, kind in named.items())
    told = (REPOSITORY / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert set(named.values()) == set(tried)
    assert f"| {len(CASES)} of {len(CASES)}: {counts} |" in told


def test_what_is_broken_in_the_archives_is_whole_before(tmp_path) -> None:
    """Else they would be refused for another reason."""
    root = good(tmp_path)
    for artifact in (TRAINING_SET, SAMPLES, "real/loop", "loops/only/manifest.json"):
        assert manifests.read(root, artifact)["path"] == artifact
    assert len(training_sets.read(root / TRAINING_SET).frame()) == 6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\nb\r\n\tc", "a b c"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\u202eb\u200b", "a\\u202eb\\u200b"),
        ("a\x00b", "a\\x00b"),
        ("a\ud800b", "a\\ud800b"),
        ("schön λ 数", "schön λ 数"),
    ],
)
def test_a_terminal_never_obeys_a_name(text, said) -> None:
    assert str(UserError(text)) == said


def test_a_message_has_an_end() -> None:
    assert len(str(UserError("x" * 10**6))) == LONGEST + 3


def outcome(function: Any, *arguments: Any) -> Any:
    """What it returns, or None where it refuses in one line. Any other exception is a failure."""
    try:
        return function(*arguments)
    except UserError as error:
        message = str(error)
    assert message
    assert message.isprintable()
    assert len(message) <= LONGEST + 3
    return None


# Configurations

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
    | st.sampled_from(["../x", "real", "full", "digits", "npz", 2**64, -1, 10**40, "\0", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(max_size=8) | st.integers() | st.sampled_from(["name", "path", "regime"]), inner,
        max_size=3,
    ),
    max_leaves=6,
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """The tiny configuration after one to three edits anywhere in it."""
    content: Any = tiny_content()
    for _ in range(draw(st.integers(1, 3))):
        section, keys = content, []
        while isinstance(section, dict | list) and len(section):
            keys = list(section) if isinstance(section, dict) else list(range(len(section)))
            key = draw(st.sampled_from(keys))
            below = section[key]
            if not isinstance(below, dict | list) or draw(st.booleans()):
                break
            section = below
        if not keys or not len(section):
            continue
        action = draw(st.sampled_from(["set", "remove", "add"]))
        if action == "set":
            section[key] = draw(VALUES)
        elif action == "remove":
            del section[key]
        elif isinstance(section, dict):
            section[draw(st.text(max_size=8) | st.sampled_from(["path", "a", "../a"]))] = draw(
                VALUES
            )
    return content


@FUZZ
@given(mutated())
def test_any_configuration_loads_or_is_refused(content) -> None:
    found = outcome(configuration.parse, content, "my.yaml")
    assert found is None or found.experiment


TINY = (REPOSITORY / "tests" / "configs" / "tiny.yaml").read_bytes()


def spliced(original: bytes) -> st.SearchStrategy[bytes]:
    """A file with a few bytes exchanged, cut out, put in, or cut off."""
    edit = st.tuples(
        st.integers(0, len(original)), st.integers(0, 8),
        st.binary(max_size=6)
        | st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"&a *a"]),
    )  # fmt: skip

    def apply(edits: list[tuple[int, int, bytes]], end: int) -> bytes:
        raw = original
        for place, width, new in edits:
            raw = raw[:place] + new + raw[place + width :]
        return raw[:end]

    whole = st.just(len(original) + 100)
    ends = whole | st.integers(0, len(original))
    return st.builds(apply, st.lists(edit, max_size=4), ends)


@FUZZ
@given(spliced(TINY))
def test_any_bytes_for_a_configuration_load_or_are_refused(tmp_path_factory, raw) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    file.write_bytes(raw)
    outcome(configuration.load, file)


# Data sets and arrays


@FUZZ
@given(spliced(PICTURES))
def test_any_bytes_for_idx_are_an_array_or_refused(tmp_path_factory, raw) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzz.idx"
    file.write_bytes(raw)
    found = outcome(idx.read, file, 3)
    assert found is None or found.nbytes <= len(raw)


@FUZZ
@given(spliced(GOOD))
def test_any_bytes_for_npz_are_a_set_or_refused(tmp_path_factory, raw) -> None:
    file = tmp_path_factory.getbasetemp() / "bytes.npz"
    file.write_bytes(raw)
    found = outcome(data.load, {"name": "npz", "path": str(file)})
    assert found is None or found.images.nbytes <= 2 * len(raw)


@FUZZ
@given(spliced(PNG))
def test_any_bytes_for_a_picture_are_one_or_refused(tmp_path_factory, raw) -> None:
    folder = tmp_path_factory.getbasetemp() / "pictures"
    folder.mkdir(exist_ok=True)
    (folder / "a.png").write_bytes(raw)
    section = {"name": "imagefolder", "path": str(folder), "size": 8, "channels": "grey"}
    found = outcome(data.load, section)
    assert found is None or found.images.shape == (1, 8, 8, 1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A whole archive, to break one file of at a time."""
    return good(tmp_path_factory.mktemp("whole"))


@FUZZ
@given(st.data())
def test_any_bytes_for_an_index_or_an_array_are_one_or_refused(whole, data) -> None:
    for name, read in (
        (TRAINING_SET, lambda folder: training_sets.read(folder / "x" / TRAINING_SET).frame()),
        (f"{SAMPLES}/labels.npy", lambda folder: sets.read_array(folder, f"x/{SAMPLES}", "labels")),
    ):
        broken = whole.parent / "x" / name
        broken.parent.mkdir(parents=True, exist_ok=True)
        broken.write_bytes(data.draw(spliced((whole / name).read_bytes())))
        outcome(read, whole.parent)


@FUZZ
@given(st.data())
def test_any_bytes_for_a_manifest_are_one_or_refused(whole, data) -> None:
    name = manifests.path_of(TRAINING_SET)
    broken = whole.parent / "y" / name
    broken.parent.mkdir(parents=True, exist_ok=True)
    broken.write_bytes(data.draw(spliced((whole / name).read_bytes())))
    found = outcome(manifests.read, whole.parent / "y", TRAINING_SET)
    assert found is None or all(".." not in entry["path"] for entry in found["materials"])
