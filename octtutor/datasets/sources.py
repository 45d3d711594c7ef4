"""Folders, archives, tables and single files of scans, read alike.

Neither their names nor their sizes are trusted. A file of several B-scans becomes as many
members, each of which reads as a PNG of its own.
"""

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import BinaryIO

from octtutor.datasets.archives import DAMAGED, archive_members, check_name, damaged_archive
from octtutor.datasets.decode import read_bytes, to_png
from octtutor.datasets.labels import Labels, read_labels
from octtutor.datasets.layout import Place, TableRow, find_key, is_scan, slice_name, without_slice
from octtutor.datasets.listing import read_listing
from octtutor.datasets.medmnist import Arrays, is_arrays
from octtutor.datasets.member import Member
from octtutor.datasets.scan_picture import tell_facts
from octtutor.datasets.schemes.naming import Naming, refuse_unknown
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.datasets.volumes import (
    IMAGE,
    Volume,
    is_bare_dicom,
    is_readable_name,
    is_volume_name,
    open_stream,
    open_volume,
)
from octtutor.errors import BadInputError, BadScanError

_SCANS = "images, TIFF stacks, DICOM, exports of OCT devices"


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
            members = _with_tables(_expand(_folder(path, links), _from_disk))
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
            members = _with_tables(_expand(archive_members(path, stack), _Shelf(stack).open))
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


def scans_of(
    members: tuple[Member, ...],
    source: Path,
    naming: Naming | None = None,
    schemes: Schemes = SHIPPED,
) -> list[Member]:
    """Keep the scans, and refuse a source without any or without usable labels.

    Args:
        members: what `open_source` gave.
        source: where they came from, for the message.
        naming: the scheme whose words their labels are; None: the keys of oct2017 alone.
        schemes: those at hand, of which a message names the one that fits best.

    Raises:
        BadInputError: there is no scan, or a scan has no known label.
    """
    scans = name_scans(find_scans(members, source), naming, schemes)
    unknown = [member for member in scans if member.place.label is None]
    if unknown:
        raise refuse_unknown(unknown, scans, naming, schemes)
    return scans


def name_scans(
    scans: list[Member], naming: Naming | None, schemes: Schemes = SHIPPED
) -> list[Member]:
    """Return scans with the labels that a naming gives, without those that it leaves out.

    Raises:
        BadInputError: a word may mean several diagnoses, or all would be left out.
    """
    if naming is None:
        return scans
    named = [naming.name(member) for member in scans]
    if not naming.skip_unknown:
        return named
    known = [member for member in named if member.place.label is not None]
    if not known:
        raise refuse_unknown(named, named, naming, schemes)
    return known


def _listed(listing: Path) -> tuple[Member, ...]:
    """Read a listing, with hashes, or else a table of the files beside it."""
    rows = read_labels(read_bytes(listing), listing.name)
    if not _has_hashes(listing):
        if not rows:
            raise BadInputError(
                f"Expected a CSV with the columns file and label (and maybe patient, slice). "
                f"{listing.name!r} has none or other ones, or no row. Name them so."
            )
        return _with_tables(_expand(_named(listing, rows), _from_disk), rows)
    members = []
    for row in read_listing(listing):
        if not row.get("file"):
            raise BadInputError(
                f"Expected the column 'file' in {listing.name!r}, the place of each scan. It is "
                f"empty for {row['sha256'][:12]}…. Give the folder of the scans instead."
            )
        label = find_key(row["label"])
        patient, source = row.get("patient") or None, row.get("source") or ""
        said = TableRow(row["label"], patient or "", source)
        place = Place(label, patient, None, False, source=source, row=said)
        name = row.get("name") or row["sha256"] + ".png"
        file = Path(row["file"]).absolute()
        members.append(Member(name, partial(read_bytes, file), place, file))
    return tuple(members)


def _has_hashes(listing: Path) -> bool:
    with listing.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return "sha256" in file.readline().lower()


def _named(table: Path, rows: dict[str, TableRow]) -> tuple[Member, ...]:
    """Return the files that a table names; those that leave its folder or are missing are not."""
    root = table.absolute().parent
    names = {without_slice(name): None for name in rows}
    for name in names:
        check_name(name, table.name)
        if not (root / name).is_file():
            raise BadInputError(
                f"Expected the scans of {table.name!r} beside it. {name!r} is not there. Put the "
                "table into the scans' folder, with paths from there."
            )
    return tuple(_on_disk(name, root / name) for name in names)


def _with_tables(
    members: tuple[Member, ...], rows: dict[str, TableRow] | None = None
) -> tuple[Member, ...]:
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
    known = find_key(folder.name)
    return _on_disk(_name(path.absolute(), folder.parent if known else folder), path.absolute())


def _on_disk(name: str, file: Path) -> Member:
    return Member(name, partial(read_bytes, file), file=file)


def _arrays(path: Path, stack: ExitStack) -> tuple[Member, ...]:
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
    except DAMAGED as error:
        raise damaged_archive(path.name, str(error)) from error
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
    return tell_facts(to_png(volume.scan(index)), volume.facts_of(index))


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
