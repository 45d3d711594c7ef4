"""How an attempt begins, and which case it comes to next."""

import random
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from octtutor.core.answer import Answer
from octtutor.core.quiz import PRACTICE, PRACTICE_VERSION, Attempt, CaseOrder, Options
from octtutor.core.schedule import of_scheme
from octtutor.errors import BadInputError, StaleError
from octtutor.store.contract import Store
from octtutor.tutor.decks.deck_schemes import scheme_of
from octtutor.tutor.disclosing import Disclosures
from octtutor.tutor.ports import Shelf
from octtutor.tutor.practice.drawing import FreeCases
from octtutor.tutor.practice.sitting import Sitting
from octtutor.tutor.practice.spaced_repetition import due, focus_of


def draw_seed() -> int:
    """Return a seed that nobody can guess, for what names none."""
    return secrets.randbelow(2**31)


def new_attempt(
    store: Store,
    shelf: Shelf,
    trainee_id: str,
    deck: str,
    order: CaseOrder,
    seed: int,
    cases: Sequence[str],
    now: datetime,
    *,
    quiz: str = PRACTICE,
    quiz_version: str = PRACTICE_VERSION,
    options: Options | None = None,
    size: int = 0,
    retest_of: str | None = None,
) -> Attempt:
    """Return a new attempt that keeps to the model in use now, and to the deck's scheme."""
    model = shelf.current()
    return Attempt(
        id=str(uuid.uuid4()),
        trainee_id=trainee_id,
        quiz=quiz,
        quiz_version=quiz_version,
        deck=deck,
        order=order,
        seed=seed,
        cases=tuple(cases),
        started_at=now,
        model=model.name if model.sha256 else None,
        model_sha256=model.sha256,
        options=options or Options(),
        size=size,
        retest_of=retest_of,
        scheme=scheme_of(store, deck),
    )


def refuse_beside_running(store: Store, trainee_id: str) -> None:
    """Refuse to begin anything beside an exam or an open session: beginning would end it.

    Who has left the exam of a session early begins nothing either while their class reads it: the
    same cases, taken alone, would tell them its truths.

    Raises:
        StaleError: an exam of this trainee runs, or one that their class still reads, or they are
            in a session.
    """
    _refuse_beside_latest(store, trainee_id)
    if Disclosures(store).is_examined(trainee_id):
        raise StaleError(
            "Expected no exam to be under way. Your class still reads the one that you have left. "
            "Begin when its session has ended."
        )


def _refuse_beside_latest(store: Store, trainee_id: str) -> None:
    latest = store.find_latest_attempt(trainee_id)
    if latest is None or latest.ended_at is not None:
        return
    session = store.find_session(latest.session) if latest.session else None
    if latest.options.is_exam or (session and session.is_open):
        raise StaleError(
            "Expected no exam to be running, and no session. You are in one: finish it or end it "
            "first. Reload the page to go on with it."
        )


def with_case(
    store: Store, disclosures: Disclosures, sitting: Sitting, position: int, keys: Sequence[str]
) -> Sitting:
    """Return a sitting with a case at `position`, drawn now where the order is adaptive.

    Raises:
        BadInputError: the deck has lost its cases.
    """
    attempt = sitting.attempt
    if position < len(attempt.cases) or position >= attempt.asked:
        return sitting
    readings = sitting.readings if sitting.has_all else disclosures.all_by(attempt.trainee_id)
    history = of_scheme(readings.history(), attempt.scheme)
    rng = random.Random(f"{attempt.seed}:{position}")
    # scans of this quiz that are drawn but not shown yet do not come twice either
    drawing = FreeCases(store, attempt.trainee_id, attempt.deck, keys, readings.kept_back(), rng)
    case = drawing.next_case(history, _focus(attempt, history), attempt.cases)
    grown = store.extend_attempt(attempt, case.sha256)
    drawn = {case.sha256: case} if case.sha256 in grown.cases else {}
    return replace(sitting, attempt=grown, cases={**sitting.cases, **drawn})


def _focus(attempt: Attempt, history: Sequence[Answer]) -> frozenset[str]:
    if attempt.order != CaseOrder.DUE:
        return frozenset()
    before = [answer for answer in history if answer.answered_at < attempt.started_at]
    return focus_of(due(before, attempt.started_at))


def check_size(size: int, cases: int, deck: str) -> None:
    """Refuse a practice without cases.

    Raises:
        BadInputError: the deck is empty or unknown, or the size is not positive.
    """
    if not cases:
        raise BadInputError(
            f"Expected a deck with cases. {deck[:64]!r} has none. Choose another, or import "
            "scans with `octtutor data import`."
        )
    if size < 1:
        raise BadInputError(f"Expected at least 1 case. Received {size}. Choose more.")
