"""The game "Real or synthetic?": dealt evenly, told only after the guess, nothing recorded."""

import base64
import io
import random
import re

import numpy as np
import pytest
from PIL import Image

from octtutor.datasets.images import ImageFolder
from octtutor.errors import BadInputError
from octtutor.testing import MemoryStore
from octtutor.tutor.atlas.real_or_synthetic import deal, score
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.decks.endless import Endless
from octtutor.ui.learn.guess import GuessHandlers, score_html
from tests.conftest import Clock, write_scans


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageFolder:
    return ImageFolder(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def drawn(images) -> MemoryStore:
    """Return records of eight synthetic scans."""
    store = MemoryStore()
    Endless(store, images, Clock()).draw(None, 3)
    return store


@pytest.fixture(scope="module")
def mixed(drawn, images, tmp_path_factory) -> MemoryStore:
    """Return records of as many that count as real."""
    store = MemoryStore()
    Endless(store, images, Clock()).draw(None, 3)
    folder = tmp_path_factory.mktemp("scans")
    write_scans(folder, per_class=2)
    import_scans(store, images, folder, Clock(), "real")
    return store


@pytest.fixture
def handlers(mixed, images) -> GuessHandlers:
    return GuessHandlers(mixed, images, lambda: 7, lambda trainee: trainee == "examined")


def test_as_many_real_as_synthetic_scans_are_dealt_and_a_seed_deals_the_same(mixed):
    cards = deal(mixed, 7)
    assert len(cards) == 16
    assert sum(card.synthetic for card in cards) == 8
    assert deal(mixed, 7) == cards != deal(mixed, 8)
    assert len({card.sha256 for card in cards}) == 16


def test_without_real_scans_it_says_what_is_missing(drawn):
    with pytest.raises(BadInputError, match=r"There are 0 and 8\. Import real scans"):
        deal(drawn, 7)


def test_a_round_is_counted_by_kind(mixed):
    cards = deal(mixed, 7)
    all_synthetic = score(cards, [True] * 16)
    assert (all_synthetic.right.value, all_synthetic.caught.value) == (0.5, 1)
    assert all_synthetic.trusted.value == 0
    perfect = score(cards, [card.synthetic for card in cards])
    assert (perfect.right.value, perfect.right.n) == (1, 16)
    assert score(cards, []).right.value is None


def test_a_round_is_played_to_its_end_and_tells_a_scan_only_afterwards(handlers):
    dealt, html = handlers.begin(None)
    guesses = random.Random(1)
    seen = set()
    while dealt and dealt.card:
        assert dealt.card.sha256 not in html
        assert "endless" not in html.lower()
        seen.add(pixels(html).tobytes())
        kind = "synthetic" if dealt.card.synthetic else "real"
        dealt, html = handlers.guess(dealt, guesses.random() < 0.5)
        assert f"The one before was {kind}" in html
    assert len(seen) == 16
    assert "Half would be right by chance" in html
    assert re.search(r"n = 16, ", html)


def pixels(html: str) -> np.ndarray:
    found = re.search(r"data:image/png;base64,([^']+)", html)
    assert found
    return np.array(Image.open(io.BytesIO(base64.b64decode(found[1]))))


def test_it_waits_while_an_exam_runs_and_forgets_a_round_that_is_over(handlers):
    assert handlers.begin({"id": "examined"})[0] is None
    assert "exam" in handlers.begin({"id": "examined"})[1]
    assert "over" in handlers.guess(None, True)[1]


def test_an_empty_score_is_drawn(mixed):
    assert "n = 0" in score_html(score(deal(mixed, 7), []))
