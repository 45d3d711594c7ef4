"""The table of a deck of synthetic scans: what is in each."""

import csv
from dataclasses import astuple, dataclass, fields
from pathlib import Path

TABLE = "cases.csv"
"""The table's name; a folder that holds it is a finished deck."""


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
        difficulty: easy, typical or hard, by the rule of `octtutor.phantom.difficulty`.
        severity: of the disease, 0 to 1.
        look_alikes: what in the scan looks like something else, joined with `; `.
        kinds: `finding: kind, kind`, joined with `; `.
        eye: OD (right, the disc to the right) or OS.
        height: of the scan, pixels.
        width: of the scan, pixels.
        boundaries: path of the CSV of the layers' boundaries, with `/`.
        finding_masks: paths of the findings' own masks, in the order of `findings`.
    """

    file: str
    label: str
    patient: str
    synthetic: str
    mask: str
    findings: str
    seed: str
    difficulty: str
    severity: str
    look_alikes: str
    kinds: str
    eye: str
    height: str
    width: str
    boundaries: str
    finding_masks: str

    def paths(self) -> list[str]:
        """Return the paths of all its files."""
        return [self.file, self.mask, self.boundaries, *self.finding_masks.split("; ")]


def write_table(path: Path, rows: tuple[CaseRow, ...]) -> None:
    """Write `cases.csv`: UTF-8, comma, one line a case."""
    with path.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(field.name for field in fields(CaseRow))
        writer.writerows(astuple(row) for row in rows)
