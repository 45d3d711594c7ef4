"""A data home that version 0.1 left opens, and shows what it showed then.

`tests/data/build_home_0_1.py` says what is in it, and `figures.json` was written by 0.1.
"""

import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from octtutor.datasets.images import ImageFolder
from octtutor.model.serve.in_use import Pointer, read_pointer
from octtutor.settings import Settings
from octtutor.store.contract import Store
from octtutor.store.sql import SqlStore
from octtutor.store.sql.engines import WRITE, open_engine
from octtutor.store.sql.migrate import upgrade
from octtutor.tutor.exams.quizzes import Quizzes
from tests.conftest import ROOT
from tests.data.figures import figures_of
from tests.fakes import ToldPredictor, ToldShelf
from tests.store.databases import bring_to

LEFT = ROOT / "tests" / "data" / "home-0.1"
SCHEMA = "0006"
"""The version of the tables in 0.1."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A copy of the data home."""
    home = tmp_path / "left"
    with zipfile.ZipFile(LEFT / "home.zip") as packed:
        packed.extractall(home)
    return Settings.from_env({"OCTTUTOR_HOME": str(home)})


def shown(store: Store, settings: Settings) -> tuple[Any, Any]:
    """Return what is shown of the records now, and what 0.1 showed, both as JSON has it."""
    told = json.loads((LEFT / "figures.json").read_text("utf-8"))
    opened_at = datetime.fromisoformat(told["opened_at"])
    found = figures_of(
        store,
        ImageFolder(settings.images),
        Quizzes(store, settings.quiz_folders),
        ToldShelf(ToldPredictor()),
        lambda: opened_at,
    )
    return json.loads(json.dumps(found, default=str)), _kept(told["figures"])


def _kept(figures: Any) -> Any:
    """Return of what 0.1 showed all but the figures whose rule has changed since."""
    for trainee in figures["trainees"].values():
        trainee["attempts"] = [row[:8] for row in trainee["attempts"]]
        exams = [exam for kind in trainee.pop("progress") for exam in kind["exams"]]
        trainee["exams"] = [[quiz, passed, seen] for quiz, _, passed, seen, _ in exams]
    for row in figures["sessions"].values():
        board = row[2]
        row[2] = {
            "readers": [[name, at, done, left] for name, at, _, done, left in board["readers"]],
            "cases": [[waiting, shown] for _, _, waiting, shown, _ in board["cases"]],
        }
    return figures


def check(engine: Engine, settings: Settings) -> None:
    before, after = upgrade(engine)
    assert before == SCHEMA
    assert after >= SCHEMA
    store = SqlStore(engine)
    now, then = shown(store, settings)
    store.close()
    assert now.keys() == then.keys()
    for part in then:
        assert now[part] == then[part], part


def test_a_data_home_of_0_1_shows_what_it_showed(settings: Settings):
    check(open_engine(settings.database_url), settings)


def test_its_model_in_use_is_still_named(settings: Settings):
    assert read_pointer(settings.model_folders[0]) == (Pointer(("lite0",)), None)


def load_rows(engine: Engine) -> None:
    """Make the tables as they were in 0.1, and fill them."""
    bring_to(engine, SCHEMA)
    lines = (LEFT / "records.sql").read_text("utf-8").split(";\n")
    with engine.execution_options(**{WRITE: True}).begin() as db:
        for line in filter(str.strip, lines):
            db.exec_driver_sql(line)


@pytest.mark.postgres
def test_its_records_show_the_same_in_postgres(fresh_postgres: str, settings: Settings):
    engine = open_engine(fresh_postgres)
    load_rows(engine)
    check(engine, settings)
