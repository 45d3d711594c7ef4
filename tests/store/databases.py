"""Databases as they were, for tests."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from octtutor.store.sql import migrate
from octtutor.store.sql.engines import WRITE


def bring_to(engine: Engine, version: str) -> None:
    """Make a database of an older version."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    with engine.execution_options(**{WRITE: True}).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
