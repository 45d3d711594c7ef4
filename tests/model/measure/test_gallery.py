from pathlib import Path

import cv2
import numpy as np

from octtutor.model.explain.maps import overlay
from octtutor.model.measure.gallery import Gallery, shrink

SCAN = np.full((40, 60), 90, np.uint8)
MAP = {"DME": np.zeros((40, 60), np.float32)}


def fill(folder: Path, cell: tuple[int, int], chances: list[float]) -> Gallery:
    gallery = Gallery(folder, per_cell=2)
    for place, chance in enumerate(chances):
        if gallery.wants(cell, chance):
            gallery.keep(place, cell, chance, SCAN, MAP)
    return gallery


def test_of_errors_the_surest_are_kept_and_of_right_answers_the_least_sure(tmp_path: Path):
    chances = [0.6, 0.9, 0.5, 0.8]
    wrong = fill(tmp_path / "wrong", (0, 1), chances)
    assert [one.place for one in wrong.shown()] == [1, 3]
    right = fill(tmp_path / "right", (1, 1), chances)
    assert [one.place for one in right.shown()] == [2, 0]


def test_what_is_dropped_leaves_no_picture_behind(tmp_path: Path):
    shown = fill(tmp_path, (0, 1), [0.6, 0.9, 0.5, 0.8]).shown()
    names = {one.file(name) for one in shown for name in one.names}
    assert names == {"1-scan.webp", "1-DME.webp", "3-scan.webp", "3-DME.webp"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_each_pair_of_truth_and_answer_has_room_of_its_own(tmp_path: Path):
    gallery = Gallery(tmp_path, per_cell=1)
    for place, cell in enumerate([(0, 1), (1, 0), (2, 2)]):
        assert gallery.wants(cell, 0.5)
        gallery.keep(place, cell, 0.5, SCAN, {})
    assert [one.cell for one in gallery.shown()] == [(0, 1), (1, 0), (2, 2)]
    assert not gallery.wants((0, 1), 0.4)
    assert gallery.wants((2, 2), 0.4)


def test_a_large_scan_is_shrunk_in_its_own_proportions_and_a_small_one_left_alone():
    assert shrink(np.zeros((496, 768), np.uint8)).shape == (207, 320)
    assert shrink(np.zeros((2000, 32), np.uint8)).shape == (320, 5)
    assert shrink(SCAN) is SCAN


def test_a_map_without_evidence_leaves_the_scan_as_it_is(tmp_path: Path):
    drawn = overlay(SCAN, MAP["DME"])
    assert (drawn == SCAN[..., None]).all()
    hot = overlay(SCAN, np.ones((40, 60), np.float32))
    assert (hot != SCAN[..., None]).any()
    Gallery(tmp_path).keep(0, (0, 1), 0.9, SCAN, MAP)
    read = cv2.imread(str(tmp_path / "0-scan.webp"), cv2.IMREAD_GRAYSCALE)
    assert read.shape == SCAN.shape
    assert abs(read.astype(int) - SCAN).max() < 4
