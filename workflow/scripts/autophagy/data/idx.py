"""Reader of IDX files of unsigned bytes, the format of MNIST, plain or gzipped.

Layout (http://yann.lecun.com/exdb/mnist/): two zero bytes, the element type, the number of
dimensions, each dimension as a big-endian 32-bit integer, then the elements in C order.
"""

from __future__ import annotations

import gzip
import math
import os
import pathlib
import zlib
from typing import BinaryIO

import numpy as np

from autophagy.errors import UserError

UNSIGNED_BYTE = 0x08
#: The most a header may promise: forty times MNIST.
MAX_BYTES = 2 * 2**30
#: Deflate's best: 258 bytes from two bits. A header that promises more than that is false.
MAX_RATIO = 1032


def read(path: pathlib.Path, dimensions: int) -> np.ndarray:
    """The array in an IDX file, which is gunzipped if its first bytes say gzip.

    Never reads more than the header promises plus one byte, and allocates nothing that the
    file's size cannot hold.

    Args:
        path: the file.
        dimensions: how many dimensions it must have, 3 for images and 1 for labels.

    Returns:
        uint8, read-only, with the header's shape.

    Raises:
        UserError: not an IDX file of unsigned bytes, of other dimensions, truncated, with bytes
            after its end, or unreadable.
    """
    try:
        with path.open("rb") as raw:
            size = os.fstat(raw.fileno()).st_size
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not packed:
                return _read(raw, path, dimensions, capacity=size)
            with gzip.GzipFile(fileobj=raw) as stream:
                return _read(stream, path, dimensions, capacity=size * MAX_RATIO)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def _read(stream: BinaryIO, path: pathlib.Path, dimensions: int, capacity: int) -> np.ndarray:
    """`read` from an open stream that can yield `capacity` bytes at most."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise UserError(f"{path}: not an IDX file")
    if magic[2] != UNSIGNED_BYTE:
        raise UserError(f"{path}: element type {magic[2]:#04x}; allowed: 0x08 (unsigned byte)")
    if magic[3] != dimensions:
        raise UserError(f"{path}: has {magic[3]} dimensions; {dimensions} needed")
    header = stream.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise UserError(f"{path}: truncated within its header")
    shape = tuple(np.frombuffer(header, dtype=">u4").tolist())
    promised = math.prod(shape)
    if promised > MAX_BYTES:
        raise UserError(f"{path}: promises {promised} bytes; allowed: {MAX_BYTES}")
    if promised > capacity:
        raise UserError(f"{path}: truncated: promises {promised} bytes, which it cannot hold")
    body = stream.read(promised + 1)
    if len(body) < promised:
        raise UserError(f"{path}: truncated: promises {promised} bytes, holds {len(body)}")
    if len(body) > promised:
        raise UserError(f"{path}: has bytes after its end")
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)
