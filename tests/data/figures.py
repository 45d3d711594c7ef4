"""What the pages show of a data home, as plain values: the same of whatever version opens it.

Shares of right answers and what is made of them are not among it: which answers count is a rule
that later versions have changed (`octtutor.core.counting`). The answers are.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from octtutor.core.annotation.annotation_json import reading_to_json
from octtutor.core.answer import Answered, choice_word
from octtutor.core.diagnosis import LABELS
from octtutor.stats.intervals import Figure
from octtutor.tutor.annotation.annotating import open_annotating
from octtutor.tutor.annotation.deck_publishing import DeckPublisher
from octtutor.tutor.exams.exams import Exams
from octtutor.tutor.exams.quizzes import Quizzes
from octtutor.tutor.ports import Images, Shelf
from octtutor.tutor.progress.trainee_records import Records
from octtutor.tutor.sessions.class_sessions import Sessions

Plain = Any
"""What JSON can hold."""


def figures_of(
    store: Any, images: Images, quizzes: Quizzes, shelf: Shelf, clock: Callable[[], datetime]
) -> dict[str, Plain]:
    """Return the figures of progress, results, boards, annotations, decks and quizzes."""
    exams, records = Exams(store, quizzes, shelf, clock), Records(store, clock)
    sessions = Sessions(store, images, quizzes, shelf, clock)
    publisher = DeckPublisher(store, images, clock)
    return {
        "educators": [educator.name for educator in store.educators()],
        "decks": [
            [deck.deck.name, deck.deck.title, deck.deck.synthetic, deck.patients,
             {str(label): deck.per_class.get(label, 0) for label in LABELS}]
            for deck in store.summarise_decks()
        ],
        "cases": {
            deck.name: [[case.sha256, case.patient, str(case.label), *case.findings]
                        for case in store.cases_of(deck.name)]
            for deck in store.decks()
        },
        "trainees": {
            trainee.nickname: _trainee(store, records, exams, trainee.id)
            for trainee in store.trainees()
        },
        "sessions": {
            session.title: [session.educator, session.is_open, _board(sessions, session.code)]
            for session in sessions.all()
        },
        "projects": _projects(store, images, shelf, clock),
        "regions": {
            deck.name: [
                [case.sha256, case.mask_sha256, [each.name for each in publisher.regions_of(case)]]
                for case in store.cases_of(deck.name)
            ]
            for deck in store.decks()
        },
        "quizzes": [
            [listed.key, len(quizzes.check_listed(listed))]
            for listed in quizzes.all()
            if listed.is_own
        ],
    }  # fmt: skip


def _trainee(store: Any, records: Records, exams: Exams, trainee_id: str) -> Plain:
    return {
        "count": records.count(trainee_id),
        "seen": store.seen_by(trainee_id),
        "exams": [
            [exam.quiz, exam.passed, exam.seen_before]
            for kind in (True, False)
            for exam in records.of(trainee_id, kind).exams
        ],
        "attempts": [
            [
                attempt.quiz,
                attempt.asked,
                attempt.ended_at is None,
                attempt.model,
                attempt.model_sha256,
                attempt.session is not None,
                attempt.retest_of is not None,
                exams.may_review(attempt),
            ]
            for attempt in store.attempts_of(trainee_id)
        ],
        "answers": [_answer(item) for item in store.answers_by(trainee_id)],
        "offers": [
            [offer.quiz.key, offer.taken, offer.passed, _figure(offer.last), str(offer.retest_at)]
            for offer in exams.offers(trainee_id)
            if offer.quiz.key.startswith("own-")
        ],
    }


def _answer(item: Answered) -> Plain:
    answer, second, model = item.answer, item.second, item.prediction
    return [
        answer.sha256,
        str(answer.truth),
        choice_word(answer.choice),
        answer.confidence,
        answer.response_ms,
        answer.answered_at.isoformat(),
        answer.mark,
        answer.timed_out,
        [choice_word(second.choice), second.response_ms] if second else None,
        [model.model, [round(p, 6) for p in model.probabilities.values()]] if model else None,
    ]


def _board(sessions: Sessions, code: str) -> Plain:
    board = sessions.board(code)
    discussed = {one.position for one in sessions.gather(code).discussions}
    return {
        "readers": [[r.name, r.at, r.finished, r.left] for r in board.readers],
        "cases": [[line.waiting, line.position in discussed] for line in board.cases],
    }


def _projects(
    store: Any, images: Images, shelf: Shelf, clock: Callable[[], datetime]
) -> dict[str, Plain]:
    annotating = open_annotating(store, images, shelf, clock)
    return {
        each.project.name: {
            "counts": [each.scans, each.read, each.mine, each.to_settle, each.done],
            "order": str(each.project.order),
            "closed": each.project.closed_at is not None,
            "disputes": [one.sha256 for one in annotating.settling.disputes(each.project.name)],
            "log": [
                [entry.sha256, entry.who, str(entry.kind), str(entry.source), entry.model,
                 entry.by, reading_to_json(entry.before), reading_to_json(entry.after)]
                for entry in store.entries_in(each.project.name)
            ],
            "assignments": [
                [given.sha256, given.who, given.is_control, given.skipped, given.done_at is None]
                for given in store.assignments_in(each.project.name)
            ],
            "figures": _report(annotating.projects.figures(each.project.name)),
        }
        for each in annotating.projects.all("ada")
    }  # fmt: skip


def _report(found: Any) -> Plain:
    return {
        "kappa": _figure(found.agreement.kappa),
        "regions": {name: _figure(value) for name, value in found.agreement.regions.items()},
        "annotators": [
            [one.who, one.read, one.skipped, one.flagged, _figure(one.accuracy)]
            for one in found.annotators
        ],
    }


def _figure(found: Figure | None) -> Plain:
    if found is None:
        return None
    values = (found.value, found.low, found.high)
    return [*(None if value is None else round(value, 6) for value in values), found.n]
