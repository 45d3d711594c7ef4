"""A far ZIP: its list of contents, then only the stretches in which wanted files lie."""

import io
import zipfile
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO

from octtutor.errors import BadArchiveError
from octtutor.limits import MAX_ZIP_STRETCH_BYTES

TAIL = 1 << 18
"""Bytes of the end that are fetched first; a small ZIP's list of contents is in them."""
_GAP = 1 << 15
"""Bytes that may travel unwanted where that saves a request."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of the ZIP, and what it is called here."""

    info: zipfile.ZipInfo
    target: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of the ZIP from `start` up to `end`, and the wanted files in them."""

    start: int
    end: int
    files: tuple[Wanted, ...]


class Window(io.RawIOBase):
    """A far file of which some stretches are here; others are fetched when they are read."""

    def __init__(self, size: int, load: Callable[[int, int], bytes]) -> None:
        """Take its size and what fetches the bytes from one place up to another."""
        self._size, self._load, self._at = size, load, 0
        self._here: list[tuple[int, int, IO[bytes]]] = []

    def use_engine(self, start: int, end: int, file: IO[bytes]) -> None:
        """Read the bytes from `start` up to `end` from a file from now on."""
        self._here.append((start, end, file))

    def take_back(self) -> None:
        """Forget the stretch that was lent last."""
        self._here.pop()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Return the place, bytes from the beginning."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place, as files do."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return bytes from the place on, as files do."""
        start = self._at
        end = self._size if size < 0 else min(start + size, self._size)
        if start >= end:
            return b""
        for first, last, file in reversed(self._here):
            if first <= start and end <= last:
                file.seek(start - first)
                data = file.read(end - start)
                break
        else:
            data = self._load(start, end)
        self._at = start + len(data)
        return data


def open_zip(window: Window, name: str) -> zipfile.ZipFile:
    """Read the list of contents.

    Raises:
        BadArchiveError: it is no ZIP, or its end is damaged.
    """
    try:
        return zipfile.ZipFile(window)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BadArchiveError(
            f"Expected a ZIP for {name}. Its list of contents cannot be read ({error}). Fetch "
            "again; if it stays so the set has moved: see its page."
        ) from error


def plan(archive: zipfile.ZipFile, wanted: Iterable[Wanted]) -> tuple[Stretch, ...]:
    """Return the stretches that hold wanted files, those side by side in one."""
    begins = sorted({info.header_offset for info in archive.infolist()} | {archive.start_dir})
    stretches: list[Stretch] = []
    for file in sorted(wanted, key=lambda one: one.info.header_offset):
        start = file.info.header_offset
        end = begins[bisect_right(begins, start)]
        last = stretches[-1] if stretches else None
        if last and start - last.end <= _GAP and end - last.start <= MAX_ZIP_STRETCH_BYTES:
            stretches[-1] = Stretch(last.start, end, (*last.files, file))
        else:
            stretches.append(Stretch(start, end, (file,)))
    return tuple(stretches)
