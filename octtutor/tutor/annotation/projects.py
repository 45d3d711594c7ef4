"""Annotation projects: a deck is ordered to be annotated, and how far that has come."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from octtutor.core.annotation.annotation import AT_RANDOM, Project, standing
from octtutor.core.scheme import OCT2017, SchemeVersion
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.errors import BadInputError
from octtutor.store.contract import Store
from octtutor.tutor.annotation.agreement_figures import drawn_by_several
from octtutor.tutor.annotation.annotators import AgreementReport, report
from octtutor.tutor.annotation.assignment_queue import AssignmentQueue
from octtutor.tutor.annotation.blind_readings import blind_readings, by_scan, complete_readings
from octtutor.tutor.annotation.consensus import disputes_in, result_of, sizes_of
from octtutor.tutor.annotation.journal import Journal
from octtutor.tutor.annotation.orders import ORDERS, Basis
from octtutor.tutor.decks.deck_schemes import scheme_of
from octtutor.tutor.ports import Clock, DeckLabelIssue, Images, LabelCheck

MOST_READERS = 5
FEWEST_CONTROLS, MOST_CONTROLS = 0.05, 0.15
"""Share of hidden controls, where there are any: fewer measure nobody, more cost too much."""
MAX_TITLE = 80
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class Overview:
    """A project and how far it has come, as one annotator sees it; all counts are scans.

    Attributes:
        project: the project.
        scans: in its deck.
        read: with one reading at least.
        mine: read by whoever asks.
        to_settle: in dispute.
        done: of which it is known what holds.
    """

    project: Project
    scans: int
    read: int
    mine: int
    to_settle: int
    done: int


class Projects:
    """The use cases of projects, of educators who are known to be such."""

    def __init__(
        self,
        store: Store,
        images: Images,
        queue: AssignmentQueue,
        clock: Clock,
        draw_seed: Callable[[], int],
        label_check: LabelCheck | None,
        schemes: Schemes = SHIPPED,
    ) -> None:
        """Take the parts; `draw_seed` gives a project's seed, which draws its controls."""
        self._store, self._images, self._queue = store, images, queue
        self._clock, self._draw_seed, self._label_check = clock, draw_seed, label_check
        self._journal = Journal(store, images, clock, schemes)

    def create(
        self,
        name: str,
        title: str,
        deck: str,
        readers: int = 1,
        controls: float = 0.1,
        order: str = AT_RANDOM,
        random_share: float = 0.2,
        suggest: bool = False,
    ) -> Project:
        """Order a deck to be annotated; see `Project` for the arguments.

        Raises:
            BadInputError: a value is of no use, or there is no such deck with scans.
            StaleError: the name is taken.
        """
        _check_name(name)
        _check_title(title)
        _check_between("readers", readers, 1, MOST_READERS)
        _check_between("a whole number of readers", readers, int(readers), int(readers))
        if controls != 0:
            _check_between(
                "a share of controls, 0 or else", controls, FEWEST_CONTROLS, MOST_CONTROLS
            )
        _check_between("a share at random", random_share, 0, 1)
        if order not in ORDERS:
            raise BadInputError(
                f"Expected an order of {', '.join(ORDERS)}. Received {str(order)[:64]!r}. Choose "
                "again."
            )
        if not self._store.count_cases(deck):
            raise BadInputError(
                f"Expected a deck with scans. Received {deck[:64]!r}. Choose one of the list."
            )
        scheme = scheme_of(self._store, deck)
        _check_model_s_part(scheme, order, suggest)
        project = Project(
            name=name,
            title=title.strip(),
            deck=deck,
            readers=int(readers),
            controls=float(controls),
            order=order,
            random_share=float(random_share),
            suggest=bool(suggest),
            seed=self._draw_seed(),
            created_at=self._clock(),
            scheme=scheme,
        )
        self._journal.scheme_of(project)  # one that is not at hand is said now
        self._store.add_project(project)
        return project

    def all(self, who: str) -> tuple[Overview, ...]:
        """Return all projects, the latest first, with how far each has come."""
        return tuple(self._overview(project, who) for project in self._store.projects())

    def close(self, project: str) -> None:
        """Let a project give out no more scans; what was begun can still be finished."""
        self._store.close_project(self._journal.get_project(project).name, self._clock())

    def reopen(self, project: str) -> None:
        """Let a closed project give out scans again."""
        self._store.close_project(self._journal.get_project(project).name, None)

    def answer_ahead(
        self, project: str, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> tuple[int, int]:
        """Let the model answer scans of a project beforehand: its order goes by these answers.

        Each call adds AHEAD scans at most to those that the model has answered already.

        Args:
            project: its name; one whose order goes by something else needs none.
            progress: called with (done, total).

        Returns:
            How many of the scans that lack a reader have the model's answer, and how many there
            are.
        """
        return self._queue.answer_ahead(self._journal.get_project(project), progress)

    def doubt_labels(
        self, project: str, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> tuple[DeckLabelIssue, ...]:
        """Cross-validate over a project's deck: those whose label is doubted most come first.

        Args:
            project: its name.
            progress: called with (done, total) scans.

        Raises:
            BadInputError: the deck has too few scans, classes or patients.
        """
        order = self._journal.get_project(project)
        return self._label_check.look(order.deck, progress) if self._label_check else ()

    def figures(self, project: str, who: str | None = None) -> AgreementReport:
        """Return how far a project's annotators agree, with each other and with the controls.

        Scans in which several drew are read from disk, for their sizes.

        Args:
            project: its name.
            who: has no figures on the controls before all is read: they would tell after each
                reading whether it was of a control.
        """
        order = self._journal.get_project(project)
        entries = self._store.entries_in(project)
        truths = {case.sha256: case.label for case in self._store.cases_of(order.deck)}
        sizes = sizes_of(self._images, drawn_by_several(blind_readings(by_scan(entries))))
        hidden = {who} if who is not None and self._queue.hidden_from(order, who) else frozenset()
        scheme = self._journal.scheme_of(order)
        given = self._store.assignments_in(project)
        return report(entries, given, truths, sizes, hidden, scheme)

    def _overview(self, project: Project, who: str) -> Overview:
        logs = by_scan(self._store.entries_in(project.name))
        stands = {sha256: standing(log) for sha256, log in logs.items()}
        readings = [complete_readings(stand) for stand in stands.values()]
        controls = self._queue.controls_given(project.name)
        return Overview(
            project=project,
            scans=self._store.count_cases(project.deck),
            read=sum(map(bool, readings)),
            mine=sum(who in each for each in readings),
            to_settle=len(disputes_in(project, logs, controls)),
            done=sum(
                result_of(stand, project, sha256 in controls) is not None
                for sha256, stand in stands.items()
            ),
        )


def _check_model_s_part(scheme: SchemeVersion, order: str, suggest: bool) -> None:
    """Let no network order or suggest what it has no words for."""
    needs_model = suggest or ORDERS[order].basis is not Basis.NOTHING
    if needs_model and scheme.name != OCT2017.name:
        raise BadInputError(
            f"Expected an order at random, without suggestions: networks know the diagnoses of "
            f"{OCT2017.name!r}, not those of {scheme.name[:64]!r}. Received "
            f"{'suggestions' if suggest else repr(order)}. Choose that."
        )


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadInputError(
            "Expected a name of small letters, digits and -, at most 64. Received "
            f"{name[:80]!r}. Give another."
        )


def _check_title(title: str) -> None:
    if not 1 <= len(title.strip()) <= MAX_TITLE:
        raise BadInputError(
            f"Expected a title of 1 to {MAX_TITLE} characters. Received {len(title.strip()):,}. "
            "Write another."
        )


def _check_between(what: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not low <= value <= high:
        raise BadInputError(f"Expected {what}, {low} to {high}. Received {value!r}. Choose again.")
