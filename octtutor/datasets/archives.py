"""ZIP and tar archives of scans, whose names and sizes are not trusted."""

import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from octtutor.datasets.member import Member
from octtutor.errors import BadArchiveError, BadScanError
from octtutor.limits import MAX_PACKING_RATIO, MAX_SCAN_BYTES, MAX_SOURCE_ENTRIES, MAX_VOLUME_BYTES

_PART = 1_000_000
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
)


def archive_members(path: Path, stack: ExitStack) -> tuple[Member, ...]:
    """Return what an archive holds; its members read until the stack is closed."""
    try:
        if zipfile.is_zipfile(path):
            archive = stack.enter_context(zipfile.ZipFile(path))
            return _zip_members(archive, path.name)
        if tarfile.is_tarfile(path):
            return _tar_members(stack.enter_context(tarfile.open(path)), path.name)
    except DAMAGED as error:
        raise damaged_archive(path.name, str(error)) from error
    with path.open("rb") as file:
        if file.read(4) == b"PK\3\4":
            raise damaged_archive(path.name, "its end is missing")
    raise BadArchiveError(
        f"Expected a folder, ZIP or tar of scans. Received {path.name!r}, which is none of "
        "them. Put the scans into a folder CLASS/… and give that."
    )


def damaged_archive(name: str, why: str) -> BadArchiveError:
    """Return the error of an archive that cannot be read through."""
    return BadArchiveError(
        f"Expected a whole archive. Received {name!r}, which is damaged ({why}). "
        "Download or pack it again."
    )


def _zip_members(archive: zipfile.ZipFile, source: str) -> tuple[Member, ...]:
    infos = [info for info in archive.infolist() if not info.is_dir()]
    _check_count(len(infos), source)
    for info in infos:
        check_name(info.filename, source)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _unsafe(source, f"a link ({info.filename!r})")
        if info.file_size > MAX_PACKING_RATIO * max(info.compress_size, 4096):
            raise _unsafe(
                source, f"a file packed {MAX_PACKING_RATIO} times or more ({info.filename!r})"
            )
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
        check_name(entry.name, source)
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
    _unpack(open_, name, buffer, MAX_SCAN_BYTES)
    return buffer.getvalue()


def _unpack(
    open_: Callable[[], IO[bytes] | None], name: str, to: BinaryIO, most: int = MAX_VOLUME_BYTES
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
    except (*DAMAGED, NotImplementedError, RuntimeError) as error:
        raise BadScanError(
            f"Cannot read {name!r} in the archive ({error}). Download or pack it again."
        ) from error
    if left < 0:
        raise BadScanError(
            f"Expected scans of at most {most:,} bytes. {name!r} is larger. Export it smaller."
        )


def check_name(name: str, source: str) -> None:
    """Refuse a name that leads out of its archive or listing.

    Raises:
        BadArchiveError: it does.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name.split("/")[0]:
        raise _unsafe(source, f"a name that leaves it ({name!r})")


def _check_count(count: int, source: str, least: int = 1) -> None:
    if count < least:
        raise BadArchiveError(
            f"Expected scans in {source!r}. It is empty. Pack the scans' folder again."
        )
    if count > MAX_SOURCE_ENTRIES:
        raise _unsafe(source, f"more than {MAX_SOURCE_ENTRIES:,} files")


def _unsafe(source: str, what: str) -> BadArchiveError:
    return BadArchiveError(
        f"Expected a plain archive of scans. {source!r} holds {what}, which is not safe to "
        "open. Nothing was imported; pack the scans' folder again."
    )
