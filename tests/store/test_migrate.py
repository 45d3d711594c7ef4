import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from octtutor.errors import SettingsError, StoreError
from octtutor.store import migrate
from octtutor.store.engines import WRITE, open_engine, sqlite_url
from octtutor.store.migrate import upgrade
from octtutor.store.sql import SqlStore
from octtutor.store.tables import metadata


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "records.db")


def test_an_empty_database_is_brought_up_and_a_second_time_does_nothing(url: str):
    engine = open_engine(url)
    assert upgrade(engine) == (None, "0006")
    assert upgrade(engine) == ("0006", "0006")
    engine.dispose()


def test_the_migrations_make_exactly_the_tables(url: str):
    engine = open_engine(url)
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def bring_to(engine: Engine, version: str) -> None:
    """Make a database of an older version."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    with engine.execution_options(**{WRITE: True}).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def check_that_old_attempts_get_their_model(engine: Engine) -> None:
    """Fill a database of version 0001 as it did, migrate, and read it with today's store."""
    bring_to(engine, "0001")
    answered = "'t', 'x', 'CNV', 'DME', 3, 900, '2026-01-05', 'd', 'practice', '1'"
    with engine.execution_options(**{WRITE: True}).begin() as db:
        for line in (
            "INSERT INTO trainees VALUES ('t', 'Ada', '2026-01-05')",
            "INSERT INTO decks VALUES ('d', 'A deck', true, true, '2026-01-05')",
            *(
                f"INSERT INTO attempts VALUES ('{name}', 't', 'practice', '1', 'd', 'random', 7, "
                "'[\"x\"]', '2026-01-05', NULL)"
                for name in ("read", "unread", "new")
            ),
            f"INSERT INTO answers VALUES ('read', 1, {answered})",
            f"INSERT INTO answers VALUES ('read', 0, {answered})",
            f"INSERT INTO answers VALUES ('unread', 0, {answered})",
            "INSERT INTO predictions VALUES ('read', 1, 'later', 'b', 1, 0, 0, 0)",
            "INSERT INTO predictions VALUES ('read', 0, 'first', 'a', 1, 0, 0, 0)",
        ):
            db.exec_driver_sql(line)
    assert upgrade(engine) == ("0001", "0006")
    store = SqlStore(engine)
    models = {name: store.get_attempt(name) for name in ("read", "unread", "new")}
    assert {name: (a.model, a.model_sha256) for name, a in models.items()} == {
        "read": ("first", "a"),
        "unread": (None, None),
        "new": (None, None),
    }
    assert models["read"].cases == ("x",)
    assert [item.answer.position for item in store.answers_of("read")] == [0, 1]


def test_attempts_of_the_first_version_get_the_model_that_answered(url: str):
    engine = open_engine(url)
    check_that_old_attempts_get_their_model(engine)
    engine.dispose()


@pytest.mark.postgres
def test_attempts_of_the_first_version_get_the_model_that_answered_in_postgres(postgres: str):
    engine = open_engine(postgres)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    check_that_old_attempts_get_their_model(engine)
    engine.dispose()


@pytest.mark.postgres
def test_postgres_has_the_same_tables(postgres: str):
    engine = open_engine(postgres)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    with ThreadPoolExecutor(4) as pool:
        assert {after for _, after in pool.map(lambda _: upgrade(engine), range(4))} == {"0006"}
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_newer_database_is_refused_in_one_line(url: str):
    engine = open_engine(url)
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"version 0006 or older.*'9999'.*Update the program"):
        upgrade(engine)
    engine.dispose()


def test_sqlite_is_set_up_to_keep_answers(url: str, tmp_path: Path):
    engine = open_engine(url)
    upgrade(engine)
    with engine.connect() as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 30000,
    }
    engine.dispose()
    with sqlite3.connect(tmp_path / "records.db") as plain:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    plain.close()


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "sqlite+nothing:///x", "http://x"])
def test_a_wrong_address_is_refused(url: str):
    with pytest.raises(SettingsError, match="Expected a database address"):
        open_engine(url)


def test_a_database_that_cannot_be_opened_is_said(tmp_path: Path):
    engine = open_engine(sqlite_url(tmp_path / "no" / "such" / "folder" / "x.db"))
    with pytest.raises(StoreError, match="cannot be opened"):
        upgrade(engine)


def test_a_file_that_is_no_database_is_said(tmp_path: Path):
    path = tmp_path / "records.db"
    path.write_text("this is no database, but long enough to be looked at" * 20)
    with pytest.raises(StoreError, match="cannot be opened"):
        upgrade(open_engine(sqlite_url(path)))
