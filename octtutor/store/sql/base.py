"""What all parts of the SQL store share: reading, writing, and the database's errors."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from octtutor.errors import StoreError
from octtutor.store.sql.engines import WRITE

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="SqlBase")


def translated(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Turn the database's errors into ours."""

    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with _errors_translated():
            return method(self, *args, **kwargs)

    update_wrapper(call, method)
    return call


@contextmanager
def _errors_translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StoreError(
            f"The records cannot be read or written ({cause}). Check the database and that its "
            "disk has room, then try again."
        ) from error


class SqlBase:
    """A migrated database (see `octtutor.store.sql.migrate`), and how it is read and written."""

    def __init__(self, engine: Engine) -> None:
        """Use a database; see `open_engine`."""
        self._engine = engine
        self._writer = engine.execution_options(**{WRITE: True})
        self._mine = threading.local()

    def close(self) -> None:
        """Let go of files and connections."""
        self._engine.dispose()

    @contextmanager
    def transaction(self, writes: bool = True) -> Iterator[None]:
        """See `Store`."""
        if self._begun() is not None:
            yield
            return
        engine = self._writer if writes else self._engine
        with _errors_translated(), engine.begin() as connection:
            self._mine.connection = connection
            try:
                yield
            finally:
                self._mine.connection = None

    def _begun(self) -> Connection | None:
        """Return the transaction that this thread is in."""
        found: Connection | None = getattr(self._mine, "connection", None)
        return found

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        begun = self._begun()
        if begun is not None:
            yield begun
            return
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        begun = self._begun()
        if begun is not None:
            if not begun.get_execution_options().get(WRITE):
                raise RuntimeError("Expected no writing in a transaction that is begun to read.")
            yield begun
            return
        with self._writer.begin() as connection:
            yield connection


def lock(db: Connection, table: str) -> None:
    """Let one at a time write a table; SQLite's immediate transaction does so already."""
    if db.dialect.name == "postgresql":
        db.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
