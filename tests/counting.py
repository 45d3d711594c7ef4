"""Counts what is asked of a database, of whichever store in this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event


@dataclass
class Counted:
    """What was asked of the database."""

    statements: list[str] = field(default_factory=list)
    transactions: int = 0


@contextmanager
def counting() -> Iterator[Counted]:
    """Count statements but BEGIN, and transactions, as SQLAlchemy sends them."""
    counted = Counted()

    def statement(_connection: Any, _cursor: Any, words: str, *_rest: Any) -> None:
        if not words.startswith("BEGIN"):
            counted.statements.append(words)

    def begun(_connection: Any) -> None:
        counted.transactions += 1

    with _listening("before_cursor_execute", statement), _listening("begin", begun):
        yield counted


@contextmanager
def counting_steps() -> Iterator[list[int]]:
    """Count the steps that SQLite takes through tables and indexes, in tens."""
    steps: list[int] = []
    asked: set[Any] = set()

    def watch(connection: Any, *_rest: Any) -> None:
        database = connection.connection.driver_connection
        database.set_progress_handler(lambda: steps.append(10), 10)
        asked.add(database)

    with _listening("before_cursor_execute", watch):
        yield steps
    for database in asked:
        database.set_progress_handler(None, 10)


@contextmanager
def _listening(name: str, heard: Callable[..., None]) -> Iterator[None]:
    event.listen(Engine, name, heard)
    try:
        yield
    finally:
        event.remove(Engine, name, heard)
