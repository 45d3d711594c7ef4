"""Quizzes: which files there are, whether they can be played here, and the cases they bring."""

import csv
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from octtutor.core.answer import Answer
from octtutor.core.case import Case, Deck
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.quiz import Attempt, CaseOrder, Options, Trainee
from octtutor.core.quizfile.parsing import case_names, parse_quiz
from octtutor.core.quizfile.quiz_file import QuizFile
from octtutor.core.quizfile.writing import write_quiz
from octtutor.core.tomlfile.fault import Fault
from octtutor.datasets.schemes.scheme_registry import Schemes
from octtutor.errors import BadInputError, SettingsError
from octtutor.testing import MemoryStore
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.exams.quiz_building import build_quiz
from octtutor.tutor.exams.quizzes import EASIEST, HARDEST, Quizzes, Resolved
from tests.conftest import DECK, ROOT, Clock

C, M, D, N = LABELS
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
GOOD = 'title = "{title}"\ndeck = "ward"\n[rule]\nper_class = 2\nseed = 1\n'


def digest(label: Diagnosis, number: int) -> str:
    return f"{LABELS.index(label)}{number:063x}"


def ward(per_class: int = 5) -> list[Case]:
    """A deck of as many patients as scans; the even ones have a mask."""
    return [
        Case(
            digest(label, n),
            label,
            f"{label}-{n}",
            f"{label}/{label}-{n}-1.jpeg",
            mask_sha256=None if n % 2 else "f" * 64,
        )
        for label in LABELS
        for n in range(per_class)
    ]


def put(store: MemoryStore, name: str, cases: list[Case]) -> None:
    store.put_deck(Deck(name, name, False, True, NOW))
    store.add_cases(name, cases)


@pytest.fixture
def records() -> MemoryStore:
    store = MemoryStore()
    put(store, "ward", ward())
    return store


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "home" / "quizzes"


@pytest.fixture
def quizzes(records: MemoryStore, own: Path, tmp_path: Path) -> Quizzes:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    for key in ("first", "second"):
        (shipped / f"{key}.toml").write_text(GOOD.format(title=key))
    return Quizzes(records, (own, shipped))


def rule(per_class: dict[Diagnosis, int], is_exam: bool = False, seed: int = 1) -> QuizFile:
    options = Options(is_exam=is_exam)
    return build_quiz("a", "A", deck="ward", per_class=per_class, seed=seed, options=options)


def counts(resolved: Resolved) -> list[int]:
    counted = Counter(case.label for case in resolved.cases)
    return [counted[label] for label in LABELS]


def hashes(resolved: Resolved) -> list[str]:
    return [case.sha256 for case in resolved.cases]


def test_a_users_file_shadows_a_shipped_one_of_the_same_name(quizzes: Quizzes, own: Path):
    own.mkdir(parents=True)
    (own / "second.toml").write_text(GOOD.format(title="mine"))
    (own / "third.toml").write_text(GOOD.format(title="third"))
    listed = quizzes.all()
    assert [one.key for one in listed] == ["first", "second", "third"]
    assert [one.is_own for one in listed] == [False, True, True]
    assert quizzes.find("second").title == "mine"


def test_a_broken_file_hides_no_other_and_is_listed_with_its_faults(quizzes: Quizzes, own: Path):
    own.mkdir(parents=True)
    (own / "broken.toml").write_text("title = ")
    (own / "bytes.toml").write_bytes(b"\xff")
    (own / "folder.toml").mkdir()
    (own / "gone.toml").symlink_to(own / "nowhere")
    (own / "My Quiz.toml").write_text(GOOD.format(title="x"))
    (own / ".hidden.toml").write_text("x")
    listed = {one.key: one for one in quizzes.all()}
    assert list(listed) == ["My Quiz", "broken", "bytes", "first", "folder", "gone", "second"]
    assert "not TOML" in listed["broken"].faults[0].what
    assert "UTF-8" in listed["bytes"].faults[0].what
    assert "cannot be read" in listed["folder"].faults[0].what
    assert "cannot be read" in listed["gone"].faults[0].what
    assert "a-z, 0-9" in listed["My Quiz"].faults[0].what
    assert listed["first"].quiz is not None
    with pytest.raises(BadInputError, match=r"broken\.toml' cannot be used\. line 1: not TOML"):
        quizzes.find("broken")


@pytest.mark.parametrize("key", ["nope", "", "../shipped/first", "x" * 5000, "a\0b", "\ud800"])
def test_a_quiz_that_is_not_there_is_said(quizzes: Quizzes, key: str):
    with pytest.raises(BadInputError, match="There is none named") as caught:
        quizzes.find(key)
    assert len(str(caught.value)) < 700


def test_many_faults_are_counted_in_the_message(quizzes: Quizzes):
    with pytest.raises(BadInputError, match=r"and 4 more .*quiz check") as caught:
        quizzes.save("".join(f"k{n} = 1\n" for n in range(7)), "x")
    assert str(caught.value).count("unknown key") == 3


def test_a_quiz_is_checked_against_the_records_with_its_lines(quizzes: Quizzes, own: Path):
    texts = {
        "no-deck": 'title = "x"\ndeck = "clinic"\nsource = "Ask Ada."\n[rule]\nper_class = 1\n',
        "few": 'title = "x"\ndeck = "ward"\n[rule]\nper_class = { CNV = 6, DME = 5, NORMAL = 9 }\n',
        "missing": f'title = "x"\n[[cases]]\nsha256 = "{digest(C, 1)}"\n'
        f'[[cases]]\nsha256 = "{"e" * 64}"\n[[cases]]\nsha256 = "{"d" * 64}"\n',
        "fine": f'title = "x"\n[[cases]]\nsha256 = "{digest(C, 1)}"\n',
    }
    own.mkdir(parents=True)
    for key, text in texts.items():
        (own / f"{key}.toml").write_text(text)
    found = {one.key: quizzes.check_listed(one) for one in quizzes.all()}
    (deck,) = found["no-deck"]
    assert deck.line == 2
    assert "no deck 'clinic' here. Ask Ada." in deck.what
    assert "octtutor data import FOLDER --as clinic" in deck.what
    assert [fault.line for fault in found["few"]] == [4, 4]
    assert "wants 6 CNV, the deck 'ward' holds 5" in found["few"][0].what
    assert "wants 9 NORMAL" in found["few"][1].what
    missing, *each = found["missing"]
    assert missing.line == 5
    assert "2 of 3 scans are not here" in missing.what
    assert each == [
        Fault(5, "the scan eeeeeeeeeeee… is not here"),
        Fault(7, "the scan dddddddddddd… is not here"),
    ]
    assert found["fine"] == found["first"] == ()
    with pytest.raises(BadInputError, match="2 of 3 scans are not here"):
        quizzes.resolve(quizzes.find("missing"))


def test_what_the_records_lack_is_told_beside_the_faults_of_the_file(quizzes: Quizzes, own: Path):
    texts = {
        "deck": 'title = 5\ndeck = "clinic"\n[rule]\nper_class = 1\nspeed = 2\n',
        "few": 'title = "x"\ndeck = "ward"\n[rule]\nseed = -1\n[rule.per_class]\n'
        "CNV = 1\nDME = 0\nNORMAL = 9\nAMD = 2\n",
        "missing": f'title = "x"\n[[cases]]\nsha256 = "{digest(C, 1)}"\ntag = 1\n'
        f'[[cases]]\nsha256 = "zz"\n[[cases]]\nsha256 = "{"e" * 64}"\n',
    }
    own.mkdir(parents=True)
    for key, text in texts.items():
        (own / f"{key}.toml").write_text(text)
    found = {one.key: quizzes.check_listed(one) for one in quizzes.all()}
    lines = {key: [fault.line for fault in faults] for key, faults in found.items()}
    assert lines["deck"] == [1, 2, 5]
    assert "no deck 'clinic' here" in found["deck"][1].what
    assert lines["few"] == [4, 7, 8, 9]
    assert "leave an empty class out" in found["few"][1].what
    assert "wants 9 NORMAL, the deck 'ward' holds" in found["few"][2].what
    assert "unknown class 'AMD'" in found["few"][3].what
    assert lines["missing"] == [4, 6, 8]
    assert "1 of 2 scans are not here" in found["missing"][2].what
    assert all(one.quiz is None for one in quizzes.all() if one.key in texts)


def test_named_cases_come_from_the_deck_that_holds_them_all(records, quizzes: Quizzes):
    put(records, "attic", ward(1))
    put(records, "zoo", ward(8))
    named = build_quiz("x", "x", cases=[digest(N, 7), digest(C, 0), digest(D, 2)], seed=5)
    resolved = quizzes.resolve(named)
    assert resolved.deck == "zoo"
    assert sorted(hashes(resolved)) == sorted(named.cases)
    again = build_quiz("x", "x", cases=named.cases[::-1], seed=5)
    assert hashes(quizzes.resolve(again)) == hashes(resolved)
    in_ward = replace(named, deck="ward")
    assert quizzes.check(in_ward)[0].what.startswith("1 of 3 scans")


def test_the_order_is_that_of_the_seed(quizzes: Quizzes):
    cases = [case.sha256 for case in ward()]
    one, two = (
        hashes(quizzes.resolve(build_quiz("x", "x", cases=cases, seed=seed))) for seed in (1, 2)
    )
    assert sorted(one) == sorted(two) == cases
    assert one != two
    assert one != cases


def test_a_rule_draws_the_same_cases_for_everybody_in_practice(quizzes: Quizzes):
    quiz = rule({C: 3, N: 2})
    first = quizzes.resolve(quiz)
    assert counts(first) == [3, 0, 0, 2]
    assert first.seen == 0
    seen = [case.patient for case in first.cases[:4]]
    again = quizzes.resolve(quiz, seen)
    assert again.cases == first.cases
    assert again.seen == 4
    assert quizzes.resolve(rule({C: 3, N: 2}, seed=2)).cases != first.cases


def test_quizzes_of_one_seed_share_cases(quizzes: Quizzes):
    small, large = quizzes.resolve(rule({C: 2})), quizzes.resolve(rule({C: 4, D: 3}))
    assert set(hashes(small)) < set(hashes(large))


def test_an_exam_passes_over_seen_patients_where_the_deck_allows(quizzes: Quizzes):
    exam = rule({C: 3, N: 2}, is_exam=True)
    seen = {"CNV-0", "CNV-1", "CNV-2", "CNV-3", "NORMAL-0"}
    resolved = quizzes.resolve(exam, seen)
    assert counts(resolved) == [3, 0, 0, 2]
    assert resolved.seen == 2
    assert "CNV-4" in {case.patient for case in resolved.cases}
    assert "NORMAL-0" not in {case.patient for case in resolved.cases}
    assert quizzes.resolve(exam, seen) == resolved
    assert quizzes.resolve(exam).seen == 0


def test_an_exam_passes_over_the_examples_of_learn_where_the_deck_allows(quizzes: Quizzes):
    allowed = quizzes.resolve(rule({C: 2, N: 2}, is_exam=True))
    assert quizzes.in_learn("ward", hashes(allowed)) == 0
    short = quizzes.resolve(rule({C: 4}, is_exam=True))
    assert quizzes.in_learn("ward", hashes(short)) == 2


def test_a_retest_brings_other_scans_of_unseen_patients_first(records, quizzes: Quizzes):
    put(records, "ward", ward(10))
    exam = rule({C: 3, N: 2}, is_exam=True)
    had = quizzes.resolve(exam).cases
    seen = {f"CNV-{n}" for n in range(7)}
    retest = quizzes.resolve_retest(exam, had, seen, 99)
    assert counts(retest) == [3, 0, 0, 2]
    assert not set(hashes(retest)) & {case.sha256 for case in had}
    unseen = {f"CNV-{n}" for n in range(7, 10)} - {case.patient for case in had}
    assert unseen <= {case.patient for case in retest.cases}
    assert retest.seen == 3 - len(unseen)
    assert quizzes.resolve_retest(exam, had, seen, 99) == retest
    assert quizzes.resolve_retest(exam, had, seen, 98).cases != retest.cases


def test_another_scan_of_an_examined_patient_counts_as_seen(records, quizzes: Quizzes):
    had = ward()[:1]
    twin = replace(had[0], sha256="e" * 64)
    put(records, "twins", [had[0], twin, replace(twin, sha256="d" * 64, patient="other")])
    exam = build_quiz("x", "x", deck="twins", cases=[had[0].sha256], options=Options(is_exam=True))
    retest = quizzes.resolve_retest(exam, had, (), 1)
    assert hashes(retest) == ["d" * 64]
    assert retest.seen == 0
    both = quizzes.resolve_retest(exam, had, {"other"}, 1)
    assert both.seen == 1


def test_a_retest_is_shorter_sooner_than_it_repeats_scans(quizzes: Quizzes):
    exam = rule({C: 3, D: 5}, is_exam=True)
    had = quizzes.resolve(exam).cases
    retest = quizzes.resolve_retest(exam, had, (), 1)
    assert counts(retest) == [2, 0, 5, 0]
    again = {case.sha256 for case in had} & set(hashes(retest))
    assert again == {digest(D, n) for n in range(5)}
    with pytest.raises(BadInputError, match="Expected an exam with cases"):
        quizzes.resolve_retest(exam, (), (), 1)


def answer(store: MemoryStore, who: str, case: Case, choice: Diagnosis | None, **facts) -> None:
    number = len(store.answers_to("ward"))
    at = NOW + timedelta(seconds=number)
    store.add_trainee(Trainee(who, who, NOW))
    store.start_attempt(
        Attempt(str(number), who, "q", "1", "ward", CaseOrder.FIXED, 1, (case.sha256,), at)
    )
    store.record_answer(
        Answer(
            str(number), 0, who, case.sha256, case.label, choice, 3, 900, at, "ward", "q", "1",
            **facts,
        )
    )  # fmt: skip


def test_difficulty_is_the_share_of_trainees_whose_first_answer_was_wrong(
    records: MemoryStore, quizzes: Quizzes
):
    cnv = [case for case in ward() if case.label == C]
    answer(records, "ada", cnv[0], D)
    answer(records, "ada", cnv[0], C)
    answer(records, "bob", cnv[0], C)
    answer(records, "eve", cnv[0], None)
    answer(records, "eve", cnv[1], C)
    answer(records, "eve", cnv[2], None, timed_out=True)
    found = quizzes.difficulty("ward")
    assert set(found) == {cnv[0].sha256, cnv[1].sha256}
    assert found[cnv[0].sha256].wrong == pytest.approx(2 / 3)
    assert found[cnv[0].sha256].n == 3
    assert (found[cnv[1].sha256].wrong, found[cnv[1].sha256].n) == (0, 1)
    hard = [case.sha256 for case, _ in quizzes.candidates("ward", HARDEST)[C]]
    easy = [case.sha256 for case, _ in quizzes.candidates("ward", EASIEST)[C]]
    assert hard[:2] == [cnv[0].sha256, cnv[1].sha256]
    assert easy[:2] == [cnv[1].sha256, cnv[0].sha256]
    assert hard[2:] == easy[2:]
    assert quizzes.difficulty("nowhere") == {}


def test_candidates_can_be_those_with_or_without_an_outline(quizzes: Quizzes):
    with_mask = quizzes.candidates("ward", annotated=True)
    without = quizzes.candidates("ward", annotated=False)
    assert {case.sha256 for case, _ in with_mask[D]} == {digest(D, n) for n in (0, 2, 4)}
    assert {case.sha256 for case, _ in without[D]} == {digest(D, n) for n in (1, 3)}
    every = quizzes.candidates("ward", seed=4)
    assert every == quizzes.candidates("ward", seed=4)
    assert every != quizzes.candidates("ward", seed=5)


def test_a_quiz_is_built_saved_found_and_removed(quizzes: Quizzes, own: Path):
    made = build_quiz("first", " Mine ", deck="ward", cases=[digest(C, 1)])
    path = quizzes.save(write_quiz(made, quizzes.names_of(made)), "first")
    assert path == own / "first.toml"
    assert [file.name for file in own.iterdir()] == ["first.toml"]
    assert quizzes.find("first").cases == made.cases
    assert case_names(path.read_text()) == {digest(C, 1): "CNV/CNV-1-1.jpeg"}
    with pytest.raises(BadInputError, match="You have a quiz 'first' already"):
        quizzes.save(write_quiz(made), "first", replacing=False)
    quizzes.save(write_quiz(replace(made, title="Again")), "first")
    assert quizzes.find("first").title == "Again"
    quizzes.remove("first")
    assert quizzes.find("first").title == "first"
    with pytest.raises(BadInputError, match="Shipped quizzes stay"):
        quizzes.remove("first")


def test_names_stay_in_a_file_whose_scans_are_gone(quizzes: Quizzes):
    made = build_quiz("gone", "x", cases=["e" * 64])
    quizzes.save(write_quiz(made, {"e" * 64: "old name"}), "gone")
    assert quizzes.names_of(quizzes.find("gone")) == {"e" * 64: "old name"}


def test_nothing_with_faults_is_saved(quizzes: Quizzes, own: Path):
    good = GOOD.format(title="x")
    for text, key in ((good, "../x"), (good, "A"), (good, ""), ("title = 1", "x"), (good, "a\0")):
        with pytest.raises(BadInputError, match="cannot be used"):
            quizzes.save(text, key)
    assert not own.exists()


def test_a_folder_that_cannot_be_written_is_said(quizzes: Quizzes, own: Path):
    own.parent.mkdir(parents=True)
    own.write_text("in the way")
    with pytest.raises(SettingsError, match="Cannot write"):
        quizzes.save(GOOD.format(title="x"), "x")
    assert own.read_text() == "in the way"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"title": "", "per_class": {C: 1}, "deck": "ward"}, "expected a 'title'"),
        ({"per_class": {}, "deck": "ward"}, "empty class"),
        ({"per_class": {C: 0}, "deck": "ward"}, "empty class"),
        ({"per_class": {C: 1}}, "that the rule draws from"),
        ({}, "received neither"),
        ({"cases": ["a" * 64, "a" * 64]}, "same scan as case 1"),
        ({"cases": ["a" * 64], "options": Options(is_exam=True, second_look=True)}, "second look"),
        ({"cases": ["a" * 64], "options": Options(pass_mark=0.8)}, "exams only"),
    ],
)
def test_what_makes_no_quiz_is_refused_in_words(facts: dict, why: str):
    with pytest.raises(BadInputError, match=why):
        build_quiz("x", **({"title": "x"} | facts))


SHIPPED = ("drusen-or-cnv", "first-ten", "forty", "is-it-normal", "kermanys-hundred")


def shipped(key: str) -> QuizFile:
    found = parse_quiz(key, (ROOT / "quizzes" / f"{key}.toml").read_text(), Schemes().keys())
    assert isinstance(found, QuizFile), found
    return found


def test_every_shipped_quiz_is_without_faults():
    assert tuple(sorted(path.stem for path in (ROOT / "quizzes").glob("*.toml"))) == SHIPPED
    found = [shipped(key) for key in SHIPPED]
    assert any(quiz.options.second_look for quiz in found)
    assert shipped("drusen-or-cnv").options.mark_where
    exam = shipped("forty").options
    assert exam.is_exam
    assert None not in (exam.pass_mark, exam.attempts, exam.retest_days)


def test_no_shipped_quiz_names_a_file_to_trainees():
    for quiz in map(shipped, SHIPPED):
        assert not any(f"{label}-" in quiz.title + quiz.description for label in LABELS)


def test_shipped_quizzes_leave_unseen_scans_for_the_exam_and_its_retest(
    store, images, clock: Clock
):
    import_scans(store, images, DECK, clock, "embedded")
    quizzes = Quizzes(store, (Path("nowhere"), ROOT / "quizzes"))
    seen: set[str] = set()
    for key in ("first-ten", "drusen-or-cnv", "is-it-normal"):
        seen |= {case.patient for case in quizzes.resolve(quizzes.find(key)).cases}
    exam = quizzes.find("forty")
    taken = quizzes.resolve(exam, seen)
    assert (len(taken.cases), taken.seen) == (40, 0)
    retest = quizzes.resolve_retest(exam, taken.cases, seen, 1)
    assert counts(retest) == [10, 10, 10, 10]
    assert not set(hashes(retest)) & set(hashes(taken))


def test_kermanys_hundred_names_the_scans_of_its_list():
    quiz = shipped("kermanys-hundred")
    text = (ROOT / "quizzes" / "kermanys-hundred.toml").read_text()
    with (ROOT / "quizzes" / "kermanys-hundred.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["sha256"]: row["name"] for row in csv.DictReader(file)}
    assert len(quiz.cases) == 100
    assert case_names(text) == listed
    assert "10.17632/rscbjbr9sj" in quiz.source
    assert "CC BY 4.0" in quiz.source


def test_kermanys_hundred_says_how_to_get_its_scans(quizzes: Quizzes):
    assert quizzes.check(shipped("kermanys-hundred")) == (
        Fault(
            0,
            "100 of 100 scans are not here. The scans are in the test set of OCT2017 (Kermany et "
            "al., CC BY 4.0, doi 10.17632/rscbjbr9sj): fetch these hundred in the educators' tab "
            "Scans or with 'octtutor data fetch kermanys-hundred', or download the set and unpack "
            "it. Bring them in: `octtutor data import FOLDER`",
        ),
    )


@pytest.mark.real_scans
def test_kermanys_hundred_can_be_played_once_the_real_scans_are_in(
    store, images, clock: Clock, real_scans: Path
):
    import_scans(store, images, real_scans / "test", clock, "real")
    quizzes = Quizzes(store, (Path("nowhere"), ROOT / "quizzes"))
    resolved = quizzes.resolve(quizzes.find("kermanys-hundred"))
    assert resolved.deck == "real"
    assert counts(resolved) == [25, 25, 25, 25]
