"""A run's comparison is read as it was written, and what is damaged is said."""

import json
from pathlib import Path

import pytest

from octtutor.errors import BadInputError
from octtutor.model.measure.kept_comparison import COMPARISON, read_comparison

SIDE = {
    "model": "lite0",
    "model_sha256": "0" * 64,
    "accuracy": 1,
    "accuracy_ci": [0.5, 1.0],
    "weighted_error": 0.0,
    "weighted_error_ci": [None, None],
    "confusion": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    "leaky": None,
}
SAID = {"label": "CNV", "probabilities": {"CNV": 0.7, "DME": 0.1, "DRUSEN": 0.1, "NORMAL": 0.1}}
GAP = {"value": 0.0, "ci": None, "p": 1.0, "method": "m"}
WRITTEN = {
    "verdict": "no difference",
    "verdict_words": "No difference.",
    "n": 4,
    "patients": 4,
    "unreadable": [],
    "first": SIDE,
    "second": {**SIDE, "model": "ward"},
    "accuracy_difference": GAP,
    "weighted_error_difference": GAP,
    "mcnemar": {
        "both": 4,
        "only_first": 0,
        "only_second": 0,
        "neither": 0,
        "statistic": 0.0,
        "p": 1.0,
        "method": "exact",
    },
    "differing": [{"source": "a\udc80.png", "sha256": "1", "truth": "DME",
                   "first": SAID, "second": SAID}],
}  # fmt: skip


def write(folder: Path, **changes: object) -> Path:
    (folder / COMPARISON).write_text(json.dumps({**WRITTEN, **changes}))
    return folder


def test_what_was_written_is_read_whatever_a_file_is_called(tmp_path: Path):
    kept = read_comparison(write(tmp_path))
    assert kept is not None
    assert (kept.first.model, kept.second.model, kept.second.leaky) == ("lite0", "ward", None)
    assert kept.differing[0].source == "a\udc80.png"
    assert kept.mcnemar.both == 4


def test_without_a_comparison_there_is_none(tmp_path: Path):
    assert read_comparison(tmp_path) is None


@pytest.mark.parametrize("said", ["", "[]", '{"n": 4', json.dumps({**WRITTEN, "second": {}})])
def test_a_damaged_comparison_names_its_file_and_its_run(tmp_path: Path, said: str):
    (tmp_path / COMPARISON).write_text(said)
    with pytest.raises(BadInputError, match=rf"Expected comparison\.json.*{tmp_path.name}"):
        read_comparison(tmp_path)


def test_a_figure_that_is_none_is_named(tmp_path: Path):
    with pytest.raises(BadInputError, match=r"accuracy_difference\.p \(expected a number"):
        read_comparison(write(tmp_path, accuracy_difference={**GAP, "p": "small"}))
