import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from octtutor.core.diagnosis import by_label
from octtutor.core.quiz import CaseOrder
from octtutor.core.scheme import SchemeVersion
from octtutor.errors import SettingsError, StoreError
from octtutor.store.sql import SqlStore
from octtutor.store.sql.engines import WRITE, open_engine, sqlite_url
from octtutor.store.sql.migrate import upgrade
from octtutor.store.sql.tables import metadata
from tests.store.databases import bring_to


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "records.db")


def test_an_empty_database_is_brought_up_and_a_second_time_does_nothing(url: str):
    engine = open_engine(url)
    assert upgrade(engine) == (None, "0014")
    assert upgrade(engine) == ("0014", "0014")
    engine.dispose()


def test_the_migrations_make_exactly_the_tables(url: str):
    engine = open_engine(url)
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


PHRASES = {
    "read": ("random, balanced over classes", CaseOrder.BALANCED),
    "unread": ("adaptive (ARTS)", CaseOrder.ADAPTIVE),
    "new": ("adaptive (ARTS), what is due", CaseOrder.DUE),
    "quiz": ("fixed, seeded", CaseOrder.FIXED),
    "again": ("retest on other scans", CaseOrder.RETEST),
    "class": ("session", CaseOrder.SESSION),
    "edited": ("by hand", CaseOrder.BALANCED),
}
"""Attempts, the orders that version 0.1 wrote of them, and what they are now."""


def check_that_old_attempts_are_read(engine: Engine) -> None:
    """Fill a database of version 0001 as it did, migrate, and read it with today's store."""
    bring_to(engine, "0001")
    answered = "'t', 'x', 'CNV', 'DME', 3, 900, '2026-01-05', 'd', 'practice', '1'"
    with engine.execution_options(**{WRITE: True}).begin() as db:
        for line in (
            "INSERT INTO trainees VALUES ('t', 'Ada', '2026-01-05')",
            "INSERT INTO decks VALUES ('d', 'A deck', true, true, '2026-01-05')",
            *(
                f"INSERT INTO attempts VALUES ('{name}', 't', 'practice', '1', 'd', '{order}', 7, "
                "'[\"x\"]', '2026-01-05', NULL)"
                for name, (order, _) in PHRASES.items()
            ),
            f"INSERT INTO answers VALUES ('read', 1, {answered})",
            f"INSERT INTO answers VALUES ('read', 0, {answered})",
            f"INSERT INTO answers VALUES ('unread', 0, {answered})",
            "INSERT INTO predictions VALUES ('read', 1, 'later', 'b', 1, 0, 0, 0)",
            f"INSERT INTO predictions VALUES ('read', 0, 'first', 'a', 0.1, 0.2, {0.1 + 0.2!r}, 0)",
        ):
            db.exec_driver_sql(line)
    assert upgrade(engine) == ("0001", "0014")
    store = SqlStore(engine)
    models = {name: store.get_attempt(name) for name in ("read", "unread", "new")}
    assert {name: (a.model, a.model_sha256) for name, a in models.items()} == {
        "read": ("first", "a"),
        "unread": (None, None),
        "new": (None, None),
    }
    assert models["read"].cases == ("x",)
    orders = {name: store.get_attempt(name).order for name in PHRASES}
    assert orders == {name: order for name, (_, order) in PHRASES.items()}
    (deck,) = store.decks()
    assert (deck.name, deck.source, deck.citation, deck.licence) == ("d", "", "", "")
    read = store.answers_of("read")
    assert [item.answer.position for item in read] == [0, 1]
    assert read[0].prediction is not None
    assert read[0].prediction.probabilities == by_label((0.1, 0.2, 0.1 + 0.2, 0))
    kept = (read[0].prediction, read[0].answer, models["read"], deck)
    assert {one.scheme for one in kept} == {SchemeVersion("oct2017", 1)}


def test_attempts_of_the_first_version_get_their_model_and_order(url: str):
    engine = open_engine(url)
    check_that_old_attempts_are_read(engine)
    engine.dispose()


@pytest.mark.postgres
def test_attempts_of_the_first_version_get_their_model_and_order_in_postgres(fresh_postgres: str):
    engine = open_engine(fresh_postgres)
    check_that_old_attempts_are_read(engine)
    engine.dispose()


@pytest.mark.postgres
def test_postgres_has_the_same_tables(fresh_postgres: str):
    engine = open_engine(fresh_postgres)
    with ThreadPoolExecutor(4) as pool:
        assert {after for _, after in pool.map(lambda _: upgrade(engine), range(4))} == {"0014"}
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_newer_database_is_refused_in_one_line(url: str):
    engine = open_engine(url)
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"version 0014 or older.*'9999'.*Update the program"):
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
