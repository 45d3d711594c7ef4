"""Folders, archives, tables and single files of scans, read alike.

Neither their names nor their sizes are trusted. A file of several B-scans becomes as many
members, each of which reads as a PNG of its own.
"""

import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, BinaryIO

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.datasets.decode import MAX_BYTES, read_bytes, to_png
from octtutor.datasets.labels import Labels, Told, read_labels
from octtutor.datasets.layout import Place, is_scan, read_place, slice_name, without_slice
from octtutor.datasets.listing import read_listing
from octtutor.datasets.medmnist import Arrays, is_arrays
from octtutor.datasets.volumes import (
    IMAGE,
    MAX_FILE,
    Volume,
    is_bare_dicom,
    is_readable_name,
    is_volume_name,
    open_stream,
    open_volume,
)
from octtutor.errors import BadArchiveError, BadInputError, BadScanError

MAX_ENTRIES = 500_000
_PART = 1_000_000
_SCANS = "images, TIFF stacks, DICOM, exports of OCT devices"
MAX_RATIO = 200
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
)


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


@contextmanager
def open_source(path: Path, links: bool = False) -> Iterator[tuple[Member, ...]]:
    """Open anything that holds scans for reading.

    Args:
        path: a folder, a `.zip`, a tar (plain, gz, bz2, xz), a listing or a table (`.csv`),
            OCTMNIST (`.npz`), or one file of B-scans (see `open_volume`).
        links: whether symbolic links in a folder are followed to files.

    Yields:
        Every file in it, in the order of the names (of a tar: in the archive's order); of a file
        with several B-scans each slice. Their `read` works until the context ends.

    Raises:
        BadInputError: nothing is there, or a table cannot be read.
        BadArchiveError: the archive is empty, damaged, unsafe (names that leave it, links,
            absurd compression) or of another kind.
    """
    with ExitStack() as stack:
        if os.path.isdir(path):  # noqa: PTH112 (False, not an error, for impossible names)
            members = _told(_expand(_folder(path, links), _from_disk))
        elif not os.path.exists(path):  # noqa: PTH110
            raise BadInputError(
                f"Expected a folder, ZIP or tar. Received {str(path)!r}, which is not there. "
                "Check the path."
            )
        elif path.suffix.lower() == ".csv":
            members = _listed(path)
        elif is_arrays(path):
            members = _arrays(path, stack)
        elif is_readable_name(path.name) or is_bare_dicom(path):
            members = _expand((_single(path),), _from_disk)
        else:
            members = _told(_expand(_archive(path, stack), _Shelf(stack).open))
        yield members


def find_scans(members: tuple[Member, ...], source: Path) -> list[Member]:
    """Keep the scans, labelled or not, and refuse a source without any.

    Raises:
        BadInputError: there is no scan.
    """
    scans = [member for member in members if is_scan(member.name)]
    if not scans:
        raise BadInputError(
            f"Expected scans ({_SCANS}) in {source.name!r}. Found none. "
            "Give the folder or archive that holds CNV/, DME/, DRUSEN/, NORMAL/."
        )
    return scans


def scans_of(members: tuple[Member, ...], source: Path) -> list[Member]:
    """Keep the scans, and refuse a source without any or without usable labels.

    Args:
        members: what `open_source` gave.
        source: where they came from, for the message.

    Raises:
        BadInputError: there is no scan, or a scan has no known label.
    """
    scans = find_scans(members, source)
    unknown = [member.name for member in scans if member.place.label is None]
    if unknown:
        raise BadInputError(
            f"Expected every scan under a folder named {', '.join(LABELS)}, named "
            f"LABEL-PATIENT-N, or in a CSV in UTF-8 (file, label). Received {len(unknown)} of "
            f"{len(scans)} without a known label, "
            f"e.g. {unknown[0]!r}. Rename or remove them."
        )
    return scans


def _archive(path: Path, stack: ExitStack) -> tuple[Member, ...]:
    try:
        if zipfile.is_zipfile(path):
            archive = stack.enter_context(zipfile.ZipFile(path))
            return _zip_members(archive, path.name)
        if tarfile.is_tarfile(path):
            return _tar_members(stack.enter_context(tarfile.open(path)), path.name)
    except _DAMAGED as error:
        raise _damaged(path.name, str(error)) from error
    with path.open("rb") as file:
        if file.read(4) == b"PK\3\4":
            raise _damaged(path.name, "its end is missing")
    raise BadArchiveError(
        f"Expected a folder, ZIP or tar of scans. Received {path.name!r}, which is none of "
        "them. Put the scans into a folder CLASS/… and give that."
    )


def _damaged(name: str, why: str) -> BadArchiveError:
    return BadArchiveError(
        f"Expected a whole archive. Received {name!r}, which is damaged ({why}). "
        "Download or pack it again."
    )


def _listed(listing: Path) -> tuple[Member, ...]:
    """Read a listing, with hashes, or else a table of the files beside it."""
    rows = read_labels(read_bytes(listing), listing.name)
    if not _has_hashes(listing):
        if not rows:
            raise BadInputError(
                f"Expected a CSV with the columns file and label (and maybe patient, slice). "
                f"{listing.name!r} has none or other ones, or no row. Name them so."
            )
        return _told(_expand(_named(listing, rows), _from_disk), rows)
    members = []
    for row in read_listing(listing):
        if not row.get("file"):
            raise BadInputError(
                f"Expected the column 'file' in {listing.name!r}, the place of each scan. It is "
                f"empty for {row['sha256'][:12]}…. Give the folder of the scans instead."
            )
        label = Diagnosis.__members__.get(row["label"].upper())
        place = Place(label, row.get("patient") or None, None, False)
        name = row.get("name") or row["sha256"] + ".png"
        file = Path(row["file"]).absolute()
        members.append(Member(name, partial(read_bytes, file), place, file))
    return tuple(members)


def _has_hashes(listing: Path) -> bool:
    with listing.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return "sha256" in file.readline().lower()


def _named(table: Path, rows: dict[str, Told]) -> tuple[Member, ...]:
    """Return the files that a table names; those that leave its folder or are missing are not."""
    root = table.absolute().parent
    names = {without_slice(name): None for name in rows}
    for name in names:
        _check_name(name, table.name)
        if not (root / name).is_file():
            raise BadInputError(
                f"Expected the scans of {table.name!r} beside it. {name!r} is not there. Put the "
                "table into the scans' folder, with paths from there."
            )
    return tuple(_on_disk(name, root / name) for name in names)


def _told(members: tuple[Member, ...], rows: dict[str, Told] | None = None) -> tuple[Member, ...]:
    """Add labels and patients from tables at the top of a source; drop slices they leave out."""
    if rows is None:
        tables = [m for m in members if m.name.lower().endswith(".csv") and "/" not in m.name]
        rows = {}
        for table in tables:
            with suppress(BadInputError):  # no table of ours
                rows |= read_labels(table.read(), table.name)
    if not rows:
        return members
    labels = Labels(rows)
    return tuple(
        replace(member, known=labels.complete(member.name, member.place))
        for member in members
        if labels.choose(member.name)
    )


def _single(path: Path) -> Member:
    """Return one file; a parent folder named like a class gives its label."""
    folder = path.absolute().parent
    known = folder.name.upper() in Diagnosis.__members__
    return _on_disk(_name(path.absolute(), folder.parent if known else folder), path.absolute())


def _on_disk(name: str, file: Path) -> Member:
    return Member(name, partial(read_bytes, file), file=file)


def _arrays(path: Path, stack: ExitStack) -> tuple[Member, ...]:
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
    except _DAMAGED as error:
        raise _damaged(path.name, str(error)) from error
    arrays = Arrays(archive, path.name)
    return tuple(
        Member(
            f"{part.split}/{label}/{part.split}-{index}.png",
            partial(arrays.read, part.split, index),
        )
        for part in arrays.parts
        for index, label in enumerate(part.labels)
    )


def _expand(members: tuple[Member, ...], open_: Callable[[Member], Volume]) -> tuple[Member, ...]:
    """Put the slices of each file of several B-scans in its place."""
    return tuple(one for member in members for one in _slices(member, open_))


def _slices(member: Member, open_: Callable[[Member], Volume]) -> Iterable[Member]:
    if not (is_scan(member.name) and is_volume_name(member.name)):
        return (member,)
    try:
        return slices_of(member, open_(member))
    except BadScanError as error:
        return (replace(member, read=partial(refuse, str(error))),)


def slices_of(member: Member, volume: Volume) -> Iterator[Member]:
    """Return a member for each B-scan of a file; a plain image stays as it is."""
    if volume.kind == IMAGE:
        yield member
        return
    place = member.place
    known = replace(place, patient=place.patient or member.name)  # its slices are one patient's
    for index in range(volume.count):
        name = slice_name(member.name, index) if volume.count > 1 else member.name
        read = partial(_read_slice, volume, index)
        yield Member(name, read, known, member.file, index, volume.count)


def refuse(message: str) -> bytes:
    """Stand in for the reading of a file that was found unreadable before.

    Raises:
        BadScanError: always, with the message.
    """
    raise BadScanError(message)


def _read_slice(volume: Volume, index: int) -> bytes:
    return to_png(volume.scan(index))


def _from_disk(member: Member) -> Volume:
    assert member.file is not None
    return open_volume(member.file)


class _Shelf:
    """Where the volumes of an archive are unpacked, one at a time, to be read in places."""

    def __init__(self, stack: ExitStack) -> None:
        self._folder = Path(stack.enter_context(TemporaryDirectory(prefix="octtutor-")))
        self._held: str | None = None

    def open(self, member: Member) -> Volume:
        """Open a member of the archive."""
        return open_stream(partial(self._unpacked, member), PurePosixPath(member.name).name)

    def _unpacked(self, member: Member) -> BinaryIO:
        place = self._folder / "volume"
        if self._held != member.name:
            self._held = None
            with place.open("wb") as file:
                assert member.unpack is not None
                member.unpack(file)
            self._held = member.name
        return place.open("rb")


def _folder(root: Path, links: bool) -> tuple[Member, ...]:
    root = root.absolute()
    found = (path for path in root.rglob("*") if links or not path.is_symlink())
    files = sorted(path for path in found if path.is_file())
    return tuple(_on_disk(_name(path, root), path) for path in files)


def _name(path: Path, root: Path) -> str:
    """Name a file from its folder; a DICOM file without an ending, as many are, gets one."""
    return path.relative_to(root).as_posix() + (".dcm" if is_bare_dicom(path) else "")


def _zip_members(archive: zipfile.ZipFile, source: str) -> tuple[Member, ...]:
    infos = [info for info in archive.infolist() if not info.is_dir()]
    _check_count(len(infos), source)
    for info in infos:
        _check_name(info.filename, source)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _unsafe(source, f"a link ({info.filename!r})")
        if info.file_size > MAX_RATIO * max(info.compress_size, 4096):
            raise _unsafe(source, f"a file packed {MAX_RATIO} times or more ({info.filename!r})")
        if info.flag_bits & 1:
            raise BadArchiveError(f"Expected an open ZIP. {source!r} is encrypted. Unpack it.")
    infos.sort(key=lambda info: info.filename)
    return tuple(
        Member(
            info.filename.replace("\\", "/"),
            partial(_read_member, partial(archive.open, info), info.filename),
            unpack=partial(_unpack, partial(archive.open, info), info.filename),
        )
        for info in infos
    )


def _tar_members(archive: tarfile.TarFile, source: str) -> tuple[Member, ...]:
    members = []
    for entry in archive:
        _check_name(entry.name, source)
        if entry.issym() or entry.islnk():
            raise _unsafe(source, f"a link ({entry.name!r})")
        if entry.isfile():
            members.append(entry)
        _check_count(len(members), source, least=0)
    _check_count(len(members), source)
    return tuple(
        Member(
            entry.name.removeprefix("./"),
            partial(_read_member, partial(archive.extractfile, entry), entry.name),
            unpack=partial(_unpack, partial(archive.extractfile, entry), entry.name),
        )
        for entry in members
    )


def _read_member(open_: Callable[[], IO[bytes] | None], name: str) -> bytes:
    buffer = io.BytesIO()
    _unpack(open_, name, buffer, MAX_BYTES)
    return buffer.getvalue()


def _unpack(
    open_: Callable[[], IO[bytes] | None], name: str, to: BinaryIO, most: int = MAX_FILE
) -> None:
    """Copy a member's bytes, as they really come, up to a limit."""
    left = most
    try:
        file = open_()
        while part := file.read(_PART) if file else b"":
            left -= len(part)
            if left < 0:
                break
            to.write(part)
    except (*_DAMAGED, NotImplementedError, RuntimeError) as error:
        raise BadScanError(
            f"Cannot read {name!r} in the archive ({error}). Download or pack it again."
        ) from error
    if left < 0:
        raise BadScanError(
            f"Expected scans of at most {most:,} bytes. {name!r} is larger. Export it smaller."
        )


def _check_name(name: str, source: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name.split("/")[0]:
        raise _unsafe(source, f"a name that leaves it ({name!r})")


def _check_count(count: int, source: str, least: int = 1) -> None:
    if count < least:
        raise BadArchiveError(
            f"Expected scans in {source!r}. It is empty. Pack the scans' folder again."
        )
    if count > MAX_ENTRIES:
        raise _unsafe(source, f"more than {MAX_ENTRIES:,} files")


def _unsafe(source: str, what: str) -> BadArchiveError:
    return BadArchiveError(
        f"Expected a plain archive of scans. {source!r} holds {what}, which is not safe to "
        "open. Nothing was imported; pack the scans' folder again."
    )
