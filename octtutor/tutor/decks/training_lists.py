"""Scans for a training run: decks become lists, and are looked through before anything starts."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from octtutor.core.case import Case, DeckSummary
from octtutor.core.scheme import OCT2017, Scheme, SchemeVersion
from octtutor.datasets.audit import audit
from octtutor.datasets.listing import write_listing
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.datasets.split import check_patients, draw_held_out
from octtutor.errors import BadInputError
from octtutor.store.contract import DeckStore
from octtutor.tutor.decks.deck_schemes import common_scheme
from octtutor.tutor.ports import Images

Progress = Callable[[int, int], None]
SEED = 2017


@dataclass(frozen=True, slots=True)
class Chosen:
    """Scans to train on and to measure on, as they were when somebody looked through them."""

    decks: tuple[str, ...]
    test: str | None
    """The deck to measure on; None: a part of the patients is held out."""
    data: Path
    """The listing of the training scans."""
    val: Path | None
    """The listing of the scans to measure on."""
    report: dict[str, Any] = field(hash=False)
    """What `audit` found."""
    faults: tuple[str, ...] = ()
    """Why a run on these scans would fail, in the words it would use."""
    scheme: SchemeVersion = OCT2017
    """The list of diagnoses that the decks have in common."""

    @property
    def shared(self) -> int:
        """How many patients, files and near copies are on both sides."""
        found = self.report["shared"]
        return sum(len(found[kind]) for kind in ("patients", "files", "near")) if self.val else 0


class TrainingScans:
    """Decks, as training takes them."""

    def __init__(
        self, store: DeckStore, images: Images, listings: Path, schemes: Schemes = SHIPPED
    ) -> None:
        """Take the records, the scans, the folder that lists are written into, and the schemes."""
        self._store, self._images, self._listings = store, images, listings
        self._schemes = schemes

    def decks(self) -> tuple[DeckSummary, ...]:
        """Return the decks that there are to choose from."""
        return self._store.summarise_decks()

    def listing(self, decks: Sequence[str]) -> Path:
        """Write the list of decks' scans, and return it.

        Raises:
            BadInputError: a deck is unknown or empty.
            SettingsError: it cannot be written.
        """
        return self._write(self._rows(decks))

    def naming(self, decks: Sequence[str]) -> Naming | None:
        """Return how the labels in decks' lists are read; None: by the keys of oct2017.

        Raises:
            BadInputError: the decks have several schemes, or theirs is not at hand.
        """
        scheme = self._scheme(decks)
        return None if scheme.stamp == OCT2017 else Naming(scheme)

    def look(
        self, decks: Sequence[str], test: str | None = None, progress: Progress | None = None
    ) -> Chosen:
        """Look through decks that are to be trained on, and for what they share with another.

        Args:
            decks: names of decks.
            test: a deck to measure on.
            progress: called with (done, total).

        Raises:
            BadInputError: no deck was chosen, one is unknown or empty, or they have several
                schemes.
            SettingsError: the lists cannot be written.
        """
        if not decks:
            raise BadInputError("Expected a deck to train on. None is ticked. Tick one or more.")
        both = [*decks, *([test] if test else [])]
        scheme, naming = self._scheme(both), self.naming(both)
        rows = self._rows(decks)
        data = self._write(rows)
        val = self._write(self._rows([test])) if test else None
        report = audit(data, val, progress, naming)
        gone = {fault["name"] for fault in report["unreadable"]}
        whole = [row for row in rows if row["name"] not in gone]
        faults = _faults(whole, report, val, scheme)
        return Chosen(tuple(decks), test, data, val, report, faults, scheme.stamp)

    def _scheme(self, decks: Sequence[str]) -> Scheme:
        return self._schemes.of(common_scheme(self._store, decks))

    def _rows(self, decks: Sequence[str]) -> list[dict[str, str]]:
        rows: dict[tuple[str, str], dict[str, str]] = {}
        for name in decks:
            cases = self._store.cases_of(name)
            if not cases:
                raise BadInputError(
                    f"Expected a deck with scans. {name[:60]!r} has none (any more). Reload the "
                    "page and choose again."
                )
            for case in cases:
                rows.setdefault((case.sha256, case.label), self._row(case))
        return list(rows.values())

    def _row(self, case: Case) -> dict[str, str]:
        known = case.patient != case.name  # an import without patients puts the name in its place
        return {
            "sha256": case.sha256,
            "label": str(case.label),
            "patient": case.patient if known else "",
            "name": case.name,
            "file": str(self._images.place(case.sha256)),
        }

    def _write(self, rows: list[dict[str, str]]) -> Path:
        """Write a list under a name made of what is in it, so that the same one is kept once."""
        facts = "\n".join(sorted(",".join(row.values()) for row in rows))
        place = self._listings / f"{hashlib.sha256(facts.encode()).hexdigest()[:16]}.csv"
        if not place.exists():
            write_listing(place, rows)
        return place


def _faults(
    rows: list[dict[str, str]], report: dict[str, Any], val: Path | None, scheme: Scheme
) -> tuple[str, ...]:
    faults = []
    labels = [row["label"] for row in rows]
    patients = [row["patient"] or row["name"] for row in rows]
    try:
        if val is None:
            draw_held_out(labels, patients, SEED, scheme.keys)
        else:
            check_patients(labels, patients, 1, scheme.keys)
    except BadInputError as error:
        faults.append(str(error))
    if report["conflicts"]:
        faults.append(
            "Expected one label for each scan. "
            f"{len(report['conflicts'])} scans have two, e.g. {report['conflicts'][0]['names'][0]}."
            " Leave out one of the decks that hold them."
        )
    return tuple(faults)
