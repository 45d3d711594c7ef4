"""Listings of scans: a CSV with a row a scan, `sha256,label,patient,name`, maybe more."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from octtutor.datasets.images import write_atomically
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError
from octtutor.spreadsheet import escape_formula, unescape_formula

COLUMNS = ("sha256", "label", "patient", "name", "file")
"""A further one, `source`, is read where it is there (see `layout.Place.source`)."""


def write_listing(path: Path, rows: Iterable[dict[str, str]]) -> int:
    """Write a listing and return its number of rows.

    Args:
        path: the CSV to write.
        rows: `sha256`, `label`, `patient` (empty where unknown), `name`, and `file`, the scan's
            place on disk, where the listing is to be trained or measured on.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    kept = [{key: escape_formula(cell) for key, cell in row.items()} for row in rows]
    writer.writerows(kept)
    write_atomically(path, text.getvalue().encode())
    return len(kept)


def read_listing(path: Path) -> list[dict[str, str]]:
    """Read a listing.

    Raises:
        BadInputError: it is no CSV with the columns `sha256` and `label`.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [_typed(row) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(
            f"Expected a CSV list of scans. {str(path)!r} cannot be read ({error})."
        ) from error
    if not rows or not {"sha256", "label"} <= set(rows[0]):
        raise BadInputError(
            f"Expected a CSV with the columns {', '.join(COLUMNS)}. {path.name!r} has none or "
            "other ones, or no row. See `octtutor data draw`."
        )
    return rows


def _typed(row: dict[str, Any]) -> dict[str, str]:
    return {
        key: unescape_formula(cell) if isinstance(cell, str) else cell for key, cell in row.items()
    }


def draw_listing(
    rows: list[dict[str, str]], per_class: int, seed: int, keys: Sequence[str] = OCT2017_SCHEME.keys
) -> list[dict[str, str]]:
    """Draw as many scans of each class, at random and without regard to patients.

    Args:
        rows: of a listing.
        per_class: scans of each class.
        seed: the same seed draws the same scans of the same rows, in whatever order they come.
        keys: of the classes, in order; scans of others are not drawn.

    Returns:
        The drawn rows, by class and name.

    Raises:
        BadInputError: a class has too few scans.
    """
    rng = np.random.default_rng(seed)
    drawn = []
    for label in keys:
        own = sorted((row for row in rows if row["label"] == label), key=lambda row: row["sha256"])
        if len(own) < per_class:
            raise BadInputError(
                f"Expected {per_class} scans or more of every class. There are {len(own)} of "
                f"{label}. Draw fewer."
            )
        chosen = rng.choice(len(own), per_class, replace=False)
        drawn += sorted((own[i] for i in chosen), key=lambda row: row["name"])
    return drawn
