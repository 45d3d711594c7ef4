"""What several tests need: real scans where they are, real parts, a clock that stands still."""

import io
import os
import shutil
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.datasets.images import ImageFolder
from octtutor.phantom import make
from octtutor.testing import MemoryStore
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.exams.exams import Exams
from octtutor.tutor.exams.quizzes import Quizzes
from octtutor.tutor.practice.practice import Practice
from octtutor.tutor.sessions.class_sessions import Sessions
from tests.fakes import ToldPredictor, ToldShelf

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
MODEL = ROOT / "models" / "lite0"
settings.register_profile("untimed", deadline=None)  # how long a test takes is no finding
settings.load_profile("untimed")
DECK = ROOT / "octtutor" / "phantom" / "deck"


def missing(what: str, how: str) -> None:
    """Skip, or fail where OCTTUTOR_REQUIRE names this part."""
    if what in os.environ.get("OCTTUTOR_REQUIRE", "").split(","):
        pytest.fail(f"{what} is required here, and is missing. {how}")
    pytest.skip(f"needs {what}. {how}")


@pytest.fixture(scope="session")
def real_scans() -> Path:
    """The folder of 700 real scans; a stranger's clone has none."""
    folder = SHARED / "oct2017"
    if not folder.is_dir():
        pytest.skip("needs real scans: put OCT2017's train/ and test/ into ../shared/oct2017")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        missing("chromium", "Install it: apt-get install chromium")
    return str(found)


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def pass_seconds(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def write_scans(folder: Path, per_class: int = 2, size: tuple[int, int] = (160, 160)) -> Path:
    """Write synthetic scans in OCT2017 layout, without masks, named like real ones."""
    for index, label in enumerate(LABELS):
        for n in range(per_class):
            path = folder / label / f"{label}-{1000 * (index + 1) + n}-1.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_draw(label, index, n, size))
    return folder


@lru_cache(maxsize=256)
def _draw(label: Diagnosis, index: int, n: int, size: tuple[int, int]) -> bytes:
    drawn = io.BytesIO()
    Image.fromarray(make(label, np.random.default_rng([index, n]), size).scan).save(drawn, "PNG")
    return drawn.getvalue()


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    return write_scans(tmp_path / "scans")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a data home of its own, so that nobody's real one is touched."""
    home = tmp_path / "home"
    monkeypatch.setenv("OCTTUTOR_HOME", str(home))
    monkeypatch.delenv("OCTTUTOR_DATABASE_URL", raising=False)
    return home


# ---- a practice room over real parts, with a model that answers as told -------------------------


@pytest.fixture
def predictor() -> ToldPredictor:
    return ToldPredictor()


@pytest.fixture
def shelf(predictor: ToldPredictor) -> ToldShelf:
    return ToldShelf(predictor)


@pytest.fixture
def store():
    opened = MemoryStore()
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
