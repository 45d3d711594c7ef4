"""How an attempt begins, and which case it comes to next."""

import random
import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime

from octtutor.core.answer import Answer
from octtutor.core.diagnosis import Diagnosis
from octtutor.core.quiz import PRACTICE, PRACTICE_VERSION, Attempt, Options
from octtutor.core.schedule import ADAPTIVE, next_case
from octtutor.errors import BadInputError, StaleError
from octtutor.store.contract import Store
from octtutor.tutor.ports import Shelf
from octtutor.tutor.spacing import due, focus_of

DUE = f"{ADAPTIVE}, what is due"
"""Order of a practice that keeps to the classes that were due when it began."""


def draw_seed() -> int:
    """Return a seed that nobody can guess, for what names none."""
    return secrets.randbelow(2**31)


def new_attempt(
    shelf: Shelf,
    trainee_id: str,
    deck: str,
    order: str,
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
    """Return a new attempt that keeps to the model in use now."""
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
    )


def refuse_beside_running(store: Store, trainee_id: str) -> None:
    """Refuse to begin anything beside an exam or an open session: beginning would end it.

    Raises:
        StaleError: an exam of this trainee runs, or they are in a session.
    """
    latest = store.find_latest_attempt(trainee_id)
    if latest is None or latest.ended_at is not None:
        return
    session = store.find_session(latest.session) if latest.session else None
    if latest.options.is_exam or (session and session.is_open):
        raise StaleError(
            "Expected no exam to be running, and no session. You are in one: finish it or end it "
            "first. Reload the page to go on with it."
        )


def with_case(store: Store, attempt: Attempt, position: int) -> Attempt:
    """Return the attempt with a case at `position`, drawn now where the order is adaptive.

    Raises:
        BadInputError: the deck has lost its cases.
    """
    if position < len(attempt.cases) or position >= attempt.asked:
        return attempt
    history = [item.answer for item in store.answers_by(attempt.trainee_id)]
    cases = store.cases_of(attempt.deck)
    focus = _focus(attempt, history)
    if not any(case.label in focus for case in cases):
        focus = frozenset()
    rng = random.Random(f"{attempt.seed}:{position}")
    # scans of this quiz that are drawn but not shown yet do not come twice either
    seen = list(dict.fromkeys([*store.seen_by(attempt.trainee_id), *attempt.cases]))
    case = next_case(cases, history, seen, rng, focus)
    return store.extend_attempt(attempt.id, position, case.sha256)


def _focus(attempt: Attempt, history: Sequence[Answer]) -> frozenset[Diagnosis]:
    if attempt.order != DUE:
        return frozenset()
    before = [answer for answer in history if answer.answered_at < attempt.started_at]
    return focus_of(due(before, attempt.started_at))


def check_size(size: int, cases: Sequence[object], deck: str) -> None:
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
