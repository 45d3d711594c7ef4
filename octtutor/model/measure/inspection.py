"""What a report of a model needs, kept in a folder: figures, every answer, pictures with maps.

The folder holds `figures.json`, written last; `answers.csv`; `pictures/`. Needs no Keras.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pydantic.dataclasses
from pydantic import TypeAdapter

from octtutor.core.scheme import OCT2017, SchemeVersion
from octtutor.datasets.images import write_atomically
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError
from octtutor.model.measure.gallery import GalleryScan
from octtutor.model.network.scan_set import UNKNOWN
from octtutor.spreadsheet import escape_formula, unescape_formula

FIGURES, ANSWERS, PICTURES = "figures.json", "answers.csv", "pictures"
Floats = npt.NDArray[np.float32]
_COLUMNS = ("name", "patient", "sha256", "truth", "answer")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What `octtutor.model.measure.inspecting.inspect` found, read again."""

    folder: Path
    figures: dict[str, Any]
    """The keys of `evaluate`, and `source`, `synthetic`, `method` and `unfamiliar`."""
    truth: npt.NDArray[np.int64]
    """int64 (n,), indices into `labels`."""
    chances: Floats
    """float32 (n, k)."""
    patients: tuple[str, ...]
    names: tuple[str, ...]
    trained_on: npt.NDArray[np.bool_]
    """bool (n,): the model was trained on the file, or on another of its patient."""
    shown: tuple[GalleryScan, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The keys of the network's scheme; those of before there were schemes are oct2017's."""
        return _labels_of(self.figures)

    @property
    def scheme(self) -> SchemeVersion:
        """The network's scheme."""
        name = self.figures.get("scheme", OCT2017.name)
        return SchemeVersion(str(name), int(self.figures.get("scheme_version", OCT2017.version)))

    @property
    def nameless(self) -> int:
        """How many scans are of patients whom nobody knows."""
        return sum(patient.startswith(UNKNOWN) for patient in self.patients)

    def picture(self, shown: GalleryScan, name: str) -> bytes:
        """Read a picture, WebP.

        Raises:
            BadInputError: it is gone.
        """
        try:
            return (self.folder / PICTURES / shown.file(name)).read_bytes()
        except OSError as error:
            raise _gone(self.folder) from error


@pydantic.dataclasses.dataclass(frozen=True, slots=True)
class _KeptFigures:
    """`figures.json`, as it is."""

    figures: Annotated[dict[str, Any], pydantic.Field(validation_alias="told")]
    shown: tuple[tuple[int | str, ...], ...]
    """Place, row and column of each scan that is shown, and the names of its pictures."""


def write_inspection(
    place: Path,
    figures: dict[str, Any],
    rows: Iterable[Sequence[Any]],
    shown: Iterable[GalleryScan],
) -> None:
    """Keep what was found.

    Args:
        place: the folder.
        figures: see `Inspection`.
        rows: of each answer what `answers.csv` holds: name, patient, SHA-256, truth, answer, the
            probabilities in the order of `figures["labels"]`, and 1 where the model was trained on
            it, else 0.
        shown: whose pictures were kept.

    Raises:
        SettingsError: the folder cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*_COLUMNS, *_labels_of(figures), "trained_on"))
    writer.writerows([escape_formula(str(cell)) for cell in row] for row in rows)
    write_atomically(place / ANSWERS, text.getvalue().encode("utf-8", "backslashreplace"))
    kept = [[one.place, *one.cell, *one.names] for one in shown]
    write_atomically(place / FIGURES, json.dumps({"told": figures, "shown": kept}).encode())


def read_inspection(folder: Path) -> Inspection:
    """Read what `write_inspection` kept.

    Raises:
        BadInputError: it is gone, damaged or not finished.
    """
    try:
        # not `read_json`: a file's name may hold a lone surrogate, which pydantic's JSON refuses
        raw = json.loads((folder / FIGURES).read_bytes())
        kept = TypeAdapter(_KeptFigures).validate_python(raw)
        with (folder / ANSWERS).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        labels = _labels_of(kept.figures)
        return Inspection(
            folder,
            kept.figures,
            np.array([labels.index(row["truth"]) for row in rows], np.int64),
            np.array([[row[label] for label in labels] for row in rows], np.float32),
            tuple(unescape_formula(row["patient"]) for row in rows),
            tuple(unescape_formula(row["name"]) for row in rows),
            np.array([row["trained_on"] == "1" for row in rows], bool),
            tuple(map(_to_shown, kept.shown)),
        )
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise _gone(folder) from error


def _labels_of(figures: dict[str, Any]) -> tuple[str, ...]:
    return tuple(map(str, figures.get("labels", OCT2017_SCHEME.keys)))


def _to_shown(row: tuple[int | str, ...]) -> GalleryScan:
    place, down, right, *names = row
    return GalleryScan(int(place), (int(down), int(right)), tuple(map(str, names)))


def _gone(folder: Path) -> BadInputError:
    return BadInputError(
        f"Expected a whole evaluation in {folder.name!r}. It is not finished, or files of it are "
        "gone. Evaluate again."
    )
