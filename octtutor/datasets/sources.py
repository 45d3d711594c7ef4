"""Folders, ZIPs and tars of scans, read alike and without trusting their names or sizes."""

import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.datasets.decode import MAX_BYTES, read_bytes
from octtutor.datasets.layout import Place, is_scan, read_place
from octtutor.datasets.listing import read_listing
from octtutor.errors import BadArchiveError, BadInputError, BadScanError

MAX_ENTRIES = 500_000
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
    """A file of a source: its relative name with `/`, and a function that reads its bytes."""

    name: str
    read: Callable[[], bytes]
    known: Place | None = None
    """What a listing says of it; the name counts where there is none."""
    file: Path | None = None
    """Its own place on disk; None in an archive."""

    @property
    def place(self) -> Place:
        """Label, patient and split."""
        return self.known or read_place(self.name)


@contextmanager
def open_source(path: Path) -> Iterator[tuple[Member, ...]]:
    """Open a folder, ZIP or tar for reading.

    Args:
        path: a folder, a `.zip`, a tar (plain, gz, bz2, xz), or a listing (`.csv`).

    Yields:
        Every file in it, in the order of the names (of a tar: in the archive's order). Their
        `read` works until the context ends.

    Raises:
        BadInputError: nothing is there.
        BadArchiveError: the archive is empty, damaged, unsafe (names that leave it, links,
            absurd compression) or of another kind.
    """
    with ExitStack() as stack:
        if os.path.isdir(path):  # noqa: PTH112 (False, not an error, for impossible names)
            members = _folder(path)
        elif not os.path.exists(path):  # noqa: PTH110
            raise BadInputError(
                f"Expected a folder, ZIP or tar. Received {str(path)!r}, which is not there. "
                "Check the path."
            )
        elif path.suffix.lower() == ".csv":
            members = _listed(path)
        else:
            members = _archive(path, stack)
        yield members


def find_scans(members: tuple[Member, ...], source: Path) -> list[Member]:
    """Keep the scans, labelled or not, and refuse a source without any.

    Raises:
        BadInputError: there is no scan.
    """
    scans = [member for member in members if is_scan(member.name)]
    if not scans:
        raise BadInputError(
            f"Expected scans (PNG, JPEG, TIFF, BMP, WEBP) in {source.name!r}. Found none. "
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
            f"Expected every scan under a folder named {', '.join(LABELS)}, or named "
            f"LABEL-PATIENT-N. Received {len(unknown)} of {len(scans)} without a known label, "
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


def _folder(root: Path) -> tuple[Member, ...]:
    root = root.absolute()
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return tuple(
        Member(path.relative_to(root).as_posix(), partial(read_bytes, path), file=path)
        for path in files
    )


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
        )
        for entry in members
    )


def _read_member(open_: Callable[[], IO[bytes] | None], name: str) -> bytes:
    try:
        file = open_()
        data = file.read(MAX_BYTES + 1) if file else b""
    except (*_DAMAGED, NotImplementedError, RuntimeError) as error:
        raise BadScanError(
            f"Cannot read {name!r} in the archive ({error}). Download or pack it again."
        ) from error
    if len(data) > MAX_BYTES:
        raise BadScanError(
            f"Expected scans of at most {MAX_BYTES:,} bytes. {name!r} is larger. Export it smaller."
        )
    return data


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
