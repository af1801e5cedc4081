"""Folders of pictures."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pathlib
import struct
import zlib

import numpy as np
import pytest
from autophagy import data
from autophagy.data import pictures
from autophagy.errors import UserError
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

RNG = np.random.default_rng(3)


def colours(height: int, width: int) -> np.ndarray:
    """Random RGB pixels."""
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: pathlib.Path, pixels: np.ndarray, **options: object) -> None:
    """Pixels as a picture of the suffix's format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def section(path: pathlib.Path, size: int = 4, channels: str = "rgb") -> dict:
    """A data set's configuration."""
    return {"name": "imagefolder", "path": str(path), "size": size, "channels": channels}


def load(path: pathlib.Path, **keys: object) -> data.RealSet:
    """Check and load a folder."""
    data.check(section(path, **keys))
    return data.load(section(path, **keys))


def converted(picture: Image.Image, size: int, channels: str = "rgb") -> np.ndarray:
    """One picture through the conversion."""
    return pictures.to_array(picture, size, channels)


def test_flat_pictures_are_one_class_sorted_by_name(tmp_path) -> None:
    pixels = {name: colours(4, 4) for name in ("b.png", "a.bmp", "C.PNG", "z10.Png", "z9.png")}
    for name, value in pixels.items():
        save(tmp_path / name, value)
    (tmp_path / "README.txt").write_text("passed over")
    (tmp_path / "._b.png").write_bytes(b"what macOS leaves on foreign disks")
    (tmp_path / "notes").mkdir()
    real = load(tmp_path)
    np.testing.assert_array_equal(real.images, np.stack([pixels[name] for name in sorted(pixels)]))
    assert real.classes == ("all",)
    assert real.labels.tolist() == [0] * 5
    assert real.levels == 256


def test_subfolders_are_classes_and_all_below_them_belongs_to_them(tmp_path) -> None:
    names = ["dog/1.png", "cat/deep/er/2.png", "cat/x.png", "cat/deep/1.png"]
    pixels = {name: colours(4, 4) for name in names}
    for name, value in pixels.items():
        save(tmp_path / name, value)
    (tmp_path / ".git").mkdir()
    real = load(tmp_path)
    assert real.classes == ("cat", "dog")
    assert real.labels.tolist() == [0, 0, 0, 1]
    np.testing.assert_array_equal(real.images, np.stack([pixels[name] for name in sorted(names)]))


def test_the_source_is_one_digest_of_paths_and_bytes(tmp_path) -> None:
    save(tmp_path / "here" / "b" / "1.png", colours(4, 4))
    save(tmp_path / "here" / "a" / "2.png", colours(4, 4))
    source = load(tmp_path / "here").source
    lines = "".join(
        f"{name}\0{hashlib.sha256((tmp_path / 'here' / name).read_bytes()).hexdigest()}\n"
        for name in ("a/2.png", "b/1.png")
    )
    assert source["files"] == {"pictures": hashlib.sha256(lines.encode()).hexdigest()}
    assert data.module("imagefolder").source_files(section(tmp_path / "here")) == source["files"]
    assert source["count"] == 2
    assert str(tmp_path) not in json.dumps(source)
    (tmp_path / "here").rename(tmp_path / "there")
    assert load(tmp_path / "there").source == source
    (tmp_path / "there" / "a" / "2.png").rename(tmp_path / "there" / "a" / "3.png")
    assert load(tmp_path / "there").source != source


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp", "gif", "jpg", "jpeg"])
def test_every_format_is_opened(tmp_path, suffix: str) -> None:
    # One colour: what the lossy formats keep, too.
    save(tmp_path / f"a.{suffix}", np.full((8, 8, 3), 96, np.uint8))
    real = load(tmp_path)
    assert np.abs(real.images.astype(int) - 96).max() <= 2


def test_the_first_frame_of_an_animation_counts(tmp_path) -> None:
    frames = [Image.new("L", (4, 4), value) for value in (10, 200)]
    for suffix in ("gif", "webp", "png"):
        options = {"lossless": True} if suffix == "webp" else {}
        frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], **options)
        with Image.open(tmp_path / f"a.{suffix}") as written:
            assert written.n_frames == 2
    assert (load(tmp_path, channels="grey").images == 10).all()


@pytest.mark.parametrize(("height", "width"), [(4, 9), (9, 4), (5, 4), (4, 4)])
def test_the_central_square_is_kept(height: int, width: int) -> None:
    pixels = colours(height, width)
    top, left = (height - 4) // 2, (width - 4) // 2
    np.testing.assert_array_equal(
        converted(Image.fromarray(pixels), 4), pixels[top : top + 4, left : left + 4]
    )


@settings(derandomize=True, max_examples=25)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_shrinking_takes_the_mean_of_whole_blocks(size: int, factor: int, seed: int) -> None:
    side = size * factor
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    means = pixels.reshape(size, factor, size, factor).mean(axis=(1, 3))
    result = converted(Image.fromarray(pixels), size, "grey")
    assert result.shape == (size, size, 1)
    # Pillow rounds after each of its two passes.
    assert np.abs(result[..., 0] - means).max() <= 1


def test_enlarging_is_bicubic_and_keeps_a_plain_colour() -> None:
    pixels = colours(4, 4)
    expected = Image.fromarray(pixels).resize((8, 8), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(converted(Image.fromarray(pixels), 8), np.asarray(expected))
    assert (converted(Image.new("RGB", (3, 3), (1, 2, 3)), 64) == [1, 2, 3]).all()


def test_grey_is_the_luma_of_itu_601() -> None:
    pixels = colours(4, 4)
    luma = pixels @ [0.299, 0.587, 0.114]
    grey = converted(Image.fromarray(pixels), 4, "grey")
    assert np.abs(grey[..., 0] - luma).max() <= 1
    spread = converted(Image.fromarray(grey[..., 0]), 4, "rgb")
    np.testing.assert_array_equal(spread, np.repeat(grey, 3, axis=2))


def test_transparency_lies_on_white() -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0] = [10, 20, 30, 255]
    pixels[1] = [10, 20, 30, 0]
    clear = Image.fromarray(pixels)
    expected = np.array([[[10, 20, 30]] * 2, [[255] * 3] * 2])
    np.testing.assert_array_equal(converted(clear, 2), expected)
    stored = io.BytesIO()
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 200, 0, 0])
    palette.save(stored, "PNG", transparency=1)
    assert (converted(pictures.decode(stored.getvalue()), 2) == 255).all()


def test_a_photograph_is_turned_upright() -> None:
    pixels = colours(4, 4)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90° clockwise
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, "PNG", exif=exif)
    np.testing.assert_array_equal(
        converted(pictures.decode(stored.getvalue()), 4), np.rot90(pixels, -1)
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_every_8_bit_mode_is_converted(mode: str) -> None:
    white = Image.new("RGB", (4, 4), "white").convert(mode)
    for channels, count in (("grey", 1), ("rgb", 3)):
        result = converted(white, 2, channels)
        assert result.shape == (2, 2, count)
        assert (result == 255).all()


def test_more_than_8_bits_are_refused_rather_than_clipped(tmp_path) -> None:
    save(tmp_path / "deep.png", np.full((4, 4), 40_000, np.uint16))
    with pytest.raises(UserError, match=r"deep\.png.*more than 8 bits"):
        load(tmp_path)


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and has no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("pixels", [1.5, 3])
def test_a_decompression_bomb_is_refused(tmp_path, pixels: float) -> None:
    # Pillow warns from one times its limit and raises from two.
    side = int((pixels * Image.MAX_IMAGE_PIXELS) ** 0.5)
    (tmp_path / "bomb.png").write_bytes(png_header(side, side))
    with pytest.raises(UserError, match=r"bomb\.png.*decompression bomb"):
        load(tmp_path)


def test_broken_pictures_are_named(tmp_path) -> None:
    whole = {}
    for suffix in ("png", "jpg", "bmp", "webp", "gif"):
        save(tmp_path / f"a.{suffix}", colours(32, 32))
        whole[suffix] = (tmp_path / f"a.{suffix}").read_bytes()
        (tmp_path / f"a.{suffix}").unlink()
    tiff = io.BytesIO()
    Image.new("L", (4, 4)).save(tiff, "TIFF")
    broken = {f"cut.{suffix}": raw[: len(raw) // 2] for suffix, raw in whole.items()}
    broken |= {"empty.png": b"", "text.jpg": b"hello", "tiff.png": tiff.getvalue()}
    for name, raw in broken.items():
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(UserError, match=f"{name}: not a readable picture"):
            load(tmp_path)
        # At once, and not when the pixels are first used.
        with pytest.raises(Exception):  # noqa: B017, PT011 - decoders raise anything
            pictures.decode(raw)
        (tmp_path / name).unlink()


@settings(derandomize=True, max_examples=150)
@given(
    st.sampled_from(["PNG", "JPEG", "BMP", "WEBP", "GIF"]),
    st.lists(st.tuples(st.integers(0, 999), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_any_damage_gives_a_picture_or_a_user_error(kind: str, changes: list) -> None:
    stored = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(stored, kind)
    raw = bytearray(stored.getvalue())
    for position, value in changes:
        raw[position % len(raw)] = value
    refusal = None
    try:
        with pictures.reading("here"):
            result = converted(pictures.decode(bytes(raw)), 4)
    except UserError as error:
        refusal = str(error)
    if refusal is None:
        assert result.shape == (4, 4, 3)
    else:
        assert refusal.startswith("here: ")


def refused(path: pathlib.Path, message: str, *, by_check: bool) -> None:
    """The folder is refused by load, and by check where that can see it."""
    with pytest.raises(UserError, match=message):
        data.load(section(path))
    if by_check:
        with pytest.raises(UserError, match=message):
            data.check(section(path))
    else:
        data.check(section(path))


def test_folders_that_make_no_data_set_are_refused(tmp_path) -> None:
    refused(tmp_path / "nowhere", r"dataset\.path: no folder", by_check=True)
    refused(tmp_path, "holds no pictures", by_check=True)
    (tmp_path / "bare").mkdir()
    refused(tmp_path, "holds no pictures", by_check=True)
    save(tmp_path / "cat" / "1.png", colours(4, 4))
    refused(tmp_path, "bare is a class without pictures", by_check=False)
    save(tmp_path / "1.png", colours(4, 4))
    refused(tmp_path, "both at its top and in subfolders", by_check=False)
    (tmp_path / "1.png").unlink()
    (tmp_path / "bare").rmdir()
    assert load(tmp_path).classes == ("cat",)


def test_links_may_not_leave_the_folder(tmp_path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside.png"
    save(root / "a" / "1.png", colours(4, 4))
    save(outside, colours(4, 4))
    link = root / "a" / "2.png"
    for target in (outside, pathlib.Path("../../outside.png"), tmp_path / "root-not" / "x.png"):
        link.symlink_to(target)
        refused(root, r"2\.png: is a link that leaves", by_check=False)
        link.unlink()
    for target in (tmp_path, root / "a"):
        (root / "b").symlink_to(target)
        refused(root, "b: links to folders are refused", by_check=True)
        (root / "b").unlink()
    for target in (root / "a" / "gone.png", link):
        link.symlink_to(target)
        refused(root, r"2\.png", by_check=False)
        link.unlink()
    link.symlink_to("1.png")
    (tmp_path / "alias").symlink_to(root)
    real = load(tmp_path / "alias")
    np.testing.assert_array_equal(real.images[0], real.images[1])


def test_an_unreadable_folder_is_named_and_not_passed_over(tmp_path, monkeypatch) -> None:
    save(tmp_path / "a" / "1.png", colours(4, 4))
    (tmp_path / "b").mkdir()
    real = os.scandir

    # Permissions would not do: root reads everything.
    def scandir(path):
        if pathlib.Path(path).name == "b":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(UserError, match=r"b: cannot be read: Permission denied"):
        data.load(section(tmp_path))
