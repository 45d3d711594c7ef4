"""Zeiss Cirrus's `.img`: bytes without any header, 1,024 to an A-scan.

How many A-scans make a B-scan is in the file's name (`… Cube 512x128 …`) or follows from the
size. Two orders of the bytes are met, and told apart by which neighbours are alike.
"""

import re
from functools import partial

import numpy as np

from octtutor.datasets.decode import Pixels, check_size
from octtutor.datasets.volumes.volume import (
    Opener,
    Reader,
    Volume,
    check_count,
    damaged,
    read_exactly,
    size_of,
)

IMG = "Zeiss IMG"
_DEPTH = 1024
_WIDTHS = {200: 200 * 200, 512: 512 * 128, 245: 245 * 245, 350: 350 * 350}
"""A-scans in a B-scan, and in the whole of the cubes that Cirrus makes."""
_RASTER = 4096
_NAMED = re.compile(r"(\d{2,4})\s*x\s*(\d{1,4})", re.IGNORECASE)
_SIDE = re.compile(r"(?<![A-Za-z])(OD|OS)(?![A-Za-z])")


def open_img(opener: Opener, name: str) -> Volume:
    """Open an `.img`."""
    with opener() as file:
        size = size_of(file)
        width = _width(size, name)
        count = check_count(size // (_DEPTH * width), name, IMG)
        check_size((_DEPTH, width), name)
        middle = read_exactly(file, count // 2 * _DEPTH * width, _DEPTH * width)
    by_ascan = _is_by_ascan(np.frombuffer(middle, np.uint8), width)
    side = _SIDE.search(name)
    return Volume(
        name, IMG, count, side[1] if side else None, partial(_read, opener, width, by_ascan)
    )


def _width(size: int, name: str) -> int:
    named = [(int(wide), int(many)) for wide, many in _NAMED.findall(name)]
    for wide, many in named:
        if wide and size == _DEPTH * wide * many:
            return wide
    if "raster" in name.lower() and size and size % (_DEPTH * _RASTER) == 0:
        return _RASTER
    for wide, ascans in _WIDTHS.items():
        if size == _DEPTH * ascans:
            return wide
    if size and size % (_DEPTH * 512) == 0:
        return 512
    raise damaged(
        name, IMG, f"has {size:,} bytes, no whole number of B-scans of {_DEPTH} x 512 or 200 pixels"
    )


def _is_by_ascan(flat: Pixels, width: int) -> bool:
    """Whether the bytes of an A-scan follow each other, or those of a line across."""
    numbers = flat.astype(np.int16)
    across, along = (np.abs(numbers[step:] - numbers[:-step]).mean() for step in (_DEPTH, width))
    return bool(across <= along)


def _read(opener: Opener, width: int, by_ascan: bool, index: int) -> Pixels:
    size = _DEPTH * width
    with opener() as file:
        flat = np.frombuffer(read_exactly(file, index * size, size), np.uint8)
    if by_ascan:
        return flat.reshape(width, _DEPTH).T.copy()
    return flat.reshape(_DEPTH, width)[::-1].copy()  # by lines, the deepest comes first


IMG_READER = Reader(IMG, open_img, (".img",), always_begins=False)
