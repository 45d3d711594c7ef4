"""Trainees, educators, sign-ins and guesses in SQL."""

from datetime import datetime, timedelta

from sqlalchemy import (
    Connection,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from octtutor.core.educator import Educator, Guess, SignIn, wait_after
from octtutor.core.quiz import Trainee
from octtutor.store.contract.people import PeopleStore
from octtutor.store.rules import (
    no_educator,
    taken_name,
)
from octtutor.store.sql import rows
from octtutor.store.sql.base import SqlBase, lock, translated
from octtutor.store.sql.tables import (
    answers,
    attempts,
    educators,
    guesses,
    known_addresses,
    predictions,
    replaced_answers,
    second_looks,
    showings,
    sign_ins,
    trainees,
)


class SqlPeople(SqlBase, PeopleStore):
    """The contract of `PeopleStore` over a migrated database."""

    @translated
    def add_trainee(self, trainee: Trainee) -> None:
        """See `PeopleStore`."""
        with self._write() as db:
            known = update(trainees).where(trainees.c.id == trainee.id)
            if db.execute(known.values(nickname=trainee.nickname)).rowcount == 0:
                values = {"id": trainee.id, "nickname": trainee.nickname}
                db.execute(insert(trainees).values(created_at=trainee.created_at, **values))

    @translated
    def find_trainee(self, trainee_id: str) -> Trainee | None:
        """See `PeopleStore`."""
        with self._read() as db:
            row = db.execute(select(trainees).where(trainees.c.id == trainee_id)).mappings().first()
        return rows.to_trainee(row) if row else None

    @translated
    def trainees(self) -> tuple[Trainee, ...]:
        """See `PeopleStore`."""
        with self._read() as db:
            found = db.execute(select(trainees).order_by(trainees.c.created_at)).mappings()
            return tuple(rows.to_trainee(row) for row in found)

    @translated
    def forget_trainee(self, trainee_id: str) -> None:
        """See `PeopleStore`."""
        mine = select(attempts.c.id).where(attempts.c.trainee_id == trainee_id)
        with self._write() as db:
            who = select(trainees.c.id).where(trainees.c.id == trainee_id)
            db.execute(who.with_for_update())  # nobody answers meanwhile
            for table in (predictions, second_looks, replaced_answers, answers, showings):
                db.execute(delete(table).where(table.c.attempt_id.in_(mine)))
            db.execute(delete(attempts).where(attempts.c.trainee_id == trainee_id))
            db.execute(delete(trainees).where(trainees.c.id == trainee_id))

    @translated
    def add_educator(self, educator: Educator, password_hash: str) -> None:
        """See `PeopleStore`."""
        values = {"name": educator.name, "created_at": educator.created_at}
        try:
            with self._write() as db:
                db.execute(insert(educators).values(password_hash=password_hash, **values))
        except IntegrityError as error:
            raise taken_name(educator.name) from error

    @translated
    def educators(self) -> tuple[Educator, ...]:
        """See `PeopleStore`."""
        with self._read() as db:
            found = db.execute(select(educators).order_by(educators.c.name)).mappings().all()
        return tuple(rows.to_educator(row) for row in found)

    @translated
    def has_educators(self) -> bool:
        """See `PeopleStore`."""
        with self._read() as db:
            return db.scalar(select(educators.c.name).limit(1)) is not None

    @translated
    def find_password_hash(self, name: str) -> str | None:
        """See `PeopleStore`."""
        query = select(educators.c.password_hash).where(educators.c.name == name)
        with self._read() as db:
            found: str | None = db.scalar(query)
        return found

    @translated
    def remove_educator(self, name: str) -> None:
        """See `PeopleStore`."""
        with self._write() as db:
            _need_educator(db, name)
            db.execute(delete(sign_ins).where(sign_ins.c.educator == name))
            db.execute(delete(educators).where(educators.c.name == name))

    @translated
    def add_sign_in(self, sign_in: SignIn) -> None:
        """See `PeopleStore`."""
        with self._write() as db:
            _need_educator(db, sign_in.educator)
            db.execute(delete(sign_ins).where(sign_ins.c.expires_at <= sign_in.created_at))
            db.execute(insert(sign_ins).values(**rows.from_sign_in(sign_in)))

    @translated
    def find_sign_in(self, token_sha256: str) -> tuple[SignIn, Educator] | None:
        """See `PeopleStore`."""
        with self._read() as db:
            found = select(sign_ins).where(sign_ins.c.token_sha256 == token_sha256)
            row = db.execute(found).mappings().first()
            who = select(educators).where(educators.c.name == (row["educator"] if row else ""))
            owner = db.execute(who).mappings().first()
        return (rows.to_sign_in(row), rows.to_educator(owner)) if row and owner else None

    @translated
    def end_sign_in(self, token_sha256: str) -> None:
        """See `PeopleStore`."""
        with self._write() as db:
            db.execute(delete(sign_ins).where(sign_ins.c.token_sha256 == token_sha256))

    @translated
    def admit_guess(self, guess: Guess, since: datetime) -> timedelta:
        """See `PeopleStore`."""
        same = and_(guesses.c.who == guess.who, guesses.c.address == guess.address)
        with self._write() as db:
            lock(db, "guesses")
            db.execute(delete(guesses).where(guesses.c.at < since))
            wait = wait_after(db.scalars(select(guesses.c.at).where(same)).all(), guess.at)
            if not wait:
                db.execute(insert(guesses).values(**rows.from_guess(guess)))
        return wait

    @translated
    def remember_address(self, who: str, address: str) -> None:
        """See `PeopleStore`."""
        with self._write() as db:
            lock(db, "guesses")
            if not _is_known(db, who, address):
                db.execute(insert(known_addresses).values(who=who, address=address))

    @translated
    def knows_address(self, who: str, address: str) -> bool:
        """See `PeopleStore`."""
        with self._read() as db:
            return _is_known(db, who, address)

    @translated
    def forget_addresses(self, who: str) -> None:
        """See `PeopleStore`."""
        with self._write() as db:
            db.execute(delete(known_addresses).where(known_addresses.c.who == who))

    @translated
    def forget_guesses(self, who: str, address: str) -> None:
        """See `PeopleStore`."""
        same = and_(guesses.c.who == who, guesses.c.address == address)
        with self._write() as db:
            db.execute(delete(guesses).where(same))


def _is_known(db: Connection, who: str, address: str) -> bool:
    same = and_(known_addresses.c.who == who, known_addresses.c.address == address)
    return db.scalar(select(func.count()).select_from(known_addresses).where(same)) == 1


def _need_educator(db: Connection, name: str) -> None:
    """Refuse a name that is not there, and hold on to one that is until the end."""
    if (
        db.scalar(select(educators.c.name).where(educators.c.name == name).with_for_update())
        is None
    ):
        raise no_educator(name)
