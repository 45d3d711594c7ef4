"""Brings a database to the program's version, and refuses one that is newer."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from octtutor.errors import StoreError
from octtutor.store.sql.engines import WRITE

_log = logging.getLogger(__name__)
_LOCK = 0x0C7_7007


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Apply the missing migrations, in one transaction.

    Args:
        engine: an empty database, or one of an older version.

    Returns:
        The versions before (None: it was empty) and after.

    Raises:
        StoreError: the database is newer than the program, or cannot be reached or written.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    assert head is not None
    try:
        with engine.execution_options(**{WRITE: True}).begin() as connection:
            _wait_for_others(connection)
            before = MigrationContext.configure(connection).get_current_revision()
            _refuse_newer(before, {script.revision for script in scripts.walk_revisions()})
            if before != head:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StoreError(
            f"The database cannot be opened ({cause}). Check its address, that it runs, and "
            "that its folder can be written."
        ) from error
    _log.info("database at version %s", head)
    return before, head


def _wait_for_others(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":  # SQLite is locked by BEGIN IMMEDIATE
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _refuse_newer(current: str | None, known: set[str]) -> None:
    if current is not None and current not in known:
        raise StoreError(
            f"Expected a database of version {max(known)} or older. Received version "
            f"{current[:40]!r}, made by a newer octtutor. Update the program, or use another "
            "database."
        )
