"""Corrupted copies stay scans, grow worse with severity, and repeat with their seed."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.model.measure.robustness import measure_corrupted
from octtutor.model.ood.corruption import KINDS, SEVERITIES, corrupt
from octtutor.phantom import make
from tests.conftest import write_scans

SCAN = make(LABELS[3], np.random.default_rng(4), (256, 384)).scan


def difference(copy: np.ndarray) -> float:
    same = cv2.resize(copy, SCAN.shape[::-1], interpolation=cv2.INTER_AREA)
    return float(np.abs(same.astype(float) - SCAN).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_a_scan_that_differs_more_with_severity(kind: str):
    copies = [corrupt(SCAN, kind, severity, 7) for severity in SEVERITIES]
    assert all(copy.dtype == np.uint8 and copy.ndim == 2 and copy.size > 9000 for copy in copies)
    grown = [difference(copy) for copy in copies]
    assert 0 < grown[0] < grown[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_makes_the_same_copy(kind: str):
    assert (corrupt(SCAN, kind, 3, 1) == corrupt(SCAN, kind, 3, 1)).all()


def test_crops_off_the_fovea_leave_one_side():
    kept = corrupt(SCAN, "off fovea", 5, 0).shape[1]
    assert kept == round(0.35 * SCAN.shape[1])


def test_a_model_is_measured_by_kind_and_severity(engine, tmp_path: Path):
    told = measure_corrupted(engine, write_scans(tmp_path / "few", 1), severities=(1, 5))
    assert told["n"] == 4
    assert set(told["kinds"]) == set(KINDS)
    rows = [row for levels in told["kinds"].values() for row in levels]
    assert len(rows) == 2 * len(KINDS)
    assert told["accuracy"] == pytest.approx(np.mean([row["accuracy"] for row in rows]))
    assert 0 <= told["healthy_called_diseased"] <= 1
    assert 0 <= told["weighted_error"] <= 4
