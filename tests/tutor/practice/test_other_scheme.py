"""A deck of eight diagnoses is imported, practised on, and shown with its own figures."""

import csv
import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from octtutor.core.counting import count_answers
from octtutor.core.quiz import CaseOrder, Options
from octtutor.core.quizfile.writing import write_quiz
from octtutor.core.scheme import OCT2017, SchemeVersion
from octtutor.core.tomlfile.fault import Fault
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import (
    OCT2017_SCHEME,
    SHIPPED,
    SHIPPED_SCHEMES,
    Schemes,
)
from octtutor.errors import BadInputError
from octtutor.reports.progress_tables import second_look_words
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.exams.quiz_building import build_quiz
from octtutor.tutor.exams.quizzes import Quizzes
from octtutor.tutor.practice.practice import Practice
from octtutor.tutor.progress.imrmc import imrmc
from octtutor.tutor.progress.results import results, to_csv
from octtutor.tutor.progress.second_looks import second_looks
from octtutor.tutor.progress.trainee_records import Records
from octtutor.tutor.sessions.class_sessions import Sessions
from octtutor.ui.desk.results_card import results_card
from octtutor.ui.desk.views import look_view, question_view, reveal_view
from octtutor.ui.sessions.views import pictures_view
from tests.conftest import write_scans

OCTDL = SHIPPED.get("octdl")
KEYS, COLOURS = OCTDL.keys, OCTDL.colours


@pytest.fixture
def eight(store, images, clock, tmp_path: Path) -> str:
    """A deck with two scans of each of the eight."""
    pictures = sorted(write_scans(tmp_path / "drawn", 4).rglob("*.png"))
    for place, path in enumerate(pictures):
        moved = tmp_path / "eight" / KEYS[place // 2] / f"p{place}.png"
        moved.parent.mkdir(parents=True, exist_ok=True)
        path.rename(moved)
    done = import_scans(store, images, tmp_path / "eight", clock, "eight", naming=Naming(OCTDL))
    assert done.per_class == dict.fromkeys(KEYS, 2)
    assert store.find_deck("eight").scheme == SchemeVersion("octdl", 1)
    return "eight"


@pytest.fixture
def read(practice: Practice, eight: str, store):
    """A quiz on it, answered rightly but for the last case, whose answer is ERM or RVO."""
    trainee = practice.enrol(None, "Ada").id
    attempt = practice.start(trainee, eight, 16, order=CaseOrder.ADAPTIVE)
    for position in range(16):
        assert practice.question(trainee, attempt.id) is not None
        shown = store.get_attempt(attempt.id).cases[position]
        truth = store.get_case(eight, shown).label
        wrong = "ERM" if truth != "ERM" else "RVO"
        practice.commit(trainee, attempt.id, position, wrong if position == 15 else truth, 3)
        practice.reveal(trainee, attempt.id, position)
        practice.next_question(trainee, attempt.id, position)
    return trainee, attempt.id


def test_figures_have_the_eight_and_the_records_say_whose_they_are(practice, read, store, clock):
    attempt, answers = practice.answers(*read)
    assert {item.answer.scheme for item in answers} == {attempt.scheme} == {OCTDL.stamp}
    found = results(attempt, count_answers(answers, [attempt]), OCTDL)
    assert found.matrix.shape == (8, 10)
    assert tuple(found.per_class) == KEYS
    card = results_card(found, "", synthetic=False)
    assert all(f".results .{k.lower()} {{ --class: {c}; }}" in card for k, c in COLOURS.items())
    assert found.weighted_error.value == 1 / 16
    progress = Records(store, clock).of(read[0], synthetic=False)
    assert tuple(progress.mastery) == tuple(progress.detection) == KEYS
    assert progress.confusion[-1].matrix.shape == (8, 10)


def test_files_have_the_eight(practice, read):
    items = practice.disclosed(*read)[1]
    attempt, answers = practice.answers(*read)
    (row, *_) = csv.DictReader(io.StringIO(to_csv(attempt, items, "Ada", KEYS)))
    assert [name for name in row if name.startswith("p_")] == [f"p_{key.lower()}" for key in KEYS]
    table = imrmc({"Ada": answers}, OCTDL)
    assert "urgent referral (AMD_LATE or DME or RVO or RAO)" in table
    assert "\nN1: 8\n" in table


def test_no_network_answers_in_diagnoses_that_nobody_says_it_knows(
    store, images, shelf, clock, eight, predictor, tmp_path
):
    own = tmp_path / "schemes"
    own.mkdir()
    text, _ = (SHIPPED_SCHEMES / "octdl.toml").read_text().split("[mapping.oct2017]")
    (own / "octdl.toml").write_text(text)
    practice = Practice(store, images, shelf, clock, schemes=Schemes(own))
    trainee, attempt = begin(practice, store, eight, "ERM")
    told = practice.reveal(trainee, attempt, 0)
    assert told.prediction is told.maps is told.counterparts is None
    assert "not those of 'octdl': it is not asked" in told.model_fault
    assert not practice.must_wait(trainee, attempt, 0)
    assert predictor.asked == []


def begin(practice: Practice, store, deck: str, truth: str, **options) -> tuple[str, str]:
    """Begin a quiz of one scan of this diagnosis, and answer DME."""
    trainee = practice.enrol(None, "Eve").id
    scan = next(case.sha256 for case in store.cases_of(deck) if case.label == truth)
    plain = practice.start(trainee, deck, 1, seed=1)
    attempt = replace(plain, id=truth, cases=(scan,), options=Options(**options))
    store.start_attempt(attempt)
    practice.question(trainee, attempt.id)
    practice.commit(trainee, attempt.id, 0, "DME", 3)
    return trainee, attempt.id


def test_a_reveal_shows_the_answer_in_the_network_s_words_and_what_they_stand_for(
    practice, store, eight
):
    told = practice.reveal(*begin(practice, store, eight, "AMD_LATE"), 0)
    model = reveal_view(told, with_scan=False)["model"]
    assert (told.prediction.scheme, told.prediction.label) == (OCT2017, "CNV")
    assert (model["label"], model["mapped"]) == ("CNV", True)
    assert model["notes"] == [
        "This network's CNV stands for AMD_LATE here. It learnt other diagnoses: it counts as "
        "neither right nor wrong."
    ]
    assert set(reveal_view(told, with_scan=False)["maps"]["inferno"]) == set(OCT2017_SCHEME.keys)


def test_a_reveal_says_that_the_network_has_no_word_for_the_truth(practice, store, eight):
    told = practice.reveal(*begin(practice, store, eight, "ERM"), 0)
    assert reveal_view(told, with_scan=False)["model"]["notes"][1:] == [
        "This network knows no ERM."
    ]


def test_of_its_own_diagnoses_nothing_is_said(practice, store):
    told = practice.reveal(*begin(practice, store, "real", "CNV"), 0)
    model = reveal_view(told, with_scan=False)["model"]
    assert (model["mapped"], model["notes"], told.counterparts) == (False, [], None)


def test_a_mapped_second_look_tells_no_truth_and_is_in_no_figure(practice, store, eight):
    whose = begin(practice, store, eight, "ERM", second_look=True)
    (note,) = look_view(practice.look(*whose, 0), with_scan=False)["model"]["notes"]
    assert "ERM" not in note
    practice.decide(*whose, 0, "ERM", 0)
    (item,) = practice.answers(*whose)[1]
    assert item.looked is not None
    assert second_looks([item]).n == 0
    said = second_look_words(second_looks([item]))
    assert "1 second looks were taken beside a model that knows other diagnoses" in said


def test_a_mapped_answer_is_kept_and_never_right_or_wrong(practice, read, store, clock):
    attempt, answers = practice.answers(*read)
    assert {item.prediction.scheme for item in answers} == {OCT2017}
    found = results(attempt, count_answers(answers, [attempt]), OCTDL)
    assert found.you_and_model is None
    assert (found.model_right.n, found.model_weighted_error.n) == (0, 0)
    items = practice.disclosed(*read)[1]
    rows = list(csv.DictReader(io.StringIO(to_csv(attempt, items, "Ada", KEYS))))
    assert {row["model_answer"] for row in rows} == {"oct2017:CNV"}
    assert {row["p_dme"] + row["p_normal"] for row in rows} == {""}
    training = Records(store, clock).training(read[0], False, lambda *_: True)
    assert training.asked == 0
    kept = json.loads(Records(store, clock).export(read[0]))["answers"][0]["model"]
    assert kept["scheme"] == {"name": "oct2017", "version": 1}


def test_a_session_shows_the_mapped_answer_and_its_board_does_not_count_it(
    store, images, shelf, clock, eight, tmp_path, practice
):
    (tmp_path / "quizzes").mkdir()
    quiz = build_quiz("one", "One", deck=eight, per_class={"ERM": 2}, scheme=OCTDL)
    (tmp_path / "quizzes" / "one.toml").write_text(write_quiz(quiz))
    sessions = Sessions(store, images, Quizzes(store, (tmp_path / "quizzes",)), shelf, clock)
    code = sessions.open("grace", "one").code
    trainee = practice.enrol(None, "Ada").id
    attempt = sessions.join(code, trainee, "192.0.2.7").id
    practice.question(trainee, attempt)
    practice.commit(trainee, attempt, 0, "ERM", 3)
    practice.reveal(trainee, attempt, 0)
    shown = pictures_view(sessions.show(code, 0), 2, OCTDL.colours)
    assert "Model: CNV" in shown
    assert "stands for AMD_LATE here" in shown
    assert "This network knows no ERM." in shown
    board = sessions.board(code)
    assert (board.cases[0].model, board.against_model) == (None, None)
    assert board.cases[0].right.value == 1


def test_only_its_own_diagnoses_can_be_answered(practice, eight):
    trainee = practice.enrol(None, "Bo").id
    attempt = practice.start(trainee, eight, 4, seed=1)
    practice.question(trainee, attempt.id)
    for word in ("CNV", "vid", "NONE"):
        with pytest.raises(BadInputError, match=r"Expected AMD_EARLY.*NORMAL or UNGRADABLE"):
            practice.commit(trainee, attempt.id, 0, word, 3)
    assert practice.commit(trainee, attempt.id, 0, "VID", 3).choice == "VID"


def test_the_desk_gets_the_buttons_of_the_deck_s_scheme(practice, read, eight):
    attempt = practice.start(read[0], eight, 2, seed=1)
    view = question_view(practice.question(read[0], attempt.id))
    assert view["scheme"]["labels"] == list(KEYS)
    assert view["scheme"]["colours"]["VID"] == OCTDL.get("VID").colour
    assert view["scheme"]["normal"] == "NORMAL"
    usual = practice.start(read[0], "real", 2, seed=1)
    assert "scheme" not in question_view(practice.question(read[0], usual.id))
    told = reveal_view(practice.reveal(*read, 0), with_scan=False)
    assert told["advice"] == [OCTDL.get(told["truth"]).look_for]


def test_what_is_due_is_of_the_list_that_was_read_last(practice, read, clock):
    history, found = practice.due(read[0])
    assert {answer.scheme for answer in history} == {OCTDL.stamp}
    named = {key for card in found.cards for key in str(card.category).split("–")}
    assert named
    assert named <= set(KEYS)  # a class is reviewed from three answers in a day on
    clock.pass_seconds(60)
    usual = practice.start(read[0], "real", 1, seed=1)
    practice.question(read[0], usual.id)
    practice.commit(read[0], usual.id, 0, "CNV", 3)
    history, found = practice.due(read[0])
    assert [answer.scheme for answer in history] == [OCT2017]
    assert tuple(practice.mastery(history)) == ("CNV", "DME", "DRUSEN", "NORMAL")


def test_a_rule_draws_its_classes_and_a_file_that_names_another_list_is_told(store, eight):
    quizzes, rule = Quizzes(store, ()), {"VID": 2, "RAO": 1}
    quiz = build_quiz("q", "Q", deck=eight, per_class=rule, scheme=OCTDL)
    taken = Counter(case.label for case in quizzes.resolve(quiz).cases)
    assert taken == rule
    assert quizzes.check(build_quiz("q", "Q", deck=eight, per_class={"CNV": 1})) == (
        Fault(0, "the deck 'eight' has the scheme 'octdl'; write scheme = 'octdl'"),
    )


def test_a_deck_keeps_to_its_list(store, images, clock, eight, scans):
    with pytest.raises(BadInputError, match="Expected scans of the scheme 'octdl'"):
        import_scans(store, images, scans, clock, eight, naming=Naming(SHIPPED.get("oct2017")))
