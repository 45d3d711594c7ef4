"""Plays a small practice in a new data home: how `home-0.1/` was made, with version 0.1.

    python -m tests.data.build_home_0_1 FOLDER

It is kept to say what is in the home, and runs only with the program as it was then. It writes
`home.zip` (the data home as version 0.1 left it), `records.sql` (the same records, rows only, for a
PostgreSQL that was brought to schema version 0006) and `figures.json` (what 0.1 showed of it).
"""

import csv
import json
import sqlite3
import sys
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image
from sqlalchemy import Boolean, DateTime

from octtutor.core.annotation import Box, Brush, Ellipse, Mark, Order, Polygon, Reading, Spot
from octtutor.core.case import Case
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.quiz import Attempt
from octtutor.core.schedule import ADAPTIVE, BALANCED
from octtutor.errors import NotAllowedError
from octtutor.model.publishing import use
from octtutor.model.shelf import ModelShelf
from octtutor.settings import Settings
from octtutor.store.tables import metadata
from octtutor.tutor.annotating import Annotating
from octtutor.tutor.attempts import DUE
from octtutor.tutor.educators import Educators
from octtutor.tutor.exams import Exams
from octtutor.tutor.importing import import_scans
from octtutor.tutor.lessons import Lessons
from octtutor.tutor.practice import Practice, Stage
from octtutor.tutor.quizzes import Quizzes
from octtutor.tutor.sessions import Sessions
from octtutor.wiring import open_archive
from tests.conftest import DECK
from tests.data.figures import figures_of

SIZE = (160, 128)
"""Width and height of the scans, pixels: phantoms of the embedded deck, made smaller."""
EXAM = """title = "Eight, all classes"
description = "An exam of one's own."
deck = "small"
mode = "exam"
pass_mark = 0.5

[options]
mark_where = true
total_seconds = 900
attempts = 2
retest_days = 1

[rule]
per_class = 1
seed = 5
"""
LOOKS = """title = "Look again"
description = "With a second look and a clock, a quiz of one's own."
deck = "small"
mode = "practice"

[options]
second_look = true
case_seconds = 60

[rule]
per_class = { CNV = 2, DME = 1, DRUSEN = 2, NORMAL = 1 }
seed = 3
"""
CLASS = """title = "For the class"
description = "Read together."
deck = "small"
mode = "practice"

[rule]
per_class = 1
seed = 8
"""


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Play:
    """The parts of a data home, and people who use them."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings.from_env({"OCTTUTOR_HOME": str(home)})
        self.archive = open_archive(self.settings)
        self.clock, self.rng = Clock(), Random(1)
        self.store, self.images = self.archive.store, self.archive.images
        use("lite0", self.settings.model_folders)  # sets the pointer to the model in use
        folders, cache = self.settings.model_folders, self.settings.predictions
        self.shelf = ModelShelf(folders, cache, self.settings.model)
        seeds = Random(2)

        def draw() -> int:
            return seeds.randrange(2**31)

        self.quizzes = Quizzes(self.store, self.settings.quiz_folders)
        self.practice = Practice(self.store, self.images, self.shelf, self.clock, draw)
        self.exams = Exams(self.store, self.quizzes, self.shelf, self.clock, draw)
        codes = iter(("KLMNP", "QRSTU"))
        self.sessions = Sessions(
            self.store, self.images, self.quizzes, self.shelf, self.clock, lambda: next(codes)
        )
        self.annotating = Annotating(self.store, self.images, self.shelf, self.clock, draw)

    def guess(self, case: Case, skill: float) -> Diagnosis | None:
        """Return the truth so often, else another class or, rarely, ungradable."""
        if self.rng.random() < skill:
            return case.label
        wrong = [label for label in LABELS if label is not case.label]
        return self.rng.choice([*wrong, None])

    def read(self, who: str, attempt: Attempt, skill: float, most: int = 99) -> None:
        """Let a trainee answer cases of an attempt, one after the other."""
        question = self.practice.question(who, attempt.id)
        for _ in range(most):
            if question is None:
                return
            position = question.position
            if question.stage is Stage.ASK:  # else the time was over
                self.answer(who, attempt.id, position, skill)
            if self.practice.look(who, attempt.id, position):
                self.clock.wait(3)
                final = self.rng.choice(LABELS)
                self.practice.decide(who, attempt.id, position, final, 2500)
            if not attempt.options.is_exam:
                self.practice.reveal(who, attempt.id, position)
            self.clock.wait(2)
            question = self.practice.next_question(who, attempt.id, position)

    def answer(self, who: str, attempt_id: str, position: int, skill: float) -> None:
        """Let a trainee answer a case."""
        self.clock.wait(self.rng.uniform(2, 12))
        attempt = self.store.get_attempt(attempt_id)
        case = self.store.get_case(attempt.deck, attempt.cases[position])
        choice, sure = self.guess(case, skill), self.rng.randint(1, 5)
        mark = (self.rng.randrange(SIZE[0]), self.rng.randrange(SIZE[1]))
        self.practice.commit(who, attempt_id, position, choice, sure, None, mark)


def draw_scans(folder: Path) -> tuple[Path, Path]:
    """Write two decks of small phantoms: three scans a class with masks, and one without."""
    with (DECK / "cases.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    seen: Counter[str] = Counter()
    for row in rows:
        seen[row["label"]] += 1
        number = seen[row["label"]]
        if number > 4:
            continue
        deck = folder / ("small" if number < 4 else "ward")
        name = Path(row["file"]).with_suffix(".jpeg")
        (deck / name).parent.mkdir(parents=True, exist_ok=True)
        with Image.open(DECK / row["file"]) as scan:
            scan.convert("L").resize(SIZE).save(deck / name, quality=70)
        if number == 4:
            continue
        if row["mask"]:
            (deck / "masks").mkdir(exist_ok=True)
            with Image.open(DECK / row["mask"]) as mask:
                small = mask.convert("L").resize(SIZE, Image.Resampling.NEAREST)
                small.save(deck / "masks" / f"{name.stem}.png")
        table = deck / "cases.csv"
        is_new = not table.exists()
        with table.open("a", newline="") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(["file", "synthetic", "findings"])
            writer.writerow([name.as_posix(), "true", row["findings"]])
    return folder / "small", folder / "ward"


def educate(play: Play) -> None:
    """Two educators; one mistypes and signs in."""
    educators = Educators(play.store, play.clock)
    educators.add("ada", "correct horse battery staple")
    educators.add("grace", "four words are enough")
    try:
        educators.sign_in("ada", "wrong horse", "192.0.2.1")
    except NotAllowedError:
        play.clock.wait(5)
    educators.sign_in("ada", "correct horse battery staple", "192.0.2.1")
    educators.sign_in("grace", "four words are enough", "192.0.2.2")


def practise(play: Play, people: dict[str, str]) -> None:
    """Zoë in every order, Ben with second looks and a clock that runs out, Chen on the ward."""
    start, zoe, ben, chen = play.practice.start, people["Zoë"], people["Ben"], people["陈"]
    play.read(zoe, start(zoe, "small", 5, order=ADAPTIVE), 0.4)
    play.clock.wait(3600)
    play.read(zoe, start(zoe, "small", 6, order=BALANCED), 0.6)
    play.clock.wait(2 * 86400)
    play.read(zoe, start(zoe, "small", 4, order=DUE), 0.8)
    play.read(zoe, start(zoe, "ward", 4, seed=7), 0.7)
    looks = play.exams.start(ben, "own-looks")
    play.read(ben, looks, 0.5, most=5)
    question = play.practice.question(ben, looks.id)
    assert question is not None
    assert question.stage is Stage.ASK
    play.clock.wait(200)  # this case's time runs out
    play.read(ben, looks, 0.5)
    play.read(chen, start(chen, "small", 8, order=ADAPTIVE), 0.5, most=3)  # goes on


def examine(play: Play, people: dict[str, str]) -> None:
    """Ben fails, passes, and takes the retest; Dora's exam runs still."""
    ben, dora = people["Ben"], people["Dora"]
    for skill in (0.0, 1.0):
        exam = play.exams.start(ben, "own-exam")
        play.read(ben, exam, skill)
        play.practice.ask_model_for_all(play.store.get_attempt(exam.id))
        play.clock.wait(600)
    play.clock.wait(86400)
    play.read(ben, play.exams.start_retest(ben, "own-exam"), 0.7)
    play.read(dora, play.exams.start(dora, "own-exam"), 0.5, most=2)


def teach(play: Play, people: dict[str, str]) -> None:
    """A session with a discussion, a late answer, a pause and an end; and one that is open."""
    sessions, zoe, ben = play.sessions, people["Zoë"], people["Ben"]
    code = sessions.open("ada", "own-class", "Tuesday").code
    for who, most in ((zoe, 99), (ben, 1)):
        play.clock.wait(5)
        play.read(who, sessions.join(code, who, "192.0.2.9"), 0.5, most)
    sessions.discuss(code, 1)
    play.clock.wait(30)
    play.read(ben, sessions.join(code, ben, "192.0.2.9"), 1.0, most=2)
    sessions.discuss(code, None)
    sessions.pause(code)
    play.clock.wait(60)
    sessions.go_on(code)
    sessions.discuss(code, 0)
    sessions.end(code)
    play.clock.wait(3600)
    code = sessions.open("grace", "own-class").code
    play.read(zoe, sessions.join(code, zoe, "192.0.2.9"), 0.9, most=2)
    sessions.discuss(code, 0)


def regions(n: int, who: str) -> tuple[Mark, ...]:
    """Return regions of each kind, a little apart between annotators."""
    off = 0.0 if who == "ada" else 6.5
    shapes = (
        ("drusen", Box(20.5 + off, 30.25, 40, 20.125)),
        ("subretinal fluid", Polygon(((50.0 + off, 40.5), (90, 42), (88.25, 70 + off), (52, 66)))),
        ("intraretinal fluid", Ellipse(80 + off, 60, 22, 9.5, 33.3)),
        ("foveal pit", Spot(77.5 + off, 40.25)),
        ("other", Brush((SIZE[1] * 40, 12, SIZE[1] - 12, 12, SIZE[1] * 119 - 12), *SIZE)),
    )
    picked = shapes[n % 5], shapes[(n + 1) % 5]
    return tuple(
        Mark(f"{who}{n}{k}", finding, shape, "seen well" if finding == "other" else "")
        for k, (finding, shape) in enumerate(picked)
    )


def annotate(play: Play) -> None:
    """Two educators read, skip, take back, follow the model, settle, and make a deck."""
    annotating = play.annotating
    annotating.create("first", "First reading", "small", 2, 0.1, Order.MARGIN, 0.25, suggest=True)
    annotating.let_model_read("first")
    for who, many in (("ada", 9), ("grace", 8)):
        for n in range(many):
            task = annotating.next("first", who)
            if task is None:
                break
            play.clock.wait(20)
            _annotate_one(play, task.sha256, who, n)
    for dispute in annotating.disputes("first")[:2]:
        annotating.sketch("first", dispute.sha256, "ada", regions(1, "ada"))
        play.clock.wait(10)
        known = play.store.get_case("small", dispute.sha256).label
        decided = Reading(True, known, ("drusen",), regions(2, "ada"), note="looked at together")
        annotating.settle("first", dispute.sha256, "ada", decided)
    Lessons(play.store, play.images, play.clock).publish("first", "lesson", "What we read")
    annotating.create("second", "At random", "ward", 1, 0, Order.RANDOM, 0.0)
    task = annotating.next("second", "grace")
    assert task is not None
    annotating.record("second", task.sha256, "grace", Reading(True, None, (), regions(0, "grace")))
    annotating.close("second")


def _annotate_one(play: Play, sha256: str, who: str, n: int) -> None:
    annotating = play.annotating
    truth = play.store.get_case("small", sha256).label
    if n == 3:
        annotating.skip("first", sha256, who)
        return
    choice = truth if n % 3 else LABELS[(LABELS.index(truth) + 1) % 4]
    is_normal = choice is Diagnosis.NORMAL
    reading = Reading(
        gradable=n != 5,
        diagnosis=None if n == 5 else choice,
        findings=() if is_normal or n == 5 else ("hyperreflective foci",),
        marks=() if is_normal or n == 5 else regions(n, who),
        confidence=1 + n % 5,
        response_ms=15000 + 100 * n,
        flagged=n == 4,
        note="hard, ask “Grace”" if n == 4 else "",
    )
    annotating.record("first", sha256, who, reading)
    if n == 6:
        play.clock.wait(5)
        annotating.undo("first", who)
        annotating.record("first", sha256, who, reading)
    if n == 1:
        annotating.suggestion("first", sha256, who)


def write_rows(database: Path, place: Path) -> None:
    """Write the records' rows as INSERTs that PostgreSQL takes too."""
    lines = ["-- Rows of records made by version 0.1 (schema 0006). Times are UTC."]
    with sqlite3.connect(database) as db:
        for table in metadata.sorted_tables:
            names = [column.name for column in table.columns]
            listed = ", ".join(f'"{name}"' for name in names)
            order = '"number"' if "number" in names else listed
            for row in db.execute(f'SELECT {listed} FROM "{table.name}" ORDER BY {order}'):
                values = ", ".join(map(_literal, table.columns, row))
                lines.append(f'INSERT INTO "{table.name}" ({listed}) VALUES ({values});')
    db.close()
    place.write_text("\n".join(lines) + "\n", "utf-8")


def _literal(column: Any, value: Any) -> str:
    kind = getattr(column.type, "impl", column.type)
    if value is None:
        return "NULL"
    if isinstance(kind, Boolean):
        return "true" if value else "false"
    if isinstance(kind, DateTime):
        return f"'{value}+00:00'"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def pack(home: Path, place: Path) -> None:
    """Write a data home into a ZIP, without locks and most of the model's answers (13 kB each)."""
    answers = sorted((home / "predictions").rglob("*.npz"))
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in sorted(home.rglob("*")):
            if path.is_file() and path.suffix != ".lock" and path not in answers[4:]:
                packed.write(path, path.relative_to(home))


def main(folder: Path) -> None:
    """Play, and write the three files into a folder."""
    home = folder / "home"
    play = Play(home)
    for source in draw_scans(folder / "scans"):
        import_scans(play.store, play.images, source, play.clock, source.name)
    for key, text in (("own-exam", EXAM), ("own-looks", LOOKS), ("own-class", CLASS)):
        play.quizzes.save(text, key)
    educate(play)
    names = ("Zoë", "Ben", "陈", "Dora")
    ids = (f"{n}0000000-0000-4000-8000-00000000000{n}" for n in range(1, 5))
    people = {}
    for name, wanted in zip(names, ids, strict=True):
        people[name] = play.practice.enrol(wanted, name).id
        play.clock.wait(60)
    practise(play, people)
    examine(play, people)
    teach(play, people)
    annotate(play)
    play.clock.wait(86400)
    figures = figures_of(play.store, play.images, play.quizzes, play.shelf, play.clock)
    at = {"opened_at": play.clock.time.isoformat(), "figures": figures}
    text = json.dumps(at, ensure_ascii=False, indent=0, default=str)
    (folder / "figures.json").write_text(text + "\n", "utf-8")
    play.store.close()
    with sqlite3.connect(home / "octtutor.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    write_rows(home / "octtutor.db", folder / "records.sql")
    pack(home, folder / "home.zip")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
