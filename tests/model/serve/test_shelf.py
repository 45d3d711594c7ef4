"""Which model a quiz gets: the published one for new quizzes, its own for a running one."""

import gc
import os
import shutil
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.errors import ModelError
from octtutor.model.network.card import read_card
from octtutor.model.serve.in_use import Pointer, write_pointer
from octtutor.model.serve.shelf import ModelShelf
from octtutor.phantom import make
from octtutor.store.sql import SqlStore
from octtutor.store.sql.engines import open_engine, sqlite_url
from octtutor.store.sql.migrate import upgrade
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.practice.practice import Practice
from tests.conftest import MODEL, ROOT, Clock
from tests.model.folders import break_weights, make_model

SCAN = make(LABELS[1], np.random.default_rng(2), (300, 300)).scan
SHIPPED = MODEL.parent


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The user's models: two that lean so far that they always answer DRUSEN and NORMAL."""
    home = tmp_path / "home" / "models"
    make_model(home / "drusen", "DRUSEN", 100.0)
    make_model(home / "normal", "NORMAL", 100.0)
    return home


def choose(models: Path, *names: str) -> None:
    """What another process does when it publishes."""
    write_pointer(models, Pointer(names))


@pytest.fixture
def shelf(models: Path, tmp_path: Path) -> ModelShelf:
    return ModelShelf((models, SHIPPED), tmp_path / "answers")


def test_the_shipped_model_is_current_until_another_is_published(shelf: ModelShelf, models: Path):
    assert shelf.current().name == "lite0"
    choose(models, "drusen")
    assert shelf.current().name == "drusen"
    choose(models, "drusen", "normal")
    assert shelf.current().name == "normal"
    choose(models)
    assert shelf.current().name == "lite0"


def test_what_another_process_publishes_is_current_without_a_restart(
    shelf: ModelShelf, models: Path, tmp_path: Path
):
    first = shelf.current()
    trained = make_model(tmp_path / "trained", "DME", 100.0)
    home = {**os.environ, "OCTTUTOR_HOME": str(models.parent)}
    command = [sys.executable, "-m", "octtutor", "models", "publish", trained, "--as", "v2"]
    subprocess.run(command, env=home, cwd=ROOT, check=True, timeout=120, capture_output=True)
    now = shelf.current()
    assert (now.name, now.sha256) == ("v2", read_card(trained).weights_sha256)
    assert now.read("a" * 64, SCAN)[0].label == "DME"
    assert shelf.recorded(first.name, first.sha256) is first
    assert ModelShelf((models, SHIPPED), tmp_path / "answers").current().name == "v2"


def test_the_same_model_is_loaded_once(shelf: ModelShelf, models: Path):
    assert shelf.current() is shelf.current()
    choose(models, "drusen")
    drusen = shelf.current()
    choose(models, "drusen", "normal")
    shelf.current()
    assert shelf.recorded("drusen", drusen.sha256) is drusen
    choose(models, "drusen", "normal", "drusen")
    assert shelf.current() is drusen


def test_a_quiz_under_way_keeps_its_model_after_a_restart(models: Path, tmp_path: Path):
    choose(models, "drusen")
    folders = (models, SHIPPED)
    sha256 = ModelShelf(folders, tmp_path / "answers").current().sha256
    choose(models, "drusen", "normal")
    restarted = ModelShelf(folders, tmp_path / "answers")
    assert restarted.current().name == "normal"
    recorded = restarted.recorded("drusen", sha256)
    assert not recorded.is_ready
    assert recorded.read("a" * 64, SCAN)[0].label == "DRUSEN"


def test_a_model_is_found_under_another_name_by_its_weights(shelf: ModelShelf, models: Path):
    sha256 = read_card(models / "drusen").weights_sha256
    (models / "drusen").rename(models / "renamed")
    assert shelf.recorded("drusen", sha256).name == "renamed"


def test_a_recorded_model_that_is_gone_is_said(shelf: ModelShelf, models: Path):
    sha256 = read_card(models / "drusen").weights_sha256
    shutil.rmtree(models / "drusen")
    with pytest.raises(ModelError, match=r"'drusen' that this quiz began with.*not among"):
        shelf.recorded("drusen", sha256)


def test_another_model_of_the_same_name_does_not_pass_for_it(shelf: ModelShelf, models: Path):
    sha256 = read_card(models / "drusen").weights_sha256
    shutil.rmtree(models / "drusen")
    make_model(models / "drusen", "CNV", 5.0)
    with pytest.raises(ModelError, match="not among"):
        shelf.recorded("drusen", sha256)


def test_a_folder_changed_before_it_was_loaded_does_not_answer_for_the_old_one(
    shelf: ModelShelf, models: Path
):
    predictor = shelf.recorded("drusen", read_card(models / "drusen").weights_sha256)
    shutil.rmtree(models / "drusen")
    make_model(models / "drusen", "CNV", 5.0)
    with pytest.raises(ModelError, match="was changed meanwhile"):
        predictor.read("a" * 64, SCAN)


def test_a_quiz_that_recorded_no_model_gets_the_shipped_one(shelf: ModelShelf, models: Path):
    choose(models, "drusen")
    assert shelf.current().name == "drusen"
    assert shelf.recorded(None, None).name == "lite0"


@pytest.mark.parametrize("how", ["gone", "cut"])
def test_a_published_model_that_breaks_gives_way_and_comes_back(
    shelf: ModelShelf, models: Path, how: str
):
    choose(models, "drusen")
    assert shelf.current().name == "drusen"
    if how == "gone":
        (models / "drusen").rename(models.parent / "aside")
    else:
        shutil.copytree(models / "drusen", models.parent / "aside")
        break_weights(models / "drusen")
    assert shelf.current().name == "lite0"
    shutil.rmtree(models / "drusen", ignore_errors=True)
    (models.parent / "aside").rename(models / "drusen")
    assert shelf.current().name == "drusen"


def test_a_model_that_does_not_load_gives_way_to_the_shipped_one(models: Path, tmp_path: Path):
    make_model(models / "odd", head={"kind": "magic"})
    choose(models, "odd")
    shelf = ModelShelf((models, SHIPPED), tmp_path / "answers")
    first = shelf.current()
    assert first.name == "odd"
    with pytest.raises(ModelError, match="head"):
        first.read("a" * 64, SCAN)
    assert shelf.current().name == "lite0"
    with pytest.raises(ModelError, match="head"):
        shelf.recorded("odd", first.sha256).read("a" * 64, SCAN)


def test_a_chosen_model_wins_over_the_published_one(models: Path, tmp_path: Path):
    choose(models, "drusen")
    folders, answers = (models, SHIPPED), tmp_path / "answers"
    assert ModelShelf(folders, answers, "normal").current().name == "normal"
    aside = make_model(tmp_path / "aside")
    by_path = ModelShelf(folders, answers, str(aside))
    current = by_path.current()
    assert current.name == "aside"
    assert by_path.recorded("aside", current.sha256) is current
    with pytest.raises(ModelError, match="Known: drusen, lite0, normal"):
        ModelShelf(folders, answers, "nothing")


def test_only_a_few_models_stay_in_memory_and_the_current_one_always(models: Path, tmp_path: Path):
    shelf = ModelShelf((models, SHIPPED), tmp_path / "answers", keep=2)
    lite0 = weakref.ref(shelf.current())
    asked = {}
    for name in ("drusen", "normal", "drusen"):
        sha256 = read_card(models / name).weights_sha256
        asked[name] = weakref.ref(shelf.recorded(name, sha256))
        gc.collect()
        assert {name for name, predictor in asked.items() if predictor() is not None} == {name}
        assert shelf.recorded(name, sha256) is asked[name]()
    assert shelf.current() is lite0()


def test_asking_from_many_threads_gives_one_predictor(shelf: ModelShelf, models: Path):
    shelf.current()
    choose(models, "drusen")
    found = []
    threads = [threading.Thread(target=lambda: found.append(shelf.current())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(predictor) for predictor in found}) == 1
    assert found[0].name == "drusen"


def test_a_real_quiz_finishes_on_its_model_and_a_new_one_gets_the_published(
    shelf: ModelShelf, models: Path, tmp_path: Path, images, scans: Path, clock: Clock
):
    engine = open_engine(sqlite_url(tmp_path / "records.db"))
    upgrade(engine)
    store = SqlStore(engine)
    import_scans(store, images, scans, clock, "real")
    choose(models, "drusen")
    practice = Practice(store, images, shelf, clock)
    who = practice.enrol(None, "Ada").id

    def answer(practice: Practice, attempt_id: str, position: int) -> tuple[str, str]:
        practice.commit(who, attempt_id, position, None, 1)
        told = practice.reveal(who, attempt_id, position)
        assert told.model_fault is None
        practice.next_question(who, attempt_id, position)
        return told.prediction.model, str(told.prediction.label)

    running = practice.start(who, "real", 3)
    assert answer(practice, running.id, 0) == ("drusen", "DRUSEN")
    choose(models, "drusen", "normal")
    assert answer(practice, running.id, 1) == ("drusen", "DRUSEN")
    restarted = Practice(store, images, ModelShelf((models, SHIPPED), tmp_path / "answers"), clock)
    assert answer(restarted, running.id, 2) == ("drusen", "DRUSEN")
    new = restarted.start(who, "real", 2)
    assert answer(restarted, new.id, 0) == ("normal", "NORMAL")
    store.close()
