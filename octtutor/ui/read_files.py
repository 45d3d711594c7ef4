"""Scans that a reader gives: decoded at once, their files removed, their pixels kept nameless."""

import base64
import binascii
import hashlib
import io
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

import numpy as np

from octtutor.datasets.decode import Pixels
from octtutor.datasets.fetch import fetch, is_url
from octtutor.datasets.volumes import Volume, open_stream, open_volume
from octtutor.errors import BadInputError, BadScanError
from octtutor.ui.read_texts import READ

MAX_FILES = 200
MAX_PIXELS = 600_000_000
"""Of all scans that one reader has open; bytes, too."""
MAX_UPLOAD = 500_000_000
"""Bytes that one reader may upload at once."""
MAX_WAITING = 2_000_000_000
"""Bytes of uploads that may wait to be read; they are removed as soon as they are."""
KEPT = 3600
"""Seconds that something is kept which nobody looks at."""
MAX_FETCHED_NAME = 80
_SERVED = "/gradio_api/file="
"""Before the path in the address that tools make of an uploaded file."""
IsKnown = Callable[[str], bool]
"""Whether the program has a case whose file has this SHA-256."""


@dataclass(frozen=True, slots=True)
class Item:
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
class Sitting:
    """What one reader has open. The pixels are in a file without a name, which dies with it."""

    items: tuple[Item, ...]
    faults: tuple[str, ...]
    """A line for each file that was left out."""
    places: tuple[tuple[tuple[int, int, int], ...], ...]
    """Offset in bytes, height and width of each slice of each item."""
    file: IO[bytes]

    def scan(self, item: Any, index: Any) -> Pixels:
        """Return a slice, uint8 (height, width).

        Raises:
            BadInputError: there is none such, or the sitting was closed.
        """
        try:
            offset, height, width = self.places[int(item)][int(index)]
            held = np.memmap(self.file, np.uint8, "r", offset, (height, width))
        except (IndexError, TypeError, ValueError, OverflowError) as error:
            raise BadInputError(READ["lost"]) from error
        return np.array(held)

    def close(self) -> None:
        """Forget the pixels."""
        self.file.close()


class Intake:
    """Takes scans in: from uploads, web addresses, and calls of the service."""

    def __init__(self, uploads: Path, is_known: IsKnown, urls: bool) -> None:
        """Take where uploads come in, what knows the program's cases, whether to fetch."""
        self._uploads, self._is_known, self._urls = uploads, is_known, urls

    def take(self, paths: Any) -> Sitting:
        """Decode uploaded files and remove them.

        Args:
            paths: where the server said that it put them.

        Raises:
            BadInputError: there is none, or too many, or none that can be read.
        """
        given = _strings(paths)
        with removed(self._find(given)) as files:
            if not given or len(given) > MAX_FILES:
                text = READ["too_many"].format(most=MAX_FILES, n=len(given))
                raise BadInputError(text if given else READ["no_file"])
            if not files:
                raise BadInputError(READ["lost_file"])
            return self._sit(files)

    def discard(self, paths: Any) -> None:
        """Remove uploaded files unread."""
        with removed(self._find(_strings(paths))):
            pass

    def fetch(self, url: Any) -> Sitting:
        """Fetch a scan from a web address (see `octtutor.datasets.fetch`).

        Raises:
            BadInputError: it cannot be fetched, or addresses are not fetched here.
            BadScanError: it is no scan.
        """
        data = self._fetch(str(url or "").strip())
        name = PurePosixPath(urlsplit(str(url)).path).name[-MAX_FETCHED_NAME:] or "scan"
        return self._keep([_slices(self._from_bytes(data, name))], [])

    def read(self, given: Any, index: Any = -1) -> tuple[Pixels, Item]:
        """Return the one scan that a call of the service names.

        Args:
            given: `{"path": …}` of an upload, a base64 `data:` address, or a web address.
            index: of a volume's slice, from 0; -1 is the middle one.

        Raises:
            BadInputError: it is none of these, or cannot be fetched; or the index is no number.
            BadScanError: it is no scan, or has no such slice.
        """
        if isinstance(given, str) and given.startswith("data:"):
            return _slice(self._from_bytes(_from_base64(given), "scan"), index)
        path = _path_of(given)
        if path is None:
            if not isinstance(given, str) or not is_url(given):
                raise BadInputError(READ["no_scan"])
            return _slice(self._from_bytes(self._fetch(given), "scan"), index)
        with removed(self._find([path])) as files:
            if not files:
                raise BadInputError(READ["lost_file"])
            self._refuse_known(files[0])
            return _slice(open_volume(files[0]), index)

    def _fetch(self, url: str) -> bytes:
        if not self._urls:
            raise BadInputError(READ["no_urls"])
        return fetch(url)

    def _from_bytes(self, data: bytes, name: str) -> Volume:
        if self._is_known(hashlib.sha256(data).hexdigest()):
            raise BadInputError(READ["known"])
        return open_stream(partial(io.BytesIO, data), name)

    def _find(self, paths: Sequence[str]) -> list[Path]:
        """Return the files that were really uploaded here, each once."""
        found = (_inside(path, self._uploads) for path in dict.fromkeys(paths))
        return [path for path in found if path is not None]

    def _sit(self, files: Sequence[Path]) -> Sitting:
        opened, faults = [], []
        for file in files:
            try:
                self._refuse_known(file)
                opened.append(_slices(open_volume(file)))
            except (BadScanError, BadInputError) as error:
                faults.append(_with_name(str(error), file.name))
        return self._keep(opened, faults)

    def _refuse_known(self, file: Path) -> None:
        with file.open("rb") as data:
            digest = hashlib.file_digest(data, "sha256").hexdigest()
        if self._is_known(digest):
            raise BadInputError(READ["known"])

    def _keep(self, opened: Iterable[tuple[Item, Iterator[Pixels]]], faults: list[str]) -> Sitting:
        """Write pixels into a nameless file, item by item; one that fails is left out."""
        self._uploads.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=self._uploads)  # noqa: SIM115 (closed with the sitting)
        items, places = [], []
        try:
            for item, scans in opened:
                try:
                    places.append(tuple(_write(scans, file)))
                    items.append(item)
                except BadScanError as error:
                    faults.append(_with_name(str(error), item.name))
            file.flush()
            if not items:
                raise BadInputError(faults[0])
        except BaseException:
            file.close()
            raise
        return Sitting(tuple(items), tuple(faults), tuple(places), file)


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


def _write(scans: Iterator[Pixels], file: IO[bytes]) -> Iterator[tuple[int, int, int]]:
    for scan in scans:
        offset = file.tell()
        if offset + scan.size > MAX_PIXELS:
            raise BadScanError(READ["much"].format(most=MAX_PIXELS))
        file.write(np.ascontiguousarray(scan).tobytes())
        yield offset, scan.shape[0], scan.shape[1]


def _item(volume: Volume, shown: int) -> Item:
    kind = volume.kind if volume.count > 1 else ""
    return Item(volume.name, kind, volume.laterality, volume.count, shown)


def _slices(volume: Volume) -> tuple[Item, Iterator[Pixels]]:
    scans = (volume.scan(index) for index in range(volume.count))
    return _item(volume, volume.middle), scans


def _slice(volume: Volume, index: Any) -> tuple[Pixels, Item]:
    if isinstance(index, bool) or not isinstance(index, int):
        raise BadInputError(READ["no_index"].format(value=str(index)[:40]))
    wanted = volume.middle if index < 0 else index
    return volume.scan(wanted), _item(volume, wanted)


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
    return sum(size for _, size, _ in _survey(uploads)) > MAX_WAITING


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
