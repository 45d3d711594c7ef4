"""The log of a project, as the use cases write it: checked, and only ever added to."""

import uuid
from collections.abc import Iterable
from dataclasses import replace

from octtutor.core.annotation.annotation import (
    Kind,
    LogEntry,
    Mark,
    Project,
    Reading,
    ReadingSource,
    check_reading,
)
from octtutor.core.annotation.region_shape import Brush, Spot
from octtutor.core.scheme import Scheme
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.errors import BadInputError, NotAllowedError
from octtutor.store.contract import Store
from octtutor.tutor.annotation.blind_readings import is_complete
from octtutor.tutor.annotation.shapes import bounding_box, to_mask
from octtutor.tutor.ports import Clock, Images
from octtutor.tutor.practice.answering import MAX_RESPONSE_MS

MAX_NOTE, MAX_ID = 1000, 64
NOTHING = Reading(gradable=True, diagnosis=None)
"""What is said of a scan before anything is."""
_SLIGHT = 2.0
"""Pixels; what is wider and higher is taken to hold some."""


class Journal:
    """Projects and their logs, with the checks that every writer shares."""

    def __init__(
        self, store: Store, images: Images, clock: Clock, schemes: Schemes = SHIPPED
    ) -> None:
        """Take the records, the scans, a clock and the schemes at hand."""
        self._store, self._images, self._clock = store, images, clock
        self._schemes = schemes

    def scheme_of(self, project: Project) -> Scheme:
        """Return the list of diagnoses of a project (see `Schemes.of` for what it raises)."""
        return self._schemes.of(project.scheme)

    def get_project(self, name: str) -> Project:
        """Return a project.

        Raises:
            BadInputError: there is none of this name.
        """
        found = self._store.find_project(name) if isinstance(name, str) else None
        if found is None:
            raise BadInputError(
                f"Expected an annotation project. Received {str(name)[:64]!r}, which is none. "
                "Choose one of the list."
            )
        return found

    def append(
        self,
        project: Project,
        sha256: str,
        who: str,
        kind: Kind,
        before: Reading | None,
        after: Reading | None,
        source: ReadingSource = ReadingSource.HUMAN,
        model: str | None = None,
        model_sha256: str | None = None,
    ) -> None:
        """Append an entry to a scan's log, now."""
        self._store.append_entry(
            LogEntry(
                id=uuid.uuid4().hex,
                at=self._clock(),
                who=who,
                deck=project.deck,
                sha256=sha256,
                project=project.name,
                kind=kind,
                before=before,
                after=after,
                source=source,
                model=model,
                model_sha256=model_sha256,
            )
        )

    def check(
        self, project: Project, sha256: str, reading: Reading, complete: bool
    ) -> Reading | None:
        """Return a reading as it is kept; a draft without anything in it is none.

        Raises:
            BadInputError: it cannot be of this scan, or says nothing where it must.
            StoreError: the scan is gone from the data home.
        """
        height, width = map(int, self._images.read(sha256).shape)
        if complete and not is_complete(reading):
            raise BadInputError(
                "Expected a diagnosis, or that the scan is ungradable. Received neither. Choose."
            )
        if not reading.gradable and reading.diagnosis is not None:
            raise BadInputError(
                f"Expected no diagnosis of an ungradable scan. Received {reading.diagnosis}. "
                "Choose again."
            )
        keys = self.scheme_of(project).keys
        if is_complete(reading):
            check_reading(reading, width, height, keys)
        else:  # a draft's regions are checked as they will be with a class
            check_reading(replace(reading, diagnosis=keys[0]), width, height, keys)
        check_pixels(reading.marks, width, height)
        kept = _tidied(reading)
        return None if kept == replace(NOTHING, response_ms=kept.response_ms) else kept

    def refuse_open(self, project: str, sha256: str, who: str | None) -> None:
        """Refuse who has a scan to read: they are not to know or decide what others say.

        Raises:
            NotAllowedError: they have.
        """
        given = self._store.find_assignment(project, sha256, who) if who else None
        if given is not None and given.done_at is None:
            raise is_blind()


def check_pixels(marks: Iterable[Mark], width: int, height: int) -> None:
    """Let regions pass that hold pixels of a scan of this size; only slight ones are looked at.

    Raises:
        BadInputError: one is too thin or small to hold the centre of a pixel.
    """
    for mark in marks:
        if _is_slight(mark) and not to_mask(mark.shape, width, height).any():
            raise BadInputError(
                "Expected a region that holds the centre of a pixel. Received a smaller one. Draw "
                "it larger, or set a point."
            )


def is_blind() -> NotAllowedError:
    """Return the refusal of who is to read a scan blind."""
    return NotAllowedError(
        "You have this scan to read, now or later, and are not to know what others say. Read it "
        "first, or skip it."
    )


def check_who(who: str) -> None:
    """Let an annotator's name pass.

    Raises:
        BadInputError: it is none.
    """
    if not isinstance(who, str) or not 1 <= len(who) <= 64 or not who.isprintable():
        raise BadInputError(
            f"Expected an annotator's name. Received {str(who)[:64]!r}. Sign in again."
        )


def _is_slight(mark: Mark) -> bool:
    if isinstance(mark.shape, Spot | Brush):
        return False
    box = bounding_box(mark.shape)
    return min(box.width, box.height) < _SLIGHT


def _tidied(reading: Reading) -> Reading:
    """Return a reading with numbers that can be, and a note that is no book."""
    return replace(
        reading,
        findings=tuple(dict.fromkeys(reading.findings)),
        marks=tuple(
            replace(mark, id=_plain(mark.id)[:MAX_ID], caption=_plain(mark.caption))
            for mark in reading.marks
        ),
        confidence=min(max(reading.confidence, 0), 5),
        response_ms=min(max(reading.response_ms, 0), MAX_RESPONSE_MS),
        note=_plain(reading.note)[:MAX_NOTE],
    )


def _plain(text: str) -> str:
    """Return a text that can be written as UTF-8: a browser can send halves of characters."""
    return text.encode("utf-8", "replace").decode("utf-8")
