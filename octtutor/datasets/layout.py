"""The OCT2017 layout: what a path tells of a scan (label, patient, split).

Kermany's archives are `OCT2017/{train,test,val}/{CNV,DME,DRUSEN,NORMAL}/LABEL-PATIENT-N.jpeg`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from octtutor.core.diagnosis import Diagnosis
from octtutor.datasets.volumes import is_readable_name

SPLITS = ("train", "test", "val")
_NAME = re.compile(r"^(?P<label>[A-Za-z]+)-(?P<patient>[A-Za-z0-9]+)-\d+$")
_SLICE = re.compile(r"#(?P<slice>\d+)$")
_NOT_SCANS = frozenset({"masks", "__macosx"})


FindLabel = Callable[[str], str | None]
"""Returns the key of the diagnosis that a word means, None where it means none."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """What a row of a table says of a file or slice; empty where it says nothing."""

    label: str
    patient: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What a scan's path says; None where it says nothing."""

    label: str | None
    patient: str | None
    split: str | None
    conflict: bool
    """The folder and the file's name give different labels (the folder is believed)."""
    by_folder: bool = False
    """The label is the folder's."""
    source: str = ""
    """Which hospital, device or set it is from, as a table says; empty where nothing says so."""
    row: TableRow | None = None
    """What a table says, as it stands there."""


def is_scan(name: str) -> bool:
    """Whether a relative path names a scan: a known type, not hidden, not a mask."""
    path = PurePosixPath(without_slice(name))
    hidden = any(part.startswith(".") for part in path.parts)
    aside = any(part.lower() in _NOT_SCANS for part in path.parts[:-1])
    return is_readable_name(path.name) and not hidden and not aside


def slice_name(name: str, index: int) -> str:
    """Name a slice of a volume: `eye.vol#1` is the first, index 0."""
    return f"{name}#{index + 1}"


def without_slice(name: str) -> str:
    """Return the name of the file that holds a slice; any other name as it is."""
    return _SLICE.sub("", name)


def find_slice(name: str) -> int | None:
    """Return the index, from 0, that a slice's name tells; None where it tells none."""
    match = _SLICE.search(name)
    return int(match["slice"]) - 1 if match else None


def find_key(word: str) -> str | None:
    """Return the class of OCT2017 that a word is, in small or capital letters."""
    return Diagnosis.__members__.get(word.upper())


def read_place(name: str, find: FindLabel = find_key) -> Place:
    """Read label, patient and split from a relative path with `/`; `find` knows the labels."""
    path = PurePosixPath(without_slice(name))
    folders = [part.strip() for part in path.parts[:-1]]
    match = _NAME.match(path.stem)
    named = find(match["label"]) if match else None
    labels = [label for label in map(find, reversed(folders)) if label]
    splits = [part.lower() for part in reversed(folders) if part.lower() in SPLITS]
    label = labels[0] if labels else named
    return Place(
        label=label,
        patient=match["patient"] if match and named else None,
        split=splits[0] if splits else None,
        conflict=bool(labels and named and labels[0] != named),
        by_folder=bool(labels),
    )


def complete_place(place: Place, row: TableRow | None, find: FindLabel = find_key) -> Place:
    """Add what a table says of a scan to what its path says.

    The folder's label counts before the table's, and the table's before the file name's.
    """
    if row is None:
        return place
    label = find(row.label)
    return replace(
        place,
        label=place.label if place.by_folder or not row.label else label,
        patient=row.patient or place.patient,
        source=row.source or place.source,
        conflict=place.conflict or bool(label and place.label and label != place.label),
        row=row,
    )
