"""A scheme's file is read as it was written, and every fault in one is told with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octtutor.core.scheme import SHAPES, CostMatrix, PublishedFigure, SchemeMapping
from octtutor.core.schemefile.scheme_reading import SchemeFile, check_mappings, read_scheme
from octtutor.limits import MAX_SCHEME_FILE_BYTES

GOOD = """title = "Surface"
version = 2
source = "us"

[[diagnosis]]
key = "MH"
name = "macular hole"
description = "A gap."
synonyms = ["FTMH", "full thickness hole"]
colour = "#E69F00"
shape = "circle"
urgent = true
look_for = "The gap."
signs = ["Gap"]

[[diagnosis]]
key = "FINE"
name = "nothing"
colour = "#1fb88a"
shape = "square"
normal = true

[cost]
source = "us"
matrix = [[0, 4], [1, 0]]

[[published]]
who = "We"
kind = "weighted_error"
lowest = 0.1
highest = 0.2
source = "us"

[[confusion]]
between = ["MH", "FINE"]
text = "Look for the gap."

[ambiguous]
hole = ["MH", "FINE"]

[mapping.normal-or-not]
MH = "ABNORMAL"
FINE = "none"
"""
DIAGNOSIS = '[[diagnosis]]\nkey = "D{0}"\nname = "d{0}"\ncolour = "#00000{0}"\nshape = "{1}"\n'


def faults(text: str) -> list[tuple[int, str]]:
    file = read_scheme("surface", text.encode())
    assert file.scheme is None
    return [(fault.line, fault.what) for fault in file.faults]


def one_fault(text: str) -> tuple[int, str]:
    (found,) = faults(text)
    return found


def test_a_scheme_is_read():
    file = read_scheme("surface", GOOD.encode())
    assert file.faults == ()
    scheme = file.scheme
    assert scheme is not None
    assert (scheme.name, scheme.version, scheme.title, scheme.source) == (
        "surface", 2, "Surface", "us"
    )  # fmt: skip
    hole, fine = scheme.diagnoses
    assert (hole.key, hole.name, hole.description) == ("MH", "macular hole", "A gap.")
    assert hole.synonyms == ("FTMH", "full thickness hole")
    assert (hole.colour, hole.shape) == ("#e69f00", "circle")
    assert (hole.is_urgent, hole.is_normal, fine.is_urgent, fine.is_normal) == (1, 0, 0, 1)
    assert (hole.look_for, hole.signs) == ("The gap.", ("Gap",))
    assert scheme.costs == CostMatrix(((0, 4), (1, 0)), "us")
    assert scheme.published == (PublishedFigure("We", "weighted_error", 0.1, 0.2, "us"),)
    assert scheme.tell_apart("FINE", "MH") == "Look for the gap."
    assert scheme.ambiguous == (("hole", ("MH", "FINE")),)
    assert scheme.mappings == (
        SchemeMapping("normal-or-not", (("MH", "ABNORMAL"), ("FINE", None))),
    )
    assert (scheme.allows_ungradable, scheme.allows_none_of_these) == (True, False)


def test_what_is_left_out_has_its_default():
    text = 'title = "Two"\nversion = 1\nungradable = false\nnone_of_these = true\n'
    scheme = read_scheme(
        "two", (text + DIAGNOSIS.format(1, "plus") + DIAGNOSIS.format(2, "star")).encode()
    ).scheme
    assert scheme is not None
    assert (scheme.costs, scheme.published, scheme.mappings) == (None, (), ())
    assert (scheme.allows_ungradable, scheme.allows_none_of_these) == (False, True)


@pytest.mark.parametrize(
    ("was", "now", "line", "what"),
    [
        ('title = "Surface"', "", 0, "expected a 'title', received none"),
        ('title = "Surface"', 'title = ""', 1, "1 to 80 characters"),
        ("version = 2", "", 0, "expected a 'version', received none"),
        ("version = 2", 'version = "2"', 2, "a whole number from 1 to 10000 as 'version'"),
        ("version = 2", "version = 0", 2, "a whole number from 1 to 10000"),
        ('source = "us"', 'sauce = "us"', 3, "unknown key 'sauce'; expected title, version"),
        ('source = "us"', "ungradable = 1", 3, "true or false as 'ungradable', received 1"),
        ('key = "MH"\n', "", 5, "expected a 'key', received none"),
        ('name = "macular hole"\n', "", 5, "expected a 'name', received none"),
        ('colour = "#1fb88a"\n', "", 16, "expected a 'colour', received none"),
        ('shape = "square"\n', "", 16, "expected a 'shape', received none"),
        ('key = "FINE"', 'key = "MH"', 17, "diagnosis 2 has the key of diagnosis 1, 'MH'"),
        ('key = "FINE"', 'key = "fine"', 17, "up to 16 of A-Z, 0-9 and _, a letter first"),
        ('key = "FINE"', 'key = "A B"', 17, "up to 16 of A-Z, 0-9 and _, a letter first"),
        ('key = "FINE"', f'key = "{"X" * 17}"', 17, "up to 16 of A-Z, 0-9 and _"),
        ('key = "FINE"', 'key = "UNGRADABLE"', 17, "'UNGRADABLE' is an answer of its own"),
        ('name = "nothing"', 'name = "ftmh"', 18, "a word of diagnosis 1, 'ftmh'"),
        ('name = "nothing"', 'name = "a\\nb"', 18, "one line of text"),
        ('"FTMH", ', '"fine", ', 9, "diagnosis 1 has a word of diagnosis 2, 'fine'"),
        ('"FTMH", ', '"", ', 9, "a list of words, 1 to 80 characters each, as 'synonyms'"),
        ('"FTMH", ', "3, ", 9, "a list of words, 1 to 80 characters each, as 'synonyms'"),
        ('["Gap"]', '"Gap"', 14, "a list of signs"),
        ('"#1fb88a"', '"#e69f00"', 19, "diagnosis 2 has the colour of diagnosis 1, '#e69f00'"),
        ('"#1fb88a"', '"green"', 19, "a colour such as '#e69f00' as 'colour', received 'green'"),
        ('"#1fb88a"', '"#fff"', 19, "a colour such as"),
        ('"square"', '"circle"', 20, "diagnosis 2 has the shape of diagnosis 1, 'circle'"),
        ('"square"', '"blob"', 20, "one of circle, square, triangle"),
        ("normal = true", "normal = 1", 21, "true or false as 'normal'"),
        ("normal = true", "normal = true\nurgent = true", 22, "a normal that is not urgent"),
        ("urgent = true", "normal = true", 21, "one normal at most; diagnosis 1 is normal"),
        ("[[0, 4], [1, 0]]", "[[0, 4]]", 25, "2 rows of 2, one for each diagnosis, received rows"),
        ("[[0, 4], [1, 0]]", "[[0, 4], [1, 0, 2]]", 25, "received rows of 2, 3"),
        ("[[0, 4], [1, 0]]", "[[0, 4], [1, 2]]", 25, "is the truth, received 2 in row 2"),
        ("[[0, 4], [1, 0]]", "[[0, -4], [1, 0]]", 25, "whole numbers from 0 to 1000"),
        ("[[0, 4], [1, 0]]", "[[0, 4.5], [1, 0]]", 25, "rows of whole numbers"),
        ("[[0, 4], [1, 0]]", "4", 25, "rows of whole numbers from 0 to 1000 as 'matrix'"),
        ('source = "us"\nmatrix', "matrix", 23, "expected a 'source', received none"),
        ('kind = "weighted_error"', 'kind = "auroc"', 29, "one of weighted_error, accuracy"),
        ("lowest = 0.1\n", "", 27, "expected a 'lowest', received none"),
        ("lowest = 0.1", "lowest = 10", 30, "a share from 0 to 1 as 'lowest', received 10"),
        ("lowest = 0.1", "lowest = 0.9", 31, "at least 0.9, the 'lowest', received 0.2"),
        ('between = ["MH", "FINE"]', 'between = ["MH"]', 35, "two of MH, FINE, received ['MH']"),
        ('between = ["MH", "FINE"]', 'between = ["MH", "CNV"]', 35, "two of MH, FINE"),
        ('between = ["MH", "FINE"]', 'between = ["MH", "MH"]', 35, "two of MH, FINE"),
        ('text = "Look for the gap."', "", 34, "expected a 'text', received none"),
        (
            "[ambiguous]",
            '[[confusion]]\nbetween = ["FINE", "MH"]\ntext = "x"\n[ambiguous]',
            39,
            "there is a text for FINE and MH already",
        ),
        ('hole = ["MH", "FINE"]', 'hole = ["MH"]', 39, "two or more of MH, FINE"),
        ('hole = ["MH", "FINE"]', 'hole = "MH"', 39, "two or more of MH, FINE, received 'MH'"),
        ('hole = ["MH", "FINE"]', 'hole = ["MH", "CNV"]', 39, "two or more of MH, FINE"),
        ('hole = ["MH", "FINE"]', 'ftmh = ["MH", "FINE"]', 39, "is a word of one diagnosis"),
        ("[mapping.normal-or-not]", "[mapping.Other]", 41, "a scheme's name of a-z, 0-9 and -"),
        ('FINE = "none"', 'CNV = "none"\nFINE = "none"', 43, "unknown diagnosis 'CNV'"),
        ('FINE = "none"', "FINE = 3", 43, "a key of the other scheme or 'none', received 3"),
        ('FINE = "none"', 'FINE = "normal"', 43, "a key of the other scheme or 'none'"),
        ('FINE = "none"\n', "", 41, "expected every diagnosis; FINE is not there"),
    ],
)
def test_a_fault_is_told_with_its_line(was: str, now: str, line: int, what: str):
    assert was in GOOD
    text = GOOD.replace(was, now, 1)
    assert any(found == line and what in told for found, told in faults(text)), faults(text)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('title = "Surface"', ""),
        ('key = "FINE"', 'key = "fine"'),
        ('"square"', '"circle"'),
        ("[[0, 4], [1, 0]]", "[[0, -4], [1, 0]]"),
        ('FINE = "none"', "FINE = 3"),
    ],
)
def test_one_thing_wrong_is_one_fault(was: str, now: str):
    one_fault(GOOD.replace(was, now, 1))


@pytest.mark.parametrize(
    ("key", "head", "expected"),
    [
        ("mapping", "[mapping.normal-or-not]", "tables [mapping.SCHEME] as 'mapping'"),
        ("ambiguous", "[ambiguous]", "a table of words as 'ambiguous'"),
        ("cost", "[cost]", "a table [cost]"),
        ("published", "[[published]]", "tables [[published]] as 'published'"),
    ],
)
def test_what_should_be_a_table_and_is_none_is_told(key: str, head: str, expected: str):
    before, _, after = GOOD.partition(head)
    rest = after[after.index("\n[") :] if "\n[" in after else ""
    assert faults(f"{key} = 3\n{before}{rest}")[0] == (1, f"expected {expected}, received 3")


def test_a_mapping_that_is_no_table_is_told():
    text = GOOD.partition("[mapping")[0] + '[mapping]\nother = "MH"\n'
    assert one_fault(text) == (42, "expected a table [mapping.other], received 'MH'")


def test_a_diagnosis_that_is_no_table_is_told():
    text = 'title = "x"\nversion = 1\ndiagnosis = [3, 4]\n'
    told = faults(text)
    assert (3, "expected a table [[diagnosis]], received 3") in told


@pytest.mark.parametrize(("count", "line"), [(0, 0), (1, 3)])
def test_too_few_diagnoses_are_told(count: int, line: int):
    text = 'title = "x"\nversion = 1\n' + DIAGNOSIS.format(1, "plus") * count
    what = f"expected 2 to 9 tables [[diagnosis]], received {count}"
    assert one_fault(text) == (line, what)


def test_the_tenth_diagnosis_is_told_with_its_line():
    nine = "".join(DIAGNOSIS.format(n, shape) for n, shape in enumerate(SHAPES))
    head = 'title = "x"\nversion = 1\n'
    nines = read_scheme("x", (head + nine).encode()).scheme
    assert nines is not None
    assert len(nines.diagnoses) == 9
    ten = nine + '[[diagnosis]]\nkey = "X"\nname = "x"\ncolour = "#aaaaaa"\nshape = "star"\n'
    assert faults(head + ten) == [
        (48, "expected 2 to 9 tables [[diagnosis]], received 10"),
        (52, "diagnosis 10 has the shape of diagnosis 7, 'star'"),
    ]


def test_a_weighted_error_needs_costs():
    before, _, after = GOOD.partition("[cost]")
    text = before + after[after.index("\n\n") :]
    line, what = one_fault(text)
    assert "a [cost] by which errors are weighted" in what
    assert text.splitlines()[line - 1] == 'kind = "weighted_error"'


def test_every_fault_is_told_in_one_go():
    text = (
        GOOD.replace("version = 2", "version = 0")
        .replace('"#1fb88a"', '"green"')
        .replace("[[0, 4], [1, 0]]", "[[1, 4], [1, 1]]")
        .replace('text = "Look', 'txt = "Look')
        .replace('FINE = "none"', 'CNV = "none"')
    )
    assert [line for line, _ in faults(text)] == [2, 19, 25, 25, 34, 36, 41, 43]


@pytest.mark.parametrize("name", ["", "A", "a_b", "../x", "-a", "a.b", "x" * 65, "a\n"])
def test_a_name_that_is_no_file_name_is_a_fault(name: str):
    (found,) = read_scheme(name, GOOD.encode()).faults
    assert "a-z, 0-9 and -" in found.what


@pytest.mark.parametrize(
    ("data", "line", "what"),
    [
        (b'title = "x"\n\xff\xfe', 2, "expected UTF-8"),
        (b"#" * (MAX_SCHEME_FILE_BYTES + 1), 0, "at most 200,000 bytes"),
        (b"x = " + b"[" * 5000, 0, "too deep"),
        (b'title = "x"\n[cost\n', 2, "not TOML"),
        (b'title = "x"\ntitle = "y"\n', 2, "not TOML"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(data: bytes, line: int, what: str):
    (found,) = read_scheme("x", data).faults
    assert found.line == line
    assert what in found.what


@given(
    st.integers(0, len(GOOD)),
    st.integers(0, 20),
    st.text(max_size=40) | st.text('[]{}="\n.,#1a', max_size=20),
)
def test_any_text_is_a_scheme_or_has_faults(start: int, length: int, new: str):
    text = GOOD[:start] + new + GOOD[start + length :]
    found = read_scheme("x", text.encode("utf-8", "replace"))
    assert bool(found.scheme) != bool(found.faults)


# ---- mappings between schemes ------------------------------------------------------------


def read() -> SchemeFile:
    return read_scheme("surface", GOOD.encode())


def test_a_mapping_that_fits_stays():
    assert check_mappings(read(), {"normal-or-not": ("NORMAL", "ABNORMAL")}) == read()


@pytest.mark.parametrize(
    ("keys_of", "line", "what"),
    [
        ({"a": ("X",), "b": ()}, 41, "there is no scheme 'normal-or-not' here; there are a, b"),
        (
            {"normal-or-not": ("NORMAL", "SICK")},
            42,
            "scheme 'normal-or-not' has no 'ABNORMAL'; expected NORMAL, SICK",
        ),
    ],
)
def test_a_mapping_that_fits_no_scheme_is_told_and_left_out(keys_of, line: int, what: str):
    file = check_mappings(read(), keys_of)
    assert [(one.line, one.what) for one in file.faults] == [(line, what)]
    assert file.scheme is not None
    assert file.scheme.mappings == ()


def test_a_mapping_to_a_scheme_with_faults_is_not_judged():
    assert check_mappings(read(), {"normal-or-not": None}) == read()


def test_a_file_with_faults_stays_as_it_is():
    file = read_scheme("surface", b"title = 3")
    assert check_mappings(file, {}) is file
