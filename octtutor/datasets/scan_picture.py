"""A picture of a scan, with its colours and with what its file says of it beside the pixels."""

import json
import struct
import zlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from PIL import Image

from octtutor.datasets.decode import Pixels, decode_picture

_PNG, _FIRST = b"\x89PNG\r\n\x1a\n", 33
"""How a PNG file begins, and the place of the first part after its header."""
_NOTE = b"octtutor\0"


class ScanPattern(StrEnum):
    """How B-scans lie on the retina, or what else a picture shows, where its file says."""

    LINE = "line"
    CIRCLE = "circle"
    VOLUME = "volume"
    """Parallel ones (a raster)."""
    RADIAL = "radial"
    EN_FACE = "en face"
    ANGIOGRAPHY = "angiography"
    """Flow, whether en face or as a B-scan (OCTA)."""
    FUNDUS = "fundus"
    """A photograph of the eye."""
    THICKNESS_MAP = "thickness map"
    FRONT = "front"
    """OCT of cornea, iris or lens."""
    VESSEL = "vessel"
    """OCT from within a blood vessel."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file says of a B-scan beside its pixels."""

    spacing: tuple[float, float] | None = None
    """Height and width of a pixel, µm."""
    pattern: ScanPattern | None = None
    """How it lies on the retina, or what else it is."""


def tell_facts(png: bytes, facts: FileFacts) -> bytes:
    """Write what a slice's own file says of it into its PNG file, as the first text in it.

    So it travels with the scan wherever that is stored, copied or exported.

    Args:
        png: a PNG file's bytes.
        facts: what there is to say; of nothing, the file stays as it is.
    """
    if facts == FileFacts():
        return png
    said = {"spacing": facts.spacing, "pattern": facts.pattern}
    chunk = b"tEXt" + _NOTE + json.dumps(said).encode()
    written = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:_FIRST] + written + png[_FIRST:]


def part_facts(data: bytes) -> tuple[FileFacts, bytes]:
    """Return what `tell_facts` wrote into a file, and the file without it.

    Of any other file nothing is said, and it is returned as it is.
    """
    if not data.startswith(_PNG) or data[_FIRST + 4 :][: len(_NOTE) + 4] != b"tEXt" + _NOTE:
        return FileFacts(), data
    end = _FIRST + 8 + struct.unpack_from(">I", data, _FIRST)[0]
    bare = data[:_FIRST] + data[end + 4 :]
    try:
        said = json.loads(data[_FIRST + 8 + len(_NOTE) : end])
        spacing, pattern = said["spacing"], said["pattern"]
        known = to_spacing(*(float(one) / 1000 for one in spacing)) if spacing else None
        return FileFacts(known, ScanPattern(pattern) if pattern else None), bare
    except (KeyError, TypeError, ValueError):
        return FileFacts(), bare


def to_spacing(down_mm: float, across_mm: float) -> tuple[float, float] | None:
    """Return a pixel's height and width in µm, of mm; None where they cannot be meant."""
    both = (1000 * down_mm, 1000 * across_mm)
    return both if all(0.1 <= each <= 100 for each in both) else None


@dataclass(frozen=True, slots=True)
class ScanPicture:
    """What a network's preparation may know of a scan."""

    pixels: Pixels
    """uint8 (height, width), or (height, width, 3) in RGB where it has colours."""
    spacing: tuple[float, float] | None = None
    """Height and width of a pixel, µm, where the file says."""
    pattern: ScanPattern | None = None
    """How it lies on the retina, or what else it is, where the file says."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, pixels."""
        height, width = self.pixels.shape[:2]
        return int(height), int(width)

    @property
    def grey(self) -> Pixels:
        """The same by brightness, uint8 (height, width), as `decode` gives it."""
        if self.pixels.ndim == 2:
            return self.pixels
        return np.array(Image.fromarray(self.pixels).convert("L"))


def read_picture(data: bytes, name: str) -> ScanPicture:
    """Decode an image file with its colours, and with what is told in it (see `tell_facts`).

    Raises:
        BadScanError: see `octtutor.datasets.decode.decode`.
    """
    said, _ = part_facts(data)
    return ScanPicture(decode_picture(data, name), said.spacing, said.pattern)


def as_picture(scan: Pixels | ScanPicture) -> ScanPicture:
    """Return a scan, uint8 (height, width) or (height, width, 3), as a picture of no known file."""
    return scan if isinstance(scan, ScanPicture) else ScanPicture(scan)
