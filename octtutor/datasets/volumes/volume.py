"""A file of B-scans, whatever wrote it, and the guards that every reader of one needs."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from octtutor.datasets.decode import Pixels, check_size
from octtutor.datasets.scan_picture import FileFacts, ScanPicture
from octtutor.errors import BadScanError
from octtutor.limits import MAX_VOLUME_SLICES

Opener = Callable[[], BinaryIO]
"""Opens the file anew, at its start. What it is called on is read a piece at a time."""


@dataclass(frozen=True, slots=True)
class Volume:
    """B-scans of one file in order."""

    name: str
    """The file's, for messages."""
    kind: str
    """`image`, `TIFF stack`, `DICOM`, `Heidelberg VOL`, …"""
    count: int
    """Number of B-scans."""
    laterality: str | None
    """`OD` or `OS` where the file says."""
    read: Callable[[int], Pixels] = field(repr=False, compare=False)
    """Decodes the B-scan of an index; `scan` is for callers."""
    shown: int | None = None
    """The index of the B-scan to be shown first, where it is not the one in the middle."""
    facts: tuple[FileFacts, ...] = (FileFacts(),)
    """What the file says of each B-scan, or once of all of them; see `facts_of`."""
    read_colours: Callable[[int], Pixels] | None = field(default=None, repr=False, compare=False)
    """Decodes a B-scan with its colours; None where the file can have none."""

    @property
    def middle(self) -> int:
        """The index of the B-scan that is shown first."""
        return self.count // 2 if self.shown is None else self.shown

    def scan(self, index: int) -> Pixels:
        """Decode a B-scan.

        Args:
            index: from 0.

        Returns:
            uint8 (height, width), 0 black to 255 white.

        Raises:
            BadScanError: there is no such B-scan, or it is damaged, too small or too large.
        """
        return self._decode(self.read, index)

    def picture(self, index: int) -> ScanPicture:
        """Decode a B-scan with its colours, and say what the file says of it.

        Args:
            index: from 0.

        Raises:
            BadScanError: see `scan`.
        """
        pixels = self._decode(self.read_colours or self.read, index)
        said = self.facts_of(index)
        return ScanPicture(pixels, said.spacing, said.pattern)

    def facts_of(self, index: int) -> FileFacts:
        """Return what the file says of the B-scan of an index beside its pixels."""
        return self.facts[min(index, len(self.facts) - 1)]

    def _decode(self, read: Callable[[int], Pixels], index: int) -> Pixels:
        if not 0 <= index < self.count:
            raise BadScanError(
                f"Expected a slice from 1 to {self.count} of {self.name!r}. Received "
                f"{index + 1}. Choose one of these."
            )
        with whole(self.name, self.kind):
            pixels = read(index)
        check_size(pixels.shape[:2], self.name)
        return pixels


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads files of one kind."""

    kind: str
    """What messages call it: `DICOM`, `Heidelberg VOL`, …"""
    open: Callable[[Opener, str], Volume]
    """From what opens the file anew, and its name; reads little, since B-scans come later."""
    suffixes: tuple[str, ...]
    """How names of such files end, small letters."""
    begins: tuple[tuple[int, bytes], ...] = ()
    """What such a file has at which place, bytes; one of these is enough."""
    always_begins: bool = True
    """Whether a file without that is none, whatever its name says."""

    def knows(self, head: bytes) -> bool:
        """Whether a file that begins with `head` is of this kind."""
        return any(head[place:].startswith(magic) for place, magic in self.begins)


@contextmanager
def whole(name: str, kind: str) -> Iterator[None]:
    """Turn whatever a damaged file makes a parser raise to one line; keep warnings quiet.

    Raises:
        BadScanError: anything was raised.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except BadScanError:
        raise
    except Exception as error:  # parsers raise many kinds, also RecursionError and MemoryError
        raise damaged(name, kind) from error


def damaged(name: str, kind: str, why: str = "is damaged or cut short") -> BadScanError:
    """Return the error for a file that is not what it claims to be."""
    return BadScanError(
        f"Expected a whole {kind} file. Received: {name!r}, which {why}. Export it again."
    )


def check_count(count: int, name: str, kind: str) -> int:
    """Return a declared number of B-scans when it is sensible.

    Raises:
        BadScanError: there is none, or there are more than `MAX_VOLUME_SLICES`.
    """
    if count < 1:
        raise damaged(name, kind, "holds no B-scan")
    if count > MAX_VOLUME_SLICES:
        raise damaged(
            name, kind, f"declares {count:,} B-scans (at most {MAX_VOLUME_SLICES:,} are read)"
        )
    return count


def size_of(file: BinaryIO) -> int:
    """Return an open file's size in bytes, and go to its start."""
    size = file.seek(0, 2)
    file.seek(0)
    return size


def read_exactly(file: BinaryIO, start: int, size: int) -> bytes:
    """Read bytes from a place in a file.

    Raises:
        EOFError: it ends before.
    """
    if start < 0 or size < 0 or start + size > size_of(file):
        raise EOFError(f"no {size} bytes at {start}")
    file.seek(start)
    return file.read(size)
