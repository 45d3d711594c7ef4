"""The endless deck: drawn on as far as somebody has read it, the same on every server."""

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.core.quiz import CaseOrder
from octtutor.datasets.decode import decode
from octtutor.testing import MemoryStore
from octtutor.tutor.decks.endless import ENDLESS, Endless
from octtutor.tutor.exams.quizzes import Quizzes


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Return a deck drawn for a quiz of three, and what was told meanwhile."""
    from octtutor.datasets.images import ImageFolder
    from tests.conftest import Clock

    store, images = MemoryStore(), ImageFolder(tmp_path_factory.mktemp("images"))
    told: list[tuple[int, int]] = []
    Endless(store, images, Clock()).draw(None, 3, lambda done, total: told.append((done, total)))
    return store, images, told


def test_every_class_gets_scans_enough_and_the_progress_is_told(drawn):
    store, images, told = drawn
    cases = store.cases_of(ENDLESS)
    assert [sum(case.label == label for case in cases) for label in LABELS] == [2, 2, 2, 2]
    assert told == [(n, 8) for n in range(1, 9)]
    assert Endless(store, images, None).missing(None, 3) == 0


def test_they_are_said_to_be_synthetic_and_no_two_are_of_one_patient(drawn):
    store, *_ = drawn
    cases = store.cases_of(ENDLESS)
    assert store.find_deck(ENDLESS).synthetic
    assert all(case.synthetic for case in cases)
    assert len({case.patient for case in cases}) == len({case.sha256 for case in cases}) == 8


def test_masks_have_the_scan_s_size_and_healthy_eyes_none(drawn):
    store, images, _ = drawn
    for case in store.cases_of(ENDLESS):
        scan = images.read(case.sha256)
        if case.mask_sha256:
            mask = decode(images.place(case.mask_sha256).read_bytes())
            assert mask.shape == scan.shape
            assert np.isin(mask, (0, 255)).all()
        assert case.label == LABELS[3] or case.mask_sha256


def test_two_servers_draw_the_same_scans(drawn, tmp_path, clock):
    from octtutor.datasets.images import ImageFolder

    store, *_ = drawn
    other = MemoryStore()
    Endless(other, ImageFolder(tmp_path), clock).draw(None, 3)
    assert {c.sha256 for c in other.cases_of(ENDLESS)} == {
        c.sha256 for c in store.cases_of(ENDLESS)
    }


def test_what_was_read_is_replaced_by_what_was_not(drawn, practice, store, images, clock):
    endless = Endless(store, images, clock)
    trainee = practice.enrol(None, "Ada").id
    endless.draw(trainee, 3)
    attempt = practice.start(trainee, ENDLESS, 3, None, CaseOrder.ADAPTIVE)
    for position in range(3):
        practice.question(trainee, attempt.id)
        practice.commit(trainee, attempt.id, position, LABELS[0], 3)
        practice.next_question(trainee, attempt.id, position)
    missing = endless.missing(trainee, 3)
    assert missing in (4, 8)
    endless.draw(trainee, 3)
    assert store.count_cases(ENDLESS) == 8 + missing
    assert endless.missing(trainee, 3) == 0
    assert endless.missing(None, 3) == 0


def test_no_quiz_file_is_of_a_deck_that_grows(drawn, tmp_path):
    store, *_ = drawn
    text = 'title = "E"\ndeck = "endless"\n[rule]\nper_class = { CNV = 1 }\n'
    (tmp_path / "e.toml").write_text(text)
    quizzes = Quizzes(store, [tmp_path])
    (listed,) = quizzes.all()
    (fault,) = quizzes.check_listed(listed)
    assert fault.line == 2
    assert "grows" in fault.what
