"""Publish what annotators agree on: as a deck to learn from, to be quizzed on and to train with."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2

from octtutor.core.annotation.annotation import LogEntry, Mark, Project, Reading, standing
from octtutor.core.case import Case, Deck
from octtutor.core.region import Region
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.errors import BadInputError
from octtutor.stats.intervals import Figure
from octtutor.store.contract import Store
from octtutor.tutor.annotation.agreement_figures import agreement, findings_of
from octtutor.tutor.annotation.assignment_queue import controls_of
from octtutor.tutor.annotation.blind_readings import blind_readings, by_scan, is_complete
from octtutor.tutor.annotation.consensus import result_of, said_together, sizes_of
from octtutor.tutor.annotation.projects import MAX_TITLE
from octtutor.tutor.annotation.shapes import union_mask
from octtutor.tutor.atlas.atlas import known_regions, trace
from octtutor.tutor.decks.deck_import import check_deck_name
from octtutor.tutor.ports import Clock, Images

UNREAD, DISPUTED = "read by too few", "in dispute"
UNGRADABLE, GONE = "ungradable", "gone from the data home"
MISREAD = "controls that were read otherwise"
_LAST = "foveal pit"
"""A landmark, no sign of disease: named after the lesions."""


@dataclass(frozen=True, slots=True)
class Published:
    """A deck made of a project.

    Attributes:
        deck: its title says how many annotators there were and how far they agree.
        added: scans in it.
        left_out: scans that are not, by reason.
        agreement: Fleiss's kappa of the project's blind readings.
        annotators: how many people read.
        readers: how many read each scan.
    """

    deck: Deck
    added: int
    left_out: dict[str, int]
    agreement: Figure
    annotators: int
    readers: int


class DeckPublisher:
    """Turns projects into decks, and tells what is marked in the decks' cases."""

    def __init__(
        self, store: Store, images: Images, clock: Clock, schemes: Schemes = SHIPPED
    ) -> None:
        """Take the records, the scans on disk, a clock and the schemes at hand."""
        self._store, self._images, self._clock = store, images, clock
        self._schemes = schemes
        self._published = lru_cache(maxsize=256)(self._find_published)

    def publish(self, project: str, deck: str, title: str) -> Published:
        """Make a new deck of the scans of which it is known what holds.

        Their regions become the mask that "mark where" is scored against. Ungradable scans and
        those in dispute are left out.

        Args:
            project: its name.
            deck: the new deck's name.
            title: what people see; the number of annotators and their agreement are added.

        Raises:
            BadInputError: the deck's name is taken or of no use, or nothing can be published.
        """
        order = self._check(project, deck, title)
        logs = by_scan(self._store.entries_in(project))
        left_out: Counter[str] = Counter()
        cases = list(self._cases(order, logs, left_out))
        if not cases:
            raise BadInputError(
                "Expected scans that are settled or agreed on, and gradable. Received "
                f"{_listed(left_out) or 'none'}. Read more, or settle what is in dispute."
            )
        found = agreement(blind_readings(logs), {}, self._schemes.of(order.scheme))
        people, kappa = len(found.annotators), found.kappa
        synthetic = all(case.synthetic for case in cases)
        new = Deck(deck, _with_agreement(title, people, kappa), synthetic, False, self._clock())
        if whose := self._store.find_deck(order.deck):  # the same scans, as public as they were
            new = replace(new, citation=whose.citation, licence=whose.licence)
            new = replace(new, offered=whose.offered)
        new = replace(new, scheme=order.scheme)
        self._store.put_deck(new)
        added = self._store.add_cases(deck, cases)
        self._store.put_deck(replace(new, complete=True))
        return Published(
            replace(new, complete=True), added, dict(left_out), kappa, people, order.readers
        )

    def regions_of(self, case: Case) -> tuple[Region, ...]:
        """Return what is marked in a case, each finding by its name or caption, lesions first.

        The regions are those of the reading that was published, even if it was changed since:
        the one whose mask the case has.

        Raises:
            StoreError: the scan or its mask is gone from the data home.
        """
        return self._published(case) or known_regions(self._images, case)

    def _check(self, project: str, deck: str, title: str) -> Project:
        found = self._store.find_project(project)
        if found is None:
            raise BadInputError(
                f"Expected an annotation project. Received {project[:64]!r}, which is none. "
                "Choose one of the list."
            )
        check_deck_name(deck)
        if self._store.find_deck(deck) is not None:
            raise BadInputError(
                f"Expected a name that no deck has. There is a deck {deck!r}. Take another name."
            )
        if not 1 <= len(title.strip()) <= MAX_TITLE:
            raise BadInputError(
                f"Expected a title of 1 to {MAX_TITLE} characters. Received "
                f"{len(title.strip()):,}. Write another."
            )
        return found

    def _cases(
        self, project: Project, logs: Mapping[str, Sequence[LogEntry]], left_out: Counter[str]
    ) -> Iterator[Case]:
        """Give the cases to publish; count in `left_out` why others are not."""
        cases = self._store.cases_of(project.deck)
        controls = controls_of(project, cases)
        for case in cases:
            log = logs.get(case.sha256, ())
            result = result_of(standing(log), project, case.sha256 in controls)
            if result and case.sha256 in controls and _is_misread(case, result, log):
                left_out[MISREAD] += 1
                continue
            if result is None:
                left_out[_why_not(log, project)] += 1
            elif result.diagnosis is None:
                left_out[UNGRADABLE] += 1
            elif published := self._case(case, result):
                yield published
            else:
                left_out[GONE] += 1

    def _case(self, case: Case, result: Reading) -> Case | None:
        """Return a case as the annotators read it; None where its scan is gone."""
        size = sizes_of(self._images, [case.sha256]).get(case.sha256)
        if size is None or result.diagnosis is None:
            return None
        mask = _png(result.marks, *size)
        return replace(
            case,
            label=result.diagnosis,
            findings=tuple(sorted(findings_of(result))),
            mask_sha256=self._images.put(mask) if mask else None,
        )

    def _find_published(self, case: Case) -> tuple[Region, ...]:
        """Return the regions of the reading that a case's mask was made of, if there is one."""
        if case.mask_sha256 is None:
            return ()
        height, width = map(int, self._images.read(case.sha256).shape)
        for project in self._store.projects():
            log = self._store.entries_of(project.name, case.sha256)
            for marks in _marks_so_far(log, project):
                mask = _png(marks, width, height)
                if mask and hashlib.sha256(mask).hexdigest() == case.mask_sha256:
                    return _regions(marks, width, height)
        return ()


def _is_misread(case: Case, result: Reading, log: Iterable[LogEntry]) -> bool:
    """Whether a control's readers all say something else than what is known, unsettled."""
    return result.diagnosis != case.label and standing(log).settled is None


def _why_not(log: Iterable[LogEntry], project: Project) -> str:
    readings = standing(log).readings.values()
    return DISPUTED if sum(map(is_complete, readings)) >= project.readers else UNREAD


def _marks_so_far(log: Sequence[LogEntry], project: Project) -> Iterator[tuple[Mark, ...]]:
    """Give the regions that stood after each entry of a log, the latest first, each once.

    Readers who differ in what they see count too: their regions were joined once.
    """
    seen: set[tuple[Mark, ...]] = set()
    for end in range(len(log), 0, -1):
        result = said_together(standing(log[:end]), project)
        if result is not None and result.marks not in seen:
            seen.add(result.marks)
            yield result.marks


def _png(marks: Iterable[Mark], width: int, height: int) -> bytes | None:
    """Return the PNG of what is to be found, 255 inside; None where there is nothing.

    The foveal pit is no lesion: it is in the mask only where nothing else is drawn.
    """
    drawn = tuple(marks)
    signs = [mark for mark in drawn if mark.finding != _LAST]
    mask = union_mask(signs or drawn, width, height)
    if not mask.any():
        return None
    return bytes(cv2.imencode(".png", mask)[1].tobytes())


def _regions(marks: Iterable[Mark], width: int, height: int) -> tuple[Region, ...]:
    named: dict[str, list[Mark]] = {}
    for mark in sorted(marks, key=lambda mark: mark.finding == _LAST):
        named.setdefault(_name(mark), []).append(mark)
    traced = ((name, trace(union_mask(each, width, height))) for name, each in named.items())
    return tuple(Region(name, parts) for name, parts in traced if parts)


def _name(mark: Mark) -> str:
    caption = mark.caption.strip()
    if mark.finding == "other":
        return caption or mark.finding
    return f"{mark.finding}: {caption}" if caption else mark.finding


def _with_agreement(title: str, annotators: int, kappa: Figure) -> str:
    people = "1 annotator" if annotators == 1 else f"{annotators} annotators"
    facts = "" if kappa.value is None else f", kappa {kappa.value:.2f}"
    return f"{title.strip()} ({people}{facts})"


def _listed(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in left_out.items())
