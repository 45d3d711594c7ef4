"""The rules of difficulty and label, which every case keeps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octtutor.core.diagnosis import Diagnosis
from octtutor.errors import BadInputError
from octtutor.phantom import Difficulty, label_of, make
from octtutor.phantom.anatomy import Layer
from octtutor.phantom.difficulty import LOOK_ALIKES, plan, rate
from octtutor.phantom.image import View, render
from octtutor.phantom.synthetic_scan import grow_eye

SIZE = (128, 160)
labels = st.sampled_from(list(Diagnosis))
difficulties = st.sampled_from(list(Difficulty))
seeds = st.integers(0, 2**32 - 1)


@given(label=labels, wanted=difficulties, seed=seeds)
def test_a_case_is_as_difficult_as_asked(label: Diagnosis, wanted: Difficulty, seed: int) -> None:
    case = plan(label, np.random.default_rng(seed), wanted)
    assert case.difficulty is wanted
    assert 0 <= case.severity <= 1
    assert set(case.look_alikes) <= set(LOOK_ALIKES)


def test_a_disease_is_harder_when_slight_and_a_healthy_eye_when_it_looks_ill() -> None:
    assert [rate(Diagnosis.DME, severity, 0) for severity in (0.9, 0.45, 0.1)] == list(Difficulty)
    assert [rate(Diagnosis.NORMAL, 0, count) for count in (0, 1, 2)] == list(Difficulty)
    assert rate(Diagnosis.CNV, 0.7, 1) is Difficulty.TYPICAL


def test_without_a_wish_all_difficulties_come_and_most_are_not_hard() -> None:
    for label in Diagnosis:
        drawn = [plan(label, np.random.default_rng(k), None).difficulty for k in range(300)]
        assert set(drawn) == set(Difficulty)
        assert drawn.count(Difficulty.HARD) < 100


@settings(max_examples=40, deadline=None)
@given(label=labels, seed=seeds, wanted=difficulties)
def test_the_findings_of_every_case_give_its_label(
    label: Diagnosis, seed: int, wanted: Difficulty
) -> None:
    eye = grow_eye(label, np.random.default_rng(seed), SIZE, wanted)
    assert label_of([finding.name for finding in eye.findings]) is label


def test_a_membrane_outranks_fluid_and_fluid_outranks_drusen() -> None:
    assert label_of(["drusen", "intraretinal fluid", "RPE disruption"]) is Diagnosis.CNV
    assert label_of(["drusen", "subretinal fluid"]) is Diagnosis.DME
    assert label_of(["drusen", "hyperreflective foci"]) is Diagnosis.DRUSEN
    assert label_of(["foveal pit"]) is Diagnosis.NORMAL


def test_the_worse_the_disease_the_more_of_the_scan_it_takes() -> None:
    for label in (Diagnosis.CNV, Diagnosis.DME, Diagnosis.DRUSEN):
        easy, hard = (
            np.mean([make(label, np.random.default_rng(k), SIZE, d).mask.mean() for k in range(5)])
            for d in (Difficulty.EASY, Difficulty.HARD)
        )
        assert easy > 1.5 * hard


def test_a_case_made_without_a_wish_tells_its_difficulty() -> None:
    made = make(Diagnosis.DME, np.random.default_rng(4), SIZE)
    assert made.difficulty is rate(Diagnosis.DME, made.plan.severity, len(made.plan.look_alikes))


def test_a_large_vessel_shadow_darkens_a_column_down_to_the_rpe() -> None:
    eye = grow_eye(Diagnosis.NORMAL, np.random.default_rng(3), (496, 512))
    surfaces = eye.anatomy.surfaces() / eye.anatomy.grid.axial_um
    y = np.arange(496)[:, None]
    rpe = (y >= surfaces[Layer.SUBRETINAL]) & (y < surfaces[Layer.RPE])
    plain, shaded = (
        render(np.random.default_rng(3), eye.anatomy, (), View(shadow=shadow))
        for shadow in (False, True)
    )
    columns = [
        np.where(rpe, scan, 0).sum(axis=0) / np.maximum(rpe.sum(axis=0), 1)
        for scan in (plain, shaded)
    ]
    assert (columns[1] < 0.6 * columns[0]).sum() >= 4


def test_an_unknown_difficulty_says_which_there_are() -> None:
    with pytest.raises(BadInputError, match=r"easy, typical, hard. Received: 'brutal'"):
        make(Diagnosis.DME, np.random.default_rng(0), SIZE, "brutal")  # type: ignore[arg-type]
