"""What all parts of the SQL store share: reading, writing, and the database's errors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, select, text
from sqlalchemy.exc import SQLAlchemyError

from octtutor.core.answer import Answered
from octtutor.core.quiz import Attempt
from octtutor.errors import StoreError
from octtutor.store import rows
from octtutor.store.contract import Store
from octtutor.store.engines import WRITE
from octtutor.store.rules import missing
from octtutor.store.tables import answers, attempts, predictions, second_looks

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="SqlBase")


def translated(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Turn the database's errors into ours."""

    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise StoreError(
                f"The records cannot be read or written ({cause}). Check the database and that "
                "its disk has room, then try again."
            ) from error

    update_wrapper(call, method)
    return call


class SqlBase(Store):
    """A migrated database (see `octtutor.store.migrate`), and how it is read and written."""

    def __init__(self, engine: Engine) -> None:
        """Use a database; see `open_engine`."""
        self._engine = engine
        self._writer = engine.execution_options(**{WRITE: True})

    def close(self) -> None:
        """See `Store`."""
        self._engine.dispose()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._writer.begin() as connection:
            yield connection

    def _answered(self, which: ColumnElement[bool]) -> tuple[Answered, ...]:
        """Return answers with what belongs to them, oldest first."""
        order = answers.c.answered_at, answers.c.attempt_id, answers.c.position
        with self._read() as db:
            found = db.execute(_joined().where(which).order_by(*order)).mappings()
            return tuple(rows.to_answered(row) for row in found)

    @staticmethod
    def _attempt(db: Connection, attempt_id: str, lock: bool = False) -> Attempt:
        query = select(attempts).where(attempts.c.id == attempt_id)
        row = db.execute(query.with_for_update() if lock else query).mappings().first()
        if row is None:
            raise missing("attempt", attempt_id)
        return rows.to_attempt(row)


def _joined() -> Select[tuple[object, ...]]:
    """Select answers, each with its prediction and its second look."""
    chances = [c for c in predictions.c if c.name not in ("attempt_id", "position")]
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
    return select(answers, *chances, *second).select_from(joined)


def lock(db: Connection, table: str) -> None:
    """Let one at a time write a table; SQLite's immediate transaction does so already."""
    if db.dialect.name == "postgresql":
        db.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
