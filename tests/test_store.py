"""Files on disk: no reader sees a torn one, and the same content is the same bytes."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest
from autophagy import store
from autophagy.errors import UserError
from hypothesis import given, settings
from hypothesis import strategies as st

WRITERS = {"file": store.new_file, "folder": store.new_folder}
keys = st.text(max_size=4)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | keys,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def fill(place: Path, text: str, kind: str) -> None:
    """Write `text`: the file itself, or two files of a folder."""
    if kind == "file":
        place.write_text(text)
    else:
        (place / "sub").mkdir()
        (place / "a.txt").write_text(text)
        (place / "sub" / "b.txt").write_text(text)


def write(target: Path, text: str, kind: str, error: BaseException | None = None) -> None:
    """Write an artifact, or fail half-way."""
    with WRITERS[kind](target) as aside:
        fill(aside, text, kind)
        if error:
            raise error


def content(place: Path) -> dict[str, str]:
    return {name: file.read_text() for name, file in store.payload_files(place).items()}


@pytest.fixture(params=list(WRITERS))
def kind(request) -> str:
    return request.param


def test_a_new_artifact_appears_whole_and_alone(kind, tmp_path) -> None:
    target = tmp_path / "deep" / "er" / "x"
    with WRITERS[kind](target) as aside:
        fill(aside, "new", kind)
        assert aside.parent == target.parent
        assert not target.exists()
    assert set(content(target).values()) == {"new"}
    assert [path.name for path in target.parent.iterdir()] == ["x"]


def test_an_old_artifact_is_replaced_whole(kind, tmp_path) -> None:
    target = tmp_path / "x"
    write(target, "old", kind)
    if kind == "folder":
        (target / "left over").write_text("of the old one")
    with WRITERS[kind](target) as aside:
        fill(aside, "new", kind)
        assert "old" in content(target).values()
    assert set(content(target).values()) == {"new"}


@pytest.mark.parametrize(
    "error",
    [RuntimeError("bug"), UserError("culprit"), KeyboardInterrupt(), OSError(errno.ENOSPC, "")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("existing", [True, False])
def test_an_exception_leaves_the_old_one_whole_and_no_litter(
    error, existing, kind, tmp_path
) -> None:
    target = tmp_path / "x"
    if existing:
        write(target, "old", kind)
    before = content(target) if existing else None
    expected = UserError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected) as raised:
        write(target, "torn", kind, error)
    if isinstance(error, OSError):
        assert str(raised.value) == f"{target}: cannot be written: No space left on device"
    else:
        assert raised.value is error
    assert [path.name for path in tmp_path.iterdir()] == (["x"] if existing else [])
    assert not existing or content(target) == before


def test_what_an_earlier_crash_left_is_not_taken_over(kind, tmp_path) -> None:
    aside = tmp_path / ".x.partial"
    aside.mkdir()
    (aside / "torn").write_text("by a crash")
    write(tmp_path / "x", "new", kind)
    assert set(content(tmp_path / "x").values()) == {"new"}
    assert not aside.exists()


def test_a_place_that_cannot_be_written_is_named(kind, tmp_path) -> None:
    (tmp_path / "file").write_text("not a folder")
    target = tmp_path / "file" / "x"
    with pytest.raises(UserError, match=r"file/x: cannot be written: \w+"):
        write(target, "new", kind)
    assert (tmp_path / "file").read_text() == "not a folder"


def test_files_under_read_only_links_are_replaced_not_written_into(tmp_path) -> None:
    """DVC's cache may be linked into place; writing in place would corrupt it."""
    cached = tmp_path / "cached"
    cached.write_text("old")
    cached.chmod(0o444)
    for link, name in ((os.link, "hard"), (os.symlink, "soft")):
        link(cached, tmp_path / name)
        with store.new_file(tmp_path / name) as aside:
            aside.write_text("new")
        assert (tmp_path / name).read_text() == "new"
        assert cached.read_text() == "old"


def test_a_folder_takes_the_place_of_a_link_to_one(tmp_path) -> None:
    (tmp_path / "cached").mkdir()
    (tmp_path / "cached" / "a").write_text("old")
    (tmp_path / "x").symlink_to(tmp_path / "cached")
    with store.new_folder(tmp_path / "x") as aside:
        (aside / "a").write_text("new")
    assert (tmp_path / "x" / "a").read_text() == "new"
    assert (tmp_path / "cached" / "a").read_text() == "old"


def test_hashes_are_sha256_by_relative_name(tmp_path) -> None:
    fill(tmp_path, "abc", "folder")
    (tmp_path / ".snakemake_timestamp").touch()
    (tmp_path / "sub/.snakemake_timestamp").write_text("a stranger's")
    (tmp_path / ".hidden").write_text("ours")
    found = store.hashes(tmp_path)
    digest = hashlib.sha256(b"abc").hexdigest()
    assert found == {
        ".hidden": hashlib.sha256(b"ours").hexdigest(), "a.txt": digest, "sub/b.txt": digest,
        "sub/.snakemake_timestamp": hashlib.sha256(b"a stranger's").hexdigest(),
    }  # fmt: skip
    assert list(found) == sorted(found)
    assert store.hashes(tmp_path / "a.txt") == {"a.txt": digest}


@settings(derandomize=True, max_examples=100)
@given(value=st.dictionaries(keys, json_values, max_size=4))
def test_json_is_canonical_and_comes_back(value, tmp_path_factory) -> None:
    text = store.canonical_json(value)
    assert text == store.canonical_json(dict(reversed(value.items())))
    assert text.endswith("\n")
    assert text.isascii()
    file = tmp_path_factory.mktemp("json") / "x.json"
    store.write_json(file, value)
    assert file.read_bytes() == text.encode()
    assert store.read_json(file) == value


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": -float("inf")}])
def test_json_holds_no_nan_and_a_refused_value_leaves_the_old_file(value, tmp_path) -> None:
    file = tmp_path / "x.json"
    store.write_json(file, {"old": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.write_json(file, value)
    assert json.loads(file.read_text()) == {"old": 1}


@pytest.mark.parametrize(
    ("bytes_", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"", "not valid JSON"),
        (b'{"a": 1', "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_unreadable_json_is_a_user_error(bytes_, message, tmp_path) -> None:
    file = tmp_path / "x.json"
    if bytes_ is not None:
        file.write_bytes(bytes_)
    with pytest.raises(UserError) as raised:
        store.read_json(file)
    assert str(raised.value).startswith(f"{file}: {message}")


def test_a_user_error_is_one_line() -> None:
    assert str(UserError("a:\n  b\t c ")) == "a: b c"


def test_files_have_the_mode_that_the_process_gives_even_where_their_writer_is_secretive(
    tmp_path,
) -> None:
    before = os.umask(0o027)
    try:
        with store.new_folder(tmp_path / "model") as folder:
            (folder / "weights").write_bytes(b"x")
            (folder / "weights").chmod(0o600)
        with store.new_file(tmp_path / "file") as file:
            file.write_bytes(b"x")
            file.chmod(0o600)
    finally:
        os.umask(before)
    for path in (tmp_path / "model/weights", tmp_path / "file"):
        assert path.stat().st_mode & 0o777 == 0o640


def test_only_regular_files_are_read_and_nothing_is_waited_for(tmp_path) -> None:
    fill(tmp_path / "whole", "abc", "file")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to("lost")
    (tmp_path / "link").symlink_to("whole")
    with store.opened(tmp_path / "link") as file:
        assert file.read() == (tmp_path / "whole").read_bytes()
    for name, why in (
        ("pipe", "it is no regular file"), (".", "it is no regular file"), ("nowhere", "No such"),
    ):  # fmt: skip
        with pytest.raises(OSError, match=why):
            store.sha256(tmp_path / name)
        with pytest.raises(UserError, match=why):
            store.read_json(tmp_path / name)


def test_what_lies_where_a_folder_belongs_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    store.require_folders(["a/b/c.json", "/proc/self/x", "d"])
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").touch()
    with pytest.raises(UserError, match=r"^a/b: is no folder, and results belong in one; remove"):
        store.require_folders(["a/d", "a/b/c/d/e.json"])
    (tmp_path / "a/b").unlink()
    (tmp_path / "a/b").symlink_to("unmounted")
    with pytest.raises(UserError, match=r"^a/b: is a link that leads to no folder; mend"):
        store.require_folders(["a/b/c.json"])
