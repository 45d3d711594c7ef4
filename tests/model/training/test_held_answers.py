"""What the card says of held-out answers: from when the network would answer, source by source."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from octtutor.core.verdict import Verdict
from octtutor.model.network.card import read_card, write_card
from octtutor.model.network.engine_contract import softmax
from octtutor.model.network.scan_set import ScanSet
from octtutor.model.training.held_answers import (
    BY_PATIENT,
    BY_SOURCE,
    HeldAnswers,
    with_measures,
    with_outliers,
    with_sources,
)
from octtutor.model.training.temperature import fit_temperature
from octtutor.stats.abstaining import LEAST, WANTED
from octtutor.stats.figures import calibration_error
from tests.conftest import MODEL

PLAIN = replace(read_card(MODEL), figures={}, more_figures={}, temperature=1.0)


def scans_of(truth: np.ndarray, sources: list[str]) -> ScanSet:
    names = tuple(f"{k}" for k in range(len(truth)))
    patients = tuple(f"p{k // 2}" for k in range(len(truth)))
    nothing = np.zeros((len(truth), 2, 2), np.uint8)
    return ScanSet(nothing, truth, patients, names, names, (), tuple(sources))


def answered(seed: int = 0, n: int = 400, far: float = 1.0) -> tuple[ScanSet, HeldAnswers]:
    """Scans of a hospital that is read well, and of one whose answers are `far` times surer."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 6, (n, 4))
    chances = softmax(logits.astype(np.float32)).astype(np.float64)
    truth = np.array([rng.choice(4, p=row / row.sum()) for row in chances])
    logits[n // 2 :] *= far
    found = HeldAnswers(logits.astype(np.float32), [list(range(k, n, 4)) for k in range(4)])
    return scans_of(truth, ["here"] * (n // 2) + ["there"] * (n - n // 2)), found


def test_the_card_answers_as_much_as_is_right_often_enough_on_held_out_scans():
    scans, answers = answered()
    card = with_measures(PLAIN, answers, scans, "folds")
    chances = softmax(answers.logits / card.temperature)
    given = chances.max(axis=1) >= card.answers_from
    right = chances.argmax(axis=1) == scans.truth
    assert 0.2 < given.mean() < 0.9
    assert right[given].mean() >= WANTED > right.mean()
    own = card.abstention["all"]
    assert (own["coverage"], own["right"]) == (given.mean(), pytest.approx(right[given].mean()))
    apart = card.abstention["by_the_other_folds"]
    assert apart["right"] == pytest.approx(own["right"], abs=0.03)
    assert apart != own
    levels = [row["coverage"] for row in card.abstention["table"]]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] == 1
    assert (card.figures_from, card.abstention["from"]) == ("folds", "folds")


def test_the_table_has_each_source_as_held_out_and_as_never_seen():
    scans, answers = answered()
    card = with_measures(PLAIN, answers, scans, "folds")
    worse = HeldAnswers(answers.logits[:, ::-1].copy(), [[*range(200)], [*range(200, 400)]])
    card = with_sources(card, scans, {BY_PATIENT: answers, BY_SOURCE: worse})
    rows = card.abstention["by_source"]
    assert set(rows) == {
        f"{place}, {how}" for place in ("here", "there") for how in (BY_PATIENT, BY_SOURCE)
    }
    both = [rows[f"{place}, {BY_PATIENT}"]["answered"] for place in ("here", "there")]
    assert sum(both) == card.abstention["all"]["answered"]
    assert rows[f"here, {BY_SOURCE}"]["right"] < rows[f"here, {BY_PATIENT}"]["right"]
    assert set(card.more_figures) == set(rows)


def test_it_says_how_many_of_what_it_does_not_know_get_an_answer():
    scans, answers = answered()
    logits = np.zeros((6, 4), np.float32)
    logits[:2, 1] = 20
    others = scans_of(np.full(6, -1), ["ERM"] * 4 + ["RVO"] * 2)
    known = replace(answers, outliers=logits)
    card = with_outliers(with_measures(PLAIN, known, scans, "folds"), others, known)
    found = card.none_of_these["given_an_answer"]
    assert {kind: (row["n"], row["share"]) for kind, row in found.items()} == {
        "ERM": (4, 0.5),
        "RVO": (2, 0.0),
        "all": (6, pytest.approx(1 / 3)),
    }
    assert card.none_of_these["given_one_with_90_percent"]["all"]["share"] == pytest.approx(1 / 3)


def test_a_sources_calibration_error_is_by_what_the_others_fitted():
    scans, answers = answered(far=4.0)
    apart = HeldAnswers(answers.logits, [[*range(200)], [*range(200, 400)]])
    card = with_sources(with_measures(PLAIN, answers, scans, "folds"), scans, {BY_SOURCE: apart})
    heat = fit_temperature(answers.logits[:200], scans.truth[:200])
    error = calibration_error(scans.truth[200:], softmax(answers.logits[200:] / heat))
    found = card.more_figures[f"there, {BY_SOURCE}"]["ece"]
    assert found == pytest.approx(error, abs=1e-6)
    assert found > 0.05


def test_the_temperature_is_fitted_over_the_sources():
    scans, answers = answered(far=4.0)
    many = [*range(200), *range(200, 230)]
    few = HeldAnswers(answers.logits[many], [list(range(k, 230, 4)) for k in range(4)])
    named = with_measures(PLAIN, few, scans.take(many), "folds")
    nameless = with_measures(PLAIN, few, replace(scans.take(many), sources=()), "folds")
    assert named.temperature > nameless.temperature * 1.05


@pytest.mark.parametrize(
    ("changes", "verdict", "calibrated"),
    [
        ({}, Verdict.SCAN, True),
        ({}, Verdict.UNLIKE, False),
        ({}, Verdict.NO_SCAN, False),
        ({"figures": {}}, Verdict.SCAN, False),  # imported
        ({"split": {"temperature": "fitted on the scans it is measured on"}}, Verdict.SCAN, False),
    ],
)
def test_calibrated_is_said_only_where_it_was_measured(
    changes: dict, verdict: Verdict, calibrated: bool
):
    card = replace(read_card(MODEL), **changes)
    assert card.standing([0.1, 0.9], verdict)["calibrated"] is calibrated


def test_an_older_card_answers_every_scan_and_no_other_picture():
    card = replace(read_card(MODEL), answers_from=0.0, abstention={})
    given = {verdict: card.standing([0.25] * 4, verdict)["would_answer"] for verdict in Verdict}
    assert [verdict for verdict, is_given in given.items() if is_given] == ["scan", "unlike"]
    card = replace(card, answers_from=0.8)
    assert not card.standing([0.79, 0.21], Verdict.SCAN)["would_answer"]
    assert card.standing([0.8, 0.2], Verdict.SCAN)["would_answer"]


def test_too_few_scans_hold_nothing_back():
    scans, answers = answered(n=LEAST - 2)
    card = with_measures(PLAIN, answers, scans, "folds")
    card = with_sources(card, scans, {BY_PATIENT: answers})
    assert (card.answers_from, card.abstention) == (0, {})
    assert card.figures["n"] == LEAST - 2


def test_the_card_keeps_it(tmp_path: Path):
    scans, answers = answered()
    card = with_sources(with_measures(PLAIN, answers, scans, "folds"), scans, {BY_PATIENT: answers})
    write_card(card, tmp_path)
    assert read_card(tmp_path) == card
    assert card.answers_from > 0.5
