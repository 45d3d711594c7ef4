"""The desk's handlers: exams, second looks, sessions and reviews, without a browser."""

import base64
import csv
import io
import json
import re
from dataclasses import replace

import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.core.educator import FREE_GUESSES
from octtutor.core.verdict import ScanVerdict, Standing, Verdict
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError, OctTutorError
from octtutor.tutor.decks.deck_import import EMBEDDED, import_scans
from octtutor.tutor.decks.endless import Endless
from octtutor.tutor.practice.answering import Given
from octtutor.tutor.practice.enrolment import draw_id
from octtutor.ui.desk.handlers import DeskHandlers
from octtutor.ui.exams.page import ExamsHandlers, offer_html
from octtutor.ui.practise.page import PractiseHandlers, due_html, mastery_html
from tests.conftest import DECK

EXAM = """
title = "Four & more"
deck = "embedded"
mode = "exam"
pass_mark = 0.5
[options]
attempts = 1
mark_where = true
[rule]
per_class = 1
"""
SECOND = """
title = "Look twice"
deck = "embedded"
[options]
second_look = true
[rule]
per_class = 1
"""


@pytest.fixture(autouse=True)
def embedded(store, images, clock, quizzes):
    import_scans(store, images, DECK, clock, EMBEDDED)
    quizzes.save(EXAM, "four")
    quizzes.save(SECOND, "twice")


@pytest.fixture
def desk(practice, exams, sessions) -> DeskHandlers:
    return DeskHandlers(practice, exams, sessions, lambda reveal: "<b>two</b>")


@pytest.fixture
def tab(exams, practice, desk, clock) -> ExamsHandlers:
    return ExamsHandlers(exams, practice, desk, clock)


@pytest.fixture
def start(practice, shelf, sessions, desk, store, images, clock) -> PractiseHandlers:
    return PractiseHandlers(practice, shelf, sessions, desk, Endless(store, images, clock))


def sent(view, **changes):
    place = {"attempt": view["attempt"], "position": view["position"]}
    return {**place, "choice": "CNV", "confidence": 3, "ms": 0, "mark": [9, 9], **changes}


def last(screens):
    return list(screens)[-1]


def rows_of(card) -> list[dict[str, str]]:
    """The file that a card of results offers."""
    link = re.search(r"base64,([A-Za-z0-9+/=]+)'", card)
    return list(csv.DictReader(io.StringIO(base64.b64decode(link[1]).decode())))


def words_of(view) -> str:
    """Everything of a view but the pictures."""
    return json.dumps({k: v for k, v in view.items() if k not in ("scan", "maps")})


# ---- exams -------------------------------------------------------------------------------


def test_an_exam_goes_from_case_to_case_and_tells_nothing(desk, tab, predictor):
    screen = tab.start(None, "Ada", "four", retest=False)
    browser, view = screen.browser, screen.desk
    assert view["asks"] == {"confidence": True, "mark": True, "look": False, "exam": True}
    for position in range(4):
        assert (view["phase"], view["position"]) == ("ask", position)
        assert not any(word in words_of(view) for word in LABELS)
        assert predictor.asked == []
        screen = last(desk.commit(browser, sent(view)))
        view = screen.desk
    assert screen.part == "results"
    assert "1 of 4" in screen.card
    assert "Not passed" in screen.card
    assert "clicks hit the finding" in screen.card
    assert screen.reviews
    assert len(predictor.asked) == 4


def test_a_reload_comes_back_to_the_exam_and_not_to_a_reveal(desk, tab):
    screen = tab.start(None, "Ada", "four", retest=False)
    last(desk.commit(screen.browser, sent(screen.desk)))
    again = desk.restore(screen.browser).desk
    assert (again["phase"], again["position"]) == ("ask", 1)


def test_an_ended_exam_can_be_looked_at_case_by_case(desk, tab):
    screen = tab.start(None, "Ada", "four", retest=False)
    browser, view = screen.browser, screen.desk
    for _ in range(4):
        view = last(desk.commit(browser, sent(view))).desk or view
    view = desk.review(browser).desk
    for position in range(4):
        assert (view["phase"], view["position"], view["review"]) == ("told", position, True)
        assert view["truth"] in LABELS
        screen = desk.next(browser, {**sent(view), "review": True})
        view = screen.desk
    assert screen.part == "results"


def test_a_running_exam_cannot_be_reviewed(desk, tab):
    screen = tab.start(None, "Ada", "four", retest=False)
    last(desk.commit(screen.browser, sent(screen.desk)))
    for position in (-1, 0, 1):
        with pytest.raises(OctTutorError, match="exam runs"):
            desk.next(screen.browser, {**sent(screen.desk), "position": position, "review": True})
    for event in (desk.review, desk.last_results):
        with pytest.raises(OctTutorError, match="exam runs"):
            event(screen.browser)


def test_beside_a_running_exam_no_earlier_quiz_is_shown_again(desk, tab):
    screen = tab.start(None, "Ada", "twice", retest=False)
    browser, early = screen.browser, screen.desk
    look = last(desk.commit(browser, sent(early))).desk
    desk.decide(browser, sent(look))
    desk.end(browser, sent(early))
    assert desk.review(browser).desk["phase"] == "told"
    tab.start(browser, "Ada", "four", retest=False)
    for event in (desk.review, desk.last_results):
        with pytest.raises(OctTutorError, match="exam runs"):
            event(browser)
    with pytest.raises(OctTutorError, match="not told yet"):
        desk.next(browser, {**sent(early), "position": -1, "review": True})
    for event in (desk.end, desk.next):
        with pytest.raises(OctTutorError, match="exam runs"):
            event(browser, sent(early))


def test_the_file_of_an_exam_that_can_be_taken_again_holds_no_truth(desk, tab, quizzes):
    quizzes.save(EXAM.replace("attempts = 1", "attempts = 2").replace("0.5", "1"), "four")
    screen = tab.start(None, "Ada", "four", retest=False)
    view = screen.desk
    for _ in range(4):
        screen_now = last(desk.commit(screen.browser, sent(view)))
        view = screen_now.desk
    link = re.search(r"base64,([A-Za-z0-9+/=]+)'", screen_now.card)
    rows = list(csv.DictReader(io.StringIO(base64.b64decode(link[1]).decode())))
    assert [row["answer"] for row in rows] == ["CNV"] * 4
    withheld = ("truth", "right", "model_answer", "scan_sha256", "seed")
    assert {row[column] for row in rows for column in withheld} == {""}


def test_practice_on_scans_that_an_exam_keeps_back_goes_on_and_tells_nothing(
    desk, tab, quizzes, store, clock
):
    again = EXAM.replace("attempts = 1", "attempts = 2").replace("0.5", "1")
    quizzes.save(again.replace("mark_where = true\n", ""), "four")
    exam = tab.start(None, "Ada", "four", retest=False)
    browser = exam.browser
    desk.end(browser, sent(exam.desk))
    kept = list(store.get_attempt(exam.desk["attempt"]).cases[:2])
    others = [c.sha256 for c in store.cases_of(EMBEDDED) if c.sha256 not in kept]
    for key, cases, told in (("same", kept, 0), ("partly", [*kept, *others[:1]], 1)):
        named = "".join(f'[[cases]]\nsha256 = "{sha256}"\n' for sha256 in cases)
        quizzes.save(f'title = "Same"\ndeck = "embedded"\n{named}', key)
        clock.pass_seconds(60)
        screen = tab.start(browser, "Ada", key, retest=False)
        shown = []
        for _ in cases:
            attempt = store.get_attempt(screen.desk["attempt"])
            sha256 = attempt.cases[screen.desk["position"]]
            place = sent(screen.desk)
            screen = last(desk.commit(browser, place))
            if screen.desk["phase"] == "told":
                shown.append(sha256)
                screen = desk.next(browser, place)
        assert shown == others[:told]
        assert sum(row["truth"] != "" for row in rows_of(screen.card)) == told
        assert ("2 of these scans are those of an exam" in screen.card) is bool(told)


def test_an_exam_that_can_be_taken_again_tells_its_score_and_no_other_figure(desk, tab, quizzes):
    quizzes.save(EXAM.replace("attempts = 1", "attempts = 2").replace("0.5", "1"), "four")
    screen = tab.start(None, "Ada", "four", retest=False)
    browser, view = screen.browser, screen.desk
    for _ in range(4):
        screen = last(desk.commit(browser, sent(view)))
        view = screen.desk
    assert "1 of 4" in screen.card
    assert "Not passed" in screen.card
    assert "4 of the 4 cases are examples in Learn" in screen.card
    assert "<table" not in screen.card
    assert "clicks hit" not in screen.card
    assert not screen.reviews


def test_an_exam_wants_its_mark(desk, tab, practice):
    screen = tab.start(None, "Ada", "four", retest=False)
    with pytest.raises(BadInputError, match="Expected a click"):
        last(desk.commit(screen.browser, sent(screen.desk, mark=None)))
    assert practice.answers(screen.browser["id"], screen.desk["attempt"])[1] == ()


@pytest.mark.parametrize("key", [None, "", 7, ["four"], "made-up", "../four"])
def test_a_made_up_quiz_is_refused_in_words(tab, key):
    with pytest.raises(OctTutorError):
        tab.start(None, "Ada", key, retest=False)


def test_a_quiz_is_described_with_what_it_asks(tab, clock):
    offers = {offer.quiz.key: offer for offer in tab.offers(None)}
    told = offer_html(offers["four"], clock())
    assert "Four &amp; more" in told
    assert "No feedback until the end" in told
    assert "1 of 1 attempts left" in told
    assert "You show where the finding is" in told
    assert "may change yours" in offer_html(offers["twice"], clock())
    assert "Cannot be taken here" in offer_html(offers["kermanys-hundred"], clock())


def cite(store) -> None:
    """Let the embedded deck name its source."""
    store.put_deck(replace(store.find_deck(EMBEDDED), citation="Kulyabin, 2024.", licence="CC"))


def test_whose_the_scans_are_stands_with_the_offer_and_on_every_card(
    desk, tab, quizzes, store, clock
):
    cite(store)
    quizzes.save(EXAM.replace("attempts = 1", "attempts = 2"), "four")
    quizzes.save(EXAM, "plain")
    offers = {offer.quiz.key: offer for offer in tab.offers(None)}
    told = offer_html(offers["four"], clock())
    assert told.index("attempts left") < told.index("Kulyabin, 2024. CC")
    assert "Kulyabin" not in offer_html(offers["kermanys-hundred"], clock())
    for key in ("four", "plain"):  # the one keeps its truth for another attempt
        screen = tab.start(None, "Ada", key, retest=False)
        browser, view = screen.browser, screen.desk
        for _ in range(4):
            screen = last(desk.commit(browser, sent(view)))
            view = screen.desk
        assert screen.card.count("Kulyabin, 2024. CC") == 1
        assert ("<table" in screen.card) == (key == "plain")


def test_where_nobody_knows_the_patient_reveal_and_results_say_so(desk, start, store):
    cases = [replace(case, synthetic=False) for case in store.cases_of(EMBEDDED)]
    for name, known in (("named", True), ("nameless", False)):
        store.put_deck(replace(store.find_deck(EMBEDDED), name=name, synthetic=False))
        store.add_cases(name, [replace(c, patient="p" if known else c.name) for c in cases])
        screen = start.start(None, "", name, "10", "", "7")
        told = last(desk.commit(screen.browser, sent(screen.desk))).desk
        assert told["unknown_patient"] is not known
        card = desk.end(screen.browser, sent(screen.desk)).card
        assert ("Of 10 of the 10 cases the patients are not told" in card) is not known


def test_the_models_answer_stands_as_it_is_with_what_it_is_worth(desk, start, predictor):
    plain = start.start(None, "", EMBEDDED, "10", "", "7")
    assert last(desk.commit(plain.browser, sent(plain.desk))).desk["model"]["notes"] == []
    predictor.standing = Standing(ScanVerdict(Verdict.UNLIKE, "It is noisy."), would_answer=False)
    told = desk.restore(plain.browser).desk
    said = ["It is noisy.", "By itself it would not have answered this one."]
    assert (told["phase"], told["model"]["label"], told["model"]["notes"]) == ("told", "CNV", said)
    predictor.sha256 = "1" * 64  # another model now: of the answer that is kept it says nothing
    told = desk.restore(plain.browser).desk
    assert (told["model"]["label"], told["model"]["notes"]) == ("CNV", [])
    assert told["fault"]


def test_a_second_look_says_what_the_models_answer_is_worth(desk, tab, predictor):
    predictor.standing = Standing(ScanVerdict(Verdict.SCAN), would_answer=False)
    screen = tab.start(None, "Ada", "twice", retest=False)
    look = last(desk.commit(screen.browser, sent(screen.desk, choice="DME"))).desk
    assert look["phase"] == "look"
    assert look["model"]["notes"] == ["By itself it would not have answered this one."]


# ---- the second look ---------------------------------------------------------------------


def test_a_second_look_tells_the_models_answer_and_then_the_truth(desk, tab):
    screen = tab.start(None, "Ada", "twice", retest=False)
    browser = screen.browser
    look = last(desk.commit(browser, sent(screen.desk, choice="DME"))).desk
    assert (look["phase"], look["model"]["label"], look["choice"]) == ("look", "CNV", "DME")
    assert not {"truth", "right", "advice", "findings", "outline", "contrast"} & set(look)
    assert desk.restore(browser).desk["phase"] == "look"
    told = desk.decide(browser, sent(look, choice="CNV")).desk
    assert (told["phase"], told["choice"], told["second"]) == ("told", "DME", "CNV")
    assert told["right"] is (told["truth"] == "CNV")
    assert desk.restore(browser).desk["phase"] == "told"


def test_between_answer_and_second_look_the_results_hold_the_truth_back(desk, tab):
    screen = tab.start(None, "Ada", "twice", retest=False)
    browser = screen.browser
    last(desk.commit(browser, sent(screen.desk, choice="DME")))
    assert "No case was answered" in desk.last_results(browser).card
    look = desk.restore(browser).desk
    told = desk.decide(browser, sent(look)).desk
    view = desk.next(browser, sent(told)).desk
    last(desk.commit(browser, sent(view, choice="DME")))
    card = desk.last_results(browser).card
    first, second = rows_of(card)
    assert first["truth"] == told["truth"]
    assert (second["answer"], second["model_answer"]) == ("DME", "CNV")
    assert {second["truth"], second["right"], second["scan_sha256"]} == {""}
    assert "of 1" in card


def test_a_second_look_is_not_taken_after_the_end_has_told_the_truth(desk, tab):
    screen = tab.start(None, "Ada", "twice", retest=False)
    browser = screen.browser
    look = last(desk.commit(browser, sent(screen.desk, choice="DME"))).desk
    (row,) = rows_of(desk.end(browser, sent(look)).card)
    assert row["truth"] in LABELS
    with pytest.raises(OctTutorError, match="does not wait"):
        desk.decide(browser, sent(look, choice=row["truth"]))


def test_the_results_say_what_the_second_looks_changed(desk, tab):
    screen = tab.start(None, "Ada", "twice", retest=False)
    browser, view = screen.browser, screen.desk
    while view["phase"] != "idle":
        look = last(desk.commit(browser, sent(view, choice="DME"))).desk
        told = desk.decide(browser, sent(look, choice="CNV")).desk
        screen = desk.next(browser, sent(told))
        view = screen.desk
    assert "4 second looks" in screen.card
    assert "From wrong to right" in screen.card


@pytest.mark.parametrize("change", [{"choice": "AMD"}, {"ms": "soon"}, {"position": 3}])
def test_a_forged_second_look_is_refused(desk, tab, change):
    screen = tab.start(None, "Ada", "twice", retest=False)
    look = last(desk.commit(screen.browser, sent(screen.desk))).desk
    with pytest.raises(OctTutorError):
        desk.decide(screen.browser, sent(look, **change))
    assert desk.restore(screen.browser).desk["phase"] == "look"


# ---- sessions ----------------------------------------------------------------------------


@pytest.fixture
def joined(start, sessions):
    code = sessions.open("ada", "first-ten").code
    screen = start.join(None, "Bo", f" {code.lower()} ", "10.0.0.1")
    return code, screen.browser, screen.desk


def test_a_code_leads_to_the_sessions_first_case(joined):
    code, _, view = joined
    assert (view["phase"], view["session"], view["total"]) == ("ask", code, 10)


def test_a_session_that_stands_as_before_changes_nothing(desk, joined):
    _, browser, _ = joined
    screen, told = desk.poll(browser, None)
    assert screen is None
    assert desk.poll(browser, told) == (None, told)


def test_a_pause_shows_and_ends(desk, joined, sessions):
    code, browser, view = joined
    sessions.pause(code)
    screen, told = desk.poll(browser, None)
    assert (screen.desk["phase"], screen.desk["paused"]) == ("notice", True)
    assert "paused" in screen.desk["notice"]
    with pytest.raises(OctTutorError, match="paused"):
        last(desk.commit(browser, sent(view)))
    sessions.go_on(code)
    screen, _ = desk.poll(browser, told)
    assert (screen.desk["notice"], screen.desk["paused"]) == ("", False)


def test_a_discussed_case_is_shown_to_those_who_have_answered_it(desk, joined, sessions, start):
    code, browser, view = joined
    late = start.join(None, "Cy", code, "10.0.0.1")
    last(desk.commit(browser, sent(view)))
    desk.next(browser, sent(view))
    sessions.discuss(code, 0)
    shown, told = desk.poll(browser, None)
    assert (shown.desk["phase"], shown.desk["position"]) == ("told", 0)
    assert shown.desk["discussion"] is True
    hidden, _ = desk.poll(late.browser, None)
    assert hidden.desk["phase"] == "notice"
    assert not any(word in words_of(hidden.desk) for word in LABELS)
    sessions.discuss(code, None)
    back, _ = desk.poll(browser, told)
    assert (back.desk["phase"], back.desk["position"]) == ("ask", 1)


def test_who_leaves_the_exam_of_a_session_is_told_nothing_until_it_ends(
    desk, start, sessions, store
):
    cite(store)
    code = sessions.open("ada", "four").code
    screen = start.join(None, "Bo", code, "10.0.0.1")
    browser, view = screen.browser, screen.desk
    last(desk.commit(browser, sent(view)))
    left = desk.end(browser, sent(view))
    for shown in (left, desk.last_results(browser), desk.poll(browser, None)[0]):
        assert "The results are told when the exam has ended for all" in shown.card
        assert "1 of 4 answered" in shown.card
        assert "Kulyabin, 2024. CC" in shown.card
        assert "<table" not in shown.card
        assert not shown.reviews
    with pytest.raises(OctTutorError, match="not told yet"):
        desk.review(browser)
    sessions.end(code)
    assert "Rows: truth" in desk.last_results(browser).card
    assert desk.review(browser).desk["phase"] == "told"


def test_the_end_of_a_session_brings_the_results(desk, joined, sessions):
    code, browser, view = joined
    last(desk.commit(browser, sent(view)))
    sessions.end(code)
    screen, _ = desk.poll(browser, None)
    assert screen.part == "results"
    assert "1 of 10 answered" in screen.card


def test_a_wrong_code_is_said_and_guessing_is_slowed_down(start):
    eve = {"id": draw_id(), "nickname": "Eve"}
    for _ in range(FREE_GUESSES):
        with pytest.raises(BadInputError, match="Expected the code of a session"):
            start.join(eve, "Eve", "ZZZZZ2", "10.0.0.66")
    with pytest.raises(OctTutorError, match=r"Too many wrong codes\. Wait 30 seconds"):
        start.join(eve, "Eve", "ZZZZZ3", "10.0.0.66")
    with pytest.raises(BadInputError, match="Expected the code of a session"):
        start.join(None, "Ada", "ZZZZZ2", "10.0.0.66")  # a classmate
    with pytest.raises(BadInputError, match="Received none"):
        start.join(None, "Eve", "  ", "10.0.0.7")


def test_nobody_polls_for_nothing(desk):
    assert desk.poll(None, None)[0] is None
    assert desk.poll({"id": "made up"}, None)[0] is None


# ---- the start ---------------------------------------------------------------------------


def test_the_start_of_a_stranger_is_empty_and_says_why(start):
    home = start.home(None)
    assert (home.is_due, home.mastery, home.has_results) == (False, "", False)
    assert "comes due again" in home.due


def test_what_is_due_can_be_started_a_day_later(start, desk, clock):
    screen = start.start(None, "Ada", EMBEDDED, "10", "", "7")
    browser, view = screen.browser, screen.desk
    while view["phase"] == "ask":
        clock.pass_seconds(20)
        last(desk.commit(browser, sent(view)))
        view = desk.next(browser, sent(view)).desk
    assert not start.home(browser).is_due
    with pytest.raises(BadInputError):
        start.start_due(browser, "Ada", EMBEDDED)
    clock.pass_seconds(86_500)
    home = start.home(browser)
    assert home.is_due
    assert "due, about" in home.due
    assert "○" in home.mastery
    due = start.start_due(browser, "Ada", EMBEDDED).desk
    assert due["phase"] == "ask"
    assert f"{due['total']} due" in home.due


def test_a_reveal_after_a_confusion_holds_the_pair(start, desk):
    screen = start.start(None, "", EMBEDDED, "10", "", "7")
    told = last(desk.commit(screen.browser, sent(screen.desk))).desk
    assert told["contrast"] == "<b>two</b>"


def test_due_and_mastery_are_drawn_of_nothing(clock):
    from octtutor.core.schedule import mastery
    from octtutor.tutor.practice.spaced_repetition import due

    known = mastery([], LABELS)
    assert mastery_html(known, OCT2017_SCHEME.colours).count("·····") == 4
    assert "comes due again" in due_html(due([], clock()))


def test_an_exams_answer_is_changed_as_long_as_the_next_case_was_not_shown(
    desk, tab, practice, store
):
    screen = tab.start(None, "Ada", "four", retest=False)
    view, who = screen.desk, screen.browser["id"]
    practice.answer(who, view["attempt"], 0, Given("CNV", 3, 0, [9, 9]))
    sitting = desk.change(screen.browser, sent(view, choice="NORMAL", confidence=5))
    (item,) = store.answers_of(view["attempt"])
    assert sitting.given[0].answer == item.answer
    assert (item.answer.choice, item.answer.confidence, item.answer.mark) == ("NORMAL", 5, None)
    desk.next(screen.browser, sent(view))
    with pytest.raises(OctTutorError, match="stands"):
        desk.change(screen.browser, sent(view))


def test_how_sure_one_is_after_the_models_answer_is_recorded(desk, tab, store):
    screen = tab.start(None, "Ada", "twice", retest=False)
    look = last(desk.commit(screen.browser, sent(screen.desk))).desk
    desk.decide(screen.browser, sent(look, second_confidence=5))
    assert store.answers_of(look["attempt"])[0].second.confidence == 5
