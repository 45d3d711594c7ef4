"""What a request asks of the records: few statements, few transactions, whatever the deck."""

import hashlib
from contextlib import closing

import pytest

from octtutor.core.case import Case, Deck
from octtutor.core.diagnosis import LABELS
from octtutor.core.quiz import CaseOrder
from octtutor.testing import MemoryStore
from octtutor.tutor.decks.deck_import import EMBEDDED, import_scans
from octtutor.tutor.practice.answering import Given
from octtutor.tutor.practice.practice import Practice
from octtutor.ui.desk.handlers import DeskHandlers
from tests.conftest import DECK
from tests.counting import counting, counting_steps

EXAM = 'title = "E"\ndeck = "embedded"\nmode = "exam"\n[rule]\nper_class = 1\n'
TWICE = 'title = "T"\ndeck = "embedded"\n[options]\nsecond_look = true\n[rule]\nper_class = 1\n'
CLASS = 'title = "C"\ndeck = "embedded"\n[rule]\nper_class = 1\n'
TRAINEE = "5e0a6f6c-7d14-4cb1-8c39-0a3c6f7e5d10"


@pytest.fixture
def desk(practice, exams, sessions, store, images, clock, quizzes) -> DeskHandlers:
    import_scans(store, images, DECK, clock, EMBEDDED)
    for key, text in (("exam", EXAM), ("twice", TWICE), ("class", CLASS)):
        quizzes.save(text, key)
    practice.enrol(TRAINEE, "Ada")
    return DeskHandlers(practice, exams, sessions, lambda reveal: "")


def begin(kind: str, practice, exams, sessions):
    if kind == "session":
        return sessions.join(sessions.open("ada", "class").code, TRAINEE, "192.0.2.1")
    if kind in ("exam", "twice"):
        return exams.start(TRAINEE, kind)
    order = CaseOrder.ADAPTIVE if kind == "adaptive" else CaseOrder.BALANCED
    return practice.start(TRAINEE, EMBEDDED, 8, order=order)


@pytest.mark.parametrize("kind", ["balanced", "adaptive", "exam", "session", "twice"])
def test_an_answer_and_the_next_case_take_few_statements(
    kind, desk, practice, exams, sessions, store
):
    attempt = begin(kind, practice, exams, sessions)
    browser = {"id": TRAINEE, "nickname": "Ada"}
    view = desk.go_to(attempt).desk
    for position in range(3):
        place = {"attempt": attempt.id, "position": position, "ms": 0}
        truth = store.get_attempt(attempt.id).cases[position]
        label = store.get_case(EMBEDDED, truth).label
        wrong = next(key for key in LABELS if key != label)
        with counting() as answer:
            if kind == "exam":
                given = Given(wrong, 3, 0)
                practice.answer(TRAINEE, attempt.id, position, given)
            else:
                screens = desk.commit(browser, {**place, "choice": wrong, "confidence": 3})
                view = list(screens)[-1].desk
        assert len(answer.statements) <= 12, answer.statements
        assert answer.transactions <= 2
        if kind == "twice":
            with counting() as decided:
                view = desk.decide(browser, {**place, "choice": wrong}).desk
            assert len(decided.statements) <= 12, decided.statements
            assert decided.transactions <= 2
        if kind != "exam":
            assert view["phase"] == "told"
        with counting() as following:
            view = desk.next(browser, place).desk
        assert (view["phase"], view["position"]) == ("ask", position + 1)
        assert len(following.statements) <= 6, following.statements
        assert following.transactions == 1


@pytest.mark.parametrize("order", [CaseOrder.ADAPTIVE, CaseOrder.BALANCED])
def test_what_the_database_does_for_a_case_does_not_grow_with_the_deck(order, images, shelf, clock):
    small, large = (steps_in(size, order, images, shelf, clock) for size in (400, 20_000))
    assert large < 1.5 * small


def steps_in(size: int, order: CaseOrder, images, shelf, clock) -> int:
    """Read three cases of a deck of so many, all wrong; return the steps of SQLite's machine."""
    with closing(MemoryStore()) as store:
        store.put_deck(Deck("large", "Large", True, True, clock()))
        store.add_cases("large", map(case, range(size)))
        practice = Practice(store, images, shelf, clock, lambda: 7)
        practice.enrol(TRAINEE, "Ada")
        attempt = practice.start(TRAINEE, "large", 4, order=order)
        with counting_steps() as steps:
            for position in range(3):
                practice.turn(TRAINEE, attempt.id)
                sitting = practice.answer(TRAINEE, attempt.id, position, Given(None, 3, 0))
                practice.next_turn(TRAINEE, attempt.id, position)
                store.seen_cases("large", TRAINEE, "CNV", sitting.readings.hidden_scans(), last=1)
        return sum(steps)


def case(n: int) -> Case:
    digest = hashlib.sha256(str(n).encode()).hexdigest()
    return Case(digest, LABELS[n % 4], f"p{n // 3}", str(n))
