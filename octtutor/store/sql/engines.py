"""Connections to SQLite and PostgreSQL, with the settings that keep answers safe."""

import logging
import sqlite3
import threading
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import QueuePool

from octtutor.errors import SettingsError

_log = logging.getLogger(__name__)
WRITE = "octtutor_write"
"""Execution option of a connection that will write."""
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=30000",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "wal_autocheckpoint=0",
)
_ONE_FOR_ALL: dict[str, Any] = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}


def open_engine(url: str) -> Engine:
    """Open a database.

    Args:
        url: `sqlite:////path/octtutor.db` or `postgresql://user@host/name`; `sqlite://` alone is
            a database in memory, of one connection that all threads take in turn.

    Raises:
        SettingsError: the address is not of these kinds, or the driver is not installed.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise ArgumentError(parsed.drivername)
        if parsed.get_backend_name() == "sqlite":
            pool = {} if parsed.database else _ONE_FOR_ALL
            threads = {"check_same_thread": False}
            return _sqlite(create_engine(parsed, connect_args=threads, **pool))
        return create_engine(parsed, pool_size=10, max_overflow=20, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise SettingsError(
            "Expected a database address like sqlite:////folder/octtutor.db or "
            "postgresql://user@host/name. Received one that is neither. Check "
            "OCTTUTOR_DATABASE_URL or --database-url."
        ) from error
    except ModuleNotFoundError as error:
        raise SettingsError(
            "PostgreSQL needs the driver psycopg: pip install 'octtutor[postgres]'"
        ) from error


def sqlite_url(path: Path) -> str:
    """Return the address of a SQLite file."""
    return f"sqlite:///{path}"


def _sqlite(engine: Engine) -> Engine:
    _log.info("SQLite %s", sqlite3.sqlite_version)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    _Checkpoints(engine)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we begin ourselves: Python's deferred BEGIN loses writes
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class _Checkpoints:
    """Moves the write-ahead log into the file, from one thread at a time.

    SQLite 3.7.0 to 3.51.2 can lose the log's reset when two connections checkpoint at once
    (sqlite.org/wal.html, "the WAL-reset bug"), so the connections' own checkpoints are off.
    """

    def __init__(self, engine: Engine, every: int = 200) -> None:
        self._lock = threading.Lock()
        self._every = every
        self._writes = 0
        self._path = engine.url.database
        event.listen(engine, "commit", self._count)
        event.listen(engine, "engine_disposed", self._run)

    def _count(self, connection: Connection) -> None:
        if connection.get_execution_options().get(WRITE, False):
            self._writes += 1
            if self._writes % self._every == 0:
                self._run(connection.engine)

    def _run(self, _engine: Engine) -> None:
        if not self._path or not Path(self._path).exists():
            return
        with self._lock:
            connection = sqlite3.connect(self._path, timeout=1)
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            except sqlite3.OperationalError:
                pass  # busy: the next one will do it
            finally:
                connection.close()
