"""On real scans of several devices: ordinary ones are left alone, turned ones are righted."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from octtutor.datasets.preparation import RIGHTED, StepKind, prepare

pytestmark = pytest.mark.real_scans


def some(real_scans: Path, source: str, count: int) -> list[np.ndarray]:
    paths = sorted((real_scans.parent / source).rglob("*.jpeg"))
    if not paths:
        pytest.skip(f"needs real scans in ../shared/{source}")
    return [cv2.imread(str(path), 0) for path in paths[:: len(paths) // count]]


@pytest.mark.parametrize("source", ["oct2017", "oct2017_more", "octdl"])
def test_real_scans_are_left_as_they_lie_and_righted_when_turned(real_scans: Path, source: str):
    for scan in some(real_scans, source, 12):
        assert not {step.done for step in prepare(scan).steps} & {*RIGHTED, StepKind.PANEL}
        assert prepare(255 - scan).did(StepKind.INVERTED)
        assert prepare(np.flipud(scan).copy()).did(StepKind.UPSIDE_DOWN)
        assert prepare(np.rot90(scan).copy()).did(StepKind.SIDEWAYS)


def test_pictures_from_the_field_are_righted(real_scans: Path):
    folder = real_scans.parent / "field"
    if not folder.is_dir():
        pytest.skip("needs ../shared/field")
    assert prepare(cv2.imread(str(folder / "flip.png"), 0)).did(StepKind.UPSIDE_DOWN)
    phone = prepare(cv2.imread(str(folder / "phone.jpg"))[..., ::-1].copy())
    assert phone.did(StepKind.SCREEN)
    assert phone.retina.confidence > 0.7
    denoised = prepare(cv2.imread(str(folder / "denoiser_pred.jpg"), 0))
    assert denoised.steps == ()


def test_coloured_phantoms_are_told_from_other_colours(real_scans: Path):
    paths = sorted((real_scans.parent / "palettes" / "handout").rglob("*.jpg"))
    if not paths:
        pytest.skip("needs ../shared/palettes")
    boxes = 0
    for path in paths:
        prepared = prepare(cv2.imread(str(path))[..., ::-1].copy())
        assert prepared.did(StepKind.PALETTE) == ("topcon" in path.name or "cirrus" in path.name)
        assert prepared.did(StepKind.BRIGHTNESS) == ("jet" in path.name)
        assert prepared.did(StepKind.COLOURED_MARKS) == path.name.endswith("-1_caliper.jpg")
        boxes += prepared.did(StepKind.MARKS) and path.name.endswith("-1_box.jpg")
    assert boxes >= 3  # one lies on white fill, and goes with it
