"""Thumbnails: many small pictures in one lossless PNG, each sheet once."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass, field

import numpy as np

#: Longest side of a thumbnail in pixels; larger pictures are averaged down.
LARGEST = 32


@dataclass
class Sheets:
    """PNG sheets as data URLs; equal pictures in equal order share one."""

    urls: list[str] = field(default_factory=list)
    _known: dict[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Characters of all of them."""
        return sum(map(len, self.urls))

    def add(self, images: np.ndarray, levels: int, columns: int) -> int:
        """The number of the sheet that shows these pictures, row by row.

        Args:
            images: uint8 n×H×W×C with values 0..levels-1.
        """
        sheet = _sheet(thumbnails(images, levels), columns)
        key = hashlib.sha256(repr(sheet.shape).encode() + sheet.tobytes()).hexdigest()
        if key not in self._known:
            self._known[key] = len(self.urls)
            self.urls.append(_data_url(sheet))
        return self._known[key]


def thumbnails(images: np.ndarray, levels: int) -> np.ndarray:
    """uint8 n×h×w×C with values 0..255 and no side above `LARGEST`."""
    scaled = images.astype(np.float64) * (255 / (levels - 1))
    step = -(-max(images.shape[1:3]) // LARGEST)
    if step > 1:
        n, height, width, channels = scaled.shape
        # The last rows and columns that fill no whole block are repeated to fill one.
        pad = ((0, 0), (0, -height % step), (0, -width % step), (0, 0))
        scaled = np.pad(scaled, pad, mode="edge")
        blocks = scaled.reshape(n, scaled.shape[1] // step, step, -1, step, channels)
        scaled = blocks.mean(axis=(2, 4))
    return np.rint(scaled).astype(np.uint8)


def _sheet(images: np.ndarray, columns: int) -> np.ndarray:
    n, height, width, channels = images.shape
    rows = -(-n // columns)
    sheet = np.zeros((rows, columns, height, width, channels), np.uint8)
    sheet.reshape(-1, height, width, channels)[:n] = images
    return sheet.swapaxes(1, 2).reshape(rows * height, columns * width, channels)


def _data_url(sheet: np.ndarray) -> str:
    from PIL import Image

    picture = Image.fromarray(sheet if sheet.shape[2] == 3 else sheet[..., 0])
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
