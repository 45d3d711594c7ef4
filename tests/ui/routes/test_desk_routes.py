"""The desk's plain routes, over HTTP and without a browser."""

import cv2
import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from octtutor.core.diagnosis import LABELS
from octtutor.tutor.annotation.deck_publishing import DeckPublisher
from octtutor.tutor.atlas.atlas import Atlas
from octtutor.tutor.decks.deck_import import EMBEDDED, import_scans
from octtutor.tutor.decks.endless import Endless
from octtutor.ui.desk.handlers import DeskHandlers
from octtutor.ui.exams.page import ExamsHandlers
from octtutor.ui.practise.page import PractiseHandlers
from octtutor.ui.routes.desk_models import FaultReply, Screen
from octtutor.ui.routes.desk_replies import DeskReplies
from octtutor.ui.routes.desk_routes import TRAINEE, DeskRoutes
from octtutor.ui.routes.desk_service import DeskService
from octtutor.ui.routes.picture_tokens import Encoded, Pictures
from tests.conftest import DECK
from tests.counting import counting

QUIZZES = {
    "exam": 'mode = "exam"\n[options]\nattempts = 1',
    "firm": 'mode = "exam"\n[options]\nmay_change = false',
    "twice": "[options]\nsecond_look = true",
    "timed": "[options]\ncase_seconds = 60",
    "class": 'mode = "exam"',
    "clocked": 'mode = "exam"\n[options]\ncase_seconds = 60',
    "open": "",
}
SCREEN = TypeAdapter(Screen)
ADA = "5e0a6f6c-7d14-4cb1-8c39-0a3c6f7e5d10"


@pytest.fixture
def pictures() -> Pictures:
    return Pictures()


@pytest.fixture
def service(store, images, clock, shelf, quizzes, practice, exams, sessions, pictures):
    import_scans(store, images, DECK, clock, EMBEDDED)
    for key, options in QUIZZES.items():
        rule = "[rule]\nper_class = 1"
        quizzes.save(f'title = "{key}"\ndeck = "embedded"\n{options}\n{rule}\n', key)
    atlas = Atlas(store, images, shelf, DeckPublisher(store, images, clock).regions_of)
    desk = DeskHandlers(practice, exams, sessions, lambda reveal: "")
    practise = PractiseHandlers(practice, shelf, sessions, desk, Endless(store, images, clock))
    replies = DeskReplies(pictures, images, atlas)
    exam_tab = ExamsHandlers(exams, practice, desk, clock)
    return DeskService(practice, desk, practise, exam_tab, replies)


@pytest.fixture
def client(service, pictures):
    app = FastAPI(routes=DeskRoutes(service, pictures).routes())
    with TestClient(app, headers={TRAINEE: ADA}) as opened:
        yield opened


def screen_of(answer: httpx.Response) -> dict:
    """Read a reply, and check that it is what the models say."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    SCREEN.validate_python(answer.json())
    return answer.json()


def fault_of(answer: httpx.Response) -> tuple[int, str]:
    error = FaultReply.model_validate_json(answer.text).error
    assert error.message
    return answer.status_code, error.code


def start(client: TestClient, quiz: str) -> dict:
    if quiz == "practice":
        sent = {"kind": "practice", "deck": EMBEDDED, "size": 4, "order": "balanced"}
    else:
        sent = {"kind": "quiz", "quiz": quiz}
    return screen_of(client.post("/desk/start", json={**sent, "nickname": "Ada"}))


def post(client: TestClient, what: str, screen: dict, **more) -> httpx.Response:
    place = {key: screen["state"][key] for key in ("attempt", "position")}
    return client.post(f"/desk/{what}", json={**place, **more})


def commit(client: TestClient, screen: dict, **more) -> dict:
    given = {"choice": "CNV", "confidence": 3, "ms": 0, **more}
    return screen_of(post(client, "commit", screen, **given))


def picture(client: TestClient, shown: dict) -> np.ndarray:
    answer = client.get(f"/desk/picture/{shown['token']}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, max-age=3600, immutable"
    return cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)


def test_a_case_is_asked_answered_told_and_gone_on_from(client, store, images):
    asked = start(client, "practice")
    assert asked["trainee"] == {"id": ADA, "nickname": "Ada"}
    assert (asked["phase"], asked["total"], asked["left"]) == ("ask", 4, None)
    assert asked["scheme"]["labels"] == list(LABELS)
    attempt = store.get_attempt(asked["state"]["attempt"])
    assert np.array_equal(picture(client, asked["scan"]), images.read(attempt.cases[0]))
    told = commit(client, asked)
    assert (told["phase"], told["truth"]) == (
        "told",
        store.get_case(EMBEDDED, attempt.cases[0]).label,
    )
    assert told["scan"] == asked["scan"]
    assert [one["label"] for one in told["model"]["maps"]] == list(LABELS)
    following = screen_of(post(client, "next", told))
    assert (following["phase"], following["state"]["position"]) == ("ask", 1)
    assert following["scan"] == told["ahead"]
    versions = [screen["state"]["version"] for screen in (asked, told, following)]
    assert versions == sorted(set(versions))


def test_before_the_answer_nothing_in_a_reply_tells_it(client, store):
    asked = start(client, "practice")
    case = store.get_case(EMBEDDED, store.get_attempt(asked["state"]["attempt"]).cases[0])
    asked["scheme"] = None
    words = str(asked)
    assert not any(word in words for word in (*LABELS, case.sha256, case.name))


def test_maps_are_grey_and_one_a_class_and_none_without_evidence(client):
    told = commit(client, start(client, "practice"))
    by_label = {one["label"]: one["picture"] for one in told["model"]["maps"]}
    assert by_label["DME"] is None
    drawn = picture(client, by_label["CNV"])
    grey = drawn if drawn.ndim == 2 else drawn[..., 0]
    assert drawn.ndim == 2 or np.ptp(drawn, axis=2).max() <= 2
    assert (int(grey.max()) > 245, int(grey.min()) < 10) == (True, True)


def test_after_a_confusion_two_scans_are_offered_to_compare(client, store):
    screen, told = start(client, "practice"), None
    for _ in range(4):
        attempt = store.get_attempt(screen["state"]["attempt"])
        case = store.get_case(EMBEDDED, attempt.cases[screen["state"]["position"]])
        seen = [store.get_case(EMBEDDED, sha256) for sha256 in store.seen_by(ADA)]
        others = [one.label for one in seen if one.label != case.label]
        told = commit(client, screen, choice=others[0] if others else case.label)
        assert bool(told["contrast"]) is bool(others)
        screen = screen_of(post(client, "next", told))
    assert [one["label"] for one in told["contrast"]] == [told["truth"], told["choice"]]
    shapes = [picture(client, one["picture"]).shape for one in told["contrast"]]
    assert all(width <= 480 for _, width, _ in shapes)


def test_in_an_exam_an_answer_is_kept_and_may_be_changed_until_next(client, store):
    kept = commit(client, start(client, "exam"))
    assert (kept["phase"], kept["choice"], kept["may_change"]) == ("kept", "CNV", True)
    assert "truth" not in kept
    assert screen_of(client.get("/desk/state"))["phase"] == "kept"
    given = {"choice": "DME", "confidence": 5, "ms": 10}
    changed = screen_of(post(client, "change", kept, **given))
    assert (changed["choice"], changed["changes"]) == ("DME", 1)
    assert changed["state"]["version"] > kept["state"]["version"]
    asked = screen_of(post(client, "next", kept))
    assert (asked["phase"], asked["state"]["position"]) == ("ask", 1)
    assert fault_of(post(client, "change", kept, **given)) == (409, "stale")
    for _ in range(3):
        kept = commit(client, asked)
        asked = screen_of(post(client, "next", kept))
    assert (asked["phase"], asked["state"]) == ("results", None)
    assert "of 4" in asked["card"]


def test_what_a_quiz_forbids_to_change_is_not_changed(client):
    kept = commit(client, start(client, "firm"))
    assert (kept["phase"], kept["may_change"]) == ("kept", False)
    answer = post(client, "change", kept, choice="DME", confidence=5, ms=10)
    assert fault_of(answer) == (409, "stale")


def test_a_second_look_shows_the_model_asks_again_how_sure_and_then_tells(client, store):
    look = commit(client, start(client, "twice"))
    assert (look["phase"], look["model"]["label"]) == ("look", "CNV")
    assert "truth" not in look
    again = {"choice": "DME", "confidence": 5, "ms": 10}
    told = screen_of(post(client, "decide", look, **again))
    assert (told["phase"], told["choice"]) == ("told", "CNV")
    assert told["second"] == {"choice": "DME", "confidence": 5}
    assert told["state"]["version"] > look["state"]["version"]
    assert fault_of(post(client, "decide", look, **again)) == (409, "stale")


def test_while_the_model_loads_the_answer_is_recorded_and_the_state_tells_the_rest(
    client, predictor, store
):
    predictor.is_ready = False
    asked = start(client, "practice")
    waiting = commit(client, asked)
    assert waiting["phase"] == "wait"
    assert len(store.answers_of(asked["state"]["attempt"])) == 1
    predictor.is_ready = True
    assert screen_of(client.get("/desk/state"))["phase"] == "told"


def test_only_what_was_answered_waits_for_the_model(client, service, predictor):
    predictor.is_ready = False
    assert not service.waits(ADA)
    asked = start(client, "practice")
    assert not service.waits(ADA)
    commit(client, asked)
    assert service.waits(ADA)
    commit(client, start(client, "exam"))
    assert not service.waits(ADA)


def test_the_time_that_is_left_stands_with_an_answer_that_is_kept(client, clock):
    asked = start(client, "clocked")
    clock.pass_seconds(20)
    kept = commit(client, asked)
    assert (asked["left"], kept["left"]) == (60_000, 40_000)
    clock.pass_seconds(5)
    assert screen_of(client.get("/desk/state"))["left"] == 35_000


def test_a_reload_comes_back_to_where_one_was(client):
    assert screen_of(client.get("/desk/state"))["phase"] == "idle"
    asked = start(client, "practice")
    again = screen_of(client.get("/desk/state"))
    assert (again["phase"], again["state"], again["scan"]) == (
        "ask",
        asked["state"],
        asked["scan"],
    )
    told = commit(client, asked)
    assert screen_of(client.get("/desk/state"))["truth"] == told["truth"]


def test_an_answer_that_is_sent_twice_is_recorded_once(client, store):
    asked = start(client, "practice")
    commit(client, asked)
    given = {"choice": "DME", "confidence": 5, "ms": 0}
    assert fault_of(post(client, "commit", asked, **given)) == (409, "stale")
    (item,) = store.answers_of(asked["state"]["attempt"])
    assert item.answer.choice == "CNV"


def test_an_ended_quiz_shows_its_results_and_its_cases_again(client):
    asked = start(client, "practice")
    commit(client, asked)
    ended = {"attempt": asked["state"]["attempt"]}
    results = screen_of(client.post("/desk/end", json=ended))
    assert (results["phase"], results["reviews"]) == ("results", True)
    assert screen_of(client.get("/desk/results"))["card"] == results["card"]
    again = screen_of(client.post("/desk/review", json={"position": 0}))
    assert (again["phase"], again["review"], again["ahead"]) == ("told", True, None)
    assert screen_of(client.post("/desk/review", json={"position": 1}))["phase"] == "results"


def test_a_running_exam_is_not_looked_at_again(client):
    kept = commit(client, start(client, "exam"))
    where = {"attempt": kept["state"]["attempt"], "position": 0}
    assert fault_of(client.post("/desk/review", json=where)) == (400, "bad_input")
    assert fault_of(client.get("/desk/results")) == (400, "bad_input")


def test_no_next_scan_is_named_where_time_counts(client):
    assert commit(client, start(client, "timed"))["ahead"] is None


def test_what_the_class_discusses_is_shown_to_who_has_answered_it(client, sessions):
    session = sessions.open("ada", "class")
    sent = {"kind": "session", "nickname": "Ada", "code": session.code}
    asked = screen_of(client.post("/desk/start", json=sent))
    assert (asked["session"]["code"], asked["session"]["notice"]) == (session.code, "")
    kept = commit(client, asked)
    sessions.pause(session.code)
    note = client.get("/desk/session").json()["session"]
    assert (note["paused"], note["may_see"]) == (True, False)
    given = {"choice": "DME", "confidence": 5, "ms": 0}
    assert fault_of(post(client, "change", kept, **given)) == (409, "stale")
    sessions.discuss(session.code, 0)
    shown = screen_of(client.get("/desk/state"))
    assert (shown["phase"], shown["discussion"], shown["ahead"]) == ("told", True, None)
    assert "shows case 1 to all" in shown["session"]["notice"]
    sessions.discuss(session.code, None)
    sessions.end(session.code)
    assert client.get("/desk/session").json()["over"] is True
    assert screen_of(client.get("/desk/state"))["phase"] == "results"


def test_a_timers_reply_carries_no_case_and_no_choice(client, sessions):
    session = sessions.open("ada", "class")
    sent = {"kind": "session", "nickname": "Ada", "code": session.code}
    screen_of(client.post("/desk/start", json=sent))
    reply = client.get("/desk/session").json()
    assert reply.keys() == {"attempt", "session", "over"}
    assert reply["session"].keys() == {"code", "paused", "discussed", "may_see", "notice"}


def test_errors_have_one_shape(client):
    asked = start(client, "practice")
    given = {"choice": "CNV", "confidence": 3, "ms": 0}
    nobody = {TRAINEE: ""}
    assert fault_of(client.get("/desk/state", headers=nobody)) == (401, "no_trainee")
    other = {TRAINEE: "5e0a6f6c-7d14-4cb1-8c39-000000000000"}
    place = {"attempt": asked["state"]["attempt"], "position": 0}
    sent = {**place, **given}
    assert fault_of(client.post("/desk/commit", json=sent, headers=other)) == (404, "missing")
    foreign = {"Origin": "http://elsewhere.example"}
    assert fault_of(client.post("/desk/commit", json=sent, headers=foreign)) == (403, "foreign")
    bad = [
        {**sent, "confidence": 6},
        {**sent, "confidence": "3"},
        {**sent, "choice": "ERM"},
        {**sent, "position": -1},
        {**sent, "sha256": "x"},
        {**sent, "timed_out": True},
        {"attempt": "x"},
        ["no", "object"],
    ]
    for wrong in bad:
        assert fault_of(client.post("/desk/commit", json=wrong)) == (400, "bad_input"), wrong
    broken = client.post("/desk/commit", content=b"{", headers={"content-type": "application/json"})
    assert fault_of(broken) == (400, "bad_input")
    assert fault_of(client.post("/desk/start", json={"kind": "other"})) == (400, "bad_input")
    assert fault_of(client.get("/desk/picture/nothing")) == (404, "missing")
    assert commit(client, asked)["phase"] == "told"


def test_a_picture_has_bytes_of_its_own_at_each_attempt_and_the_same_at_its_address(client):
    first = start(client, "open")
    again = client.get(f"/desk/picture/{first['scan']['token']}").content
    assert client.get(f"/desk/picture/{first['scan']['token']}").content == again
    second = start(client, "open")
    assert second["scan"]["token"] != first["scan"]["token"]
    other = client.get(f"/desk/picture/{second['scan']['token']}")
    assert np.array_equal(picture(client, first["scan"]), picture(client, second["scan"]))
    assert other.content != again


def test_addresses_that_were_not_asked_for_longest_go_first():
    pictures = Pictures(most=2)
    tokens = [pictures.offer("a", n, "scan", lambda n=n: Encoded("x", b"%d" % n)) for n in (0, 1)]
    assert pictures.offer("a", 0, "scan", lambda: Encoded("x", b"new")) == tokens[0]
    pictures.offer("a", 2, "scan", lambda: Encoded("x", b"2"))
    assert pictures.find(tokens[0]).data == b"0"
    assert pictures.find(tokens[1]) is None


def test_a_reveal_is_small_and_takes_few_statements(client, store):
    asked = start(client, "practice")
    with counting() as answer:
        told = post(client, "commit", asked, choice="CNV", confidence=3, ms=0)
    assert len(answer.statements) <= 12
    assert answer.transactions <= 2
    assert len(told.content) < 20_000
    with counting() as following:
        post(client, "next", told.json())
    assert len(following.statements) <= 6
    assert following.transactions == 1
