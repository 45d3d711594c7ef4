"""Decks of synthetic scans on disk: scans, masks, and a table of what is in each."""

import csv
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.errors import BadInputError
from octtutor.phantom.scan import Phantom, checked_size, make

TABLE = "cases.csv"
"""The table's name; a folder that holds it is a finished deck."""

FIRST_PATIENT = 9_000_001
"""Patients are numbered from here: seven digits, beyond those of OCT2017."""

MOST_PER_CLASS = 10_000
"""Most scans of each class in one deck."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One row of `cases.csv`.

    Attributes:
        file: path of the scan within the deck, with `/`.
        label: the diagnosis.
        patient: seven digits; every scan is of another patient.
        synthetic: always "true".
        mask: path of the lesion mask within the deck, with `/`.
        findings: what the scan shows, joined with `; `.
        seed: `SEED:INDEX`, the two numbers of the case's `numpy.random.SeedSequence`.
    """

    file: str
    label: str
    patient: str
    synthetic: str
    mask: str
    findings: str
    seed: str


def write_deck(
    folder: str | os.PathLike[str],
    per_class: int,
    seed: int,
    size: tuple[int, int] = (496, 512),
    progress: Callable[[int, int], None] | None = None,
) -> tuple[CaseRow, ...]:
    """Write a deck of synthetic scans, complete or not at all.

    Everything is made in a temporary folder beside `folder` and moved at the end; `cases.csv`
    is moved last, so a deck without it is unfinished and one with it is whole. The nth case of
    a class is the same however many are made.

    Args:
        folder: where to write: a new or empty folder, or an older deck to replace.
        per_class: scans of each diagnosis, 1 to 10000.
        seed: 0 or more. The same seed gives the same bytes.
        size: (height, width) in pixels. Defaults to (496, 512).
        progress: called with (done, total) after each scan.

    Returns:
        The rows of `cases.csv`, in its order.

    Raises:
        BadInputError: if an argument is outside its limits, the folder holds something else,
            or it cannot be written.
    """
    _check_numbers(per_class, seed)
    size = checked_size(size)
    target = Path(folder)
    try:
        _check_folder(target)
        with _workshop(target) as draft:
            rows = _draw(draft, per_class, seed, size, progress)
            _write_table(draft / TABLE, rows)
            _move(draft, target, rows)
    except OSError as error:
        raise BadInputError(
            f"Expected a folder that can be written. Received: {target} "
            f"({error.strerror or error}). Choose another folder or free its disk."
        ) from error
    return rows


def _check_numbers(per_class: int, seed: int) -> None:
    """Refuse a number of scans or a seed that cannot be used."""
    if not 1 <= per_class <= MOST_PER_CLASS:
        raise BadInputError(
            f"Expected 1 to {MOST_PER_CLASS} scans per class. Received: {per_class}. "
            "Choose a number within these limits."
        )
    if seed < 0:
        raise BadInputError(f"Expected a seed of 0 or more. Received: {seed}. Choose another seed.")


def _check_folder(target: Path) -> None:
    """Refuse a folder that holds anything but a deck."""
    if target.exists() and not target.is_dir():
        raise BadInputError(
            f"Expected a folder. Received a file: {target}. Choose an empty folder."
        )
    if target.is_dir() and any(target.iterdir()) and not (target / TABLE).is_file():
        raise BadInputError(
            f"Expected an empty folder or an older deck with its {TABLE}. Received: {target}, "
            "which holds other files. Choose an empty folder."
        )


@contextmanager
def _workshop(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside `target`, on its disk, and remove it afterwards."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _draw(
    draft: Path,
    per_class: int,
    seed: int,
    size: tuple[int, int],
    progress: Callable[[int, int], None] | None,
) -> tuple[CaseRow, ...]:
    """Make and write every scan and mask in `draft`, and return their rows."""
    total = per_class * len(LABELS)
    rows = []
    for index in range(total):
        rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
        label = LABELS[index % len(LABELS)]
        phantom = make(label, rng, size)
        row = _row(label, index, seed, phantom)
        _write_png(draft / row.file, phantom.scan)
        _write_png(draft / row.mask, phantom.mask)
        rows.append(row)
        if progress is not None:
            progress(index + 1, total)
    return tuple(sorted(rows, key=lambda row: row.file))


def _row(label: Diagnosis, index: int, seed: int, phantom: Phantom) -> CaseRow:
    """Return the row of case number `index`; classes take turns, so numbers never shift."""
    patient = str(FIRST_PATIENT + index)
    name = f"{label}-{patient}-1.png"
    return CaseRow(
        file=f"{label}/{name}",
        label=str(label),
        patient=patient,
        synthetic="true",
        mask=f"masks/{name}",
        findings="; ".join(finding.name for finding in phantom.findings),
        seed=f"{seed}:{index}",
    )


def _write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a grey PNG; the same array gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _, encoded = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    path.write_bytes(encoded.tobytes())


def _write_table(path: Path, rows: tuple[CaseRow, ...]) -> None:
    """Write `cases.csv`: UTF-8, comma, one line a case."""
    with path.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(field.name for field in fields(CaseRow))
        writer.writerows(astuple(row) for row in rows)


def _move(draft: Path, target: Path, rows: tuple[CaseRow, ...]) -> None:
    """Move a finished deck into place, its table last; an older deck's files go first."""
    _clear(target)
    for name in (path for row in rows for path in (row.file, row.mask)):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(draft / name, target / name)
    os.replace(draft / TABLE, target / TABLE)


def _clear(target: Path) -> None:
    """Remove the scans and masks that an older deck's table names, the table first."""
    table = target / TABLE
    if not table.is_file():
        return
    with table.open(encoding="utf-8", newline="") as lines:
        listed = [row.get(key) for row in csv.DictReader(lines) for key in ("file", "mask")]
    table.unlink()
    for name in filter(None, listed):
        path = (target / name).resolve()
        if path.is_relative_to(target.resolve()):
            path.unlink(missing_ok=True)
