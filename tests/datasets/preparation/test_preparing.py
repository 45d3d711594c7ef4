"""A picture as people send it becomes the scan that was meant, and it is said what was done."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octtutor.datasets.preparation import ScanFrame, StepKind, prepare
from octtutor.errors import BadScanError
from tests.datasets.preparation.pictures import exact, localizer, photographed

USUAL = {StepKind.FILLED, StepKind.CROPPED, StepKind.MARKS, StepKind.NO_RETINA}
"""What may be done to a scan that lies as it should."""


def done(picture: np.ndarray) -> set[StepKind]:
    return {step.done for step in prepare(picture).steps}


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


@pytest.mark.parametrize("seed", range(8))
def test_an_ordinary_scan_is_left_as_it_lies(seed: int):
    assert done(exact(seed).scan) <= USUAL
    assert done(exact(seed, (280, 768)).scan) <= USUAL


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda scan: 255 - scan, {StepKind.INVERTED}),
        (np.flipud, {StepKind.UPSIDE_DOWN}),
        (lambda scan: np.rot90(scan, 2), {StepKind.UPSIDE_DOWN}),
        (np.rot90, {StepKind.SIDEWAYS}),
        (lambda scan: np.rot90(scan, -1), {StepKind.SIDEWAYS}),
        (lambda scan: 255 - np.flipud(scan), {StepKind.INVERTED, StepKind.UPSIDE_DOWN}),
    ],
)
def test_a_scan_that_lies_wrong_is_righted_and_it_is_said(seed: int, change, said: set[StepKind]):
    scan = exact(seed).scan
    picture = np.ascontiguousarray(change(scan))
    righted = prepare(picture)
    assert {step.done for step in righted.steps} - {StepKind.UPSIDE_DOWN} >= said - {
        StepKind.UPSIDE_DOWN
    }
    usual = prepare(scan).scan
    same = max(likeness(righted.scan, usual), likeness(righted.scan[:, ::-1], usual))
    assert same > 0.9
    assert all(step.text.endswith(".") for step in righted.steps)


def test_a_photograph_of_a_screen_is_found_and_righted():
    scan = exact(2).scan
    righted = prepare(photographed(scan))
    assert righted.did(StepKind.SCREEN)
    assert righted.retina.confidence > 0.7


@pytest.mark.parametrize(("paper", "said"), [(255, StepKind.CROPPED), (70, StepKind.SURROUND)])
def test_a_scan_on_a_page_is_cut_out(paper: int, said: StepKind):
    page = np.full((900, 1000), paper, np.uint8)
    page[150:646, 200:712] = exact(6).scan
    prepared = prepare(page)
    assert prepared.did(said)
    assert not prepared.did(StepKind.SCREEN)
    assert prepared.to_picture @ [112, 112, 1] == pytest.approx([456, 350, 1], abs=60)


def test_a_straightened_scan_on_white_paper_is_not_slanted():
    page = np.full((900, 1000), 255, np.uint8)
    page[150:646, 200:712] = exact(3).scan
    assert not prepare(page).did(StepKind.SCREEN)
    assert not prepare(page).did(StepKind.INVERTED)


def test_the_panel_with_the_retina_is_taken():
    picture = np.hstack([localizer(496), np.full((496, 12), 255, np.uint8), exact(3).scan])
    taken = prepare(picture)
    assert taken.did(StepKind.PANEL)
    place = taken.to_picture @ np.array([112.0, 100.0, 1.0])
    assert place[0] > 508


def test_of_two_scans_in_one_picture_one_is_taken_and_the_reason_said():
    both = np.hstack([exact(3).scan, np.zeros((496, 12), np.uint8), exact(7).scan])
    taken = prepare(both)
    assert taken.did(StepKind.SEVERAL)
    assert any("Cut out the one that you mean" in step.text for step in taken.steps)


@pytest.mark.parametrize("change", [None, np.flipud, np.rot90])
def test_places_in_the_frame_are_told_in_the_picture(change):
    scan = cv2.GaussianBlur(exact(3, (496, 768)).scan, (0, 0), 2)
    picture = scan if change is None else np.ascontiguousarray(change(scan))
    prepared = prepare(picture)
    back = prepared.on_picture(prepared.scan, picture.shape)
    shown = prepared.on_picture(np.full_like(prepared.scan, 255), picture.shape) == 255
    assert shown.mean() > 0.5
    assert likeness(back[shown], picture[shown]) > 0.9


def test_the_same_picture_gives_the_same():
    picture = exact(6).scan
    assert (prepare(picture).scan == prepare(picture.copy()).scan).all()


def test_the_picture_is_left_as_it_was():
    picture = np.flipud(exact(5).scan).copy()
    before = picture.copy()
    prepare(picture)
    assert (picture == before).all()


def test_a_scan_cut_to_the_retina_is_no_thicker_than_the_whole():
    scan, ilm, _, membrane = exact(7)
    cut = scan[int(ilm.min()) - 30 : int(membrane.max()) + 60]
    whole = prepare(scan)
    part = prepare(np.ascontiguousarray(cut), spacing=(3.87, 11.5))
    assert likeness(whole.scan[60:150, 60:160], part.scan[60:150, 60:160]) > 0.9
    guessed = prepare(np.ascontiguousarray(cut))
    assert guessed.spacing.axial == pytest.approx(3.87, rel=0.25)


@pytest.mark.parametrize("shape", [(32, 32), (32, 2000), (2000, 32), (33, 700, 3), (496, 512, 3)])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_blank_pictures_come_through(shape: tuple[int, ...], grey: int):
    assert prepare(np.full(shape, grey, np.uint8)).scan.shape == (224, 224)


@given(
    st.integers(32, 90),
    st.integers(32, 90),
    st.booleans(),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 4, 16]),
)
@settings(max_examples=40)
def test_any_picture_comes_through(height, width, coloured, seed, block):
    rng = np.random.default_rng(seed)
    shape = (height // block + 1, width // block + 1, 3 if coloured else 1)
    blocks = rng.integers(0, 256, shape).astype(np.uint8)
    picture = blocks.repeat(block, 0).repeat(block, 1)[:height, :width]
    prepared = prepare(picture if coloured else np.ascontiguousarray(picture[..., 0]))
    assert prepared.scan.shape == (224, 224)
    assert np.isfinite(prepared.to_picture).all()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 1), np.uint8),
        np.zeros((100, 100), np.float32),
        np.zeros((100, 100, 4), np.uint8),
        np.zeros((0, 100), np.uint8),
        np.zeros(100, np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(wrong: np.ndarray):
    with pytest.raises(BadScanError, match=r"Expected .* Received"):
        prepare(wrong)


def test_a_spacing_that_cannot_be_is_refused():
    with pytest.raises(BadScanError, match="µm"):
        prepare(exact(3).scan, spacing=(0.0, 11.5))


def test_any_frame_is_filled():
    frame = ScanFrame(96, 160, 12.0, 50.0)
    assert prepare(exact(3).scan, frame=frame).scan.shape == (96, 160)
