"""Fetch the wanted files of a public set into a folder; what came is kept until all is there.

Of a ZIP the list of contents travels, then only the stretches that hold wanted files. A tar.gz
can only be read from its beginning: it travels until every wanted file was met.
"""

import csv
import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from octtutor.datasets.images import write_atomically
from octtutor.datasets.public.choosing import FileChoice, target_of
from octtutor.datasets.public.registry import (
    FOLDERS,
    LISTED,
    MEDMNIST,
    TAR_GZ,
    ZIP,
    PublicSet,
)
from octtutor.datasets.public.web import ChangedError, Facts, Reach, Remote
from octtutor.datasets.public.zipped import TAIL, Stretch, Wanted, Window, open_zip, plan
from octtutor.errors import BadArchiveError, BadInputError, SettingsError
from octtutor.limits import MAX_PUBLIC_ARRAY_BYTES, MAX_PUBLIC_TABLE_BYTES, MAX_SCAN_BYTES

CONTENTS, FILES = "list of contents", "files"
PAUSED = "seconds of waiting, since the server is busy"
"""A part of the work that is counted in seconds."""
Tell = Callable[[str, int, int], None]
"""Told (part of the work, bytes or seconds so far, in all); what it raises ends the fetching."""
_PART = 1 << 20
_KEPT, _SCANS, _TABLE, _ARCHIVE = "kept.json", "scans", "table.csv", "archive"
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What fetching brought."""

    source: Path
    """To be imported."""
    files: int
    received: int
    """Bytes that travelled this time."""
    archive: int
    """Bytes of the whole archive."""
    missing: int
    """Wanted files that the archive does not have."""
    left_out: dict[str, int]
    """Scans by the set's own label that are none of the diagnoses."""
    wrong: tuple[str, ...]
    """Files that are not what their SHA-256 says; they were removed."""


def fetch(row: PublicSet, folder: Path, reach: Reach, tell: Tell) -> Fetched:
    """Fetch a set's wanted files, or go on where an earlier try ended.

    Args:
        row: of the registry.
        folder: for what is fetched; remove it once that was imported.
        reach: how the web is reached.
        tell: told how far it is.

    Raises:
        BadInputError: there is no address, the server refuses or breaks off, or what comes is
            not what the row says. One line says which.
        SettingsError: the folder cannot be written or the disk is too small.
    """
    if row.by_hand:
        raise BadInputError(
            f"Expected a set with an address. {row.name} is fetched by hand from {row.page}; then "
            "`octtutor data import FOLDER`."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _Fetch(row, folder, reach, tell).run()
    except ChangedError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except OSError as error:
        raise SettingsError(
            f"Cannot write into {str(folder)!r}: {error.strerror or error}. Free some space, or "
            "choose another OCTTUTOR_HOME."
        ) from error


def is_begun(folder: Path) -> bool:
    """Whether there is something of a fetch that has not ended."""
    return (folder / _KEPT).is_file()


class _Fetch:
    def __init__(self, row: PublicSet, folder: Path, reach: Reach, tell: Tell) -> None:
        self._row, self._folder, self._reach, self._tell = row, folder, reach, tell
        self._scans = folder / _SCANS
        self._choice = FileChoice(row)
        self._hashes = {target_of(row, scan): scan.sha256 for scan in row.listed}
        self._wrong: list[str] = []
        self._received = self._missing = 0
        self._copies = 3 if row.layout == MEDMNIST else 2
        """How often the scans lie on the disk at last: fetched, imported; arrays zipped, too."""

    def run(self) -> Fetched:
        row = self._row
        self._look_for_room()
        if row.table:
            self._choice = FileChoice(row, self._table())
        with Remote(row.address, self._reach, self._tell_wait) as remote:
            facts = remote.facts()
            self._compare(facts)
            (self._of_zip if row.form == ZIP else self._of_tar)(remote, facts)
            self._received += remote.received
        return self._end(facts)

    def _compare(self, facts: Facts) -> None:
        """Refuse another file than the row's, or than the one that was begun."""
        if not self._row.about and facts.size != self._row.size:
            raise BadInputError(
                f"Expected {self._row.size:,} bytes for {self._row.name}. The server says "
                f"{facts.size:,}. The set was changed, or something else is there: see "
                f"{self._row.page}"
            )
        known = {"address": self._row.address, "size": facts.size, "stamp": facts.stamp}
        place = self._folder / _KEPT
        line = json.dumps(known)
        if place.is_file() and place.read_text("utf-8") != line:
            raise ChangedError(
                f"Expected the archive of {self._row.name} to stay as it is. It has changed since "
                "fetching began. What was kept of it is removed; fetch again."
            )
        write_atomically(place, line.encode())

    def _table(self) -> bytes:
        place = self._folder / _TABLE
        if not place.is_file():
            with Remote(self._row.table, self._reach, self._tell_wait) as remote:
                facts = remote.facts()
                if facts.size > MAX_PUBLIC_TABLE_BYTES:
                    raise BadInputError(
                        f"Expected a table of labels for {self._row.name}. Received "
                        f"{facts.size:,} bytes. See the set's page."
                    )
                write_atomically(place, b"".join(remote.read(0, facts.size, facts)))
                self._received += remote.received
        return place.read_bytes()

    # --- ZIP

    def _of_zip(self, remote: Remote, facts: Facts) -> None:
        if not facts.ranges:
            raise BadInputError(
                f"Expected a server that gives parts of a file. That of {self._row.name} gives "
                f"only the whole, {facts.size:,} bytes. Download it by hand from {self._row.page}, "
                "then `octtutor data import FILE`."
            )
        with ExitStack() as stack:
            window = self._open_window(remote, facts, stack)
            archive = stack.enter_context(open_zip(window, self._row.name))
            wanted = self._wanted(archive)
            stretches = plan(archive, [one for one in wanted if not self._is_here(one)])
            total = sum(one.end - one.start for one in stretches)
            here = sum(one.info.file_size for one in wanted if self._is_here(one))
            unpacked = sum(one.info.file_size for one in wanted)
            self._make_room(total + self._copies * unpacked - here)
            done = 0
            for stretch in stretches:
                self._take(stretch, window, archive, remote, facts, (done, total))
                done += stretch.end - stretch.start
            self._tell(FILES, total, total)

    def _open_window(self, remote: Remote, facts: Facts, stack: ExitStack) -> Window:
        """Make the end of the ZIP readable; what is fetched of it is kept for the next time."""

        def load(start: int, end: int) -> bytes:
            place = self._folder / f"tail-{start}"
            if not (place.is_file() and place.stat().st_size >= end - start):
                parts = bytearray()
                for part in remote.read(start, end, facts):
                    parts += part
                    self._tell(CONTENTS, len(parts), end - start)
                write_atomically(place, bytes(parts))
            file = stack.enter_context(place.open("rb"))
            window.use_engine(start, start + place.stat().st_size, file)
            return file.read(end - start)

        window = Window(facts.size, load)
        load(max(0, facts.size - TAIL), facts.size)
        return window

    def _wanted(self, archive: zipfile.ZipFile) -> list[Wanted]:
        most = MAX_PUBLIC_ARRAY_BYTES if self._row.layout == MEDMNIST else MAX_SCAN_BYTES
        wanted = []
        for info in archive.infolist():
            if info.is_dir() or info.flag_bits & 1:
                continue
            target = self._choice.choose(info.filename, info.file_size, info.CRC)
            if target and info.file_size <= most:
                wanted.append(Wanted(info, target))
        if not wanted:
            raise BadInputError(
                f"Expected files of {self._row.name} in its archive. None of its "
                f"{len(archive.infolist()):,} files is one. The set was changed: see "
                f"{self._row.page}"
            )
        expected = {
            LISTED: len(self._row.listed),
            MEDMNIST: len(self._row.members),
            FOLDERS: self._row.scans,
        }.get(self._row.layout, 0)
        self._missing = max(0, expected - len(wanted))
        return wanted

    def _is_here(self, wanted: Wanted) -> bool:
        place = self._scans / wanted.target
        return place.is_file() and place.stat().st_size == wanted.info.file_size

    def _take(
        self,
        stretch: Stretch,
        window: Window,
        archive: zipfile.ZipFile,
        remote: Remote,
        facts: Facts,
        so_far: tuple[int, int],
    ) -> None:
        """Fetch a stretch, from where it was cut off, and unpack its files."""
        done, total = so_far
        place = self._folder / f"stretch-{stretch.start}-{stretch.end}"
        with place.open("ab") as file:
            for part in remote.read(stretch.start + file.tell(), stretch.end, facts):
                file.write(part)
                self._tell(FILES, done + file.tell(), total)
        try:
            with place.open("rb") as lent:
                window.use_engine(stretch.start, stretch.end, lent)
                for wanted in stretch.files:
                    with archive.open(wanted.info) as file:
                        self._keep(file, wanted.target)
                window.take_back()
        except _DAMAGED as error:
            raise self._damaged(error) from error
        finally:
            place.unlink(missing_ok=True)

    # --- tar.gz

    def _of_tar(self, remote: Remote, facts: Facts) -> None:
        place = self._folder / _ARCHIVE
        have = place.stat().st_size if place.is_file() else 0
        if have and not facts.ranges:
            place.unlink()
            have = 0
        self._make_room(facts.size - have + self._copies * self._row.wanted)
        parts = remote.read(have, facts.size, facts)
        try:
            with place.open("a+b") as file, closing(parts):
                found = self._walk(gzip.GzipFile(fileobj=_Growing(file, parts, facts, self._tell)))
        except _DAMAGED as error:
            place.unlink(missing_ok=True)
            shutil.rmtree(self._scans, ignore_errors=True)  # nothing tells which were right
            raise self._damaged(error) from error
        self._check_hash(place, facts)
        if not found:
            raise BadInputError(
                f"Expected files of {self._row.name} in its archive. There is none. The set was "
                f"changed: see {self._row.page}"
            )
        self._missing = max(0, self._row.scans - found)
        place.unlink()

    def _walk(self, unpacked: gzip.GzipFile) -> int:
        """Unpack the wanted files until all were met; return how many there were."""
        found = 0
        with tarfile.open(fileobj=unpacked, mode="r|", bufsize=_PART) as archive:
            for entry in archive:
                found += self._unpack(archive, entry)
                if found == self._row.scans:
                    return found
        while unpacked.read(_PART):  # to its end, where its check sum is
            pass
        return found

    def _unpack(self, archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bool:
        """Unpack an entry where it is wanted; return whether it is."""
        target = self._choice.choose(entry.name, entry.size, None) if entry.isfile() else None
        if target is None or entry.size > MAX_SCAN_BYTES:
            return False
        place = self._scans / target
        if not (place.is_file() and place.stat().st_size == entry.size):
            file = archive.extractfile(entry)
            assert file is not None  # it is a file
            self._keep(file, target)
        return True

    def _check_hash(self, place: Path, facts: Facts) -> None:
        """Compare the archive's hash with the row's, where all of it travelled."""
        kind = "sha256" if self._row.sha256 else "md5"
        expected = self._row.sha256 or self._row.md5
        if not expected or place.stat().st_size != facts.size:
            return
        with place.open("rb") as file:
            if hashlib.file_digest(file, kind).hexdigest() != expected:
                place.unlink()
                raise self._damaged(f"its {kind.upper()} is another than the registry's")

    # --- both

    def _keep(self, file: IO[bytes], target: str) -> None:
        """Write a file whole or not at all; one whose SHA-256 is known and another is removed."""
        place = self._scans / target
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_name(f".{place.name}.partial")
        digest = hashlib.sha256()
        with partial.open("wb") as out:
            while part := file.read(_PART):
                digest.update(part)
                out.write(part)
        expected = self._hashes.get(target.removeprefix("test/"))
        if expected and digest.hexdigest() != expected:
            self._wrong.append(target)
            partial.unlink()
            return
        os.replace(partial, place)

    def _tell_wait(self, waited: int, asked: int) -> None:
        self._tell(PAUSED, waited, asked)

    def _look_for_room(self) -> None:
        """Refuse a disk that is too small by the registry's figures, before anything travels."""
        row = self._row
        travels = row.size if row.form == TAR_GZ else 0  # a ZIP's stretches go one by one
        kept = sum(file.stat().st_size for file in self._folder.rglob("*") if file.is_file())
        self._make_room(travels + self._copies * row.wanted - kept)

    def _make_room(self, need: int) -> None:
        free = self._reach.free(self._folder)
        if need > free:
            raise SettingsError(
                f"Expected {need:,} bytes free for {self._row.name}. There are {free:,} in "
                f"{str(self._folder.parent)!r}. Free some space, or choose another OCTTUTOR_HOME."
            )

    def _damaged(self, error: object) -> BadArchiveError:
        return BadArchiveError(
            f"Expected a whole archive for {self._row.name}. What came is damaged "
            f"({str(error)[:120]}). Fetch again; what is known to be right is kept."
        )

    def _end(self, facts: Facts) -> Fetched:
        source = self._scans
        patients = self._choice.patients()
        if patients:
            table = io.StringIO()
            writer = csv.writer(table, lineterminator="\n")
            writer.writerow(("file", "label", "patient"))
            writer.writerows(
                (name, name.split("/")[0], who) for name, who in sorted(patients.items())
            )
            write_atomically(source / "labels.csv", table.getvalue().encode())
        if self._row.layout == MEDMNIST:
            source = self._folder / "octmnist.npz"
            with zipfile.ZipFile(source, "w", zipfile.ZIP_STORED) as arrays:
                for array in sorted(self._scans.glob("*.npy")):
                    arrays.write(array, array.name)
        files = sum(file.is_file() for file in self._scans.rglob("[!.]*"))
        return Fetched(
            source=source,
            files=files - bool(patients),
            received=self._received,
            archive=facts.size,
            missing=self._missing,
            left_out=dict(self._choice.left_out),
            wrong=tuple(self._wrong),
        )


class _Growing(io.RawIOBase):
    """An archive as a file that is read once: first what is kept of it, then what comes."""

    def __init__(self, file: IO[bytes], parts: Iterator[bytes], facts: Facts, tell: Tell) -> None:
        self._file, self._parts, self._size, self._tell = file, parts, facts.size, tell
        file.seek(0)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        if not data and size:
            place = self._file.tell()
            self._file.write(next(self._parts, b""))  # at the end, wherever it stands
            self._file.seek(place)
            data = self._file.read(size)
        self._tell(FILES, self._file.tell(), self._size)
        return data
