"""Attempts, answers, predictions and second looks in SQL."""

import json
from dataclasses import replace
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from octtutor.core.answer import Answer, Answered, SecondLook
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt
from octtutor.errors import StaleError, StoreError
from octtutor.store.contract.attempts import AttemptStore
from octtutor.store.rules import (
    check_answer,
    check_count,
    check_place,
    joined_already,
    looked_already,
    missing,
)
from octtutor.store.sql import rows
from octtutor.store.sql.base import SqlBase, translated
from octtutor.store.sql.tables import (
    answers,
    attempts,
    predictions,
    second_looks,
    showings,
    trainees,
)


class SqlAttempts(SqlBase, AttemptStore):
    """The contract of `AttemptStore` over a migrated database."""

    @translated
    def start_attempt(self, attempt: Attempt, at_most: int | None = None) -> None:
        """See `AttemptStore`."""
        mine = attempts.c.trainee_id == attempt.trainee_id
        running = and_(mine, attempts.c.ended_at.is_(None))
        alone = and_(attempts.c.retest_of.is_(None), attempts.c.session.is_(None))
        same = and_(mine, attempts.c.quiz == attempt.quiz, alone)
        try:
            with self._write() as db:
                who = select(trainees.c.id).where(trainees.c.id == attempt.trainee_id)
                if db.scalar(who.with_for_update()) is None:
                    raise missing("trainee", attempt.trainee_id)
                check_count(attempt.quiz, db.scalar(select(func.count()).where(same)) or 0, at_most)
                db.execute(update(attempts).where(running).values(ended_at=attempt.started_at))
                db.execute(insert(attempts).values(**rows.from_attempt(attempt)))
        except IntegrityError as error:
            if attempt.session is None:
                raise
            raise joined_already() from error

    @translated
    def extend_attempt(self, attempt_id: str, position: int, sha256: str) -> Attempt:
        """See `AttemptStore`."""
        with self._write() as db:
            attempt = _attempt(db, attempt_id, lock=True)
            check_place(position, attempt)
            if position == len(attempt.cases):
                attempt = replace(attempt, cases=(*attempt.cases, sha256))
                same = update(attempts).where(attempts.c.id == attempt_id)
                db.execute(same.values(cases=json.dumps(attempt.cases)))
        return attempt

    @translated
    def attempts_of(self, trainee_id: str) -> tuple[Attempt, ...]:
        """See `AttemptStore`."""
        return self._attempts(attempts.c.trainee_id == trainee_id)

    @translated
    def attempts_in(self, code: str) -> tuple[Attempt, ...]:
        """See `AttemptStore`."""
        return self._attempts(attempts.c.session == code)

    @translated
    def open_exam_attempts(self) -> tuple[Attempt, ...]:
        """See `AttemptStore`."""
        is_exam = attempts.c.options.contains(rows.IS_EXAM)
        return self._attempts(and_(attempts.c.ended_at.is_(None), is_exam))

    @translated
    def get_attempt(self, attempt_id: str) -> Attempt:
        """See `AttemptStore`."""
        with self._read() as db:
            return _attempt(db, attempt_id)

    @translated
    def find_latest_attempt(self, trainee_id: str) -> Attempt | None:
        """See `AttemptStore`."""
        return self._latest(attempts.c.trainee_id == trainee_id)

    @translated
    def find_answered_attempt(self, trainee_id: str) -> Attempt | None:
        """See `AttemptStore`."""
        answered = exists().where(answers.c.attempt_id == attempts.c.id)
        return self._latest(and_(attempts.c.trainee_id == trainee_id, answered))

    @translated
    def end_attempt(self, attempt_id: str, at: datetime) -> None:
        """See `AttemptStore`."""
        with self._write() as db:
            _attempt(db, attempt_id)
            still_open = and_(attempts.c.id == attempt_id, attempts.c.ended_at.is_(None))
            db.execute(update(attempts).where(still_open).values(ended_at=at))

    @translated
    def record_shown(self, attempt_id: str, position: int, at: datetime) -> datetime:
        """See `AttemptStore`."""
        place = and_(showings.c.attempt_id == attempt_id, showings.c.position == position)
        with self._write() as db:
            _attempt(db, attempt_id, lock=True)
            first = db.scalar(select(showings.c.shown_at).where(place))
            if first is None:
                values = {"attempt_id": attempt_id, "position": position}
                db.execute(insert(showings).values(shown_at=at, **values))
        return first or at

    @translated
    def last_shown(self, attempt_id: str) -> int | None:
        """See `AttemptStore`."""
        query = select(func.max(showings.c.position)).where(showings.c.attempt_id == attempt_id)
        with self._read() as db:
            position: int | None = db.scalar(query)
        return position

    @translated
    def record_answer(self, answer: Answer) -> None:
        """See `AttemptStore`."""
        count = select(func.count()).where(answers.c.attempt_id == answer.attempt_id)
        try:
            with self._write() as db:
                attempt = _attempt(db, answer.attempt_id, lock=True)
                check_answer(answer, attempt, db.scalar(count) or 0)
                db.execute(insert(answers).values(**rows.from_answer(answer)))
        except IntegrityError as error:
            raise StaleError(
                f"Case {answer.position + 1} is answered already, in another tab perhaps."
            ) from error

    @translated
    def record_prediction(
        self, attempt_id: str, position: int, prediction: Prediction
    ) -> Prediction:
        """See `AttemptStore`."""
        place = and_(predictions.c.attempt_id == attempt_id, predictions.c.position == position)
        asked = and_(answers.c.attempt_id == attempt_id, answers.c.position == position)
        with self._write() as db:
            _attempt(db, attempt_id, lock=True)
            if db.scalar(select(answers.c.position).where(asked)) is None:
                raise StoreError(f"Position {position} has no answer yet: answer it first.")
            row = db.execute(select(predictions).where(place)).mappings().first()
            if row is None:
                values = rows.from_prediction(attempt_id, position, prediction)
                db.execute(insert(predictions).values(**values))
        return rows.to_prediction(row) if row else prediction

    @translated
    def record_second_look(self, look: SecondLook) -> None:
        """See `AttemptStore`."""
        asked = and_(answers.c.attempt_id == look.attempt_id, answers.c.position == look.position)
        try:
            with self._write() as db:
                _attempt(db, look.attempt_id, lock=True)
                if db.scalar(select(answers.c.position).where(asked)) is None:
                    raise looked_already(look.position)
                db.execute(insert(second_looks).values(**rows.from_second_look(look)))
        except IntegrityError as error:
            raise looked_already(look.position) from error

    @translated
    def answers_of(self, attempt_id: str) -> tuple[Answered, ...]:
        """See `AttemptStore`."""
        found = self._answered(answers.c.attempt_id == attempt_id)
        return tuple(sorted(found, key=lambda item: item.answer.position))

    @translated
    def answers_by(self, trainee_id: str) -> tuple[Answered, ...]:
        """See `AttemptStore`."""
        return self._answered(answers.c.trainee_id == trainee_id)

    @translated
    def answers_in(self, code: str) -> tuple[Answered, ...]:
        """See `AttemptStore`."""
        mine = select(attempts.c.id).where(attempts.c.session == code)
        return self._answered(answers.c.attempt_id.in_(mine))

    @translated
    def answers_to(self, deck: str) -> tuple[Answer, ...]:
        """See `AttemptStore`."""
        query = select(answers).where(answers.c.deck == deck)
        with self._read() as db:
            found = db.execute(query.order_by(answers.c.answered_at)).mappings()
            return tuple(rows.to_answer(row) for row in found)

    @translated
    def seen_by(self, trainee_id: str) -> tuple[str, ...]:
        """See `AttemptStore`."""
        query = (
            select(attempts.c.cases, showings.c.position)
            .join(showings, showings.c.attempt_id == attempts.c.id)
            .where(attempts.c.trainee_id == trainee_id)
            .order_by(showings.c.shown_at)
        )
        with self._read() as db:
            shown = [json.loads(listed)[place] for listed, place in db.execute(query)]
        return tuple(reversed(dict.fromkeys(reversed(shown))))

    def _attempts(self, which: ColumnElement[bool]) -> tuple[Attempt, ...]:
        query = select(attempts).where(which).order_by(attempts.c.started_at, attempts.c.id)
        with self._read() as db:
            return tuple(rows.to_attempt(row) for row in db.execute(query).mappings())

    def _latest(self, which: ColumnElement[bool]) -> Attempt | None:
        newest = attempts.c.started_at.desc(), attempts.c.ended_at.is_(None).desc()
        with self._read() as db:
            row = db.execute(select(attempts).where(which).order_by(*newest)).mappings().first()
        return rows.to_attempt(row) if row else None

    def _answered(self, which: ColumnElement[bool]) -> tuple[Answered, ...]:
        """Return answers with what belongs to them, oldest first."""
        order = answers.c.answered_at, answers.c.attempt_id, answers.c.position
        with self._read() as db:
            found = db.execute(_joined().where(which).order_by(*order)).mappings()
            return tuple(rows.to_answered(row) for row in found)


def _attempt(db: Connection, attempt_id: str, lock: bool = False) -> Attempt:
    query = select(attempts).where(attempts.c.id == attempt_id)
    row = db.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise missing("attempt", attempt_id)
    return rows.to_attempt(row)


def _joined() -> Select[tuple[object, ...]]:
    """Select answers, each with its prediction and its second look."""
    found = [
        column.label(rows.PREDICTED + column.name)
        for column in predictions.c
        if column.name not in ("attempt_id", "position")
    ]
    second = (
        second_looks.c.choice.label("second_choice"),
        second_looks.c.response_ms.label("second_ms"),
        second_looks.c.at.label("second_at"),
    )
    joined = answers.outerjoin(
        predictions,
        and_(
            predictions.c.attempt_id == answers.c.attempt_id,
            predictions.c.position == answers.c.position,
        ),
    ).outerjoin(
        second_looks,
        and_(
            second_looks.c.attempt_id == answers.c.attempt_id,
            second_looks.c.position == answers.c.position,
        ),
    )
    return select(answers, *found, *second).select_from(joined)
