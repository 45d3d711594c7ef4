"""What pydantic finds wrong is told in one line, in our words."""

import pytest
from pydantic.dataclasses import dataclass

from octtutor.core.validation import read_json
from octtutor.errors import ModelError


@dataclass(frozen=True, slots=True)
class Part:
    size: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Whole:
    part: Part
    flag: bool = False


def why(data: str) -> str:
    with pytest.raises(ModelError) as found:
        read_json(Whole, data, ModelError)
    return str(found.value)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("{}", "Missing: part."),
        ('{"part": {}}', "Missing: part.size."),
        ('{"part": "word"}', "Wrong: part (expected names and values, received 'word')."),
        ('{"part": [1]}', "Wrong: part (expected names and values, received [1])."),
        (
            '{"part": {"size": "3"}, "flag": 1}',
            "Wrong: part.size (expected a whole number, received '3'), "
            "flag (expected true or false, received 1).",
        ),
        (
            '{"part": {"size": 1, "names": ["a", 2]}}',
            "Wrong: part.names.1 (expected text, received 2).",
        ),
        ("[]", "Wrong: expected names and values, received []."),
    ],
)
def test_what_is_wrong_is_said_with_its_place(data: str, told: str):
    assert why(data) == told


@pytest.mark.parametrize("data", ["", "{", "\ufeff{}", "[" * 100_000])
def test_what_is_no_json_is_said(data: str):
    assert why(data).startswith("It is no JSON: ")
    assert "\n" not in why(data)


def test_many_faults_are_cut():
    told = why('{"part": {"size": 1, "names": [1, 2, 3, 4, 5, 6, 7, 8]}}')
    assert told.endswith("and 2 more.")


def test_a_key_of_a_later_version_is_left_alone():
    assert read_json(Whole, '{"part": {"size": 1, "new": 2}}', ModelError) == Whole(Part(1))
