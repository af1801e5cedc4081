"""Malformed data sets: files that a valid configuration names."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from conftest import changed

from bad_input.case import OUTSIDE, Case

KIND = "data sets"
#: Loading is a step of the workflow: see `case.Case.commands`.
LOAD = ("real config.yaml",)
SPLITS = {"loop": 6, "reference": 3, "features": 3}
IMAGES = np.random.default_rng(3).integers(0, 256, (12, 8, 8), dtype=np.uint8)
LABELS = np.arange(12) % 3
IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
       "t10k-labels-idx1-ubyte")  # fmt: skip


def content_of(dataset: dict[str, Any]) -> dict[str, Any]:
    """A small experiment on a data set of the user's own."""
    loop = {
        "regime": "fully_synthetic", "start_from": "full", "sampling_bias": 1.0, "n_real": 0,
        "n_synthetic": 6, "labels": "balanced",
    }  # fmt: skip
    return changed(
        ("experiment", "own"), ("generations", 2), ("seeds", [1]),
        ("dataset", {"splits": SPLITS} | dataset), ("real_only", {"full": 6}),
        ("loops", {"only": loop}), ("evaluate", {"n": 6, "k": 2, "features": "lenet"}),
    )  # fmt: skip


def configured(folder: Path, **dataset: Any) -> None:
    (folder / "config.yaml").write_text(yaml.safe_dump(content_of(dataset)), encoding="utf-8")


class Trap:
    """Leaves a file behind where anyone unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("sprung",)


def objects() -> np.ndarray:
    array = np.empty(12, dtype=object)
    array[:] = [Trap() for _ in range(12)]
    return array


# npz


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


GOOD = npz(images=IMAGES, labels=LABELS)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of any members, also two of one name, of which zipfile warns."""
    stream = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def header(text: str) -> bytes:
    line = text.encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(line)) + line


def claims(shape: str, kind: str = "|u1") -> bytes:
    """An npz whose images claim a shape that their bytes do not fill."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}"
    return zipped(("images.npy", header(text) + bytes(64)))


def zip_bomb() -> bytes:
    """A sound zip of 4 MB whose one member is 4 GB of zeros."""
    block, copies = bytes(2**25), 120
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    stream = packed * copies + packer.flush(zlib.Z_FINISH)
    name, size = b"images.npy", len(block) * copies
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 33, 0, len(stream), size, len(name), 0)
    central = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 33, 0, len(stream), size, len(name), 0, 0, 0, 0,
        0, 0,
    )  # fmt: skip
    body = local + name + stream
    end = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(central) + len(name), len(body), 0
    )  # fmt: skip
    return body + central + name + end


NPZ: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "own.npz"),
    "text": (b"1 2 3\n", "own.npz"),
    "truncated": (GOOD[: len(GOOD) // 2], "own.npz"),
    "without its end": (GOOD[:-30], "own.npz"),
    "a flipped byte": (GOOD[:300] + bytes([GOOD[300] ^ 1]) + GOOD[301:], "own.npz"),
    "a pickle": (pickle.dumps(Trap()), "own.npz"),
    "a single array": (npy(IMAGES), "single array"),
    "pickled images": (npz(images=objects()), "own.npz"),
    "pickled labels": (npz(images=IMAGES, labels=objects()), "own.npz"),
    "a pickle named as an array": (zipped(("images.npy", pickle.dumps(Trap()))), "own.npz"),
    "no images": (npz(labels=LABELS), "no array named images"),
    "no members": (zipped(), "own.npz"),
    "floats": (npz(images=IMAGES / 255), "float64"),
    "NaN": (npz(images=np.full((12, 8, 8), np.nan)), "float64"),
    "wide integers": (npz(images=IMAGES.astype(np.int64)), "int64"),
    "texts": (npz(images=np.full((12, 8, 8), "x")), "<U1"),
    "no square": (npz(images=IMAGES[:, :6]), "6×8"),
    "two channels": (npz(images=np.stack([IMAGES, IMAGES], axis=-1)), "2 channels"),
    "one picture": (npz(images=IMAGES[0]), "N×H×W×C"),
    "five dimensions": (npz(images=IMAGES[..., None, None]), "N×H×W×C"),
    "no pictures": (npz(images=IMAGES[:0]), "no images"),
    "pictures without pixels": (npz(images=IMAGES[:, :0, :0]), "own.npz"),
    "pictures of mixed sizes": (
        npz(images=np.array([IMAGES[0], IMAGES[1, :4, :4]], dtype=object)), "own.npz"),
    "fewer labels than pictures": (npz(images=IMAGES, labels=LABELS[:5]), "12 images but 5 labels"),
    "labels below zero": (npz(images=IMAGES, labels=LABELS - 1), "-1..1"),
    "labels beyond counting": (
        npz(images=IMAGES, labels=np.full(12, 2**63, np.uint64)), "9223372036854775808"),
    "fractions for labels": (npz(images=IMAGES, labels=LABELS / 2), "float64"),
    "NaN for labels": (npz(images=IMAGES, labels=np.full(12, np.nan)), "float64"),
    "texts for labels": (npz(images=IMAGES, labels=LABELS.astype(str)), "only integers"),
    "a column of labels": (npz(images=IMAGES, labels=LABELS[:, None]), "labels"),
    "one picture twelve times": (
        npz(images=IMAGES[[0] * 12], labels=LABELS), "1 distinct ones: 11 are missing"),
    "too few pictures": (npz(images=IMAGES[:11]), "1 are missing"),
    "a claim of 2^80 pixels": (claims("(1208925819614629174706176, 1, 1)"), "own.npz"),
    "a claim of 8 TB": (claims("(8589934592, 32, 32)"), "own.npz"),
    "a claim below zero": (claims("(-1, 8, 8)"), "own.npz"),
    "a header of code": (
        zipped(("images.npy", header("__import__('os').mkdir('sprung')"))), "own.npz"),
    "a header of brackets": (zipped(("images.npy", header("(" * 9000))), "own.npz"),
    "a member that leads outside": (
        zipped(("images.npy", npy(IMAGES)), (f"../{OUTSIDE}.npy", npy(IMAGES))), "leads outside"),
    "a member at the root": (
        zipped(("images.npy", npy(IMAGES)), ("/etc/cron.d/x.npy", npy(IMAGES))), "leads outside"),
    "two members of one name": (
        zipped(("images.npy", npy(IMAGES)), ("images.npy", npy(IMAGES[::-1]))), "one name"),
    "a compression nobody knows": (
        GOOD.replace(b"PK\1\2" + GOOD[GOOD.index(b"PK\1\2") + 4 :][:8], b"PK\1\2" + b"\x63" * 8),
        "own.npz",
    ),
}  # fmt: skip


def own_npz(content: bytes) -> Callable[[Path], None]:
    def plant(folder: Path) -> None:
        (folder / "own.npz").write_bytes(content)
        configured(folder, name="npz", path="own.npz")

    return plant


# IDX


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def promise(*shape: int) -> bytes:
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)


PICTURES, CLASSES = idx(IMAGES[:6]), idx(LABELS[:6].astype(np.uint8))
#: name -> (which of the four files, its content, words).
MNIST: dict[str, tuple[int, bytes, str]] = {
    "images cut short": (0, PICTURES[:-1], "truncated"),
    "images cut within the header": (0, PICTURES[:9], "truncated within its header"),
    "images with bytes after the end": (0, PICTURES + b"\0", "bytes after its end"),
    "empty images": (0, b"", "not an IDX file"),
    "a wrong magic number": (0, b"\0\1" + PICTURES[2:], "not an IDX file"),
    "floats": (0, b"\0\0\x0d\3" + PICTURES[4:], "element type 0x0d"),
    "labels for images": (0, CLASSES, "1 dimensions; 3 needed"),
    "images for labels": (1, PICTURES, "3 dimensions; 1 needed"),
    "2^31 pictures": (0, promise(2**31, 8, 8), "promises"),
    "2^96 pixels": (0, promise(2**32 - 1, 2**32 - 1, 2**32 - 1), "promises"),
    "no pictures": (0, promise(0, 8, 8), "labels"),
    "fewer labels than pictures": (1, idx(LABELS[:5].astype(np.uint8)), "5 labels"),
    "labels above 9": (1, idx(np.full(6, 200, np.uint8)), "200"),
    "parts of mixed sizes": (2, idx(IMAGES[:6, :4, :4]), "(4, 4)"),
    "no squares": (2, idx(IMAGES[:6, :4]), "(4, 8)"),
    "a cut gzip": (0, gzip.compress(PICTURES)[:-9], "cannot be read"),
    "a gzip of something else": (0, gzip.compress(b"text"), "not an IDX file"),
    "a gzip bomb": (
        0, gzip.compress(promise(6, 8, 8) + bytes(2**26)), "bytes after its end"),
    "a broken gzip": (
        0, gzip.compress(PICTURES)[:100] + b"x" + gzip.compress(PICTURES)[101:], "cannot be read"),
}  # fmt: skip


def own_mnist(place: int, content: bytes) -> Callable[[Path], None]:
    def plant(folder: Path) -> None:
        (folder / "own").mkdir()
        for name, good in zip(IDX, (PICTURES, CLASSES, PICTURES, CLASSES), strict=True):
            (folder / "own" / name).write_bytes(good)
        (folder / "own" / IDX[place]).write_bytes(content)
        configured(folder, name="mnist", path="own")

    return plant


# Folders of pictures


def png(array: np.ndarray) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return stream.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check


def png_bomb(side: int) -> bytes:
    """A PNG of a few bytes that claims side × side pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def text_bomb() -> bytes:
    """A PNG with a compressed text that unpacks to 256 MB."""
    good, text = png(IMAGES[0]), b"Comment\0\0" + zlib.compress(bytes(2**28), 1)
    return good[:33] + chunk(b"zTXt", text) + good[33:]


PNG = png(IMAGES[0])
SOME = {f"{n}.png": png(image) for n, image in enumerate(IMAGES[:11])}
#: name -> (files of the folder, words).
FOLDERS: dict[str, tuple[dict[str, bytes], str]] = {
    "empty": ({}, "holds no pictures"),
    "of other files": ({"notes.txt": b"x", "own.npz": GOOD}, "holds no pictures"),
    "of hidden files": ({".a.png": PNG}, "holds no pictures"),
    "with a truncated picture": (SOME | {"bad.png": PNG[: len(PNG) // 2]}, "bad.png"),
    "with an empty picture": (SOME | {"bad.png": b""}, "bad.png"),
    "with text as a picture": (SOME | {"bad.png": b"no picture\n"}, "bad.png"),
    "with a script as a picture": (SOME | {"bad.png": b"#!/bin/sh\ntouch ran\n"}, "bad.png"),
    "with a pickle as a picture": (SOME | {"bad.png": pickle.dumps(Trap())}, "bad.png"),
    "with SVG as a picture": (
        SOME | {"bad.png": b'<svg xmlns="http://www.w3.org/2000/svg"/>'}, "bad.png"),
    "with PostScript as a picture": (SOME | {"bad.png": b"%!PS-Adobe-3.0 EPSF-3.0\n"}, "bad.png"),
    "with TIFF as a picture": (SOME | {"bad.png": b"II*\0" + bytes(40)}, "bad.png"),
    "with a broken checksum": (SOME | {"bad.png": PNG[:40] + b"\xff\xff" + PNG[42:]}, "bad.png"),
    "with a decompression bomb": (SOME | {"bad.png": png_bomb(60_000)}, "bad.png"),
    "with a picture of 2^31 pixels a side": (SOME | {"bad.png": png_bomb(2**31 - 1)}, "bad.png"),
    "with a text that is a bomb": (SOME | {"bad.png": text_bomb()}, "bad.png"),
    "with 16 bits a pixel": (
        SOME | {"bad.png": png(np.full((8, 8), 40_000, np.uint16))}, "more than 8 bits"),
    "with pictures at two levels": (SOME | {"a/b.png": PNG}, "either all are labelled"),
    "with a class without pictures": (
        {"a/1.png": PNG, "b/notes.txt": b""}, "a class without pictures"),
    "with a class that turns the text round": ({"a\u202eb/1.png": PNG}, "\\u202e"),
    "with a class that clears the screen": ({"a\x1b[2J/1.png": PNG}, "\\x1b"),
    "with a class of broken text": ({b"a\xff".decode("utf-8", "surrogateescape") + "/1.png": PNG},
                                    "\\udcff"),
    "with too few pictures": (SOME, "1 are missing"),
}  # fmt: skip


def own_folder(files: dict[str, bytes]) -> Callable[[Path], None]:
    def plant(folder: Path) -> None:
        (folder / "own").mkdir()
        for name, content in files.items():
            (folder / "own" / name).parent.mkdir(exist_ok=True)
            (folder / "own" / name).write_bytes(content)
        configured(folder, name="imagefolder", path="own", size=8, channels="grey")

    return plant


def linked(link: str, target: str) -> Callable[[Path], None]:
    def plant(folder: Path) -> None:
        own_folder({"a/1.png": PNG})(folder)
        (folder / f"{OUTSIDE}.png").write_bytes(PNG)
        (folder / "own" / link).symlink_to(target)

    return plant


#: name -> (what is planted, words).
LINKS = {
    "a link that leaves the folder": (linked("a/2.png", f"../../{OUTSIDE}.png"), "a/2.png"),
    "a link to a folder": (linked("b", "a"), "own/b"),
    "a loop of links": (linked("a/loop", "."), "own/a/loop"),
    "a link to itself": (linked("a/2.png", "2.png"), "a/2.png"),
    "a dangling link": (linked("a/2.png", "3.png"), "a/2.png"),
    "a link to a device without end": (linked("a/2.png", "/dev/zero"), "a/2.png"),
}


def _case(
    name: str,
    plant: Callable[[Path], Any],
    words: tuple[str, ...],
    commands: tuple[str, ...] = LOAD,
) -> Case:
    return Case(KIND, name, plant, commands, words)


CASES = [_case(f"npz: {name}", own_npz(raw), ("autophagy", words)) for name, (raw, words) in
         NPZ.items()]  # fmt: skip
CASES += [
    _case(f"IDX: {name}", own_mnist(place, content), (words,))
    for name, (place, content, words) in MNIST.items()
]
CASES += [
    _case(f"a folder {name}", own_folder(files), (words,))
    for name, (files, words) in FOLDERS.items()
]
CASES += [_case(f"a folder with {name}", plant, (words,)) for name, (plant, words) in LINKS.items()]
#: What could take all memory meets a process of its own, whose memory is bounded and measured.
JOB = ("real! config.yaml",)
CASES += [
    _case("npz: a bomb of 4 GB", lambda folder: own_npz(zip_bomb())(folder), ("own.npz",), JOB),
    _case("IDX: 2^31 pictures, in bounds", own_mnist(0, promise(2**31, 1, 1)), (IDX[0],), JOB),
    _case("IDX: a gzip bomb, in bounds", own_mnist(*MNIST["a gzip bomb"][:2]), (IDX[0],), JOB),
    _case("a folder with a bomb, in bounds",
          own_folder(FOLDERS["with a decompression bomb"][0]), ("bad.png",), JOB),
    _case("a folder with a text bomb, in bounds",
          own_folder(FOLDERS["with a text that is a bomb"][0]), ("bad.png",), JOB),
]  # fmt: skip
