"""A picture, as Pillow gives it, becomes a small square array."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from autophagy.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

#: Side of the squares, in pixels.
Size = Annotated[int, Field(ge=1, le=1024)]
Channels = Literal["grey", "rgb"]
#: ``channels`` → Pillow's mode and the number of channels.
MODES = {"grey": ("L", 1), "rgb": ("RGB", 3)}
#: Pillow's names of the formats that are opened; its other, rarer decoders are never reached.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Within it, whatever is wrong with a picture is a UserError that begins with `where`.

    That includes decompression bombs: pictures of more than ``PIL.Image.MAX_IMAGE_PIXELS``.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except UserError:
            raise
        # Decoders raise anything on broken bytes: OSError, SyntaxError, struct.error, IndexError.
        except Exception as error:
            raise UserError(f"{where}: not a readable picture: {error}") from error


def decode(data: bytes) -> Image.Image:
    """The picture in a file's bytes, fully decoded; the first frame of an animation.

    To be called within `reading`.
    """
    from PIL import Image

    # The name that Pillow's message would print is an object's address: say it ourselves.
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.UnidentifiedImageError:
        raise ValueError(f"none of {', '.join(FORMATS)}") from None
    picture.load()
    return picture


def to_array(picture: Image.Image, size: int, channels: str) -> np.ndarray:
    """Turn upright (EXIF), lay on white, crop the central square, resize.

    Resizing takes area means (Pillow's BOX) when shrinking, which neither rings nor aliases, and
    BICUBIC when enlarging. Grey is Pillow's ``L``: 0.299 R + 0.587 G + 0.114 B.

    Args:
        picture: of at most 8 bits a channel.
        size: side of the result, in pixels.
        channels: ``grey`` or ``rgb``.

    Returns:
        uint8 of shape (size, size, C), C = 1 or 3.

    Raises:
        TypeError: not a picture.
        ValueError: more than 8 bits a channel, whose conversion would clip.
    """
    from PIL import Image, ImageOps

    if not isinstance(picture, Image.Image):
        raise TypeError(f"it is of type {type(picture).__name__}")
    if picture.mode[0] in "IF":
        raise ValueError(f"more than 8 bits a channel (Pillow's mode {picture.mode})")
    picture = ImageOps.exif_transpose(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    mode, count = MODES[channels]
    picture = picture.convert(mode)
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    picture = picture.crop((left, top, left + side, top + side))
    if side != size:
        resample = Image.Resampling.BOX if side > size else Image.Resampling.BICUBIC
        picture = picture.resize((size, size), resample)
    return np.asarray(picture, dtype=np.uint8).reshape(size, size, count)
