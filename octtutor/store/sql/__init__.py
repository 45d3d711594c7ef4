"""Records in SQLite or PostgreSQL: each contract in a file of its own."""

from octtutor.store.contract import Store
from octtutor.store.sql.annotations import SqlAnnotations
from octtutor.store.sql.attempts import SqlAttempts
from octtutor.store.sql.decks import SqlDecks
from octtutor.store.sql.people import SqlPeople
from octtutor.store.sql.sessions import SqlSessions

__all__ = ["SqlStore"]


class SqlStore(SqlPeople, SqlDecks, SqlAttempts, SqlSessions, SqlAnnotations, Store):
    """All five contracts over a migrated database (see `octtutor.store.sql.migrate`)."""
