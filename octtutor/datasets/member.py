"""A file of a source of scans, or a slice of one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from octtutor.datasets.layout import Place, read_place
from octtutor.datasets.scan_picture import ScanPicture, read_picture


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a source, or a slice of one: its relative name with `/`, and what reads it."""

    name: str
    read: Callable[[], bytes]
    known: Place | None = None
    """What a listing says of it; the name counts where there is none."""
    file: Path | None = None
    """Its own place on disk; None in an archive."""
    slice: int | None = None
    """Which B-scan of its file it is, from 0; None where the file is read as it is."""
    slices: int = 1
    """How many B-scans its file has."""
    unpack: Callable[[BinaryIO], None] | None = None
    """In an archive: writes its bytes to a file."""

    @property
    def place(self) -> Place:
        """Label, patient and split."""
        return self.known or read_place(self.name)

    def picture(self, data: bytes) -> ScanPicture:
        """Decode the bytes that `read` gave, with their colours and what is told in them.

        Raises:
            BadScanError: they are no scan.
        """
        return read_picture(data, self.name)
