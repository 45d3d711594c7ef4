"""The assignment queue: which scans an annotator is given, which are controls, in what order.

Everything is drawn from the project's seed, so that every server gives out the same.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from octtutor.core.annotation.annotation import Assignment, Project, ScanStage
from octtutor.core.case import Case
from octtutor.core.prediction import Prediction
from octtutor.errors import BadInputError, BadScanError, ModelError, StoreError
from octtutor.store.contract import Store
from octtutor.tutor.annotation.orders import ORDERS, AnnotationOrder, Basis, Evidence
from octtutor.tutor.ports import Clock, Images, LabelCheck, Predictor, Shelf

AHEAD = 1000
"""Scans that the model answers at a time; about half a minute on two cores."""
_NAMED = 50
"""Scans that are named when one is asked for; of so many one is still free."""
_LOOK = 200
"""Scans that the model's order chooses among; choosing among more takes longer than reading."""
_MOST_KEPT = 50_000
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Workload:
    """A project as its records stand."""

    project: Project
    cases: tuple[Case, ...]
    controls: frozenset[str]
    given: tuple[Assignment, ...]
    stages: Mapping[str, ScanStage]

    def of(self, who: str) -> list[Assignment]:
        """Return what was given to an annotator."""
        return [one for one in self.given if one.who == who]

    def free(self, who: str) -> list[Case]:
        """Return what can be given to an annotator; the store decides in the end.

        What was settled needs no reader, but for controls: those measure the reader. What they
        have answered, in an import perhaps, is not asked again.
        """
        known = {one.sha256 for one in self.of(who)}
        settled = {sha256 for sha256, stage in self.stages.items() if stage.is_settled}
        known |= {
            sha256
            for sha256, stage in self.stages.items()
            if who in stage.said or who in stage.unblinded
        }
        taken = Counter(one.sha256 for one in self.given if not one.skipped)
        full = {sha256 for sha256, n in taken.items() if n >= self.project.readers} | settled
        free = (case for case in self.cases if case.sha256 not in known)
        return [case for case in free if case.sha256 in self.controls or case.sha256 not in full]


class AssignmentQueue:
    """Gives out a project's scans; of two annotators, or two servers, one gets each."""

    def __init__(
        self,
        store: Store,
        images: Images,
        shelf: Shelf,
        clock: Clock,
        label_check: LabelCheck | None,
    ) -> None:
        """Take the parts."""
        self._store, self._images, self._shelf = store, images, shelf
        self._clock, self._label_check = clock, label_check
        self._predictions: dict[tuple[str | None, str], Prediction] = {}

    def look(self, project: Project) -> Workload:
        """Return a project as its records stand."""
        stages = self._store.stages_in(project.name)
        cases = self._store.cases_of(project.deck)
        given = self._store.assignments_in(project.name)
        return Workload(project, cases, controls_of(project, cases), given, stages)

    def assign(self, project: Project, who: str) -> tuple[Assignment, Workload] | None:
        """Return the scan that an annotator has, or else give them the next; None: none is left."""
        for _ in range(_TRIES):
            work = self.look(project)
            running = any(one.done_at is None for one in work.of(who))
            line = () if running else self._line(work, who)
            if not running and not line:
                return None
            found = self._store.assign(project.name, who, line, self._clock())
            if found:
                return found, work
        return None  # all in line was taken, again and again

    def hidden_from(self, project: Project, who: str) -> frozenset[str]:
        """Return the scans that somebody reads, or may still be given, and is to read blind."""
        work = self.look(project)
        reading = {one.sha256 for one in work.of(who) if one.done_at is None}
        is_open = project.closed_at is None
        return frozenset(reading | {case.sha256 for case in work.free(who) if is_open})

    def controls_given(self, project: str) -> frozenset[str]:
        """Return the controls of a project that were given to anybody yet."""
        given = self._store.assignments_in(project)
        return frozenset(one.sha256 for one in given if one.is_control)

    def answer_ahead(
        self, project: Project, progress: Callable[[int, int], None]
    ) -> tuple[int, int]:
        """Let the model answer AHEAD more scans at most; see `Projects.answer_ahead`."""
        if order_of(project).basis is not Basis.PREDICTIONS:
            return 0, 0
        stages = self._store.stages_in(project.name)
        cases = self._store.cases_of(project.deck)
        left = [case for case in cases if _lacks_reader(stages.get(case.sha256), project)]
        try:
            predictor = model_for(project, self._shelf)
        except ModelError:
            return 0, len(left)
        left.sort(key=lambda case: chance(project, "ahead", case.sha256))
        known = [case for case in left if predictor.knows(case.sha256)]
        new = [case for case in left if not predictor.knows(case.sha256)][:AHEAD]
        answered = 0
        for done, case in enumerate([*known, *new], 1):
            answered += self._recall(predictor, case.sha256) is not None
            progress(done, len(known) + len(new))
        return answered, len(left)

    def is_ordered(self, project: Project, cases: Sequence[Case]) -> bool:
        """Whether anything is known of the cases, if there are any, that the order goes by."""
        basis = order_of(project).basis
        if basis is Basis.NOTHING or not cases:
            return True
        if basis is Basis.LABEL_ISSUES:
            return not self._ranks(project).keys().isdisjoint(case.sha256 for case in cases)
        try:
            predictor = model_for(project, self._shelf)
        except ModelError:
            return False
        return any(predictor.knows(case.sha256) for case in cases)

    def _line(self, work: Workload, who: str) -> tuple[tuple[str, bool], ...]:
        """Return the next scans for an annotator, first first, and which are controls.

        Whether the next is a control, and whether it comes at random, is drawn from the seed for
        each of the annotator's scans; controls then follow the same order as all.
        """
        project, count = work.project, str(len(work.of(who)))
        wants_control = chance(project, "control", who, count) < project.controls
        at_random = chance(project, "random", who, count) < project.random_share
        ordered = sorted(work.free(who), key=lambda case: chance(project, "order", case.sha256))
        if not at_random:
            evidence = self._evidence(work, who, ordered)
            interest = order_of(project).interest
            scores = {sha256: interest(known) for sha256, known in evidence.items()}
            first = [case for case in ordered if case.sha256 in scores]
            first.sort(key=lambda case: -scores[case.sha256])
            ordered = [*first, *(case for case in ordered if case.sha256 not in scores)]
        ordered.sort(key=lambda case: (case.sha256 in work.controls) != wants_control)
        there = (case for case in ordered if self._images.place(case.sha256).exists())
        return tuple((case.sha256, case.sha256 in work.controls) for case in islice(there, _NAMED))

    def _evidence(self, work: Workload, who: str, cases: Sequence[Case]) -> dict[str, Evidence]:
        """Return what the project's order goes by, of the cases of which it is known."""
        basis = order_of(work.project).basis
        if basis is Basis.NOTHING:
            return {}
        if basis is Basis.LABEL_ISSUES:
            ranks = self._ranks(work.project)
            known = (case.sha256 for case in cases if case.sha256 in ranks)
            return {sha256: Evidence(rank=ranks[sha256]) for sha256 in known}
        try:
            predictor = model_for(work.project, self._shelf)
        except ModelError:
            return {}
        found: dict[str, Evidence] = {}
        for case in islice((one for one in cases if predictor.knows(one.sha256)), _LOOK):
            prediction = self._recall(predictor, case.sha256)
            if prediction is not None:
                said = said_by_others(work.stages.get(case.sha256), who) or [case.label]
                found[case.sha256] = Evidence(prediction, said)
        return found

    def _ranks(self, project: Project) -> dict[str, int]:
        doubted = self._label_check.recall(project.deck) if self._label_check else ()
        return {each.sha256: place for place, each in enumerate(doubted)}

    def _recall(self, predictor: Predictor, sha256: str) -> Prediction | None:
        """Return a kept answer of the model; answers are few bytes and are held."""
        key = predictor.sha256, sha256
        if key not in self._predictions:
            try:
                prediction, _ = predictor.read(sha256, self._images.read(sha256))
            except (ModelError, StoreError, BadScanError):
                return None
            if len(self._predictions) >= _MOST_KEPT:
                self._predictions.clear()
            self._predictions[key] = prediction
        return self._predictions.get(key)


def model_for(project: Project, shelf: Shelf) -> Predictor:
    """Return the model in use, where it knows a project's diagnoses.

    Raises:
        ModelError: it knows others, or there is none.
    """
    model = shelf.current()
    if model.scheme != project.scheme:
        raise ModelError(
            f"The model in use knows the diagnoses of {model.scheme.name!r}, not those of "
            f"{project.scheme.name[:64]!r}: it is not asked."
        )
    return model


def order_of(project: Project) -> AnnotationOrder:
    """Return the order in which a project's scans come.

    Raises:
        BadInputError: this program knows no such order.
    """
    found = ORDERS.get(project.order)
    if found is None:
        raise BadInputError(
            f"Expected an order of {', '.join(ORDERS)}. Received {project.order[:64]!r}, in the "
            f"project {project.name!r}. A newer program may have made it."
        )
    return found


def controls_of(project: Project, cases: Iterable[Case]) -> frozenset[str]:
    """Return SHA-256 of a project's controls, drawn by its seed; one at least if there are any.

    Scans that join the deck later change little: each scan's lot is its own.
    """
    drawn = sorted(cases, key=lambda case: chance(project, "lot", case.sha256))
    most = max(1, round(project.controls * len(drawn))) if project.controls else 0
    return frozenset(case.sha256 for case in drawn[:most])


def said_by_others(stage: ScanStage | None, who: str) -> list[str]:
    """Return what classes others than an annotator have given a scan; None: nobody has."""
    said = stage.said if stage else {}
    return [label for name, label in said.items() if name != who and label is not None]


def chance(project: Project, *what: str) -> float:
    """Return a number in [0, 1) that a project's seed gives to something, the same each time."""
    text = "|".join((str(project.seed), *what))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def _lacks_reader(stage: ScanStage | None, project: Project) -> bool:
    return stage is None or not (stage.is_settled or len(stage.said) >= project.readers)
