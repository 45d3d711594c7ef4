"""Sessions, and what is switched for everybody, in SQL."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from octtutor.core.session import Discussion, Session
from octtutor.core.switch import Switch
from octtutor.store.contract.sessions import SessionStore
from octtutor.store.rules import missing, require_aware, session_ended, taken_code
from octtutor.store.sql import rows
from octtutor.store.sql.base import SqlBase, lock, translated
from octtutor.store.sql.tables import attempts, discussions, sessions, switches


class SqlSessions(SqlBase, SessionStore):
    """The contract of `SessionStore` over a migrated database."""

    @translated
    def open_session(self, session: Session) -> None:
        """See `SessionStore`."""
        try:
            with self._write() as db:
                db.execute(insert(sessions).values(**rows.from_session(session)))
        except IntegrityError as error:
            raise taken_code(session.code) from error

    @translated
    def find_session(self, code: str) -> Session | None:
        """See `SessionStore`."""
        with self._read() as db:
            row = db.execute(select(sessions).where(sessions.c.code == code)).mappings().first()
        return rows.to_session(row) if row else None

    @translated
    def sessions(self) -> tuple[Session, ...]:
        """See `SessionStore`."""
        query = select(sessions).order_by(sessions.c.opened_at.desc(), sessions.c.code)
        with self._read() as db:
            return tuple(rows.to_session(row) for row in db.execute(query).mappings())

    @translated
    def sessions_among(
        self, codes: Collection[str], and_open_exams: bool = False
    ) -> tuple[Session, ...]:
        """See `SessionStore`."""
        wanted: ColumnElement[bool] = sessions.c.code.in_(sorted(codes))
        if and_open_exams:
            is_exam = sessions.c.options.contains(rows.IS_EXAM)
            wanted = or_(wanted, and_(sessions.c.ended_at.is_(None), is_exam))
        order = sessions.c.opened_at.desc(), sessions.c.code
        with self._read() as db:
            found = db.execute(select(sessions).where(wanted).order_by(*order)).mappings()
            return tuple(rows.to_session(row) for row in found)

    @translated
    def pause_session(self, code: str, at: datetime | None) -> None:
        """See `SessionStore`."""
        with self._write() as db:
            if _hold(db, code).ended_at is not None:
                raise session_ended()
            db.execute(update(sessions).where(sessions.c.code == code).values(paused_at=at))

    @translated
    def end_session(self, code: str, at: datetime) -> None:
        """See `SessionStore`."""
        running = and_(attempts.c.session == code, attempts.c.ended_at.is_(None))
        with self._write() as db:
            if _hold(db, code).ended_at is not None:
                return
            over = {"ended_at": at, "paused_at": None, "discussed": None}
            db.execute(update(sessions).where(sessions.c.code == code).values(**over))
            db.execute(update(attempts).where(running).values(ended_at=at))

    @translated
    def discuss(self, code: str, position: int | None, at: datetime) -> None:
        """See `SessionStore`."""
        known = and_(discussions.c.code == code, discussions.c.position == position)
        with self._write() as db:
            _hold(db, code)
            db.execute(update(sessions).where(sessions.c.code == code).values(discussed=position))
            if position is not None and db.scalar(select(discussions.c.at).where(known)) is None:
                db.execute(insert(discussions).values(code=code, position=position, at=at))

    @translated
    def discussions_of(self, code: str) -> tuple[Discussion, ...]:
        """See `SessionStore`."""
        query = select(discussions).where(discussions.c.code == code)
        with self._read() as db:
            found = db.execute(query.order_by(discussions.c.position)).mappings()
            return tuple(rows.to_discussion(row) for row in found)

    @translated
    def discussions_among(self, codes: Collection[str]) -> tuple[Discussion, ...]:
        """See `SessionStore`."""
        query = select(discussions).where(discussions.c.code.in_(sorted(codes)))
        order = discussions.c.code, discussions.c.position
        with self._read() as db:
            found = db.execute(query.order_by(*order)).mappings()
            return tuple(rows.to_discussion(row) for row in found)

    @translated
    def set_switch(self, switch: Switch) -> None:
        """See `SessionStore`."""
        values = {"is_on": switch.is_on, "by": switch.by, "at": require_aware(switch.at)}
        with self._write() as db:
            lock(db, "switches")
            known = update(switches).where(switches.c.name == switch.name).values(**values)
            if db.execute(known).rowcount == 0:
                db.execute(insert(switches).values(name=switch.name, **values))

    @translated
    def find_switch(self, name: str) -> Switch | None:
        """See `SessionStore`."""
        with self._read() as db:
            row = db.execute(select(switches).where(switches.c.name == name)).mappings().first()
        return Switch(**row) if row else None


def _hold(db: Connection, code: str) -> Session:
    """Return a session and let nobody else change it until the end of the transaction."""
    query = select(sessions).where(sessions.c.code == code).with_for_update()
    row = db.execute(query).mappings().first()
    if row is None:
        raise missing("session", code)
    return rows.to_session(row)
