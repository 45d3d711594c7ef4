"""Which reader a file is for: by how it begins, where its format says so, else by its name."""

import os
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from octtutor.datasets.decode import SUFFIXES as IMAGES
from octtutor.datasets.volumes.bioptigen import OCT_READER
from octtutor.datasets.volumes.dicom import DICOM_READER
from octtutor.datasets.volumes.heidelberg import E2E_READER, VOL_READER
from octtutor.datasets.volumes.plain_images import PICTURE_READER
from octtutor.datasets.volumes.topcon import FDA_READER
from octtutor.datasets.volumes.volume import Opener, Reader, Volume, damaged, whole
from octtutor.datasets.volumes.zeiss import IMG_READER
from octtutor.errors import BadScanError
from octtutor.limits import MAX_VOLUME_BYTES

READERS: tuple[Reader, ...] = (
    DICOM_READER,
    VOL_READER,
    E2E_READER,
    FDA_READER,
    IMG_READER,
    OCT_READER,
)
"""The readers of devices' files. A new one is a file in this folder and a line here."""
VOLUME_SUFFIXES = frozenset(suffix for reader in READERS for suffix in reader.suffixes)
SUFFIXES = IMAGES | VOLUME_SUFFIXES


def is_readable_name(name: str) -> bool:
    """Whether a file's name ends like an image, a DICOM or a device's export."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def is_volume_name(name: str) -> bool:
    """Whether a file with such a name may hold several B-scans, or needs more than `decode`."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix in VOLUME_SUFFIXES or suffix in (".tif", ".tiff")


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
        if size > MAX_VOLUME_BYTES:
            raise BadScanError(
                f"Expected a file of at most {MAX_VOLUME_BYTES:,} bytes. Received: {path.name!r} "
                f"with {size:,}. Export fewer B-scans."
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
    reader = find_reader(opener, name)
    with whole(name, reader.kind):
        return reader.open(opener, name)


def find_reader(opener: Opener, name: str) -> Reader:
    """Return the reader of a file, by how it begins, else by its name; else that of pictures.

    Raises:
        BadScanError: it does not begin as a file of such a name does.
    """
    with opener() as file:
        head = file.read(160)
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
    named = next((one for one in READERS if suffix in one.suffixes), PICTURE_READER)
    found = next((one for one in READERS if one.knows(head)), named)
    if found is named and named.always_begins and not named.knows(head):
        raise damaged(name, named.kind, "does not begin like one")
    return found
