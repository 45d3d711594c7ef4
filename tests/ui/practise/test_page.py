"""The tab's handlers, without a browser: what is drawn, and what is refused."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from octtutor.core.quiz import CaseOrder
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError, OctTutorError
from octtutor.tutor.decks.endless import Endless
from octtutor.ui.desk.handlers import DeskHandlers
from octtutor.ui.practise.page import PractiseHandlers
from octtutor.ui.shared.pictures import map_uri, outline_path, scan_uri

LABEL_WORDS = ("CNV", "DME", "DRUSEN", "NORMAL")


@pytest.fixture
def desk_handlers(practice, exams, sessions) -> DeskHandlers:
    return DeskHandlers(practice, exams, sessions, lambda reveal: "")


@pytest.fixture
def handlers(practice, shelf, sessions, desk_handlers, store, images, clock) -> PractiseHandlers:
    return PractiseHandlers(practice, shelf, sessions, desk_handlers, Endless(store, images, clock))


@pytest.fixture
def started(handlers: PractiseHandlers):
    screen = handlers.start(None, "Ada", "real", "10", CaseOrder.BALANCED, "7")
    return screen.browser, screen.desk


def answer(desk, **changes):
    return {
        "attempt": desk["attempt"],
        "position": desk["position"],
        "choice": "CNV",
        "confidence": 3,
        "ms": 0,
        **changes,
    }


def test_a_question_tells_nothing(started):
    _, desk = started
    assert set(desk) == {
        "asks",
        "attempt",
        "elapsed",
        "height",
        "left",
        "phase",
        "position",
        "scan",
        "session",
        "synthetic",
        "total",
        "width",
    }
    told = json.dumps({key: value for key, value in desk.items() if key != "scan"})
    assert not any(word in told for word in LABEL_WORDS)


def test_a_whole_quiz_from_start_to_results(desk_handlers: DeskHandlers, started):
    browser, desk = started
    for _ in range(8):
        (told,) = [screen.desk for screen in desk_handlers.commit(browser, answer(desk))]
        assert told["phase"] == "told"
        assert told["truth"] in LABEL_WORDS
        assert told["advice"][0] == OCT2017_SCHEME.get(told["truth"]).look_for
        assert told["model"]["label"] == "CNV"
        assert told["maps"]["inferno"]["DME"] is None
        screen = desk_handlers.next(browser, answer(desk))
        desk = screen.desk
    assert screen.part == "results"
    assert "2 of 8" in screen.card
    assert desk_handlers.last_results(browser).card.count("2 of 8")
    assert desk_handlers.restore(browser).part == "rooms"


def test_a_reload_restores_the_case_and_then_the_reveal(desk_handlers: DeskHandlers, started):
    browser, desk = started
    assert desk_handlers.restore(browser).desk["position"] == 0
    list(desk_handlers.commit(browser, answer(desk)))
    restored = desk_handlers.restore(browser).desk
    assert restored["phase"] == "told"
    assert restored["scan"].startswith("data:image/png")


def test_a_waiting_model_is_said_after_the_answer_is_safe(
    desk_handlers: DeskHandlers, started, predictor, practice
):
    browser, desk = started
    predictor.is_ready = False
    views = desk_handlers.commit(browser, answer(desk))
    waiting = next(views).desk
    assert waiting == {
        "phase": "wait",
        "attempt": desk["attempt"],
        "position": 0,
        "loading": True,
        "session": None,
    }
    assert len(practice.answers(browser["id"], desk["attempt"])[1]) == 1
    assert next(views).desk["phase"] == "told"


@pytest.mark.parametrize(
    "change",
    [
        {"choice": "AMD"},
        {"choice": None},
        {"confidence": 9},
        {"confidence": "3"},
        {"confidence": True},
        {"position": "0"},
        {"position": -1},
        {"position": 7},
        {"attempt": "made up"},
        {"attempt": None},
        {"ms": "soon"},
    ],
)
def test_a_forged_answer_is_refused_in_words_and_writes_nothing(
    desk_handlers: DeskHandlers, started, practice, change
):
    browser, desk = started
    with pytest.raises(OctTutorError):
        list(desk_handlers.commit(browser, answer(desk, **change)))
    assert practice.answers(browser["id"], desk["attempt"])[1] == ()


@pytest.mark.parametrize("browser", [None, {}, {"id": 5}, {"id": "x" * 500}, "text", [1]])
def test_a_forged_browser_state_is_nobody(desk_handlers: DeskHandlers, started, browser):
    _, desk = started
    assert desk_handlers.restore(browser).part == "rooms"
    with pytest.raises(OctTutorError):
        list(desk_handlers.commit(browser, answer(desk)))


@pytest.mark.parametrize("seed", ["x", "-1", "1.5", "9" * 30, "²", "１"])
def test_a_seed_that_is_no_number_is_said(handlers: PractiseHandlers, seed: str):
    with pytest.raises(BadInputError, match="whole number from 0 to"):
        handlers.start(None, "", "real", "10", CaseOrder.ADAPTIVE, seed)


def test_a_scan_is_sent_losslessly_with_other_bytes_each_time():
    scan = np.random.default_rng(0).integers(0, 255, (64, 80), np.uint8)
    first, second = scan_uri(scan), scan_uri(scan)
    assert first != second
    for uri in (first, second):
        data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
        assert (np.asarray(Image.open(io.BytesIO(data))) == scan).all()


def test_a_map_of_nothing_is_no_picture():
    assert map_uri(np.zeros((7, 7), np.float32), "inferno", 1.0) is None
    assert str(map_uri(np.eye(7, dtype=np.float32), "jet", 1.5)).startswith("data:image/webp")


def test_an_outline_follows_the_mask():
    mask = np.zeros((50, 60), np.uint8)
    mask[10:20, 30:40] = 255
    path = outline_path(mask)
    assert path.startswith("M30 10")
    assert path.endswith("Z")
    assert outline_path(np.zeros((5, 5), np.uint8)) == ""


def test_there_is_advice_for_every_pair():
    for truth in OCT2017_SCHEME.keys:
        assert OCT2017_SCHEME.get(truth).look_for
        for choice in set(OCT2017_SCHEME.keys) - {truth}:
            assert (
                OCT2017_SCHEME.tell_apart(truth, choice)
                == OCT2017_SCHEME.tell_apart(choice, truth)
                != ""
            )
