"""Topcon's `.fda`: named chunks, one of which holds the B-scans as JPEG 2000 or as raw numbers.

The layout is the one described by the uocte project. OCT-Converter 0.7.0 knows it too, but calls
a function that NumPy no longer has, so it reads no FDA file.
"""

import io
import struct
from functools import partial
from typing import BinaryIO

import numpy as np
from PIL import Image

from octtutor.datasets.decode import Pixels, check_size, find_white, to_grey, window
from octtutor.datasets.volumes.volume import (
    Opener,
    Reader,
    Volume,
    check_count,
    damaged,
    read_exactly,
    size_of,
)
from octtutor.limits import MAX_SCAN_BYTES, MAX_TOPCON_CHUNKS

FDA = "Topcon FDA"
_START = 15
_SIDES = {0: "OD", 1: "OS"}
Place = tuple[int, int]
"""Where something lies in a file: its start and its size, bytes."""


def open_fda(opener: Opener, name: str) -> Volume:
    """Open an `.fda`."""
    with opener() as file:
        chunks = _chunks(file)
        eye = chunks.get(b"@CAPTURE_INFO_02") or chunks.get(b"@CAPTURE_INFO")
        side = _SIDES.get(read_exactly(file, eye[0], 1)[0]) if eye else None
        if b"@IMG_JPEG" in chunks:
            places = _pictures(file, chunks[b"@IMG_JPEG"], name)
            return Volume(name, FDA, len(places), side, partial(_read_picture, opener, places))
        if b"@IMG_MOT_COMP_03" in chunks:
            return _raw(opener, file, chunks[b"@IMG_MOT_COMP_03"], name, side)
    raise damaged(name, FDA, "holds no B-scans (@IMG_JPEG or @IMG_MOT_COMP_03)")


def _chunks(file: BinaryIO) -> dict[bytes, Place]:
    """Find the first chunk of each name."""
    size, at = size_of(file), _START
    found: dict[bytes, Place] = {}
    for _ in range(MAX_TOPCON_CHUNKS):
        if at >= size:
            break
        letters = read_exactly(file, at, 1)[0]
        if letters == 0:
            break
        name = read_exactly(file, at + 1, letters)
        (length,) = struct.unpack("<I", read_exactly(file, at + 1 + letters, 4))
        start = at + 5 + letters
        if start + length > size:
            raise EOFError(f"no {length} bytes of {name!r}")
        found.setdefault(name, (start, length))
        at = start + length
    return found


def _pictures(file: BinaryIO, chunk: Place, name: str) -> tuple[Place, ...]:
    start, length = chunk
    width, height, count = struct.unpack_from("<3I", read_exactly(file, start, 25), 9)
    check_size((height, width), name)
    check_count(count, name, FDA)
    at, end, places = start + 25, start + length, []
    for _ in range(count):
        (size,) = struct.unpack("<I", read_exactly(file, at, 4))
        if at + 4 + size > end or size > MAX_SCAN_BYTES:
            raise damaged(name, FDA)
        places.append((at + 4, size))
        at += 4 + size
    return tuple(places)


def _read_picture(opener: Opener, places: tuple[Place, ...], index: int) -> Pixels:
    with opener() as file:
        data = read_exactly(file, *places[index])
    image = Image.open(io.BytesIO(data), formats=("JPEG2000", "JPEG"))
    check_size(image.size[::-1], FDA)
    image.load()
    return to_grey(image, FDA)


def _raw(opener: Opener, file: BinaryIO, chunk: Place, name: str, side: str | None) -> Volume:
    width, height, _, count = struct.unpack_from("<4I", read_exactly(file, chunk[0], 38), 1)
    check_size((height, width), name)
    check_count(count, name, FDA)
    start, shape = chunk[0] + _header(file, chunk, 2 * width * height * count), (height, width)
    white = find_white(_numbers(opener, start, shape, k) for k in range(count))
    return Volume(name, FDA, count, side, partial(_read_raw, opener, start, shape, name, white))


def _header(file: BinaryIO, chunk: Place, size: int) -> int:
    """Return the length of a raw chunk's header, in two versions; its end repeats the size."""
    for length in (22, 38):
        (facts,) = struct.unpack("<I", read_exactly(file, chunk[0] + length - 4, 4))
        if facts == size and length + size <= chunk[1]:
            return length
    raise EOFError(f"no {size} bytes of numbers")


def _read_raw(
    opener: Opener, start: int, shape: tuple[int, int], name: str, white: float, index: int
) -> Pixels:
    return window(_numbers(opener, start, shape, index), name, white)


def _numbers(opener: Opener, start: int, shape: tuple[int, int], index: int) -> np.ndarray:
    size = 2 * shape[0] * shape[1]
    with opener() as file:
        return np.frombuffer(read_exactly(file, start + index * size, size), "<u2").reshape(shape)


FDA_READER = Reader(FDA, open_fda, (".fda",), ((0, b"FOCT"),))
