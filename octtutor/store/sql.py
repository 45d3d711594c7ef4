"""Records in SQLite or PostgreSQL."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from octtutor.core.answer import Answer, Answered, SecondLook
from octtutor.core.case import Case, Deck, DeckSummary
from octtutor.core.educator import Educator, Guess, SignIn
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, Trainee
from octtutor.errors import StaleError, StoreError
from octtutor.store import rows
from octtutor.store.rules import (
    check_answer,
    check_count,
    check_place,
    joined_already,
    looked_already,
    missing,
    no_educator,
    taken_name,
)
from octtutor.store.sql_annotations import SqlAnnotations
from octtutor.store.sql_base import lock, translated
from octtutor.store.tables import (
    answers,
    attempts,
    cases,
    decks,
    educators,
    guesses,
    predictions,
    second_looks,
    showings,
    sign_ins,
    trainees,
)


class SqlStore(SqlAnnotations):
    """The contract over a migrated database (see `octtutor.store.migrate`)."""

    @translated
    def add_trainee(self, trainee: Trainee) -> None:
        """See `Store`."""
        with self._write() as db:
            known = update(trainees).where(trainees.c.id == trainee.id)
            if db.execute(known.values(nickname=trainee.nickname)).rowcount == 0:
                values = {"id": trainee.id, "nickname": trainee.nickname}
                db.execute(insert(trainees).values(created_at=trainee.created_at, **values))

    @translated
    def find_trainee(self, trainee_id: str) -> Trainee | None:
        """See `Store`."""
        with self._read() as db:
            row = db.execute(select(trainees).where(trainees.c.id == trainee_id)).mappings().first()
        return rows.to_trainee(row) if row else None

    @translated
    def trainees(self) -> tuple[Trainee, ...]:
        """See `Store`."""
        with self._read() as db:
            found = db.execute(select(trainees).order_by(trainees.c.created_at)).mappings()
            return tuple(rows.to_trainee(row) for row in found)

    @translated
    def forget_trainee(self, trainee_id: str) -> None:
        """See `Store`."""
        mine = select(attempts.c.id).where(attempts.c.trainee_id == trainee_id)
        with self._write() as db:
            who = select(trainees.c.id).where(trainees.c.id == trainee_id)
            db.execute(who.with_for_update())  # nobody answers meanwhile
            for table in (predictions, second_looks, answers, showings):
                db.execute(delete(table).where(table.c.attempt_id.in_(mine)))
            db.execute(delete(attempts).where(attempts.c.trainee_id == trainee_id))
            db.execute(delete(trainees).where(trainees.c.id == trainee_id))

    @translated
    def add_educator(self, educator: Educator, password_hash: str) -> None:
        """See `Store`."""
        values = {"name": educator.name, "created_at": educator.created_at}
        try:
            with self._write() as db:
                db.execute(insert(educators).values(password_hash=password_hash, **values))
        except IntegrityError as error:
            raise taken_name(educator.name) from error

    @translated
    def educators(self) -> tuple[Educator, ...]:
        """See `Store`."""
        with self._read() as db:
            found = db.execute(select(educators).order_by(educators.c.name)).mappings().all()
        return tuple(rows.to_educator(row) for row in found)

    @translated
    def has_educators(self) -> bool:
        """See `Store`."""
        with self._read() as db:
            return db.scalar(select(educators.c.name).limit(1)) is not None

    @translated
    def find_password_hash(self, name: str) -> str | None:
        """See `Store`."""
        query = select(educators.c.password_hash).where(educators.c.name == name)
        with self._read() as db:
            found: str | None = db.scalar(query)
        return found

    @translated
    def remove_educator(self, name: str) -> None:
        """See `Store`."""
        with self._write() as db:
            _need_educator(db, name)
            db.execute(delete(sign_ins).where(sign_ins.c.educator == name))
            db.execute(delete(educators).where(educators.c.name == name))

    @translated
    def add_sign_in(self, sign_in: SignIn) -> None:
        """See `Store`."""
        with self._write() as db:
            _need_educator(db, sign_in.educator)
            db.execute(delete(sign_ins).where(sign_ins.c.expires_at <= sign_in.created_at))
            db.execute(insert(sign_ins).values(**rows.from_sign_in(sign_in)))

    @translated
    def find_sign_in(self, token_sha256: str) -> tuple[SignIn, Educator] | None:
        """See `Store`."""
        with self._read() as db:
            found = select(sign_ins).where(sign_ins.c.token_sha256 == token_sha256)
            row = db.execute(found).mappings().first()
            who = select(educators).where(educators.c.name == (row["educator"] if row else ""))
            owner = db.execute(who).mappings().first()
        return (rows.to_sign_in(row), rows.to_educator(owner)) if row and owner else None

    @translated
    def end_sign_in(self, token_sha256: str) -> None:
        """See `Store`."""
        with self._write() as db:
            db.execute(delete(sign_ins).where(sign_ins.c.token_sha256 == token_sha256))

    @translated
    def admit_guess(self, guess: Guess, since: datetime, most: int) -> bool:
        """See `Store`."""
        with self._write() as db:
            lock(db, "guesses")
            db.execute(delete(guesses).where(guesses.c.at < since))
            for same in (guesses.c.who == guess.who, guesses.c.address == guess.address):
                if (db.scalar(select(func.count()).where(same)) or 0) >= most:
                    return False
            db.execute(insert(guesses).values(**rows.from_guess(guess)))
        return True

    @translated
    def forget_guesses(self, who: str, address: str) -> None:
        """See `Store`."""
        same = and_(guesses.c.who == who, guesses.c.address == address)
        with self._write() as db:
            db.execute(delete(guesses).where(same))

    @translated
    def summarise_decks(self) -> tuple[DeckSummary, ...]:
        """See `Store`."""
        by_label = select(cases.c.deck, cases.c.label, func.count().label("scans"))
        patients = select(cases.c.deck, func.count(cases.c.patient.distinct()))
        counts: dict[str, dict[str, int]] = {}
        with self._read() as db:
            found = db.execute(select(decks).order_by(decks.c.name)).mappings().all()
            for deck, label, scans in db.execute(by_label.group_by(cases.c.deck, cases.c.label)):
                counts.setdefault(deck, {})[label] = scans
            people = {deck: n for deck, n in db.execute(patients.group_by(cases.c.deck))}
        known = map(rows.to_deck, found)
        return tuple(
            rows.to_summary(d, counts.get(d.name, {}), people.get(d.name, 0)) for d in known
        )

    @translated
    def put_deck(self, deck: Deck) -> None:
        """See `Store`."""
        facts = {
            "title": deck.title,
            "synthetic": deck.synthetic,
            "complete": deck.complete,
            "imported_at": deck.imported_at,
        }
        with self._write() as db:
            lock(db, "decks")
            known = update(decks).where(decks.c.name == deck.name).values(**facts)
            if db.execute(known).rowcount == 0:
                db.execute(insert(decks).values(name=deck.name, **facts))

    @translated
    def decks(self) -> tuple[Deck, ...]:
        """See `Store`."""
        with self._read() as db:
            found = db.execute(select(decks).order_by(decks.c.name)).mappings().all()
        return tuple(rows.to_deck(row) for row in found)

    @translated
    def find_deck(self, name: str) -> Deck | None:
        """See `Store`."""
        with self._read() as db:
            row = db.execute(select(decks).where(decks.c.name == name)).mappings().first()
        return rows.to_deck(row) if row else None

    @translated
    def count_cases(self, deck: str) -> int:
        """See `Store`."""
        with self._read() as db:
            return db.scalar(select(func.count()).where(cases.c.deck == deck)) or 0

    @translated
    def add_cases(self, deck: str, new_cases: Iterable[Case]) -> int:
        """See `Store`."""
        with self._write() as db:
            lock(db, "decks")
            if db.scalar(select(decks.c.name).where(decks.c.name == deck)) is None:
                raise missing("deck", deck)
            held = set(db.scalars(select(cases.c.sha256).where(cases.c.deck == deck)))
            new = {case.sha256: case for case in new_cases if case.sha256 not in held}
            if new:
                db.execute(insert(cases), [rows.from_case(deck, case) for case in new.values()])
        return len(new)

    @translated
    def cases_of(self, deck: str) -> tuple[Case, ...]:
        """See `Store`."""
        query = select(cases).where(cases.c.deck == deck).order_by(cases.c.sha256)
        with self._read() as db:
            return tuple(rows.to_case(row) for row in db.execute(query).mappings())

    @translated
    def get_case(self, deck: str, sha256: str) -> Case:
        """See `Store`."""
        query = select(cases).where(cases.c.deck == deck, cases.c.sha256 == sha256)
        with self._read() as db:
            row = db.execute(query).mappings().first()
        if row is None:
            raise missing("case", sha256)
        return rows.to_case(row)

    @translated
    def start_attempt(self, attempt: Attempt, at_most: int | None = None) -> None:
        """See `Store`."""
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
        """See `Store`."""
        with self._write() as db:
            attempt = self._attempt(db, attempt_id, lock=True)
            check_place(position, attempt)
            if position == len(attempt.cases):
                attempt = replace(attempt, cases=(*attempt.cases, sha256))
                same = update(attempts).where(attempts.c.id == attempt_id)
                db.execute(same.values(cases=json.dumps(attempt.cases)))
        return attempt

    @translated
    def attempts_of(self, trainee_id: str) -> tuple[Attempt, ...]:
        """See `Store`."""
        return self._attempts(attempts.c.trainee_id == trainee_id)

    @translated
    def attempts_in(self, code: str) -> tuple[Attempt, ...]:
        """See `Store`."""
        return self._attempts(attempts.c.session == code)

    @translated
    def get_attempt(self, attempt_id: str) -> Attempt:
        """See `Store`."""
        with self._read() as db:
            return self._attempt(db, attempt_id)

    @translated
    def find_latest_attempt(self, trainee_id: str) -> Attempt | None:
        """See `Store`."""
        return self._latest(attempts.c.trainee_id == trainee_id)

    @translated
    def find_answered_attempt(self, trainee_id: str) -> Attempt | None:
        """See `Store`."""
        answered = exists().where(answers.c.attempt_id == attempts.c.id)
        return self._latest(and_(attempts.c.trainee_id == trainee_id, answered))

    @translated
    def end_attempt(self, attempt_id: str, at: datetime) -> None:
        """See `Store`."""
        with self._write() as db:
            self._attempt(db, attempt_id)
            still_open = and_(attempts.c.id == attempt_id, attempts.c.ended_at.is_(None))
            db.execute(update(attempts).where(still_open).values(ended_at=at))

    @translated
    def record_shown(self, attempt_id: str, position: int, at: datetime) -> datetime:
        """See `Store`."""
        place = and_(showings.c.attempt_id == attempt_id, showings.c.position == position)
        with self._write() as db:
            self._attempt(db, attempt_id, lock=True)
            first = db.scalar(select(showings.c.shown_at).where(place))
            if first is None:
                values = {"attempt_id": attempt_id, "position": position}
                db.execute(insert(showings).values(shown_at=at, **values))
        return first or at

    @translated
    def last_shown(self, attempt_id: str) -> int | None:
        """See `Store`."""
        query = select(func.max(showings.c.position)).where(showings.c.attempt_id == attempt_id)
        with self._read() as db:
            position: int | None = db.scalar(query)
        return position

    @translated
    def record_answer(self, answer: Answer) -> None:
        """See `Store`."""
        count = select(func.count()).where(answers.c.attempt_id == answer.attempt_id)
        try:
            with self._write() as db:
                attempt = self._attempt(db, answer.attempt_id, lock=True)
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
        """See `Store`."""
        place = and_(predictions.c.attempt_id == attempt_id, predictions.c.position == position)
        asked = and_(answers.c.attempt_id == attempt_id, answers.c.position == position)
        with self._write() as db:
            self._attempt(db, attempt_id, lock=True)
            if db.scalar(select(answers.c.position).where(asked)) is None:
                raise StoreError(f"Position {position} has no answer yet: answer it first.")
            row = db.execute(select(predictions).where(place)).mappings().first()
            if row is None:
                values = rows.from_prediction(attempt_id, position, prediction)
                db.execute(insert(predictions).values(**values))
        return rows.to_prediction(row) if row else prediction

    @translated
    def record_second_look(self, look: SecondLook) -> None:
        """See `Store`."""
        asked = and_(answers.c.attempt_id == look.attempt_id, answers.c.position == look.position)
        try:
            with self._write() as db:
                self._attempt(db, look.attempt_id, lock=True)
                if db.scalar(select(answers.c.position).where(asked)) is None:
                    raise looked_already(look.position)
                db.execute(insert(second_looks).values(**rows.from_second_look(look)))
        except IntegrityError as error:
            raise looked_already(look.position) from error

    @translated
    def answers_of(self, attempt_id: str) -> tuple[Answered, ...]:
        """See `Store`."""
        found = self._answered(answers.c.attempt_id == attempt_id)
        return tuple(sorted(found, key=lambda item: item.answer.position))

    @translated
    def answers_by(self, trainee_id: str) -> tuple[Answered, ...]:
        """See `Store`."""
        return self._answered(answers.c.trainee_id == trainee_id)

    @translated
    def answers_to(self, deck: str) -> tuple[Answer, ...]:
        """See `Store`."""
        query = select(answers).where(answers.c.deck == deck)
        with self._read() as db:
            found = db.execute(query.order_by(answers.c.answered_at)).mappings()
            return tuple(rows.to_answer(row) for row in found)

    @translated
    def seen_by(self, trainee_id: str) -> tuple[str, ...]:
        """See `Store`."""
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


def _need_educator(db: Connection, name: str) -> None:
    """Refuse a name that is not there, and hold on to one that is until the end."""
    if (
        db.scalar(select(educators.c.name).where(educators.c.name == name).with_for_update())
        is None
    ):
        raise no_educator(name)
