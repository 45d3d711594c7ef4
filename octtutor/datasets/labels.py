"""Tables beside scans: a CSV that says which file has which label, and of which patient."""

import csv
import io
from collections import Counter
from pathlib import PurePosixPath

from octtutor.datasets.layout import (
    Place,
    TableRow,
    complete_place,
    find_slice,
    slice_name,
    without_slice,
)
from octtutor.errors import BadInputError

_FILES = ("file", "filename", "file_name", "image", "image_name", "path", "scan", "name")
_DIAGNOSES = ("label", "diagnosis", "class", "truth")
_PATIENTS = ("patient", "patient_id", "subject")
_SOURCES = ("source", "site", "device")
_SLICES = ("slice", "bscan", "b-scan")


class Labels:
    """What the tables of a source say, by file."""

    def __init__(self, rows: dict[str, TableRow]) -> None:
        """Take the rows by file, slices as `eye.vol#1`."""
        count = Counter(map(_base, rows))
        self._rows = rows
        self._bases = {_base(name): row for name, row in rows.items() if count[_base(name)] == 1}
        sliced = [without_slice(name) for name in rows if find_slice(name) is not None]
        self._sliced = {*sliced, *map(_base, sliced)}

    def choose(self, name: str) -> bool:
        """Whether a scan is wanted: of a volume whose slices are listed, only those are."""
        sliced = without_slice(name) in self._sliced or _base(without_slice(name)) in self._sliced
        return not sliced or self._find(name) is not None

    def complete(self, name: str, place: Place) -> Place:
        """Add what the tables say of a scan to what its path says (see `complete_place`)."""
        return complete_place(place, self._find(name) or self._find(without_slice(name)))

    def _find(self, name: str) -> TableRow | None:
        return self._rows.get(name) or self._bases.get(_base(name))


def read_labels(data: bytes, name: str) -> dict[str, TableRow]:
    """Read a table's rows by file; none where it has no column for files or none for labels.

    Args:
        data: the bytes of a CSV, in UTF-8, split by commas, semicolons or tabs. Columns: `file`
            (or `filename`, `image`, …), `label` (or `diagnosis`, `class`, …), maybe `patient`,
            `source` and `slice` (from 1).
        name: what error messages call it.

    Raises:
        BadInputError: it is no CSV in UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
        first = text.partition("\n")[0]
        split = max(",;\t", key=first.count)
        rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=split))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(
            f"Expected {name!r} to be a CSV file in UTF-8. It cannot be read ({error}). "
            "Save it again, or remove it."
        ) from error
    columns = {(key or "").strip().lower(): key for key in (rows[0] if rows else {})}
    file, label, patient, source, slice_ = (
        next((columns[word] for word in words if word in columns), None)
        for words in (_FILES, _DIAGNOSES, _PATIENTS, _SOURCES, _SLICES)
    )
    if file is None or label is None:
        return {}
    said = {}
    for row in rows:
        place = _cell(row, file).replace("\\", "/").removeprefix("./")
        number = _cell(row, slice_)
        key = slice_name(place, int(number) - 1) if number.isdecimal() else place
        said[key] = TableRow(_cell(row, label), _cell(row, patient), _cell(row, source))
    return said


def _cell(row: dict[str, str], column: str | None) -> str:
    return (row.get(column) or "").strip() if column else ""


def _base(name: str) -> str:
    return PurePosixPath(name).name
