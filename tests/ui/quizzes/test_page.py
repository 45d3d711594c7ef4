"""The tab Quizzes: what it shows, what it makes, and what it refuses without losing anything."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import gradio as gr
import pytest

from octtutor.core.answer import Answer
from octtutor.core.case import Deck
from octtutor.core.diagnosis import Diagnosis
from octtutor.core.educator import Educator
from octtutor.core.quiz import Attempt, CaseOrder, Options, Trainee
from octtutor.core.quizfile.parsing import case_names
from octtutor.core.tomlfile.fault import Fault
from octtutor.datasets.images import ImageFolder
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError
from octtutor.testing import MemoryStore
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.exams.quizzes import HARDEST, Listed, Quizzes
from octtutor.ui.quizzes.form import EXAM, PICKED, QuizForm, to_form
from octtutor.ui.quizzes.page import QuizzesHandlers, build_quizzes_tab, quizzes_table
from tests.conftest import DECK, ROOT, Clock, write_scans
from tests.eight_scans import OCTDL, import_eight
from tests.ui.refusing import count_refusals

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINE = QuizForm(
    key="mine", title="Mine", deck="ward", count_1=2, count_2=1, count_3=0, count_4=None
)


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> tuple[MemoryStore, ImageFolder]:
    """Two decks, read once; tests take copies of the records."""
    home = tmp_path_factory.mktemp("stocked")
    store, images = MemoryStore(), ImageFolder(home / "images")
    source = write_scans(home / "ward", 3, (128, 128))
    import_scans(store, images, source, Clock(), "ward", "<i>Ward</i>")
    import_scans(store, images, DECK, Clock(), "embedded")
    return store, images


@pytest.fixture
def records(stocked: tuple[MemoryStore, ImageFolder]) -> MemoryStore:
    store = MemoryStore()
    for deck in stocked[0].decks():
        store.put_deck(deck)
        store.add_cases(deck.name, stocked[0].cases_of(deck.name))
    return store


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own"


@pytest.fixture
def quizzes(records: MemoryStore, own: Path) -> Quizzes:
    return Quizzes(records, (own, ROOT / "quizzes"))


@pytest.fixture
def handlers(quizzes: Quizzes, stocked: tuple[MemoryStore, ImageFolder]) -> QuizzesHandlers:
    return QuizzesHandlers(quizzes, stocked[1])


def test_quizzes_are_shown_with_their_state(handlers: QuizzesHandlers):
    table = handlers.table()
    assert "First ten (first-ten)<small>shipped</small></th><td>practice</td><td>10</td>" in table
    assert "<td>exam</td><td>40</td><td>embedded</td>" in table
    assert table.count(">ready<") == 4
    assert "100 of 100 scans are not here" in table


def test_a_preview_says_whose_the_scans_are(handlers: QuizzesHandlers, records: MemoryStore):
    form = replace(MINE, count_2=0)
    assert "class='cited'" not in handlers.preview(form)
    records.put_deck(replace(records.find_deck("ward"), citation="Ada, 2026.", licence="CC"))
    preview = handlers.preview(form)
    assert preview.rindex("<figure") < preview.index("Ada, 2026. CC")


def test_a_broken_quiz_is_shown_with_its_faults_and_no_markup_of_its_own():
    listed = Listed("x", Path("x.toml"), True, None, ())
    table = quizzes_table([(listed, (Fault(3, "unknown key '<b>'"), Fault(0, "no title")))])
    assert "line 3: unknown key &#39;&lt;b&gt;&#39;<br>no title" in table
    assert "<small>yours</small>" in table
    assert "Make one below" in quizzes_table([])


def test_a_quiz_by_rule_is_saved_and_can_be_played(
    handlers: QuizzesHandlers, quizzes: Quizzes, own: Path
):
    key, said = handlers.save(MINE, False)
    assert (key, said) == ("mine", "Saved as mine. It can be played here.")
    quiz = quizzes.find("mine")
    assert quiz.rule is not None
    assert quiz.rule.per_class == {"CNV": 2, "DME": 1, "DRUSEN": 0, "NORMAL": 0}
    assert [path.name for path in own.iterdir()] == ["mine.toml"]
    assert ("Mine (mine)", "mine") in handlers.keys()  # noqa: SIM118 - no dictionary


def test_an_exam_has_its_limits_and_its_pass_mark_in_per_cent(
    handlers: QuizzesHandlers, quizzes: Quizzes
):
    form = replace(
        MINE, mode=EXAM, confidence=False, mark_where=True, case_seconds=30.0, total_seconds=600,
        attempts=1, retest_days=28, pass_mark=82.5,
    )  # fmt: skip
    handlers.save(form, False)
    assert quizzes.find("mine").options == Options(True, False, False, True, 30, 600, 1, 28, 0.825)


def test_a_quiz_that_is_loaded_and_saved_is_the_same(handlers: QuizzesHandlers, quizzes: Quizzes):
    for key in ("drusen-or-cnv", "is-it-normal", "forty", "kermanys-hundred"):
        before = quizzes.find(key)
        form, choices, is_own = handlers.load(key)
        assert not is_own
        assert [sha256 for _, sha256 in choices] == list(before.cases)
        handlers.save(form, False)
        after = quizzes.find(key)
        assert replace(after, version=before.version) == before
        assert handlers.load(key)[2]
    listed = quizzes.find_listed("kermanys-hundred")
    assert listed is not None
    assert listed.is_own
    assert len(case_names(listed.text)) == 100


def test_a_name_that_is_taken_is_kept_unless_the_educator_says_replace(
    handlers: QuizzesHandlers, quizzes: Quizzes
):
    handlers.save(MINE, False)
    with pytest.raises(BadInputError, match="already"):
        handlers.save(replace(MINE, title="Other"), False)
    assert quizzes.find("mine").title == "Mine"
    handlers.save(replace(MINE, title="Other"), True)
    assert quizzes.find("mine").title == "Other"


def test_scans_are_picked_by_class_and_outline(handlers: QuizzesHandlers, quizzes: Quizzes):
    form = replace(MINE, deck="embedded", annotated="yes", how=PICKED)
    choices, picked = handlers.pick(form)
    assert len(choices) == 100
    assert len(picked) == 3
    named = {sha256: label for label, sha256 in choices}
    assert [named[sha256].split(" · ")[0] for sha256 in picked] == ["CNV", "CNV", "DME"]
    assert all("not answered yet · outlined" in label for label in named.values())
    handlers.save(replace(form, cases=picked), False)
    assert list(quizzes.find("mine").cases) == picked
    with pytest.raises(BadInputError, match="Expected 2 CNV to pick from"):
        handlers.pick(replace(form, annotated="no"))


def test_the_hardest_scans_come_first_with_how_many_answered_them(
    records: MemoryStore, handlers: QuizzesHandlers
):
    case = max(
        (case for case in records.cases_of("ward") if case.label == Diagnosis.CNV),
        key=lambda case: case.sha256,
    )
    records.add_trainee(Trainee("ada", "Ada", NOW))
    records.start_attempt(
        Attempt("1", "ada", "q", "1", "ward", CaseOrder.FIXED, 1, (case.sha256,), NOW)
    )
    records.record_answer(
        Answer(
            "1", 0, "ada", case.sha256, case.label, Diagnosis.NORMAL, 3, 900, NOW, "ward", "q", "1"
        )
    )
    choices, picked = handlers.pick(replace(MINE, order=HARDEST, count_1=1, count_2=0))
    assert picked == [case.sha256]
    assert dict((sha, text) for text, sha in choices)[case.sha256].endswith("wrong 100 %, n = 1")
    assert "wrong 100 %, n = 1" in handlers.preview(replace(MINE, count_1=3))


def test_a_preview_needs_no_name_and_shows_the_cases(handlers: QuizzesHandlers):
    shown = handlers.preview(replace(MINE, key="", title="", deck="embedded"))
    assert "3 cases from embedded: CNV 2, DME 1, DRUSEN 0, NORMAL 0" in shown
    assert shown.count("<img src='data:image/png;base64,") == 3
    assert shown.count("synthetic") == 3
    assert "alt='Scan 1 of the preview'" in shown
    assert "synthetic" not in handlers.preview(MINE)


def test_a_preview_shows_the_first_scans_and_counts_the_others(
    handlers: QuizzesHandlers, records: MemoryStore
):
    cases = [*records.cases_of("ward"), *records.cases_of("embedded")]
    records.put_deck(Deck("both", "Both", False, True, NOW))
    records.add_cases("both", cases)
    shown = handlers.preview(QuizForm(deck="both", count_1=16, count_2=16, count_3=16, count_4=16))
    assert shown.count("<figure") == 60
    assert "… and 4 more that are not shown." in shown


def test_a_scan_whose_file_is_gone_does_not_end_the_preview(quizzes: Quizzes, tmp_path: Path):
    handlers = QuizzesHandlers(quizzes, ImageFolder(tmp_path / "empty"))
    assert handlers.preview(MINE).count("The file of this scan is gone") == 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"key": "My Quiz"}, "a-z, 0-9 and -"),
        ({"key": "../x"}, "a-z, 0-9 and -"),
        ({"key": None}, "a-z, 0-9 and -"),
        ({"title": ""}, "expected a 'title'"),
        ({"title": "x" * 10_000}, "1 to 80"),
        ({"deck": ""}, "that the rule draws from"),
        ({"deck": ["x"]}, "that the rule draws from"),
        ({"count_1": 0, "count_2": 0}, "empty class"),
        ({"count_1": -1}, "empty class"),
        ({"count_1": 1.5}, "whole number as “CNV”"),
        ({"count_1": float("nan")}, "whole number as “CNV”"),
        ({"count_1": float("inf")}, "whole number as “CNV”"),
        ({"count_1": "2; rm"}, "number as “CNV”"),
        ({"count_1": True}, "number as “CNV”"),
        ({"seed": -1}, "0 to 2147483647"),
        ({"how": PICKED}, "received neither"),
        ({"how": PICKED, "cases": ["x"]}, "64 small hex"),
        ({"pass_mark": 80}, "exams only"),
        ({"mode": EXAM, "pass_mark": 101}, "up to 1"),
        ({"mode": EXAM, "second_look": True}, "no second look"),
        ({"case_seconds": -1}, "1 to 3600"),
        ({"language": "English"}, "a language"),
    ],
)
def test_what_makes_no_quiz_is_refused_in_words(
    handlers: QuizzesHandlers, own: Path, change: dict, why: str
):
    with pytest.raises(BadInputError, match=why) as caught:
        handlers.save(replace(MINE, **change), True)
    assert len(str(caught.value)) < 500
    assert not own.exists()


def test_a_quiz_is_removed_only_when_it_is_ones_own_and_one_is_sure(
    handlers: QuizzesHandlers, quizzes: Quizzes
):
    handlers.save(MINE, False)
    with pytest.raises(BadInputError, match="Tick"):
        handlers.remove("mine", False)
    assert "is removed" in handlers.remove("mine", True)
    assert quizzes.find_listed("mine") is None
    with pytest.raises(BadInputError, match="Shipped quizzes stay"):
        handlers.remove("forty", True)
    for use in (handlers.load, lambda key: handlers.remove(key, True)):
        with pytest.raises(BadInputError, match="Choose one above"):
            use(None)


def test_decks_are_offered_with_any_and_with_one_that_is_gone(handlers: QuizzesHandlers):
    names = [name for _, name in handlers.decks("gone")]
    assert names == ["embedded", "ward", "", "gone"]


def test_the_forms_fields_are_laid_out_in_the_order_of_the_form(handlers: QuizzesHandlers):
    with gr.Blocks() as page, gr.Tabs():
        build_quizzes_tab(page, handlers, lambda request: Educator("ada", NOW))
    blocks = {getattr(block, "elem_id", None): block for block in page.blocks.values()}
    (preview,) = [event for event in page.fns.values() if event.name == "preview"]
    ids = [block.elem_id for block in preview.inputs]
    assert ids == [f"quiz-{field.name}" for field in fields(QuizForm)]
    start = QuizForm()
    for field in fields(QuizForm):
        value = blocks[f"quiz-{field.name}"].value
        assert value == (list(start.cases) if field.name == "cases" else getattr(start, field.name))


def test_every_handler_asks_first_who_is_asking(handlers: QuizzesHandlers, own: Path):
    assert count_refusals(build_quizzes_tab, handlers) == 7
    assert not own.exists()


def test_a_form_of_a_quiz_makes_that_quiz_again(quizzes: Quizzes):
    quiz = quizzes.find("forty")
    assert to_form(quiz, OCT2017_SCHEME).to_quiz(OCT2017_SCHEME).options == quiz.options
    assert to_form(quiz, OCT2017_SCHEME).per_class(OCT2017_SCHEME.keys) == dict.fromkeys(
        OCT2017_SCHEME.keys, 10
    )


def test_a_quiz_on_a_deck_of_other_diagnoses_counts_its_classes(store, images, clock, tmp_path):
    quizzes = Quizzes(store, (tmp_path / "own",))
    handlers, deck = QuizzesHandlers(quizzes, images), import_eight(store, images, clock, tmp_path)
    form = QuizForm(key="eight", title="Eight", deck=deck, count_1=0, count_2=0, count_3=0,
                    count_4=2, count_7=1)  # fmt: skip
    with pytest.raises(BadInputError, match="Expected 5 AMD_EARLY to pick from"):
        handlers.pick(QuizForm(deck=deck))
    choices, picked = handlers.pick(form)
    named = {sha256: label.split(" · ")[0] for label, sha256 in choices}
    assert [named[sha256] for sha256 in picked] == ["ERM", "ERM", "VID"]
    shown = handlers.preview(form)
    assert "3 cases from eight: AMD_EARLY 0, AMD_LATE 0, DME 0, ERM 2, RVO 0, RAO 0, VID 1" in shown
    assert f"style='--class:{OCTDL.get('VID').colour}'></i>VID" in shown
    assert handlers.save(form, False)[1] == "Saved as eight. It can be played here."
    quiz = quizzes.find("eight")
    assert quiz.scheme == "octdl"
    loaded = handlers.load("eight")[0]
    assert (loaded.scheme, loaded.count_4, loaded.count_7, loaded.count_9) == ("octdl", 2, 1, 0)
    handlers.save(replace(loaded, deck="gone"), True)
    assert quizzes.find("eight").rule.per_class == quiz.rule.per_class


def test_the_counts_are_named_by_the_chosen_deck_s_classes(store, images, clock, tmp_path):
    handlers = QuizzesHandlers(Quizzes(store, (tmp_path / "own",)), images)
    deck = import_eight(store, images, clock, tmp_path)
    with gr.Blocks() as page, gr.Tabs():
        build_quizzes_tab(page, handlers, lambda request: Educator("ada", NOW))
    (choose,) = [event for event in page.fns.values() if event.name == "choose_deck"]
    form = [getattr(QuizForm(deck=deck), field.name) for field in fields(QuizForm)]
    scheme, *counts = choose.fn(gr.Request(), *form)
    assert scheme == "octdl"
    assert [one["label"] for one in counts if one["visible"]] == list(OCTDL.keys)
    assert [one["value"] for one in counts] == [5] * 8 + [0]
    kept = replace(QuizForm(*form), scheme="octdl")
    same = choose.fn(gr.Request(), *[getattr(kept, field.name) for field in fields(QuizForm)])
    assert all("value" not in one for one in same)
