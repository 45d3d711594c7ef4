"""Two worlds with the same scans, in which CNV and DME have changed places."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from octtutor.core.diagnosis import LABELS, Diagnosis, by_label
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt
from octtutor.core.session import Session
from octtutor.datasets.images import ImageFolder
from octtutor.settings import Settings
from octtutor.store.sql import SqlStore
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.exams.exams import Exams
from octtutor.tutor.exams.quizzes import Quizzes
from octtutor.tutor.practice.practice import Practice
from octtutor.tutor.sessions.class_sessions import Sessions
from octtutor.wiring import now, open_store
from tests.fakes import ToldPredictor, ToldShelf

SCANS = 4
DECK = "ward"
WORDS = {
    "exam": 'mode = "exam"\npass_mark = 1.0\n[options]\nattempts = 2',
    "once": 'mode = "exam"\n[options]\nattempts = 1',
    "class": 'mode = "exam"\n[options]\nconfidence = true',
    "twice": "[options]\nsecond_look = true",
    "same": "[options]\nconfidence = true",
}


class Knowing(ToldPredictor):
    """Always right: what it says is the truth."""

    def __init__(self, labels: dict[str, Diagnosis]) -> None:
        super().__init__("knowing", "1")
        self._labels = labels

    def read(self, sha256: str, scan: np.ndarray) -> tuple[Prediction, np.ndarray]:
        at = LABELS.index(self._labels.get(sha256, LABELS[0]))
        chances = tuple(0.91 if n == at else 0.03 for n in range(len(LABELS)))
        maps = np.stack([np.eye(7, dtype=np.float32) * (n == at) for n in range(len(LABELS))])
        return Prediction(self.name, str(self.sha256), by_label(chances)), maps


def shelf_of(home: Path) -> ToldShelf:
    """Return a world's models: one that says the same to every scan, and one that is right."""
    labels = {
        hashlib.sha256(path.read_bytes()).hexdigest(): Diagnosis(path.parent.name)
        for path in (home / "scans").rglob("*.png")
    }
    return ToldShelf(ToldPredictor("blind"), Knowing(labels))


@dataclass(frozen=True)
class World:
    """A data home with a deck, its quizzes, and what a server does with them."""

    home: Path
    store: SqlStore
    seed: int

    @classmethod
    def make(cls, home: Path, swapped: bool, seed: int) -> "World":
        """Make a world of scans of noise; `swapped` calls those of CNV DME, and the reverse."""
        rng = np.random.default_rng(5)
        for n in range(SCANS):
            label = ("CNV", "DME")[(n % 2) ^ swapped]
            path = home / "scans" / label / f"{label}-{70_211 + n}-1.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), rng.integers(0, 255, (96, 96), np.uint8))
        store = open_store(Settings.from_env({"OCTTUTOR_HOME": str(home)}))
        world = cls(home, store, seed)
        import_scans(store, world.images, home / "scans", now, DECK)
        cases = "".join(f'[[cases]]\nsha256 = "{sha256}"\n' for sha256 in sorted(world.hashes))
        (home / "quizzes").mkdir(exist_ok=True)
        for key, words in WORDS.items():
            text = f'title = "{key}"\ndeck = "{DECK}"\n{words}\nseed = {seed}\n{cases}'
            (home / "quizzes" / f"{key}.toml").write_text(text)
        return world

    @cached_property
    def images(self) -> ImageFolder:
        """The scans on disk."""
        return ImageFolder(self.home / "images")

    @cached_property
    def quizzes(self) -> Quizzes:
        """The quizzes of this world alone."""
        return Quizzes(self.store, (self.home / "quizzes",))

    @cached_property
    def shelf(self) -> ToldShelf:
        """See `shelf_of`."""
        return shelf_of(self.home)

    @cached_property
    def practice(self) -> Practice:
        """Reads cases."""
        return Practice(self.store, self.images, self.shelf, now)

    @cached_property
    def sessions(self) -> Sessions:
        """Opens sessions."""
        return Sessions(self.store, self.images, self.quizzes, self.shelf, now)

    @property
    def hashes(self) -> set[str]:
        """SHA-256 of each scan."""
        return {case.sha256 for case in self.store.cases_of(DECK)}

    @property
    def names(self) -> set[str]:
        """What the scans' files are called."""
        return {Path(case.name).stem for case in self.store.cases_of(DECK)}

    @property
    def truths(self) -> list[Diagnosis]:
        """The truth of each case, in the order of every quiz."""
        return [case.label for case in self.quizzes.resolve(self.quizzes.find("exam")).cases]

    def end_sessions(self) -> None:
        """End what is open."""
        for session in self.store.sessions():
            if session.is_open:
                self.sessions.end(session.code)

    def begin(self, trainee: str, quiz: str, blind: bool = False) -> Attempt:
        """Let a trainee begin a quiz and see its first case."""
        models = self.shelf.models[: 1 if blind else None]
        self.practice.enrol(trainee, "Ada")
        attempt = Exams(self.store, self.quizzes, ToldShelf(*models), now).start(trainee, quiz)
        self.practice.question(trainee, attempt.id)
        return attempt

    def join(self, trainee: str, session: Session) -> Attempt:
        """Let a trainee into a session and see its first case."""
        self.practice.enrol(trainee, "Ada")
        attempt = self.sessions.join(session.code, trainee, "192.0.2.1")
        self.practice.question(trainee, attempt.id)
        return attempt

    def answer(self, attempt: Attempt, count: int) -> None:
        """Answer the next cases, all as CNV."""
        given = len(self.store.answers_of(attempt.id))
        for position in range(given, given + count):
            self.practice.commit(attempt.trainee_id, attempt.id, position, LABELS[0], 3, 0)

    def stands(self, trainee: str) -> object:
        """Return what changes when a trainee's quizzes go on."""
        attempts = self.store.attempts_of(trainee)
        answers = self.store.answers_by(trainee)
        return [(a.id, a.ended_at) for a in attempts], [(i.answer, i.second) for i in answers]
