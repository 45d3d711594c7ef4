"""The iMRMC table, read back as its software reads it."""

import csv
import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octtutor.core.diagnosis import LABELS
from octtutor.core.disclosure import Audience
from octtutor.core.quiz import Attempt, CaseOrder
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.stats.mrmc import compare_modalities
from octtutor.tutor.disclosing import disclose
from octtutor.tutor.progress.imrmc import AIDED, UNAIDED, For, answers_csv, imrmc, rate
from tests.tutor.progress.histories import read

C, M, D, N = LABELS
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def parsed(text: str):
    """Read counts and rows by the format's rules: header, BEGIN DATA:, four fields a row."""
    lines = text.splitlines()
    begin = lines.index("BEGIN DATA:")
    counts = {}
    for line in lines[:begin]:
        name, colon, value = line.partition(":")
        if colon and name in ("N0", "N1", "NR", "NM"):
            assert name not in counts
            counts[name] = int(value)
    rows = [line.split(",") for line in lines[begin + 1 :]]
    assert all(len(row) == 4 for row in rows)
    return counts, rows


def test_a_reader_with_second_looks_is_two_modalities():
    text = imrmc(
        {"Ada": [read(0, C, N, model=C, confidence=4, second=C), read(1, N, N, confidence=2)]},
        OCT2017_SCHEME,
    )
    counts, rows = parsed(text)
    assert counts == {"N0": 1, "N1": 1, "NR": 1, "NM": 2}
    assert rows == [
        ["-1", "1", "0", "1"],
        ["-1", "2", "0", "0"],
        ["1", "1", "unaided", "-4"],
        ["1", "2", "unaided", "-2"],
        ["1", "1", "aided", "4"],
    ]


def test_a_second_look_given_up_for_want_of_a_model_is_no_aided_reading():
    counts, _ = parsed(imrmc({"Ada": [read(0, C, N, second=N), read(1, N, N)]}, OCT2017_SCHEME))
    assert counts["NM"] == 1


def test_ungradable_is_the_middle():
    items = [
        read(0, C, None, confidence=3),
        read(2, D, D, confidence=0),
        read(3, N, M, confidence=0),
    ]
    counts, rows = parsed(imrmc({"Ada": items}, OCT2017_SCHEME))
    assert counts == {"N0": 2, "N1": 1, "NR": 1, "NM": 1}
    assert [row[3] for row in rows if row[0] == "1"] == ["0", "-1", "1"]


def test_nr_counts_the_readers_with_rows():
    # the Java program compares NR with the readers it finds (InputFile.java, verifySizesAndGetIDs)
    readers = {"Idle": [], "Ada": [read(0, C, C, confidence=5)], "Gone": []}
    counts, rows = parsed(imrmc(readers, OCT2017_SCHEME))
    assert counts["NR"] == 1
    assert {row[0] for row in rows} == {"-1", "1"}
    assert rate(readers, OCT2017_SCHEME).readers == ("Ada",)


def test_for_r_the_truth_is_reader_and_modality_truth():
    # doAUCmrmc stops with "There is no truth modality" or "There is no truth reader" otherwise
    readers = {"Ada": [read(0, C, C, confidence=5), read(1, N, N, confidence=2)]}
    counts, rows = parsed(imrmc(readers, OCT2017_SCHEME, reads=For.R))
    assert rows[:2] == [["truth", "1", "truth", "1"], ["truth", "2", "truth", "0"]]
    assert (counts, rows[2:]) == (
        parsed(imrmc(readers, OCT2017_SCHEME))[0],
        parsed(imrmc(readers, OCT2017_SCHEME))[1][2:],
    )


@pytest.mark.parametrize("name", ["BEGIN DATA:", "NR: 99", "-1", "a,b,c,d", "x\nN0: 7", "<b>"])
def test_no_name_can_be_taken_for_a_line_of_the_format(name: str):
    counts, rows = parsed(imrmc({name: [read(0, C, C)]}, OCT2017_SCHEME, title=name))
    assert counts == {"N0": 0, "N1": 1, "NR": 1, "NM": 1}
    assert len(rows) == 2


readings = st.lists(
    st.lists(st.sampled_from([*LABELS, None]), min_size=8, max_size=8), min_size=1, max_size=4
)


@given(readings)
def test_every_reading_is_one_row_with_its_truth(made):
    readers = {
        f"r{k}": [
            read(n, LABELS[n % 4], choice, confidence=1 + n % 5) for n, choice in enumerate(row)
        ]
        for k, row in enumerate(made)
    }
    counts, rows = parsed(imrmc(readers, OCT2017_SCHEME))
    assert counts == {"N0": 4, "N1": 4, "NR": len(made), "NM": 1}
    assert len(rows) == 8 * (1 + len(made))
    truth = {case: score for reader, case, _, score in rows if reader == "-1"}
    assert sorted(truth.values()) == ["0"] * 4 + ["1"] * 4
    assert {row[1] for row in rows} == set(truth)


def test_the_ratings_fit_the_mrmc_analysis():
    rng = np.random.default_rng(3)
    readers = {}
    for name in ("Ada", "Bo", "Cy"):
        items = []
        for n in range(24):
            truth = LABELS[n % 4]
            first = truth if rng.random() < 0.6 else N
            second = truth if rng.random() < 0.9 else first
            sure = int(rng.integers(1, 6))
            items.append(read(n, truth, first, model=truth, second=second, confidence=sure))
        readers[name] = items
    ratings = rate(readers, OCT2017_SCHEME)
    assert ratings.modalities == (UNAIDED, AIDED)
    assert ratings.scores.shape == (3, 2, 24)
    found = compare_modalities(ratings.positive, ratings.scores)
    assert found.difference.value is not None
    assert found.difference.value > 0


def test_the_answers_of_several_attempts_are_one_csv():
    first, second = (
        Attempt(name, who, "q", "1", "d", CaseOrder.BALANCED, 1, (), NOW, NOW)
        for name, who in (("a", "t"), ("b", "u"))
    )
    items = [read(0, C, C), read(1, C, N), read(0, M, M, attempt="b", at=NOW + timedelta(hours=1))]
    told = disclose(Audience.EDUCATOR, items, [first, second])
    rows = list(
        csv.DictReader(io.StringIO(answers_csv([first, second], told, {"t": "Ada"}, LABELS)))
    )
    assert [(row["reader"], row["attempt"], row["truth"]) for row in rows] == [
        ("Ada", "a", "CNV"),
        ("Ada", "a", "CNV"),
        ("", "b", "DME"),
    ]
    assert answers_csv([], [], {}, LABELS) == ""
