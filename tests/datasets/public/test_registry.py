"""The registry's rows are whole, and a fault in one is said with file and line."""

import csv
from datetime import date
from pathlib import Path

import pytest

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.datasets.layout import read_place
from octtutor.datasets.listing import read_listing
from octtutor.datasets.public.choosing import FileChoice, target_of
from octtutor.datasets.public.registry import PublicSet, find_set, read_registry
from octtutor.errors import BadInputError
from tests.conftest import ROOT

ROW = """[[set]]
name = "mirror"
title = "A mirror"
authors = "Ada"
doi = "10.1/1"
citation = "Ada, 2026."
page = "https://example.org"
licence = "CC BY 4.0"
stands = "on the page"
scheme = "oct2017"
layout = "folders"
members = ["*.png"]
form = "zip"
address = "http://mirror.ward.example/set.zip"
known = 2026-11-30
size = 5
[set.labels]
CNV = "CNV"
"""


@pytest.fixture(scope="module")
def rows() -> dict[str, PublicSet]:
    return {row.name: row for row in read_registry()}


def test_every_row_says_whose_it_is_and_what_one_may_do(rows: dict[str, PublicSet]):
    assert {"kermanys-hundred", "oct2017-test", "oct2017", "octmnist", "octdl", "octid"} <= {*rows}
    for row in rows.values():
        assert row.authors
        assert row.doi.startswith("10.")
        assert len(row.citation) > 30
        assert row.page.startswith("https://")
        assert row.licence.text
        assert row.licence.stands
        assert row.scheme
        assert row.scans > 0
        assert row.size > 1_000_000
        assert row.known >= date(2026, 1, 1)
        assert {label for _, label in row.labels} <= {*LABELS}


def test_no_row_claims_a_licence_that_was_not_read_where_the_authors_give_it(rows):
    read = ("on the set's page", "in the package medmnist 3.0.2 (info.py)")
    for row in rows.values():
        if row.licence.stands in read:
            assert row.licence.name in ("CC BY 4.0", "CC0 1.0")
            assert row.licence.url.startswith("https://creativecommons.org/")
        else:
            assert (row.licence.name, row.licence.url) == ("not checked", "")
            assert row.licence.line == "not checked"
            assert "ask them" in row.licence.text
    assert {"octid", "nehut"} == {n for n, row in rows.items() if not row.licence.url}


def test_no_two_rows_share_a_deck(rows: dict[str, PublicSet]):
    assert len({row.deck for row in rows.values()}) == len(rows)


def test_a_row_has_an_address_or_says_that_it_is_fetched_by_hand(rows: dict[str, PublicSet]):
    for row in rows.values():
        if row.by_hand:
            assert row.note.lower().find("by hand") >= 0
        else:
            assert row.address.startswith("https://")
            assert row.wanted > 0
            assert row.members or row.listed


def test_kermanys_hundred_is_that_of_the_quiz(rows: dict[str, PublicSet]):
    hundred = {scan.sha256 for scan in rows["kermanys-hundred"].listed}
    quiz = {row["sha256"] for row in read_listing(ROOT / "quizzes" / "kermanys-hundred.csv")}
    assert hundred == quiz
    assert hundred < {scan.sha256 for scan in rows["oct2017-test"].listed}


def test_listed_scans_tell_label_and_patient(rows: dict[str, PublicSet]):
    row = rows["oct2017-test"]
    assert len(row.listed) == row.scans == 700
    assert sum(scan.size for scan in row.listed) == row.wanted
    counts = dict.fromkeys(LABELS, 0)
    for scan in row.listed:
        place = read_place(target_of(row, scan) or "")
        assert place.label is not None
        assert place.patient
        assert not place.conflict
        counts[place.label] += 1
    assert set(counts.values()) == {175}


def test_the_lists_are_those_of_the_real_scans(rows: dict[str, PublicSet], real_scans: Path):
    sizes = {path.name: path.stat().st_size for path in real_scans.glob("*/*/*.jpeg")}
    for scan in rows["oct2017-test"].listed:
        assert sizes[Path(scan.name).name] == scan.size


@pytest.mark.parametrize(
    ("own", "label"),
    [
        ("AMD/late/MNV", Diagnosis.CNV),
        ("AMD/early/drusen", Diagnosis.DRUSEN),
        ("DME/none/ME", Diagnosis.DME),
        ("NO/myopia/NO", Diagnosis.NORMAL),
        ("AMD/late/suspected MNV", None),
        ("RVO/KME/ME", None),
        ("without a label", None),
    ],
)
def test_octdls_labels_are_mapped_where_they_mean_the_same(rows, own: str, label):
    assert rows["octdl"].find_label(own) is label


def test_releases_are_told_apart_by_where_their_files_lie(rows: dict[str, PublicSet]):
    v2, v3 = "OCT2017/test/CNV/CNV-1-1.jpeg", "CellData/OCT/test/CNV/CNV-1-1.jpeg"
    assert FileChoice(rows["oct2017-test-v2"]).choose(v2, 9, None) == "test/CNV/CNV-1-1.jpeg"
    assert FileChoice(rows["oct2017-test-v2"]).choose(v3, 9, None) is None
    assert FileChoice(rows["oct2017-v3-test"]).choose(v3, 9, 7) == "test/CNV/CNV-1-1.jpeg"
    assert FileChoice(rows["oct2017-test"]).choose(v3, 9, 7) is None
    scan = rows["oct2017-test"].listed[0]
    anywhere = "CellData/OCT/train/DME/DME-9-9.jpeg"
    assert FileChoice(rows["oct2017-test"]).choose(anywhere, scan.size, scan.crc) == scan.name
    rays = "CellData/chest_xray/test/NORMAL/IM-0001.jpeg"
    assert FileChoice(rows["oct2017-v3"]).choose(rays, 9, 7) is None


def test_own_rows_are_added_and_take_the_place_of_shipped_ones(tmp_path: Path):
    own = tmp_path / "public-sets.toml"
    own.write_text(ROW + ROW.replace('"mirror"', '"octdl"'))
    found = {row.name: row for row in read_registry(own=own)}
    assert found["mirror"].is_own
    assert found["mirror"].deck == "mirror"
    assert found["octdl"].title == "A mirror"
    assert not found["oct2017"].is_own
    assert "mirror" not in {row.name for row in read_registry(own=tmp_path / "none.toml")}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("scheme =", "schema =", "line 1: scheme: is missing"),
        ('title = "A mirror"', 'title = ""', "line 3: title: is empty"),
        ('name = "mirror"', 'name = "../x"', "line 2: name: expected small letters"),
        ('"CC BY 4.0"', '"mine"', r"line 8: licence: there is no \[licences"),
        ('"folders"', '"heap"', "line 11: layout: expected one of"),
        ('form = "zip"', 'form = "rar"', "line 13: form: expected one of zip, tar.gz"),
        ('"http://mirror.ward.example/set.zip"', '"ftp://x/y"', "line 14: address: expected"),
        ("known = 2026-11-30", 'known = "soon"', "line 15: known: expected date"),
        ("size = 5", "size = -5", "line 16: size: expected a number"),
        ('CNV = "CNV"', 'CNV = "WET"', "line 18: CNV: expected one of CNV, DME"),
        ("size = 5", "size = 5\ncolour = 1", "line 17: colour: there is no such field"),
        ("size = 5", "size = ", r"cannot be read \(.*line 16"),
        ('members = ["*.png"]', "", "members: expected patterns"),
    ],
)
def test_a_fault_is_said_with_file_and_line(tmp_path: Path, old: str, new: str, told: str):
    own = tmp_path / "public-sets.toml"
    own.write_text(ROW.replace(old, new, 1))
    with pytest.raises(BadInputError, match=told) as caught:
        read_registry(own=own)
    assert "public-sets.toml" in str(caught.value)


def test_shipped_rows_lead_to_https_only(tmp_path: Path):
    shipped = tmp_path / "registry.toml"
    licence = '[licences."CC BY 4.0"]\nurl = "https://x"\ntext = "x"\n'
    shipped.write_text(licence + ROW)
    with pytest.raises(BadInputError, match="address: expected an address with https://"):
        read_registry(shipped)


def test_a_name_twice_is_a_fault(tmp_path: Path):
    own = tmp_path / "public-sets.toml"
    own.write_text(ROW + ROW)
    with pytest.raises(BadInputError, match="line 20: the name 'mirror' is there twice"):
        read_registry(own=own)


def test_an_unknown_name_is_said_with_those_there_are(rows: dict[str, PublicSet]):
    with pytest.raises(BadInputError, match=r"kermanys-hundred, oct2017-test.*Received 'nothing'"):
        find_set(rows.values(), "nothing")


def test_the_lists_hold_no_name_twice(rows: dict[str, PublicSet]):
    folder = ROOT / "octtutor" / "datasets" / "public"
    for path in folder.glob("*.csv"):
        with path.open() as file:
            names = [row["name"] for row in csv.DictReader(file)]
        assert len(names) == len(set(names))
