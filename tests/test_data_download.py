"""Downloads, from a server on this machine."""

from __future__ import annotations

import hashlib
import http.server
import pathlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from autophagy.data import download
from autophagy.errors import UserError

BODY = b"what is published" * 1000
PUBLISHED = {"one.gz": "sha256:" + hashlib.sha256(BODY).hexdigest()}


class Handler(http.server.BaseHTTPRequestHandler):
    """Each folder of addresses behaves in one way; see the branches."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        manner = self.path.split("/")[1]
        if manner == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        length = {"good": len(BODY), "altered": len(BODY), "short": len(BODY)}.get(manner)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        try:
            if manner == "good":
                self.wfile.write(BODY)
            elif manner == "altered":
                self.wfile.write(BODY[::-1])
            elif manner == "short":
                self.wfile.write(BODY[:100])
            elif manner == "silent":
                self.server.stop.wait(10)
            elif manner == "dripping":
                while not self.server.stop.wait(0.02):
                    self.wfile.write(b".")
            elif manner == "endless":
                while not self.server.stop.is_set():
                    self.wfile.write(bytes(1 << 16))
        except OSError:
            pass

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[http.server.ThreadingHTTPServer]:
    """A server of all manners; `.at` gives a manner's address, `.asked` what was asked for."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked, running.stop = [], threading.Event()
        running.at = lambda manner: f"http://127.0.0.1:{running.server_address[1]}/{manner}/"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.stop.set()
        running.shutdown()
        thread.join()


def fetch(folder: pathlib.Path, *mirrors: str, **limits: float) -> None:
    """Fetch the one published file."""
    download.fetch(folder, PUBLISHED, mirrors, **limits)


def left(folder: pathlib.Path) -> list[str]:
    """Names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once_and_no_scrap_stays(server, tmp_path) -> None:
    folder = tmp_path / "cache" / "mnist"
    fetch(folder, server.at("good"))
    fetch(folder, server.at("good"))
    assert server.asked == ["/good/one.gz"]
    assert (folder / "one.gz").read_bytes() == BODY
    assert left(folder) == ["one.gz"]


def test_an_altered_file_is_fetched_again(server, tmp_path) -> None:
    (tmp_path / "one.gz").write_bytes(BODY[:-1])
    fetch(tmp_path, server.at("good"))
    assert (tmp_path / "one.gz").read_bytes() == BODY


def test_md5_serves_where_nothing_better_is_published(server, tmp_path) -> None:
    published = {"one.gz": "md5:" + hashlib.md5(BODY).hexdigest()}
    with pytest.raises(UserError, match="not the published md5"):
        download.fetch(tmp_path, published, [server.at("altered")])
    download.fetch(tmp_path, published, [server.at("good")])
    assert (tmp_path / "one.gz").read_bytes() == BODY


@pytest.mark.parametrize("manner", ["missing", "altered", "short"])
def test_the_next_mirror_is_asked_when_one_fails(server, tmp_path, manner: str) -> None:
    fetch(tmp_path, server.at(manner), server.at("good"))
    assert (tmp_path / "one.gz").read_bytes() == BODY


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("missing", "404"),
        ("altered", "not the published sha256"),
        ("short", "not the published sha256"),
        ("silent", "timed out"),
        ("dripping", "longer than 0.3 s"),
        ("endless", "more than 1000000 bytes"),
    ],
)
def test_a_failure_is_one_line_that_names_the_way_out(
    server, tmp_path, monkeypatch, manner: str, reason: str
) -> None:
    monkeypatch.setattr(download, "MAX_BYTES", 1_000_000)
    begin = time.monotonic()
    with pytest.raises(UserError, match=reason) as error:
        fetch(tmp_path, server.at(manner), timeout=0.25, deadline=0.3)
    assert time.monotonic() - begin < 5
    message = str(error.value)
    assert message.startswith("one.gz: ")
    assert "dataset.path" in message
    assert server.at(manner) in message
    assert left(tmp_path) == []


def test_an_unreachable_mirror_and_a_senseless_one_are_both_named(tmp_path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        with pytest.raises(UserError, match=r"dataset\.path") as error:
            fetch(tmp_path, address, "no address/")
    assert address in str(error.value)
    assert "no address/" in str(error.value)


def test_a_folder_that_cannot_be_is_named(tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="AUTOPHAGY_CACHE"):
        fetch(tmp_path / "file" / "mnist")


def test_an_interrupted_write_leaves_the_old_file_and_no_scrap(tmp_path, monkeypatch) -> None:
    target = tmp_path / "one.gz"
    target.write_bytes(b"old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(download.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download._write(target, BODY)
    assert target.read_bytes() == b"old"
    assert left(tmp_path) == ["one.gz"]


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("AUTOPHAGY_CACHE", str(tmp_path / "here"))
    assert download.cache_folder() == tmp_path / "here"
    monkeypatch.setenv("HOME", str(tmp_path))
    for empty in (lambda: monkeypatch.setenv("AUTOPHAGY_CACHE", ""),
                  lambda: monkeypatch.delenv("AUTOPHAGY_CACHE")):  # fmt: skip
        empty()
        assert download.cache_folder() == tmp_path / ".cache" / "autophagy"
