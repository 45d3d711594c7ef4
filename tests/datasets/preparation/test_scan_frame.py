"""A pixel of the frame is the same piece of eye, whatever the scan's own pixels were."""

import numpy as np
import pytest

from octtutor.datasets.preparation import ScanFrame, Spacing
from octtutor.datasets.preparation.retina import find_retina
from octtutor.datasets.preparation.scan_frame import estimate_spacing, lay, spacing_by_size
from tests.datasets.preparation.pictures import exact

WIDE = ScanFrame(224, 224, 7.0, 39.5)


def test_a_spectralis_scan_is_known_by_its_size():
    assert spacing_by_size(496, 512) == (3.87, 11.5, "size of the picture")
    assert spacing_by_size(496, 1024) == (3.87, 5.75, "size of the picture")
    assert spacing_by_size(291, 507) is None


@pytest.mark.parametrize("seed", [3, 7, 11])
def test_another_spacing_is_estimated_from_a_healthy_retina(seed: int):
    scan = exact(seed, (280, 768)).scan
    found = estimate_spacing(find_retina(scan), 768)
    assert found.axial == pytest.approx(496 * 3.87 / 280, rel=0.25)
    assert 4500 <= found.lateral * 768 <= 12500


def test_what_lies_beyond_the_scan_is_of_the_ground():
    laid, back = lay(np.full((100, 100), 90, np.uint8), WIDE, Spacing(7, 39.5), 50.0, 30)
    assert set(np.unique(laid)) == {30, 90}
    assert (laid == 90).sum() == 100 * 100
    assert (back @ [62, 50.8, 1]) == pytest.approx([0, 0, 1], abs=0.5)


def test_what_lies_beyond_the_frame_is_left_out():
    scan = np.tile(np.arange(0, 250, 0.5).astype(np.uint8)[:, None], (1, 900))
    laid, back = lay(scan, WIDE, Spacing(7, 39.5), 250.0, 0)
    rows = (back @ np.stack([np.full(224, 112), np.arange(224) + 0.5, np.ones(224)]))[1]
    assert np.abs(laid[:, 112] - rows / 2).max() < 2


def test_a_scan_beside_the_frame_leaves_it_empty():
    laid, _ = lay(np.full((50, 50), 99, np.uint8), WIDE, Spacing(7, 39.5), 5000.0, 7)
    assert (laid == 7).all()


def test_a_frame_of_another_side_shows_the_same_field():
    large = ScanFrame.of_side(448)
    assert large.lateral_um * 448 == pytest.approx(ScanFrame().lateral_um * 224)
    assert ScanFrame.of_side(224) == ScanFrame()


def test_what_goes_into_a_card_comes_out_of_it():
    assert ScanFrame.read(ScanFrame.of_side(320).as_facts()) == ScanFrame.of_side(320)
    for wrong in (
        {},
        {**ScanFrame().as_facts(), "axial_um": 0},
        {**ScanFrame().as_facts(), "width": "x"},
    ):
        with pytest.raises(ValueError):
            ScanFrame.read(wrong)
