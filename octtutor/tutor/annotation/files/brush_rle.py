"""Label Studio's run lengths of painted pixels.

The format is that of `@thi.ng/rle-pack`: bits, the highest first. 32 bits tell how many values
follow, 5 bits the size of a value less one, four times 4 bits the sizes of a run's length less one.
Then blocks: a bit that says whether one value repeats, 2 bits that choose a size, the length less
one, and the value once, or as many values as the length says. The values are a picture's, red,
green, blue and alpha by rows; painted is where alpha is not 0.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from octtutor.errors import BadInputError
from octtutor.tutor.annotation.shapes import Mask

_SIZES = (3, 6, 10, 16)
"""Bits of a run's length that we write."""
_BITS = 8
_CHANNELS = 4
Bits = npt.NDArray[np.uint8]


def pack(mask: Mask) -> list[int]:
    """Return a mask, uint8 (height, width), 0 or 255, as Label Studio's bytes."""
    flat = np.repeat(np.asarray(mask).ravel(), _CHANNELS)
    turns = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    words = [f"{flat.size:032b}{_BITS - 1:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    for start, end in pairwise([0, *turns.tolist(), flat.size]):
        words += _blocks(end - start, int(flat[start]))
    bits = "".join(words)
    bits += "0" * (-len(bits) % 8)
    return list(int(bits, 2).to_bytes(len(bits) // 8))


def unpack(data: Sequence[int], width: int, height: int) -> Mask:
    """Return the mask of Label Studio's bytes, uint8 (height, width), 0 or 255.

    Raises:
        BadInputError: it is cut short, or of a picture of another size.
    """
    bits = _Bits(data)
    total = bits.number(32)
    if total != width * height * _CHANNELS:
        raise BadInputError(
            f"Expected painted pixels of a scan of {width} by {height}. Received {total:,} values. "
            "Use the scan that was painted on."
        )
    word = bits.number(5) + 1
    sizes = [bits.number(4) + 1 for _ in range(4)]
    values = np.zeros(total, np.int64)
    done = 0
    while done < total:
        is_run = bits.number(1)
        length = min(bits.number(sizes[bits.number(2)]) + 1, total - done)
        values[done : done + length] = bits.number(word) if is_run else bits.numbers(word, length)
        done += length
    alpha = values.reshape(height, width, _CHANNELS)[:, :, 3]
    return np.where(alpha > 0, 255, 0).astype(np.uint8)


def _blocks(length: int, value: int) -> list[str]:
    words = []
    while length:
        taken = min(length, 1 << _SIZES[-1])
        chosen = next(k for k, size in enumerate(_SIZES) if taken <= 1 << size)
        words.append(f"1{chosen:02b}{taken - 1:0{_SIZES[chosen]}b}{value:0{_BITS}b}")
        length -= taken
    return words


class _Bits:
    """Bits that are read one after the other."""

    def __init__(self, data: Sequence[int]) -> None:
        self._bits: Bits = np.unpackbits(np.frombuffer(bytes(data), np.uint8))
        self._at = 0

    def number(self, size: int) -> int:
        return int(self.numbers(size, 1)[0])

    def numbers(self, size: int, count: int) -> npt.NDArray[np.int64]:
        end = self._at + size * count
        if end > self._bits.size:
            raise BadInputError("Expected Label Studio's run lengths. They are cut short.")
        rows = self._bits[self._at : end].reshape(count, size).astype(np.int64)
        self._at = end
        return rows @ (1 << np.arange(size - 1, -1, -1, dtype=np.int64))
