"""What a report of a model needs, kept in a folder: figures, every answer, pictures with maps.

The folder holds `figures.json`, written last; `answers.csv`; `pictures/`. Needs no Keras.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.images import write_atomically
from octtutor.errors import BadInputError
from octtutor.model.gallery import Shown
from octtutor.model.loading import UNKNOWN

FIGURES, ANSWERS, PICTURES = "figures.json", "answers.csv", "pictures"
Floats = npt.NDArray[np.float32]
_COLUMNS = ("name", "patient", "sha256", "truth", "answer", *map(str, LABELS), "trained_on")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What `octtutor.model.inspecting.inspect` found, read again."""

    folder: Path
    told: dict[str, Any]
    """The keys of `evaluate`, and `source`, `synthetic`, `method` and `unfamiliar`."""
    truth: npt.NDArray[np.int64]
    """int64 (n,), indices into LABELS."""
    chances: Floats
    """float32 (n, 4)."""
    patients: tuple[str, ...]
    names: tuple[str, ...]
    trained_on: npt.NDArray[np.bool_]
    """bool (n,): the model was trained on the file, or on another of its patient."""
    shown: tuple[Shown, ...]

    @property
    def nameless(self) -> int:
        """How many scans are of patients whom nobody knows."""
        return sum(patient.startswith(UNKNOWN) for patient in self.patients)

    def picture(self, shown: Shown, name: str) -> bytes:
        """Read a picture, WebP.

        Raises:
            BadInputError: it is gone.
        """
        try:
            return (self.folder / PICTURES / shown.file(name)).read_bytes()
        except OSError as error:
            raise _gone(self.folder) from error


def write_inspection(
    place: Path, told: dict[str, Any], rows: Iterable[Sequence[Any]], shown: Iterable[Shown]
) -> None:
    """Keep what was found.

    Args:
        place: the folder.
        told: see `Inspection`.
        rows: of each answer what `answers.csv` holds: name, patient, SHA-256, truth, answer, the
            four probabilities, and 1 where the model was trained on it, else 0.
        shown: whose pictures were kept.

    Raises:
        SettingsError: the folder cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(rows)
    write_atomically(place / ANSWERS, text.getvalue().encode("utf-8", "backslashreplace"))
    kept = [[one.place, *one.cell, *one.names] for one in shown]
    write_atomically(place / FIGURES, json.dumps({"told": told, "shown": kept}).encode())


def read_inspection(folder: Path) -> Inspection:
    """Read what `write_inspection` kept.

    Raises:
        BadInputError: it is gone, damaged or not finished.
    """
    try:
        kept = json.loads((folder / FIGURES).read_text("utf-8"))
        with (folder / ANSWERS).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return Inspection(
            folder,
            kept["told"],
            np.array([LABELS.index(row["truth"]) for row in rows], np.int64),
            np.array([[row[label] for label in LABELS] for row in rows], np.float32),
            tuple(row["patient"] for row in rows),
            tuple(row["name"] for row in rows),
            np.array([row["trained_on"] == "1" for row in rows], bool),
            tuple(Shown(one[0], (one[1], one[2]), tuple(one[3:])) for one in kept["shown"]),
        )
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise _gone(folder) from error


def _gone(folder: Path) -> BadInputError:
    return BadInputError(
        f"Expected a whole evaluation in {folder.name!r}. It is not finished, or files of it are "
        "gone. Evaluate again."
    )
