"""Attempts, answers, predictions and second looks in SQL."""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    RowMapping,
    ScalarSelect,
    Select,
    Table,
    and_,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError

from octtutor.core.answer import Answer, Answered, ReplacedAnswer, SecondLook
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, AttemptWithExams, Showing
from octtutor.errors import StaleError, StoreError
from octtutor.store.contract.attempts import AttemptStore
from octtutor.store.rules import (
    check_answer,
    check_change,
    check_count,
    check_place,
    joined_already,
    looked_already,
    missing,
)
from octtutor.store.sql import rows
from octtutor.store.sql.base import translated
from octtutor.store.sql.shown_cases import SqlShownCases
from octtutor.store.sql.tables import (
    answers,
    attempts,
    predictions,
    replaced_answers,
    second_looks,
    showings,
    trainees,
)


class SqlAttempts(SqlShownCases, AttemptStore):
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
    def extend_attempt(self, attempt: Attempt, sha256: str) -> Attempt:
        """See `AttemptStore`."""
        longer = replace(attempt, cases=(*attempt.cases, sha256))
        as_read = and_(
            attempts.c.id == attempt.id,
            attempts.c.cases == json.dumps(attempt.cases),
            attempts.c.ended_at.is_(None),
        )
        with self._write() as db:
            values = {"cases": json.dumps(longer.cases)}
            if db.execute(update(attempts).where(as_read).values(**values)).rowcount:
                return longer
            now = _attempt(db, attempt.id)
        check_place(len(attempt.cases), now)
        return now

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
    def get_attempt_with_exams(self, attempt_id: str) -> AttemptWithExams:
        """See `AttemptStore`."""
        own = attempts.alias("own")
        exams = attempts.alias("exams")
        who = select(own.c.trainee_id).where(own.c.id == attempt_id).scalar_subquery()
        examined = select(exams.c.quiz).where(
            exams.c.trainee_id == who, exams.c.options.contains(rows.IS_EXAM)
        )
        bears = or_(attempts.c.quiz.in_(examined), attempts.c.ended_at.is_(None))
        beside = and_(attempts.c.trainee_id == who, bears)
        query = select(attempts, *_last_showing(attempt_id)).where(
            or_(attempts.c.id == attempt_id, beside)
        )
        with self._read() as db:
            order = attempts.c.started_at, attempts.c.id
            found = db.execute(query.order_by(*order)).mappings().all()
        seats = [rows.to_attempt(row) for row in found]
        mine = next((attempt for attempt in seats if attempt.id == attempt_id), None)
        if mine is None:
            raise missing("attempt", attempt_id)
        others = tuple(attempt for attempt in seats if attempt.id != attempt_id)
        return AttemptWithExams(mine, others, _to_showing(found[0]))

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
    def record_shown(
        self, attempt_id: str, position: int, at: datetime, sha256: str | None = None
    ) -> datetime:
        """See `AttemptStore`."""
        place = and_(showings.c.attempt_id == attempt_id, showings.c.position == position)
        who = select(attempts.c.trainee_id).where(attempts.c.id == attempt_id).scalar_subquery()
        values = {"attempt_id": attempt_id, "position": position, "shown_at": at}
        with self._write() as db:
            if sha256 is None:
                sha256 = _nth(_attempt(db, attempt_id).cases, position)
            row = {**values, "trainee_id": who, "sha256": sha256}
            if db.execute(_insert_new(db, row)).first() is not None:
                return at
            first: datetime = db.execute(select(showings.c.shown_at).where(place)).scalar_one()
        return first

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
        try:
            with self._write() as db:
                row = _counted(db, answer.attempt_id)
                check_answer(answer, rows.to_attempt(row), row["answered"])
                db.execute(insert(answers).values(**rows.from_answer(answer)))
        except IntegrityError as error:
            raise StaleError(
                f"Case {answer.position + 1} is answered already, in another tab perhaps."
            ) from error

    @translated
    def change_answer(self, answer: Answer) -> Answer:
        """See `AttemptStore`."""
        place = and_(
            answers.c.attempt_id == answer.attempt_id, answers.c.position == answer.position
        )
        kept = [answers.c.changes.label("version"), *(answers.c[name] for name in rows.VERSION)]
        with self._write() as db:
            row = _counted(db, answer.attempt_id)
            check_change(answer, rows.to_attempt(row), row["answered"], row["last_shown"])
            columns = [column.name for column in kept]
            old = select(*kept).where(place)
            db.execute(insert(replaced_answers).from_select(columns, old))
            new = rows.from_answer(answer)
            values = {name: new[name] for name in rows.VERSION[2:]}
            counted = {**values, "changes": answers.c.changes + 1}
            changed = update(answers).where(place).values(**counted).returning(answers.c.changes)
            changes: int = db.execute(changed).scalar_one()
        return replace(answer, changes=changes)

    @translated
    def replaced_answers(self, attempt_id: str) -> tuple[ReplacedAnswer, ...]:
        """See `AttemptStore`."""
        query = select(replaced_answers).where(replaced_answers.c.attempt_id == attempt_id)
        order = replaced_answers.c.position, replaced_answers.c.version
        with self._read() as db:
            found = db.execute(query.order_by(*order)).mappings()
            return tuple(rows.to_replaced_answer(row) for row in found)

    @translated
    def record_prediction(
        self, attempt_id: str, position: int, prediction: Prediction
    ) -> Prediction:
        """See `AttemptStore`."""
        asked = and_(answers.c.attempt_id == attempt_id, answers.c.position == position)
        found = select(answers.c.position, *_predicted())
        joined = found.select_from(answers.outerjoin(predictions, _same_place(predictions)))
        with self._write() as db:
            query = joined.where(asked).with_for_update(of=answers)
            row = db.execute(query).mappings().first()
            if row is None:
                raise StoreError(f"Position {position} has no answer yet: answer it first.")
            if row[rows.PREDICTED + "model"] is not None:
                return rows.to_prediction(row, rows.PREDICTED)
            values = rows.from_prediction(attempt_id, position, prediction)
            db.execute(insert(predictions).values(**values))
        return prediction

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
    def answers_among(self, attempt_ids: Collection[str]) -> tuple[Answered, ...]:
        """See `AttemptStore`."""
        return self._answered(answers.c.attempt_id.in_(sorted(attempt_ids)))

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
    def answers_of_class(self, code: str, scans: Collection[str]) -> tuple[Answered, ...]:
        """See `AttemptStore`."""
        readers = select(attempts.c.trainee_id).where(attempts.c.session == code)
        theirs = answers.c.trainee_id.in_(readers)
        return self._answered(and_(theirs, answers.c.sha256.in_(sorted(scans))))

    @translated
    def answers_to(self, deck: str) -> tuple[Answer, ...]:
        """See `AttemptStore`."""
        query = select(answers).where(answers.c.deck == deck)
        with self._read() as db:
            found = db.execute(query.order_by(answers.c.answered_at)).mappings()
            return tuple(rows.to_answer(row) for row in found)

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


def _counted(db: Connection, attempt_id: str) -> RowMapping:
    """Return an attempt's row, held until the end, with `answered` and `last_shown`.

    How many answers it has, and the last position that was shown.
    """
    count = select(func.count()).where(answers.c.attempt_id == attempt_id).scalar_subquery()
    last = select(func.max(showings.c.position)).where(showings.c.attempt_id == attempt_id)
    facts = count.label("answered"), last.scalar_subquery().label("last_shown")
    query = select(attempts, *facts).where(attempts.c.id == attempt_id)
    row = db.execute(query.with_for_update(of=attempts)).mappings().first()
    if row is None:
        raise missing("attempt", attempt_id)
    return row


def _last_showing(attempt_id: str) -> tuple[ColumnElement[object], ...]:
    """Select position and time of the last case that was shown."""

    def last(column: ColumnElement[object]) -> ScalarSelect[object]:
        query = select(column).where(showings.c.attempt_id == attempt_id)
        return query.order_by(showings.c.position.desc()).limit(1).scalar_subquery()

    return (
        last(showings.c.position).label("last_shown"),
        last(showings.c.shown_at).label("last_shown_at"),
    )


def _to_showing(row: RowMapping) -> Showing | None:
    position = row["last_shown"]
    return None if position is None else Showing(position, row["last_shown_at"])


def _insert_new(db: Connection, values: dict[str, Any]) -> Executable:
    """Insert a showing unless there is one at its place; it gives a row where it has."""
    own_insert = postgres_insert if db.dialect.name == "postgresql" else sqlite_insert
    new = own_insert(showings).values(**values).on_conflict_do_nothing()
    return new.returning(showings.c.position)


def _nth(listed: Sequence[str], place: int) -> str:
    return listed[place] if 0 <= place < len(listed) else ""


def _predicted() -> list[ColumnElement[object]]:
    """Select a prediction's columns beside an answer's."""
    return [
        column.label(rows.PREDICTED + column.name)
        for column in predictions.c
        if column.name not in ("attempt_id", "position")
    ]


def _same_place(table: Table) -> ColumnElement[bool]:
    """Join what belongs to an answer."""
    return and_(table.c.attempt_id == answers.c.attempt_id, table.c.position == answers.c.position)


def _joined() -> Select[tuple[object, ...]]:
    """Select answers, each with its prediction and its second look."""
    second = (
        second_looks.c.choice.label("second_choice"),
        second_looks.c.response_ms.label("second_ms"),
        second_looks.c.at.label("second_at"),
        second_looks.c.confidence.label("second_confidence"),
    )
    joined = answers.outerjoin(predictions, _same_place(predictions)).outerjoin(
        second_looks, _same_place(second_looks)
    )
    return select(answers, *_predicted(), *second).select_from(joined)
