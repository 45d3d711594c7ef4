"""What a file's tables may hold is declared once; what is wrong is left out and told."""

from typing import ClassVar

import pytest
from pydantic import Field

from octtutor.core.tomlfile.fault import Fault
from octtutor.core.tomlfile.tables import (
    TomlTable,
    check_tables,
    flag_key,
    line_key,
    number_key,
)
from octtutor.core.tomlfile.toml_text import read_tables, read_text


class Inner(TomlTable):
    keys_are: ClassVar[str] = "eye"

    OD: int = number_key(0, 9, 0)


class Outer(TomlTable):
    name: str = line_key(10)
    eyes: Inner = Inner()


class Row(TomlTable):
    ready: bool = flag_key(False)
    sizes: list[int] = Field(default_factory=list, description="whole numbers")


class Whole(TomlTable):
    outer: Outer = Outer()
    row: list[Row] = Field(default_factory=list, description="tables [[row]]")


INNER = {"outer": Outer, "outer.eyes": Inner, "row": Row}


def check(text: str):
    raw = read_tables(text)
    assert isinstance(raw, dict)
    return check_tables(Whole, INNER, raw)


def test_what_is_right_is_read():
    file, found = check('[outer]\nname = "x"\neyes.OD = 3\n[[row]]\nsizes = [1, 2]\n')
    assert (file.outer.name, file.outer.eyes.OD) == ("x", 3)
    assert file.row == [Row(sizes=[1, 2])]
    assert found == {}


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("outer = 3", ("", "outer"), "expected a table [outer], received 3"),
        ("outer.eyes = 3", ("outer", "eyes"), "expected a table [eyes], received 3"),
        ("outer.nom = 3", ("outer", "nom"), "unknown key 'nom'; expected name, eyes"),
        ("outer.eyes.OS = 3", ("outer.eyes", "OS"), "unknown eye 'OS'; expected OD"),
        (
            "outer.eyes.OD = true",
            ("outer.eyes", "OD"),
            "expected a whole number from 0 to 9 as 'OD', received True",
        ),
        ("row = 3", ("", "row"), "expected tables [[row]] as 'row', received 3"),
        ("row = [{}, 3]", ("row", "row[2]"), "expected a table [[row]], received 3"),
        (
            "[[row]]\n[[row]]\nready = 1",
            ("row[2]", "ready"),
            "expected true or false as 'ready', received 1",
        ),
        (
            "[[row]]\nsizes = [1, 'x', 'y']",
            ("row[1]", "sizes"),
            "expected whole numbers as 'sizes', received 'x'",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, place: tuple[str, str], what: str):
    _, found = check(text)
    assert found == {place: what}


def test_what_is_wrong_is_left_out_and_the_rest_is_read():
    file, found = check(
        "[outer]\nname = 3\nnom = 4\neyes.OD = 5\n"
        "[[row]]\nready = 1\nsizes = [6]\n[[row]]\nready = true"
    )
    assert list(found) == [("outer", "nom"), ("outer", "name"), ("row[1]", "ready")]
    assert file.outer == Outer(eyes=Inner(OD=5))
    assert file.row == [Row(sizes=[6]), Row(ready=True)]


def test_a_text_is_read_with_a_byte_order_mark_or_without():
    assert read_text(b"\xef\xbb\xbfx = 1", 100) == read_text(b"x = 1", 100) == "x = 1"
    assert read_text(b"x = 1", 4) == Fault(0, "expected at most 4 bytes")
    assert read_text(b"\n\n\xff", 100) == Fault(3, "expected UTF-8; save it as that")


@pytest.mark.parametrize(
    "text",
    [
        "title = 'x'\n[" + ".".join("a" * 40_000) + "]",
        "\n" + ".".join("a" * 40_000) + " = 1",
        "\nx = { " + " . ".join(["'b b'"] * 17) + " = 1 }",
        '\n"".b' + '."c d"' * 16 + " = 1",
    ],
)
def test_keys_of_too_many_parts_are_told_before_they_take_their_time(text: str):
    assert read_tables(text) == Fault(2, "not TOML that can be read: a key of more than 16 parts")


def test_dots_in_a_text_are_no_parts_of_a_key():
    said = "Wait ......... 1.2.3 e.g. i.e. www.a.b.c.example, and so on."
    assert read_tables(f"x = '''{said}'''\na.b.c.d = 1") == {
        "x": said,
        "a": {"b": {"c": {"d": 1}}},
    }
