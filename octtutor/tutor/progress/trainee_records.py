"""A trainee's own records: which readings may be told, their figures, their export."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from octtutor.core.case import Case, Deck
from octtutor.core.counting import CountedAnswer, count_answers
from octtutor.core.disclosure import Audience, learn_examples
from octtutor.core.quiz import Attempt, Trainee
from octtutor.core.scheme import OCT2017, Scheme, SchemeVersion
from octtutor.core.session import Discussion
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.errors import StoreError
from octtutor.store.contract import Store
from octtutor.tutor.disclosing import DisclosedAnswer, Disclosures
from octtutor.tutor.ports import Clock
from octtutor.tutor.progress.progress import (
    InTraining,
    Progress,
    TrainedOn,
    in_training,
    progress,
)

EXPORT_FORMAT = "octtutor-trainee-1"
EXPORT_NOTE = (
    "cases, sha256, truth, right, model and seed are null where the truth is not to be told yet: "
    "before the answer, while an exam runs, or while it can be taken again; scans_shown are the "
    "scans whose truth was told"
)


def as_readings(
    items: Sequence[DisclosedAnswer],
    attempts: Iterable[Attempt],
    discussions: Iterable[Discussion] = (),
    scored: bool = False,
) -> tuple[CountedAnswer, ...]:
    """Return the answers whose truth may be told, each with why it does not count.

    Args:
        items: all answers of the trainees, with what may be told of each.
        attempts: theirs.
        discussions: which of their cases were shown to all.
        scored: whether those come too of which no more than the attempt's score may be told.
    """
    counted = count_answers([item.answered for item in items], attempts, discussions)
    return tuple(
        one
        for item, one in zip(items, counted, strict=True)
        if item.disclosed.truth or (scored and item.disclosed.score)
    )


class Records:
    """The use cases of a trainee's own records."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        to: Audience = Audience.READER,
        schemes: Schemes = SHIPPED,
    ) -> None:
        """Take the parts; `to` says who is told: the trainee, or an educator of them."""
        self._store, self._clock, self._to, self._schemes = store, clock, to, schemes
        self._disclosures = Disclosures(store)

    def find_trainee(self, trainee_id: str) -> Trainee | None:
        """Return the trainee of an id."""
        return self._store.find_trainee(trainee_id)

    def kinds(self, trainee_id: str) -> tuple[bool, ...]:
        """Return of which kinds of scans there are readings: synthetic or not, the latest first."""
        decks = [item.answer.deck for item in reversed(self._all_readings(trainee_id, True))]
        return tuple(dict.fromkeys(self._is_synthetic(deck) for deck in dict.fromkeys(decks)))

    def readings(self, trainee_id: str, synthetic: bool) -> tuple[CountedAnswer, ...]:
        """Return the trainee's readings (see `as_readings`) of synthetic or of real scans.

        Figures are of one list of diagnoses: that of the last of them.
        """
        found = self._of_kind(self._all_readings(trainee_id), synthetic)
        return _of_scheme(found, _last_scheme(found))

    def counted(self, trainee_id: str) -> tuple[CountedAnswer, ...]:
        """Return all answers of a trainee, each with why it does not count."""
        attempts = self._store.attempts_of(trainee_id)
        answers = self._store.answers_by(trainee_id)
        return count_answers(answers, attempts, self._discussions(attempts))

    def decks(self, trainee_id: str, synthetic: bool) -> tuple[Deck, ...]:
        """Return the decks, synthetic or real, of which a trainee was asked scans, by name."""
        asked = {attempt.deck for attempt in self._store.attempts_of(trainee_id)}
        there = (deck for deck in self._store.decks() if deck.name in asked)
        return tuple(deck for deck in there if deck.synthetic is synthetic)

    def of(self, trainee_id: str, synthetic: bool) -> Progress:
        """Return a trainee's progress on synthetic or on real scans, with the last one's scheme."""
        readings = self._all_readings(trainee_id)
        attempts = self._store.attempts_of(trainee_id)
        scored = self._of_kind(self._all_readings(trainee_id, scored=True), synthetic)
        stamp = _last_scheme(scored)
        scored, readings = _of_scheme(scored, stamp), _of_scheme(readings, stamp)
        answers = self._of_kind(readings, synthetic)
        return progress(
            answers,
            attempts,
            self._clock(),
            self.patients(scored, attempts),
            self._schemes.of(stamp),
            synthetic=synthetic,
            history=[item.answer for item in readings if item.may_be_right],
            sat=scored,
            examples=self._examples(attempts),
        )

    def training(self, trainee_id: str, synthetic: bool, trained_on: TrainedOn) -> InTraining:
        """Count on how many of a trainee's readings the model knew the scan's patient."""
        read = [item.answered for item in self.readings(trainee_id, synthetic)]
        asked = {(item.answer.deck, item.answer.sha256) for item in read if item.comparable}
        found = [case for deck, sha256 in asked if (case := self._find_case(deck, sha256))]
        unknown = {case.sha256 for case in found if case.has_unknown_patient}
        return in_training(read, {c.sha256: c.patient for c in found}, trained_on, unknown)

    def _find_case(self, deck: str, sha256: str) -> Case | None:
        try:
            return self._store.get_case(deck, sha256)
        except StoreError:  # the deck is gone
            return None

    def patients(
        self, answers: Iterable[CountedAnswer], attempts: Iterable[Attempt] = ()
    ) -> dict[str, str]:
        """Return the patient of each scan that was answered, or belongs to an exam of these."""
        scans = {(item.answer.deck, item.answer.sha256) for item in answers}
        scans |= {(a.deck, sha256) for a in attempts if a.options.is_exam for sha256 in a.cases}
        found = {}
        for deck, sha256 in scans:
            case = self._find_case(deck, sha256)
            found[sha256] = (case.patient if case else "") or sha256
        return found

    def export(self, trainee_id: str) -> str:
        """Return all that is kept of a trainee, as JSON.

        The scans and the truth of cases that are not to be told yet are left out.
        """
        items = self._disclosures.answers_by(trainee_id)
        attempts = self._store.attempts_of(trainee_id)
        facts = {(i.answer.attempt_id, i.answer.position) for i in items if i.disclosed.truth}
        known = {item.answer.sha256 for item in items if item.disclosed.truth}
        content = {
            "format": EXPORT_FORMAT,
            "exported_at": self._clock(),
            "note": EXPORT_NOTE,
            "trainee": self._store.find_trainee(trainee_id),
            "attempts": [_exported_attempt(attempt, facts) for attempt in attempts],
            "answers": [_exported(item) for item in items],
            "scans_shown": [s for s in self._store.seen_by(trainee_id) if s in known],
        }
        return json.dumps(content, default=_plain, indent=1, ensure_ascii=False, allow_nan=False)

    def count(self, trainee_id: str) -> tuple[int, int, int]:
        """Return how many answers, quizzes, and exams among these, are kept of a trainee."""
        attempts = self._store.attempts_of(trainee_id)
        exams = sum(attempt.options.is_exam for attempt in attempts)
        return len(self._store.answers_by(trainee_id)), len(attempts), exams

    def forget(self, trainee_id: str) -> None:
        """Remove a trainee and all that is kept of them, for good."""
        self._store.forget_trainee(trainee_id)

    def _all_readings(self, trainee_id: str, scored: bool = False) -> tuple[CountedAnswer, ...]:
        attempts = self._store.attempts_of(trainee_id)
        items = self._disclosures.answers_by(trainee_id, self._to)
        return as_readings(items, attempts, self._discussions(attempts), scored)

    def _discussions(self, attempts: Iterable[Attempt]) -> list[Discussion]:
        codes = {attempt.session for attempt in attempts if attempt.session}
        return [found for code in codes for found in self._store.discussions_of(code)]

    def _examples(self, attempts: Iterable[Attempt]) -> frozenset[str]:
        """Return the scans (SHA-256) of these exams' decks that are examples in Learn."""
        exams = {attempt.deck: attempt for attempt in attempts if attempt.options.is_exam}
        return frozenset().union(
            *(
                learn_examples(self._store.cases_of(deck), self._schemes.of(exam.scheme).normal)
                for deck, exam in exams.items()
            )
        )

    def scheme_of(self, readings: Sequence[CountedAnswer]) -> Scheme:
        """Return the list of diagnoses of readings (see `readings`)."""
        return self._schemes.of(_last_scheme(readings))

    def keys_of(self, attempts: Iterable[Attempt]) -> tuple[str, ...]:
        """Return the diagnoses' keys of all that attempts were answered with, each once."""
        found = dict.fromkeys(attempt.scheme for attempt in attempts)
        return tuple(dict.fromkeys(key for one in found for key in self._schemes.of(one).keys))

    def _of_kind(
        self, answers: Iterable[CountedAnswer], synthetic: bool
    ) -> tuple[CountedAnswer, ...]:
        known = {deck.name: deck.synthetic for deck in self._store.decks()}
        return tuple(item for item in answers if known.get(item.answer.deck, False) is synthetic)

    def _is_synthetic(self, deck: str) -> bool:
        found = self._store.find_deck(deck)
        return found is not None and found.synthetic


def _last_scheme(items: Sequence[CountedAnswer]) -> SchemeVersion:
    return items[-1].answer.scheme if items else OCT2017


def _of_scheme(items: Iterable[CountedAnswer], stamp: SchemeVersion) -> tuple[CountedAnswer, ...]:
    return tuple(item for item in items if item.answer.scheme.name == stamp.name)


def _exported_attempt(attempt: Attempt, facts: Collection[tuple[str, int]]) -> dict[str, Any]:
    shown = [(attempt.id, place) in facts for place in range(len(attempt.cases))]
    cases = [sha if is_told else None for sha, is_told in zip(attempt.cases, shown, strict=True)]
    return asdict(attempt) | {"cases": cases, "seed": attempt.seed if all(shown) else None}


def _exported(item: DisclosedAnswer) -> dict[str, Any]:
    answer = asdict(item.answer) | {"right": item.answer.is_right}
    if not item.disclosed.truth:
        answer |= {"sha256": None, "truth": None, "right": None}
    model = item.answered.prediction if item.disclosed.model else None
    return answer | {"model": model, "second_look": item.answered.second}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else asdict(value)
