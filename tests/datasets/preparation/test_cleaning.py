"""What was drawn on a scan goes, what is anatomy stays."""

import cv2
import numpy as np
import pytest

from octtutor.datasets.preparation import StepKind, prepare
from octtutor.datasets.preparation.cleaning import replace_border_lines
from octtutor.datasets.preparation.palettes import is_device_palette, spread, undo_palette
from tests.datasets.preparation.pictures import exact


def coloured(scan: np.ndarray) -> np.ndarray:
    """Give a scan the colours of a device, by the palette's own numbers."""
    import csv
    from importlib.resources import files

    text = files("octtutor.datasets.preparation").joinpath("topcon.csv").read_text("utf-8")
    rows = [[int(row[name]) for name in "rgb"] for row in csv.DictReader(text.splitlines())]
    return np.array(rows, np.uint8)[scan]


@pytest.mark.parametrize("seed", [0, 1, 3, 4, 5, 6, 7])  # in 2 it lies on white fill
def test_an_orientation_box_is_painted_over(seed: int):
    scan = exact(seed).scan
    marked = scan.copy()
    cv2.rectangle(marked, (8, 440), (58, 484), 255, 1)
    cv2.arrowedLine(marked, (18, 462), (48, 462), 255, 2)
    prepared = prepare(marked)
    clean = prepare(scan)
    assert prepared.did(StepKind.MARKS)
    assert np.abs(prepared.scan.astype(int) - clean.scan).mean() < 2


def test_a_coloured_caliper_is_painted_over():
    scan = exact(2).scan
    picture = np.dstack([scan] * 3)
    cv2.line(picture, (200, 180), (200, 300), (255, 255, 0), 2)
    cv2.putText(picture, "241 um", (420, 480), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 0), 1)
    prepared = prepare(picture)
    assert prepared.did(StepKind.COLOURED_MARKS)
    assert np.abs(prepared.scan.astype(int) - prepare(scan).scan).mean() < 2


def test_white_fill_is_painted_with_the_greys_of_the_scan():
    scan = exact(3).scan.copy()
    cv2.fillPoly(scan, [np.array([[0, 0], [511, 0], [0, 60]])], 255)
    prepared = prepare(scan)
    assert prepared.did(StepKind.FILLED)
    assert (prepared.scan[:40] > 200).sum() == 0


def test_a_line_along_the_border_is_no_part_of_the_scan():
    scan = np.full((64, 64), 40, np.uint8)
    scan[-1] = 220
    assert (replace_border_lines(scan) == 40).all()
    assert scan[-1, 0] == 220


def test_a_scan_without_lines_is_not_even_copied():
    scan = exact(3).scan
    assert replace_border_lines(scan[20:470, 20:490]).shape == (450, 470)


@pytest.mark.parametrize("seed", range(4))
def test_a_devices_colours_are_turned_back_to_the_signal(seed: int):
    scan = exact(seed).scan
    picture = coloured(scan)
    stored = cv2.imdecode(cv2.imencode(".jpg", picture[..., ::-1])[1], cv2.IMREAD_COLOR)[..., ::-1]
    picture = np.ascontiguousarray(stored)
    assert is_device_palette(picture)
    signal = cv2.medianBlur(scan, 3)
    undone = np.corrcoef(undo_palette(picture).ravel(), signal.ravel())[0, 1]
    by_brightness = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    assert undone > 0.97
    assert undone > np.corrcoef(by_brightness.ravel(), signal.ravel())[0, 1]
    assert prepare(picture).did(StepKind.PALETTE)


def test_other_colours_are_no_devices():
    scan = exact(3).scan
    jet = cv2.applyColorMap(scan, cv2.COLORMAP_JET)[..., ::-1].copy()
    assert not is_device_palette(jet)
    assert not is_device_palette(np.dstack([scan] * 3))
    assert prepare(jet).did(StepKind.BRIGHTNESS)


def test_every_colour_of_the_palette_stands_for_its_own_value():
    ramp = np.arange(256, dtype=np.uint8)[None].repeat(40, 0)
    found = undo_palette(coloured(ramp)).astype(int)
    assert np.abs(found - ramp).mean() < 3
    assert spread(np.array([[[10, 60, 20]]], np.uint8))[0, 0] == 50
