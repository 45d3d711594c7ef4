"""Which reader a file is for: by how it begins, where its format says so, else by its name."""

import os
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from octtutor.datasets.decode import SUFFIXES as IMAGES
from octtutor.datasets.volumes.bioptigen import OCT, open_bioptigen
from octtutor.datasets.volumes.dicom import DICOM, open_dicom
from octtutor.datasets.volumes.heidelberg import E2E, VOL, open_e2e, open_vol
from octtutor.datasets.volumes.pictures import IMAGE, open_picture
from octtutor.datasets.volumes.topcon import FDA, open_fda
from octtutor.datasets.volumes.volume import MAX_FILE, Opener, Volume, damaged, whole
from octtutor.datasets.volumes.zeiss import IMG, open_img
from octtutor.errors import BadScanError

_SUFFIXES = {
    ".dcm": DICOM,
    ".dicom": DICOM,
    ".vol": VOL,
    ".e2e": E2E,
    ".fda": FDA,
    ".img": IMG,
    ".oct": OCT,
}
SUFFIXES = IMAGES | frozenset(_SUFFIXES)
_MAGIC = (
    (128, b"DICM", DICOM),
    (0, b"HSF-OCT", VOL),
    (0, b"CMDb", E2E),
    (0, b"E2EMultipleVolumeFile", E2E),
    (0, b"FOCT", FDA),
    (10, b"FRAMEHEADER", OCT),
)
_NO_MAGIC = frozenset({DICOM, IMG})
"""Formats whose files need not begin in any particular way."""
_READERS = {
    DICOM: open_dicom,
    VOL: open_vol,
    E2E: open_e2e,
    FDA: open_fda,
    IMG: open_img,
    OCT: open_bioptigen,
    IMAGE: open_picture,
}


def is_readable_name(name: str) -> bool:
    """Whether a file's name ends like an image, a DICOM or a device's export."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def is_volume_name(name: str) -> bool:
    """Whether a file with such a name may hold several B-scans, or needs more than `decode`."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix in _SUFFIXES or suffix in (".tif", ".tiff")


def is_bare_dicom(path: Path) -> bool:
    """Whether a file without an ending is a DICOM file with an image, as many devices write."""
    if path.suffix or path.name.startswith((".", "DICOMDIR")):
        return False
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def open_volume(path: Path) -> Volume:
    """Open any file that can be read: a plain image is a volume of one B-scan.

    Little is read; B-scans are decoded when they are asked for.

    Raises:
        BadScanError: it is missing, too large, damaged, of no known kind, or needs a library
            that is not installed.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE:
            raise BadScanError(
                f"Expected a file of at most {MAX_FILE:,} bytes. Received: {path.name!r} with "
                f"{size:,}. Export fewer B-scans."
            )
        path.open("rb").close()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no such name can be"
        raise BadScanError(
            f"Cannot read {path.name!r}: {why}. Check the path and its permissions."
        ) from error
    return open_stream(partial(_open_file, path.absolute()), path.name)


def _open_file(path: Path) -> BinaryIO:
    return path.open("rb")


def open_stream(opener: Opener, name: str) -> Volume:
    """Open what is no file of its own: bytes, or a member of an archive. See `open_volume`.

    Raises:
        BadScanError: see `open_volume`.
    """
    kind = _kind(opener, name)
    with whole(name, kind):
        return _READERS[kind](opener, name)


def _kind(opener: Opener, name: str) -> str:
    with opener() as file:
        head = file.read(160)
    for place, magic, kind in _MAGIC:
        if head[place:].startswith(magic):
            return kind
    kind = _SUFFIXES.get(os.path.splitext(name)[1].lower(), IMAGE)  # noqa: PTH122
    if kind is not IMAGE and kind not in _NO_MAGIC:
        raise damaged(name, kind, "does not begin like one")
    return kind
