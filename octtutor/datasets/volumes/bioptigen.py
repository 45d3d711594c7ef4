"""Bioptigen's `.OCT`: named fields, then frames of 16-bit numbers, an A-scan after the other.

The layout follows OCT-Converter's description of it (its reader makes an array of whatever size
the file declares).
"""

import struct
from functools import partial
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels, check_size
from octtutor.datasets.volumes.volume import (
    Opener,
    Reader,
    Volume,
    check_count,
    damaged,
    read_exactly,
)

OCT = "Bioptigen OCT"
_FIELDS = 6
"""Bytes before the first field: a magic number and the version."""
_MAX_FIELDS = 200
_MAX_NAME = 64
_SAMPLED = 16
Numbers = npt.NDArray[np.uint16]
Place = tuple[int, int]


def open_bioptigen(opener: Opener, name: str) -> Volume:
    """Open an `.OCT` of Bioptigen's; frames at one place are slices like any other."""
    with opener() as file:
        _, (inside, _), _ = _field(file, _FIELDS)
        fields, at = _fields(file, inside)
        count = check_count(_number(file, fields[b"FRAMECOUNT"]), name, OCT)
        depth = _number(file, fields[b"LINELENGTH"])
        places = _frames(file, at, count, depth, name)
    black, white = _limits(opener, places)
    return Volume(name, OCT, len(places), None, partial(_read, opener, places, depth, black, white))


def _field(file: BinaryIO, at: int) -> tuple[bytes, Place, int]:
    """Read a field's name and where its value lies; the third is where the next field begins."""
    (letters,) = struct.unpack("<I", read_exactly(file, at, 4))
    if letters > _MAX_NAME:
        raise EOFError(f"a field's name of {letters} letters")
    name = read_exactly(file, at + 4, letters).rstrip(b"\0").upper()
    (size,) = struct.unpack("<I", read_exactly(file, at + 4 + letters, 4))
    start = at + 8 + letters
    return name, (start, size), start + size


def _fields(file: BinaryIO, at: int) -> tuple[dict[bytes, Place], int]:
    """Read fields up to the empty name that ends them, and say what lies behind it."""
    fields: dict[bytes, Place] = {}
    for _ in range(_MAX_FIELDS):
        if read_exactly(file, at, 4) == bytes(4):
            return fields, at + 4
        name, place, at = _field(file, at)
        fields[name] = place
    raise EOFError("fields without end")


def _number(file: BinaryIO, place: Place) -> int:
    if place[1] > 8:
        raise EOFError(f"a number of {place[1]} bytes")
    return int.from_bytes(read_exactly(file, *place), "little")


def _frames(file: BinaryIO, at: int, count: int, depth: int, name: str) -> tuple[Place, ...]:
    places = []
    for _ in range(count):
        _, (inside, _), _ = _field(file, at)
        fields, at = _fields(file, inside)
        start, size = fields[b"FRAMESAMPLES"]
        check_size((depth, _number(file, fields[b"FRAMELINES"])), name)
        if size != 2 * depth * _number(file, fields[b"FRAMELINES"]):
            raise damaged(name, OCT)
        places.append((start, size))
    return tuple(places)


def _limits(opener: Opener, places: tuple[Place, ...]) -> tuple[float, float]:
    """Return black and white of all frames: 1 % are darker, 0.1 % brighter, in some of them."""
    chosen = np.unique(np.linspace(0, len(places) - 1, _SAMPLED).astype(int))
    some = np.concatenate([_numbers(opener, places[k])[::7] for k in chosen])
    black, white = np.percentile(some, [1, 99.9])
    return float(black), max(float(white), float(black) + 1)


def _numbers(opener: Opener, place: Place) -> Numbers:
    with opener() as file:
        return np.frombuffer(read_exactly(file, *place), "<u2")


def _read(
    opener: Opener, places: tuple[Place, ...], depth: int, black: float, white: float, index: int
) -> Pixels:
    level = (_numbers(opener, places[index]).astype(np.float32) - black) / (white - black)
    return np.asarray(np.round(255 * np.clip(level, 0, 1)), np.uint8).reshape(-1, depth).T.copy()


OCT_READER = Reader(OCT, open_bioptigen, (".oct",), ((10, b"FRAMEHEADER"),))
