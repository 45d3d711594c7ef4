"""Scans that a reader gives: decoded at once, their files removed, their pixels kept nameless."""

import base64
import binascii
import hashlib
import io
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import numpy as np

from octtutor.datasets.fetch import fetch, is_url
from octtutor.datasets.scan_picture import FileFacts, ScanPicture
from octtutor.datasets.volumes import Volume, open_stream, open_volume
from octtutor.errors import BadInputError, BadScanError
from octtutor.limits import MAX_READER_FILES, MAX_READER_PIXELS, MAX_WAITING_UPLOAD_BYTES
from octtutor.tutor.exams.examined import Refusal
from octtutor.ui.read.texts import READ

KEPT = 3600
"""Seconds that something is kept which nobody looks at."""
MAX_FETCHED_NAME = 80
_SERVED = "/gradio_api/file="
"""Before the path in the address that tools make of an uploaded file."""


class ExamGuard(Protocol):
    """What the model must not answer; see `octtutor.tutor.exams.examined.ExaminedScans`."""

    def is_any(self) -> bool:
        """Whether any exam is under way: only then `why_not_scan` refuses anything."""

    def why_not_file(self, sha256: str) -> Refusal | None:
        """Return why a file is not answered."""

    def why_not_scan(self, picture: ScanPicture) -> Refusal | None:
        """Return why a picture is not answered."""


@dataclass(frozen=True, slots=True)
class OpenedItem:
    """One file that was given: a scan, or a volume of scans."""

    name: str
    kind: str
    """Of a volume; empty for a single scan."""
    laterality: str | None
    """OD or OS, where the file says so."""
    count: int
    middle: int
    """The slice that is shown first."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class OpenedFiles:
    """What one reader has open. The pixels are in a file without a name, which dies with it."""

    items: tuple[OpenedItem, ...]
    faults: tuple[str, ...]
    """A line for each file that was left out."""
    places: tuple[tuple["SlicePlace", ...], ...]
    """Of each slice of each item."""
    file: IO[bytes]

    def picture(self, item: Any, index: Any) -> ScanPicture:
        """Return a slice.

        Raises:
            BadInputError: there is none such, or the sitting was closed.
        """
        try:
            place = self.places[int(item)][int(index)]
            held = np.memmap(self.file, np.uint8, "r", place.offset, place.shape)
        except (IndexError, TypeError, ValueError, OverflowError) as error:
            raise BadInputError(READ["lost"]) from error
        return ScanPicture(np.array(held), place.said.spacing, place.said.pattern)

    def close(self) -> None:
        """Forget the pixels."""
        self.file.close()


class SlicePlace(NamedTuple):
    """Where a slice's pixels are in the file."""

    offset: int
    """Bytes."""
    shape: tuple[int, ...]
    """(height, width), or (height, width, 3) where it has colours."""
    said: FileFacts
    """What the file says of it."""


class Intake:
    """Takes scans in: from uploads, web addresses, and calls of the service."""

    def __init__(self, uploads: Path, guard: ExamGuard, urls: bool) -> None:
        """Take where uploads come in, what knows exams and cases, whether to fetch."""
        self._uploads, self._guard, self._urls = uploads, guard, urls

    def refuse_scan(self, picture: ScanPicture) -> None:
        """Refuse a picture that must not be answered just now.

        Raises:
            BadInputError: it shows a scan of an exam under way, or nothing is answered meanwhile.
        """
        _refuse(self._guard.why_not_scan(picture))

    def take(self, paths: Any) -> OpenedFiles:
        """Decode uploaded files and remove them.

        Args:
            paths: where the server said that it put them.

        Raises:
            BadInputError: there is none, or too many, or none that can be read.
        """
        given = _strings(paths)
        with removed(self._find(given)) as files:
            if not given or len(given) > MAX_READER_FILES:
                text = READ["too_many"].format(most=MAX_READER_FILES, n=len(given))
                raise BadInputError(text if given else READ["no_file"])
            if not files:
                raise BadInputError(READ["lost_file"])
            return self._sit(files)

    def discard(self, paths: Any) -> None:
        """Remove uploaded files unread."""
        with removed(self._find(_strings(paths))):
            pass

    def fetch(self, url: Any) -> OpenedFiles:
        """Fetch a scan from a web address (see `octtutor.datasets.fetch`).

        Raises:
            BadInputError: it cannot be fetched, or addresses are not fetched here.
            BadScanError: it is no scan.
        """
        data = self._fetch(str(url or "").strip())
        name = PurePosixPath(urlsplit(str(url)).path).name[-MAX_FETCHED_NAME:] or "scan"
        return self._keep([_slices(self._from_bytes(data, name))], [])

    def read(self, given: Any, index: Any = -1) -> tuple[ScanPicture, OpenedItem]:
        """Return the one scan that a call of the service names.

        Args:
            given: `{"path": …}` of an upload, a base64 `data:` address, or a web address.
            index: of a volume's slice, from 0; -1 is the middle one.

        Raises:
            BadInputError: it is none of these, or cannot be fetched; or the index is no number.
            BadScanError: it is no scan, or has no such slice.
        """
        if isinstance(given, str) and given.startswith("data:"):
            return self._slice(self._from_bytes(_from_base64(given), "scan"), index)
        path = _path_of(given)
        if path is None:
            if not isinstance(given, str) or not is_url(given):
                raise BadInputError(READ["no_scan"])
            return self._slice(self._from_bytes(self._fetch(given), "scan"), index)
        with removed(self._find([path])) as files:
            if not files:
                raise BadInputError(READ["lost_file"])
            self._refuse_file(files[0])
            return self._slice(open_volume(files[0]), index)

    def _slice(self, volume: Volume, index: Any) -> tuple[ScanPicture, OpenedItem]:
        """Return a slice; where any slice must not be answered, none is: they show one eye."""
        chosen = _slice(volume, index)
        if self._guard.is_any():
            for other in range(volume.count):
                self.refuse_scan(volume.picture(other))
        return chosen

    def _fetch(self, url: str) -> bytes:
        if not self._urls:
            raise BadInputError(READ["no_urls"])
        return fetch(url)

    def _from_bytes(self, data: bytes, name: str) -> Volume:
        _refuse(self._guard.why_not_file(hashlib.sha256(data).hexdigest()))
        return open_stream(partial(io.BytesIO, data), name)

    def _find(self, paths: Sequence[str]) -> list[Path]:
        """Return the files that were really uploaded here, each once."""
        found = (_inside(path, self._uploads) for path in dict.fromkeys(paths))
        return [path for path in found if path is not None]

    def _sit(self, files: Sequence[Path]) -> OpenedFiles:
        opened, faults = [], []
        for file in files:
            try:
                self._refuse_file(file)
                opened.append(_slices(open_volume(file)))
            except (BadScanError, BadInputError) as error:
                faults.append(_with_name(str(error), file.name))
        return self._keep(opened, faults)

    def _refuse_file(self, file: Path) -> None:
        with file.open("rb") as data:
            digest = hashlib.file_digest(data, "sha256").hexdigest()
        _refuse(self._guard.why_not_file(digest))

    def _keep(
        self, opened: Iterable[tuple[OpenedItem, Iterator[ScanPicture]]], faults: list[str]
    ) -> OpenedFiles:
        """Write pixels into a nameless file, item by item; one that fails is left out."""
        self._uploads.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=self._uploads)  # noqa: SIM115 (closed with the sitting)
        items, places = [], []
        try:
            for item, scans in opened:
                try:
                    places.append(tuple(_write(self._allowed(scans), file)))
                    items.append(item)
                except (BadScanError, BadInputError) as error:
                    faults.append(_with_name(str(error), item.name))
            file.flush()
            if not items:
                raise BadInputError(faults[0])
        except BaseException:
            file.close()
            raise
        return OpenedFiles(tuple(items), tuple(faults), tuple(places), file)

    def _allowed(self, pictures: Iterable[ScanPicture]) -> Iterator[ScanPicture]:
        for picture in pictures:
            self.refuse_scan(picture)
            yield picture


@contextmanager
def removed(files: list[Path]) -> Iterator[list[Path]]:
    """Remove uploaded files, and the folders that Gradio made for them, after use."""
    try:
        yield files
    finally:
        for file in files:
            file.unlink(missing_ok=True)
            with suppress(OSError):
                file.parent.rmdir()


def _refuse(why: Refusal | None) -> None:
    if why is not None:
        raise BadInputError(READ[why])


def _write(pictures: Iterator[ScanPicture], file: IO[bytes]) -> Iterator[SlicePlace]:
    for picture in pictures:
        offset, pixels = file.tell(), picture.pixels
        if offset + pixels.size > MAX_READER_PIXELS:
            raise BadScanError(READ["much"].format(most=MAX_READER_PIXELS))
        file.write(np.ascontiguousarray(pixels).tobytes())
        yield SlicePlace(offset, pixels.shape, FileFacts(picture.spacing, picture.pattern))


def _item(volume: Volume, shown: int) -> OpenedItem:
    kind = volume.kind if volume.count > 1 else ""
    return OpenedItem(volume.name, kind, volume.laterality, volume.count, shown)


def _slices(volume: Volume) -> tuple[OpenedItem, Iterator[ScanPicture]]:
    pictures = (volume.picture(index) for index in range(volume.count))
    return _item(volume, volume.middle), pictures


def _slice(volume: Volume, index: Any) -> tuple[ScanPicture, OpenedItem]:
    if isinstance(index, bool) or not isinstance(index, int):
        raise BadInputError(READ["no_index"].format(value=str(index)[:40]))
    wanted = volume.middle if index < 0 else index
    return volume.picture(wanted), _item(volume, wanted)


def _inside(path: str, uploads: Path) -> Path | None:
    with suppress(OSError, ValueError):
        found = Path(path).resolve()
        if found.is_relative_to(uploads.resolve()) and found.is_file():
            return found
    return None


def _path_of(given: Any) -> str | None:
    if isinstance(given, str) and _SERVED in given:
        return given.partition(_SERVED)[2]
    named = given.get("path") if isinstance(given, dict) else None
    return named if isinstance(named, str) and named else None


def _from_base64(given: str) -> bytes:
    try:
        return base64.b64decode(given.partition(",")[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInputError(READ["no_scan"]) from error


def _with_name(text: str, name: str) -> str:
    return text if name in text else f"{name}: {text}"


def _strings(values: Any) -> list[str]:
    if not isinstance(values, list | tuple):
        return []
    return [value for value in values if isinstance(value, str)]


def is_full(uploads: Path) -> bool:
    """Whether uploads that nobody has read (yet) take up too much of the disk."""
    return sum(size for _, size, _ in _survey(uploads)) > MAX_WAITING_UPLOAD_BYTES


def sweep(uploads: Path) -> None:
    """Remove what a server left that was killed."""
    uploads.mkdir(parents=True, exist_ok=True)
    old = time.time() - KEPT
    with removed([path for path, _, changed in _survey(uploads) if changed < old]):
        pass


def _survey(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Give each file with its size in bytes and its time of change; some vanish meanwhile."""
    for path in folder.rglob("*"):
        with suppress(OSError):
            seen = path.stat()
            if path.is_file():
                yield path, seen.st_size, seen.st_mtime
