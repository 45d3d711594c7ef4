"""Records in memory: SQLite as in the product, without a file."""

import sqlite3
import weakref
from functools import cache

from octtutor.store.sql import SqlStore
from octtutor.store.sql.engines import open_engine
from octtutor.store.sql.migrate import upgrade


class MemoryStore(SqlStore):
    """An empty, migrated store of its own, gone when it is closed or nobody holds it any more."""

    def __init__(self) -> None:
        """Start empty; the migrations run once in a process, and are copied from then on."""
        engine = open_engine("sqlite://")
        with engine.connect() as connection:
            database = connection.connection.driver_connection
            assert isinstance(database, sqlite3.Connection)
            database.deserialize(_migrated())
        super().__init__(engine)
        weakref.finalize(self, engine.dispose)


@cache
def _migrated() -> bytes:
    engine = open_engine("sqlite://")
    upgrade(engine)
    with engine.connect() as connection:
        database = connection.connection.driver_connection
        assert isinstance(database, sqlite3.Connection)
        made = database.serialize()
    engine.dispose()
    return made
