"""Heidelberg Engineering's exports: `.vol` (its header is documented) and `.e2e` (by eyepy).

The layout of an E2E file was found out by others and is eyepy's to know. Two things are not left
to it: the walk, because eyepy follows a file's own pointers and sizes wherever they lead, and the
numbers of 16 bits, whose mantissa it reads from the wrong end.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels, check_numbers, check_size
from octtutor.datasets.scan_picture import FileFacts, ScanPattern, to_spacing
from octtutor.datasets.volumes.volume import (
    Opener,
    Reader,
    Volume,
    check_count,
    damaged,
    read_exactly,
    size_of,
)
from octtutor.errors import BadScanError
from octtutor.limits import MAX_HEIDELBERG_ENTRIES

VOL, E2E = "Heidelberg VOL", "Heidelberg E2E"
_VOL_HEADER = 2048
_SIDES = {b"OD": "OD", b"OS": "OS"}
_PATTERNS = {
    1: ScanPattern.LINE,
    2: ScanPattern.CIRCLE,
    3: ScanPattern.VOLUME,
    4: ScanPattern.VOLUME,
    5: ScanPattern.RADIAL,
}
"""What the scan pattern of a VOL's header and of an E2E's B-scans says; 4 is a fast volume."""
_E2E_SIDES = {ord("R"): "OD", ord("L"): "OS"}
_E2E_START = 36
_E2E_SHIFT = 64
"""Bytes before an E2E file inside a file of several."""
_HEADER, _ENTRY, _CONTAINER, _IMAGE_HEADER = 52, 44, 60, 20
_ENTRY_TYPE = 36
_IMAGE, _LATERALITY, _BSCAN = 0x40000000, 11, 10004
_BSCAN_HEAD = struct.Struct("<3I4f8x f 20x I 8x I")
"""Of what a B-scan says of itself (eyepy's `Type10004`): height and width in pixels, start and end
in degrees, the height of a pixel in mm, A-scans, the scan pattern."""
_MM_PER_DEGREE = 0.2896
"""Of the retina, in an eye of medium length; as in eyepy."""
_8_BITS, _16_BITS = 1, 32
"""What the third byte of an image's kind says of its numbers."""


def open_vol(opener: Opener, name: str) -> Volume:
    """Open a `.vol`: header, localizer, and for each B-scan a header and float32 reflectivity."""
    with opener() as file:
        header = read_exactly(file, 0, _VOL_HEADER)
        width, count, height = struct.unpack_from("<3i", header, 12)
        slo = struct.unpack_from("<2i", header, 48)
        across, _, down = struct.unpack_from("<3d", header, 24)
        pattern, scan_header = struct.unpack_from("<2i", header, 96)
        check_count(count, name, VOL)
        check_size((height, width), name)
        step = scan_header + 4 * width * height
        first = _VOL_HEADER + slo[0] * slo[1]
        if min(*slo, scan_header) < 0 or first + count * step > size_of(file):
            raise damaged(name, VOL)
    read = partial(_read_vol, opener, name, first + scan_header, step, (height, width))
    said = FileFacts(to_spacing(down, across), _PATTERNS.get(pattern))
    return Volume(name, VOL, count, _SIDES.get(header[84:86]), read, facts=(said,))


def _read_vol(
    opener: Opener, name: str, first: int, step: int, shape: tuple[int, int], index: int
) -> Pixels:
    with opener() as file:
        data = read_exactly(file, first + index * step, 4 * shape[0] * shape[1])
    return shade(np.frombuffer(data, "<f4").reshape(shape), name)


def shade(raw: npt.NDArray[Any], name: str) -> Pixels:
    """Turn Heidelberg's reflectivity to the grey of Heidelberg's own pictures.

    The formula is the one that eyepy found by setting exports of the same scans as VOL and as
    XML side by side: `(ln(r + 2.44e-4) + 8.3) / 8.285`, clipped to [0, 1].

    Args:
        raw: float32 (height, width), reflectivity in [0, 1]. What was not measured (the corners
            of a straightened scan) is larger, and white as in Heidelberg's pictures; it is
            painted over before a network sees it (`octtutor.datasets.fill`).
        name: what error messages call the file.

    Raises:
        BadScanError: a value is NaN or infinite.
    """
    check_numbers(raw, name)
    level = (np.log(np.clip(raw, 0.0, 1.0).astype(np.float64) + 2.44e-4) + 8.3) / 8.285
    return np.asarray(np.round(255 * np.clip(level, 0, 1)), np.uint8)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of an E2E directory."""

    start: int
    size: int
    series: tuple[int, int, int]
    slice: int
    is_bscan: bool
    """Rather than the localizer, where the image itself does not tell."""
    type: int


def open_e2e(opener: Opener, name: str) -> Volume:
    """Open an `.e2e`; its series (often both eyes) follow each other, and so their B-scans."""
    _need_eyepy(name)
    with opener() as file:
        shift = _E2E_SHIFT if file.read(21) == b"E2EMultipleVolumeFile" else 0
        entries = {entry.start: entry for entry in _entries(file, shift)}
        images = [e for e in entries.values() if e.type == _IMAGE and _is_bscan(file, e)]
        said = {
            (entry.series, entry.slice): _e2e_facts(file, entry)
            for entry in entries.values()
            if entry.type == _BSCAN and entry.size >= _BSCAN_HEAD.size
        }
        sides = {
            entry.series: _E2E_SIDES.get(read_exactly(file, entry.start + _CONTAINER + 14, 1)[0])
            for entry in entries.values()
            if entry.type == _LATERALITY and entry.size > 14
        }
    images.sort(key=lambda entry: (entry.series, entry.slice))
    check_count(len(images), name, E2E)
    series = [entry.series for entry in images]
    largest = max(dict.fromkeys(series), key=series.count)
    known = {sides.get(one) for one in series}
    return Volume(
        name,
        E2E,
        len(images),
        known.pop() if len(known) == 1 else None,
        partial(_read_e2e, opener, name, tuple(images)),
        series.index(largest) + series.count(largest) // 2,
        tuple(said.get((entry.series, entry.slice), FileFacts()) for entry in images),
    )


def _e2e_facts(file: BinaryIO, entry: _Entry) -> FileFacts:
    """Read how a B-scan lies, and its pixel's size; a circle's ends tell no width."""
    data = read_exactly(file, entry.start + _CONTAINER, _BSCAN_HEAD.size)
    _, _, _, *ends, down, columns, pattern = _BSCAN_HEAD.unpack(data)
    across = math.hypot(ends[2] - ends[0], ends[3] - ends[1]) * _MM_PER_DEGREE / max(1, columns)
    kind = _PATTERNS.get(pattern)
    return FileFacts(None if kind is ScanPattern.CIRCLE else to_spacing(down, across), kind)


def _need_eyepy(name: str) -> None:
    try:
        import eyepy.io.he.e2e_format  # noqa: F401
    except ImportError as error:
        raise BadScanError(
            f"Expected eyepy, which reads {E2E} files like {name!r}. It is not installed. "
            "Install it: pip install 'octtutor[formats]'."
        ) from error


def _entries(file: BinaryIO, shift: int) -> Iterator[_Entry]:
    """Follow the directories backwards, as their headers are linked, each only once."""
    from eyepy.io.he.e2e_format import folderheader_format, header_format

    size = size_of(file)
    main = header_format.parse(read_exactly(file, _E2E_START + shift, _HEADER))
    waiting, seen, left = [main.prev, main.current], {0}, MAX_HEIDELBERG_ENTRIES
    while waiting:
        place = waiting.pop()
        if place in seen or place + shift + _HEADER > size:
            continue
        seen.add(place)
        head = header_format.parse(read_exactly(file, place + shift, _HEADER))
        waiting.append(head.prev)
        left -= head.num_entries + 1
        if left < 0:
            raise EOFError(f"more than {MAX_HEIDELBERG_ENTRIES} entries")
        lines = read_exactly(file, place + shift + _HEADER, head.num_entries * _ENTRY)
        for at in range(0, len(lines), _ENTRY):
            (kind,) = struct.unpack_from("<I", lines, at + _ENTRY_TYPE)
            if kind in (_IMAGE, _LATERALITY, _BSCAN):
                entry = _entry(folderheader_format.parse(lines[at : at + _ENTRY]), shift)
                fits = entry.start + _CONTAINER + entry.size <= size
                if kind == _IMAGE and not fits:
                    raise EOFError("an image beyond the end")
                if fits:
                    yield entry


def _entry(line: Any, shift: int) -> _Entry:
    series = (line.patient_id, line.study_id, line.series_id)
    return _Entry(
        line.start + shift, line.size, series, line.slice_id, line.ind == 1, int(line.type)
    )


def _is_bscan(file: BinaryIO, entry: _Entry) -> bool:
    """Whether an image is a B-scan (and not the localizer) of sizes that fit its place."""
    if entry.size < _IMAGE_HEADER:
        return False
    head = read_exactly(file, entry.start + _CONTAINER, _IMAGE_HEADER)
    _, kind, _, height, width = struct.unpack("<5I", head)
    numbers = kind >> 16 & 0xFF
    wide = numbers == _16_BITS or (entry.is_bscan and numbers != _8_BITS)
    return wide and _IMAGE_HEADER + 2 * height * width <= entry.size


def _read_e2e(opener: Opener, name: str, images: tuple[_Entry, ...], index: int) -> Pixels:
    with opener() as file:
        data = read_exactly(file, images[index].start + _CONTAINER, images[index].size)
    shape = struct.unpack_from("<2I", data, 12)
    check_size(shape, name)
    packed = np.frombuffer(data, "<u2", shape[0] * shape[1], _IMAGE_HEADER).reshape(shape)
    return shade(unpack_floats(packed), name)


def unpack_floats(packed: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Turn E2E's numbers to floats: no sign, 6 bits of exponent, 10 of mantissa below them.

    As in uocte (TU Chemnitz, 2015), which found the format out: the exponent's bias is 63; with
    exponent 0 the mantissa has no leading 1.

    Returns:
        float32 of the same shape, in [0, 2); all bits set stand for what was not measured.
    """
    exponent, mantissa = (packed >> 10).astype(np.int32), (packed & 0x3FF) / np.float32(1024)
    small = exponent == 0
    value = np.ldexp(np.where(small, mantissa, 1 + mantissa), np.where(small, -62, exponent - 63))
    return value.astype(np.float32)


VOL_READER = Reader(VOL, open_vol, (".vol",), ((0, b"HSF-OCT"),))
E2E_READER = Reader(E2E, open_e2e, (".e2e",), ((0, b"CMDb"), (0, b"E2EMultipleVolumeFile")))
