"""A practice room over real parts, with a model that answers as told."""

from pathlib import Path

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.core.prediction import Prediction
from octtutor.datasets.images import ImageFolder
from octtutor.errors import ModelError
from octtutor.store.engines import open_engine, sqlite_url
from octtutor.store.migrate import upgrade
from octtutor.store.sql import SqlStore
from octtutor.tutor.exams import Exams
from octtutor.tutor.importing import import_scans
from octtutor.tutor.practice import Practice
from octtutor.tutor.quizzes import Quizzes
from octtutor.tutor.sessions import Sessions
from tests.conftest import ROOT, Clock


class ToldPredictor:
    """Always answers CNV with 0.7; can be asleep or broken."""

    def __init__(self, name: str = "told", digit: str = "0") -> None:
        self.name = name
        self.is_ready = True
        self.fault: str | None = None
        self.sha256: str | None = digit * 64
        self.asked: list[str] = []
        self.known_patients: set[str] = set()

    def knows(self, sha256: str) -> bool:
        return False

    def trained_on(self, sha256: str, patient: str) -> bool:
        return patient in self.known_patients

    def read(self, sha256: str, scan: np.ndarray) -> tuple[Prediction, np.ndarray]:
        self.asked.append(sha256)
        if self.fault:
            raise ModelError(self.fault)
        maps = np.stack([np.eye(7, dtype=np.float32) * (label != "DME") for label in LABELS])
        return Prediction(self.name, str(self.sha256), (0.7, 0.1, 0.1, 0.1)), maps


class ToldShelf:
    """The first model is the shipped one, the last is in use; models can be taken away."""

    def __init__(self, *models: ToldPredictor) -> None:
        self.models = list(models)

    def current(self) -> ToldPredictor:
        return self.models[-1]

    def recorded(self, name: str | None, sha256: str | None) -> ToldPredictor:
        if name is None:
            return self.models[0]
        for model in self.models:
            if model.name == name:
                return model
        raise ModelError(f"{name} is not among the models any more")


@pytest.fixture
def predictor() -> ToldPredictor:
    return ToldPredictor()


@pytest.fixture
def shelf(predictor: ToldPredictor) -> ToldShelf:
    return ToldShelf(predictor)


@pytest.fixture
def store(tmp_path: Path):
    engine = open_engine(sqlite_url(tmp_path / "records.db"))
    upgrade(engine)
    opened = SqlStore(engine)
    yield opened
    opened.close()


@pytest.fixture
def images(tmp_path: Path) -> ImageFolder:
    return ImageFolder(tmp_path / "images")


@pytest.fixture
def practice(store, images, shelf, clock: Clock, scans: Path) -> Practice:
    import_scans(store, images, scans, clock, "real")
    return Practice(store, images, shelf, clock)


@pytest.fixture
def quizzes(store, tmp_path: Path) -> Quizzes:
    """The shipped quizzes, and a folder for own ones."""
    return Quizzes(store, (tmp_path / "quizzes", ROOT / "quizzes"))


@pytest.fixture
def exams(store, quizzes: Quizzes, shelf, clock: Clock) -> Exams:
    return Exams(store, quizzes, shelf, clock)


@pytest.fixture
def sessions(store, images, quizzes: Quizzes, shelf, clock: Clock) -> Sessions:
    return Sessions(store, images, quizzes, shelf, clock)
