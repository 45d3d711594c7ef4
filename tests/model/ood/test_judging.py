"""What a picture is called: scan, unlike, other scan or no scan, and why."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.core.verdict import Verdict
from octtutor.datasets.preparation import prepare
from octtutor.datasets.scan_picture import ScanPattern, ScanPicture
from octtutor.datasets.volumes import open_volume
from octtutor.model.ood.judging import judge, look_at
from octtutor.model.ood.non_scans import APART, draw_all
from octtutor.model.ood.ood_score import OodScore
from octtutor.phantom import make
from tests.conftest import SHARED

SCAN = make(LABELS[3], np.random.default_rng(8), (496, 768)).scan
USUAL, STRANGE, FAR = (OodScore(score, 2.0, score <= 2) for score in (0.0, 4.0, 18.0))


def said(pixels: np.ndarray, seen: OodScore | None, **facts):
    return judge(look_at(ScanPicture(np.ascontiguousarray(pixels), **facts)), seen)


def test_a_usual_scan_is_a_scan_and_needs_no_reason():
    found = said(SCAN, USUAL)
    assert (found.verdict, found.why, found.is_b_scan) == (Verdict.SCAN, "", True)
    assert said(SCAN, None).verdict is Verdict.SCAN


def test_a_scan_that_is_far_from_what_was_learned_is_still_an_oct_scan():
    found = said(SCAN, STRANGE)
    assert found.verdict is Verdict.UNLIKE
    assert "An OCT B-scan, but unlike" in found.why


def test_in_which_way_a_scan_is_unusual_is_said_where_it_was_measured():
    retina = prepare(SCAN).retina
    top, bottom = int(retina.top.min()) - 12, int(retina.bottom.max()) + 12
    assert "cut close to the retina" in said(SCAN[top:bottom], STRANGE).why
    rng = np.random.default_rng(0)
    noisy = np.clip(SCAN + rng.normal(0, 60, SCAN.shape), 0, 255).astype(np.uint8)
    assert "noisy" in said(noisy, STRANGE).why
    assert "noisy" not in said(SCAN, STRANGE).why


@pytest.mark.parametrize(
    ("turn", "why"),
    [
        (lambda scan: scan[::-1], "upside down"),
        (lambda scan: 255 - scan, "inverted"),
        (np.rot90, "on its side"),
    ],
)
def test_a_scan_that_lies_wrong_is_one_and_is_said_to(turn, why: str):
    found = said(turn(SCAN), FAR)  # the network's score is of a picture that lies wrong
    assert found.verdict is Verdict.UNLIKE
    assert why in found.why


def test_a_network_that_was_fed_the_righted_scan_need_not_call_it_unlike():
    picture = ScanPicture(np.ascontiguousarray(SCAN[::-1]))
    facts = look_at(picture, prepare(picture.pixels))
    assert judge(facts, USUAL).verdict is Verdict.SCAN


def test_a_circular_scan_is_another_scan_because_its_file_says_so():
    found = said(SCAN, USUAL, pattern=ScanPattern.CIRCLE)
    assert found.verdict is Verdict.OTHER_SCAN
    assert "circular scan around the optic disc" in found.why
    for lies in (ScanPattern.VOLUME, ScanPattern.LINE, ScanPattern.RADIAL):
        assert said(SCAN, USUAL, pattern=lies).verdict is Verdict.SCAN


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("en face", "en face"),
        ("angiography", "angiography"),
        ("thickness map", "map of thickness"),
        ("front", "front of the eye"),
        ("vessel", "blood vessel"),
    ],
)
def test_what_a_file_says_that_it_is_no_b_scan_of_a_retina_is_named(kind: str, name: str):
    found = said(SCAN, USUAL, pattern=ScanPattern(kind))
    assert (found.verdict, found.is_b_scan) == (Verdict.OTHER_SCAN, False)
    assert name in found.why


def test_a_photograph_is_one_unless_it_shows_layers():
    assert said(SCAN, USUAL, pattern=ScanPattern.FUNDUS).verdict is Verdict.SCAN
    rng = np.random.default_rng(3)
    photograph = cv2.GaussianBlur(rng.integers(0, 255, (400, 400), np.uint8), (0, 0), 30)
    found = said(photograph, USUAL, pattern=ScanPattern.FUNDUS)
    assert (found.verdict, "photograph" in found.why) == (Verdict.OTHER_SCAN, True)


@pytest.mark.parametrize("kind", sorted(APART))
def test_pictures_of_other_things_are_no_scan(kind: str):
    for _, pixels in draw_all({kind: APART[kind]}, 3, 5):
        found = said(pixels, FAR)
        assert found.verdict is Verdict.NO_SCAN
        assert "does not look like an OCT B-scan" in found.why


def test_a_fundus_photograph_and_a_map_in_colours_are_named():
    round_ = cv2.circle(np.zeros((400, 400, 3), np.uint8), (200, 200), 180, (190, 80, 40), -1)
    assert "fundus" in said(round_, FAR).why
    hues = np.broadcast_to(np.linspace(0, 170, 400, dtype=np.uint8)[:, None], (400, 400))
    full = np.full_like(hues, 230)
    rainbow = cv2.cvtColor(np.dstack([hues, full, full]), cv2.COLOR_HSV2RGB)
    assert "map in colours" in said(rainbow, FAR).why


def test_a_score_that_is_no_number_passes_no_picture_without_a_retina():
    nothing = OodScore(float("nan"), 2.0, False)
    assert said(np.full((200, 300), 90, np.uint8), nothing).verdict is Verdict.NO_SCAN


FIELD = {
    "circular.vol": {Verdict.OTHER_SCAN},
    "denoiser_pred.jpg": {Verdict.SCAN, Verdict.UNLIKE},
    "flip.png": {Verdict.UNLIKE},
    "phone.jpg": {Verdict.UNLIKE},
    "iphone.heic": {Verdict.SCAN, Verdict.UNLIKE},
}


@pytest.mark.parametrize("name", FIELD)
def test_small_inputs_of_others_are_called_what_they_are(name: str):
    place: Path = SHARED / "field" / name
    if not place.is_file():
        pytest.skip("needs small inputs of others in ../shared/field")
    volume = open_volume(place)
    facts = look_at(volume.picture(volume.middle))
    assert judge(facts, STRANGE).verdict in FIELD[name]
