"""DICOM, by pydicom: frames are B-scans. Of the header only what the pixels need is read.

Names, birth dates and identifiers of patients are in tags that are never asked for.
"""

import io
import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels, check_numbers, check_size, find_white
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.datasets.volumes.dicom_kind import TAGS, read_facts
from octtutor.datasets.volumes.volume import (
    Opener,
    Reader,
    Volume,
    check_count,
    damaged,
    read_exactly,
)
from octtutor.errors import BadScanError
from octtutor.limits import MAX_DICOM_HEADER_BYTES, MAX_DICOM_PACKED_BYTES

DICOM = "DICOM"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_PIXEL_DATA = 0x7FE00010
_ITEM = 0xE000FFFE
_SIDES = {"R": "OD", "L": "OS"}
_TAGS = (
    "NumberOfFrames",
    "Laterality",
    "ImageLaterality",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "RescaleSlope",
    "RescaleIntercept",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
)
_PIXEL_TAGS = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
    *(f"{colour}PaletteColorLookupTableDescriptor" for colour in ("Red", "Green", "Blue")),
    *(f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
)
Numbers = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Tone:
    """How numbers become grey: black at `low`, white at `high`, in a line or in an S."""

    low: float
    high: float
    sigmoid: bool = False

    def apply(self, raw: Numbers) -> npt.NDArray[np.float64]:
        """Return levels in [0, 1], of the array's shape (PS3.3, C.11.2.1)."""
        level = (raw.astype(np.float64) - self.low) / max(self.high - self.low, 1e-9)
        if self.sigmoid:
            return 1 / (1 + np.exp(-4 * np.clip(level - 0.5, -50, 50)))
        return np.clip(level, 0, 1)


def open_dicom(opener: Opener, name: str) -> Volume:
    """Open a DICOM file, single- or multi-frame; the frame in the middle is decoded to see it."""
    _need_pydicom(name)
    header = _read_header(opener, name)
    check_size((header.Rows, header.Columns), name)
    count = check_count(int(header.get("NumberOfFrames") or 1), name, DICOM)
    _check_codec(header, name)
    _check_runs(header, opener, name, count)
    probe = _probe(opener, name, count // 2)
    side, said = _laterality(header), read_facts(header, count)
    colour = _is_colour(header)
    if colour and count > 1 and not _is_grey(_rgb(probe, header)):
        raise BadScanError(
            f"Expected grey B-scans. Received: {name!r} with {count} frames in colour. Export "
            "the OCT volume, not the photographs or a film."
        )
    if colour:
        tags = _pixel_tags(header)
        read, colours = partial(_read_brightness, opener, tags), partial(_read_rgb, opener, tags)
        return Volume(name, DICOM, count, side, read, facts=said, read_colours=colours)
    tones = _tones(header, opener, name, count)
    grey = partial(_read_grey, opener, name, tones, _is_inverted(header))
    return Volume(name, DICOM, count, side, grey, facts=said)


def _need_pydicom(name: str) -> None:
    try:
        import pydicom  # noqa: F401
    except ImportError as error:
        raise BadScanError(
            f"Expected pydicom, which reads DICOM files like {name!r}. It is not installed. "
            "Install it: pip install 'octtutor[formats]'."
        ) from error


class _Bounded(io.RawIOBase):
    """A file of which no more than so many bytes are read."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file, self._left = file, most

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise OverflowError("a header without end")  # pydicom takes EOFError for the end
        return data

    def seek(self, place: int, whence: int = 0) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()


def _read_header(opener: Opener, name: str) -> Any:
    """Read the tags that are wanted; an inflated header is refused before it is inflated."""
    from pydicom import dcmread
    from pydicom.filereader import read_dataset

    with opener() as file:
        start = 132 if file.read(132)[128:] == b"DICM" else 0
        bounded: Any = _Bounded(file, MAX_DICOM_HEADER_BYTES)
        bounded.seek(start)
        meta = read_dataset(bounded, False, True, stop_when=_is_past_meta)
        if meta.get("TransferSyntaxUID") == _DEFLATED:
            raise _unknown_codec(name, "Deflated Explicit VR Little Endian")
        bounded.seek(0)
        header = dcmread(
            bounded,
            stop_before_pixels=True,
            force=True,
            specific_tags=[*_TAGS, *TAGS, *_PIXEL_TAGS],
        )
    if "Rows" not in header or "Columns" not in header:
        raise damaged(name, DICOM, "holds no pixels (a report perhaps, or no DICOM at all)")
    return header


def _is_past_meta(tag: Any, *_: Any) -> bool:
    return bool(tag.group != 2)


def _check_codec(header: Any, name: str) -> None:
    from pydicom.pixels import get_decoder  # type: ignore[attr-defined]

    codec = header.file_meta.get("TransferSyntaxUID")
    if codec is None:
        raise damaged(name, DICOM, "does not say how its pixels are packed")
    try:
        known = get_decoder(codec).is_available
    except NotImplementedError:
        known = False
    if not known:
        raise _unknown_codec(name, codec.name)


def _check_runs(header: Any, opener: Opener, name: str, count: int) -> None:
    """Refuse run-length codes that may unpack to far more than a frame: 2 bytes give 128."""
    from pydicom.filereader import read_partial
    from pydicom.uid import RLELossless

    if header.file_meta.get("TransferSyntaxUID") != RLELossless:
        return
    depth = int(header.get("BitsAllocated") or 8) // 8
    raw = header.Rows * header.Columns * int(header.get("SamplesPerPixel") or 1) * depth
    with opener() as file:
        places: list[int] = []

        def is_pixels(tag: Any, *_: Any) -> bool:
            if tag == _PIXEL_DATA:
                places.append(file.tell())
            return bool(tag >= _PIXEL_DATA)

        read_partial(file, is_pixels, specific_tags=[0x00280010])
        lengths = list(_fragments(file, places[0], count)) if places else []
    if len(lengths) != count or max(lengths) > 2 * raw + 64 or raw > MAX_DICOM_PACKED_BYTES:
        raise damaged(name, DICOM, "is damaged, or packed as RLE in frames that are too large")


def _fragments(file: BinaryIO, place: int, count: int) -> Iterator[int]:
    """Return the lengths of the packed frames; the first item is a table of their places."""
    for number in range(count + 2):
        tag, length = struct.unpack("<II", read_exactly(file, place, 8))
        if tag != _ITEM:
            return
        if number:
            yield length
        place += 8 + length


def _unknown_codec(name: str, codec: str) -> BadScanError:
    return BadScanError(
        "Expected DICOM pixels plain, as RLE, JPEG or JPEG 2000. Received: "
        f"{name!r}, packed as {codec[:80]!r}. Export it uncompressed."
    )


def _probe(opener: Opener, name: str, index: int) -> Numbers:
    try:
        return _frame(opener, index)
    except AttributeError as error:
        raise damaged(name, DICOM, "holds no pixels, or does not say how to read them") from error


def _frame(opener: Opener, index: int) -> Numbers:
    from pydicom.pixels import pixel_array  # type: ignore[attr-defined]

    # of a broken frame it logs a whole traceback; here that becomes one line
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    with opener() as file:
        return np.asarray(pixel_array(file, index=index))


def _is_colour(header: Any) -> bool:
    return header.get("SamplesPerPixel", 1) > 1 or _photometric(header) == "PALETTE COLOR"


def _photometric(header: Any) -> str:
    return str(header.get("PhotometricInterpretation", "")).upper()


def _is_inverted(header: Any) -> bool:
    falling = float(header.get("RescaleSlope") or 1) < 0
    return (_photometric(header) == "MONOCHROME1") != falling


def _pixel_tags(header: Any) -> Any:
    """Return a header of what the pixels need alone, with no open file behind it."""
    from pydicom import Dataset

    kept = Dataset()
    for tag in _PIXEL_TAGS:
        if tag in header:
            kept[tag] = header[tag]
    return kept


def _rgb(raw: Numbers, header: Any) -> Pixels:
    from pydicom.pixels import apply_color_lut  # type: ignore[attr-defined]

    rgb = apply_color_lut(raw, header) if _photometric(header) == "PALETTE COLOR" else raw
    bits = 8 * rgb.dtype.itemsize if rgb is not raw else int(header.get("BitsStored") or 8)
    return (rgb >> max(bits - 8, 0)).astype(np.uint8)


def _is_grey(rgb: Pixels) -> bool:
    return int(np.ptp(rgb.astype(np.int16), axis=-1).max()) <= 2


def _read_brightness(opener: Opener, header: Any, index: int) -> Pixels:
    return ScanPicture(_read_rgb(opener, header, index)).grey


def _read_rgb(opener: Opener, header: Any, index: int) -> Pixels:
    return _rgb(_frame(opener, index), header)


def _read_grey(
    opener: Opener, name: str, tones: tuple[Tone, ...], inverted: bool, index: int
) -> Pixels:
    raw = _frame(opener, index)
    check_numbers(raw, name, signed=True)
    level = tones[min(index, len(tones) - 1)].apply(raw)
    return np.round(255 * (1 - level if inverted else level)).astype(np.uint8)


def _tones(header: Any, opener: Opener, name: str, count: int) -> tuple[Tone, ...]:
    """Return one tone for all frames, or one for each where they have windows of their own.

    A window that is given counts; then the bits that are said to be used; and where all 16 are,
    what the numbers of all frames together tell.
    """
    groups = header.get("PerFrameFunctionalGroupsSequence") or ()
    windows = [_window(group, header) for group in groups]
    if len(windows) == count and all(windows):
        return tuple(filter(None, windows))
    shared = (header.get("SharedFunctionalGroupsSequence") or (None,))[0]
    window = _window(shared, header) or _to_tone(header, header)
    if window:
        return (window,)
    bits, signed = int(header.get("BitsStored") or 0), header.get("PixelRepresentation") == 1
    if 0 < bits < 16 and not signed:
        return (Tone(0, 2.0**bits - 1),)
    parts = _parts(opener, name, count)
    low = min(float(part.min()) for part in parts) if signed else 0.0
    if low < 0:
        return (Tone(low, max(float(part.max()) for part in _parts(opener, name, count))),)
    return (Tone(0, find_white(_parts(opener, name, count))),)


def _parts(opener: Opener, name: str, count: int) -> Iterator[Numbers]:
    for index in range(count):
        raw = _frame(opener, index)
        check_numbers(raw, name, signed=True)
        yield raw


def _window(group: Any, header: Any) -> Tone | None:
    """Return the window of a functional group."""
    items = group.get("FrameVOILUTSequence") if group is not None else None
    return _to_tone(items[0], _rescaling(group, header)) if items else None


def _rescaling(group: Any, header: Any) -> Any:
    items = group.get("PixelValueTransformationSequence")
    return items[0] if items else header


def _to_tone(item: Any, rescaling: Any) -> Tone | None:
    """Read a window (the first, where several are offered) as numbers before their rescaling."""
    centre, width = (_first(item.get(key)) for key in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None or not np.isfinite([centre, width]).all() or width <= 0:
        return None
    function = str(item.get("VOILUTFunction") or "LINEAR").upper()
    if function == "LINEAR":
        centre, width = centre - 0.5, max(width - 1, 0.0)
    slope = _first(rescaling.get("RescaleSlope")) or 1.0
    offset = _first(rescaling.get("RescaleIntercept")) or 0.0
    ends = sorted((centre + half * width - offset) / slope for half in (-0.5, 0.5))
    return Tone(ends[0], ends[1], function == "SIGMOID")


def _first(value: Any) -> float | None:
    if value is None:
        return None
    several = value if isinstance(value, (list, tuple)) or hasattr(value, "__iter__") else [value]
    return next((float(one) for one in several), None)


def _laterality(header: Any) -> str | None:
    side = header.get("ImageLaterality") or header.get("Laterality")
    shared = (header.get("SharedFunctionalGroupsSequence") or (None,))[0]
    if not side and shared is not None:
        anatomy = shared.get("FrameAnatomySequence")
        side = anatomy[0].get("FrameLaterality") if anatomy else None
    return _SIDES.get(str(side))


DICOM_READER = Reader(DICOM, open_dicom, (".dcm", ".dicom"), ((128, b"DICM"),), always_begins=False)
