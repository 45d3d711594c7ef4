"""`octtutor annotations …`: out in every format, and in again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from octtutor.core.annotation.annotation import Mark, Reading, ScanStanding
from octtutor.core.annotation.region_shape import Box, Ellipse, Polygon, Spot
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.tutor.annotation.files.annotated_scan import AnnotatedScan
from octtutor.tutor.annotation.files.jsonl import read_jsonl, write_jsonl
from octtutor.tutor.annotation.files.project_records import project_for
from octtutor.wiring import now, open_archive, read_settings
from tests.cli.said import fault

SHAPES = (
    Box(10, 20, 30, 15),
    Ellipse(80, 90, 20, 10, 30),
    Polygon(((100.5, 20), (140, 30), (120, 60))),
    Spot(5.5, 7),
)
DRAWN = tuple(Mark(f"m{n}", "drusen", shape, "<b>here</b>") for n, shape in enumerate(SHAPES))


@pytest.fixture
def ward(octtutor, scans: Path, tmp_path: Path) -> Path:
    """A deck of eight scans, and a JSONL file with readings of two of them."""
    assert octtutor("data", "import", scans, "--as", "ward").code == 0
    archive = open_archive(read_settings())
    cases = archive.store.cases_of("ward")
    archive.store.close()
    ada = Reading(True, Diagnosis.CNV, ("drusen",), DRAWN, 4, 2500, note="see\nbelow")
    bo = Reading(False, None, flagged=True)
    stands = (ScanStanding({"ada": ada, "bo": bo}, ada), ScanStanding({"ada": ada, "bo": bo}, None))
    annotated = [
        AnnotatedScan("ward", case.sha256, case.name, case.patient, 160, 160, stand)
        for case, stand in zip(cases[:2], stands, strict=True)
    ]
    path = tmp_path / "first.jsonl"
    path.write_bytes(write_jsonl(annotated))
    return path


@pytest.fixture
def first(octtutor, ward: Path) -> Path:
    """The same, imported as the project `first`."""
    assert octtutor("annotations", "import", ward, "--project", "first", "--deck", "ward").code == 0
    return ward


def test_annotations_are_imported_once_and_listed(octtutor, ward: Path):
    assert "No annotation projects" in octtutor("annotations", "list").out
    words = ("annotations", "import", ward, "--project", "first", "--deck", "ward")
    done = octtutor(*words, "--json").json
    assert (done["added"], done["replaced"], done["already"], done["faults"]) == (5, 0, 0, [])
    assert "0 readings added, 0 replaced, 5 were there already" in octtutor(*words).out
    (row,) = octtutor("annotations", "list", "--json").json
    assert row == {
        "name": "first", "title": "first", "deck": "ward", "readers": 1, "scans": 8,
        "read": 2, "settled": 1, "entries": 5, "closed": False,
    }  # fmt: skip
    assert "2 of 8 scans read, 1 settled" in octtutor("annotations", "list").out


@pytest.mark.parametrize(
    ("format_", "name"),
    [("jsonl", "a.jsonl"), ("csv", "a.csv"), ("coco", "a.json"), ("labelstudio", "b.json")],
)
def test_what_is_exported_comes_back_whole(
    octtutor, first: Path, tmp_path: Path, format_: str, name: str
):
    out = tmp_path / name
    words = ("annotations", "export", "--project", "first", "--format", format_, "--out", out)
    assert octtutor(*words, "--json").json == {
        "project": "first", "format": format_, "out": str(out), "scans": 2, "open": 0, "faults": [],
    }  # fmt: skip
    assert octtutor("annotations", "import", out, "--project", "b", "--deck", "ward").code == 0
    again = tmp_path / "again.jsonl"
    octtutor("annotations", "export", "--project", "b", "--out", again)
    assert read_jsonl(again.read_bytes()) == read_jsonl(first.read_bytes())


@pytest.mark.parametrize("name", ["masks", "masks.zip"])
def test_masks_go_out_and_in(octtutor, first: Path, tmp_path: Path, name: str):
    out = tmp_path / name
    words = ("annotations", "export", "--project", "first", "--format", "masks", "--out", out)
    assert octtutor(*words).code == 0
    done = octtutor("annotations", "import", out, "--project", "b", "--deck", "ward", "--json")
    assert (done.json["added"], done.json["faults"]) == (5, [])


def test_a_folder_holds_what_is_settled_and_can_be_imported_as_scans(
    octtutor, first: Path, tmp_path: Path
):
    out = tmp_path / "taught"
    words = ("annotations", "export", "--project", "first", "--format", "folder", "--out", out)
    assert "1 scans; 1 are not settled" in octtutor(*words).out
    assert "empty folder" in fault(octtutor(*words))
    done = octtutor("data", "import", out, "--json").json
    assert (done["added"], done["per_class"]["CNV"], done["unreadable"]) == (1, 1, [])
    assert octtutor("data", "audit", out, "--json").json["clean"]
    back = octtutor("annotations", "import", out, "--project", "b", "--deck", "ward", "--json")
    assert back.json["added"] == 1


def test_clicks_come_in_under_the_name_that_is_given(octtutor, first: Path, tmp_path: Path):
    path = tmp_path / "clicks.csv"
    path.write_text("name,click_y,click_x\nCNV-1000-1.png,30,40\nnobody.png,1,2\n")
    said = octtutor("annotations", "import", path, "--project", "first", "--as", "eve", "--json")
    assert said.json["added"] == 1
    assert "left out: 'nobody.png'" in said.err
    octtutor("annotations", "export", "--project", "first", "--out", tmp_path / "x.jsonl")
    lines = map(json.loads, (tmp_path / "x.jsonl").read_text().splitlines())
    (reading,) = [line["readings"]["eve"] for line in lines if "eve" in line["readings"]]
    assert reading["marks"][0]["shape"] == {"kind": "spot", "x": 40.0, "y": 30.0}


def test_a_control_that_was_read_otherwise_is_not_in_the_folder(
    octtutor, ward: Path, tmp_path: Path
):
    archive = open_archive(read_settings())
    project = project_for(archive.store, "first", "ward", now)
    archive.store.add_project(replace(project, controls=1.0))
    wrong, right = archive.store.cases_of("ward")[:2]
    other = next(label for label in LABELS if label != wrong.label)
    archive.store.close()
    path = tmp_path / "own.csv"
    path.write_text(f"sha256,diagnosis\n{wrong.sha256},{other}\n{right.sha256},{right.label}\n")
    assert octtutor("annotations", "import", path, "--project", "first", "--as", "ada").code == 0
    words = ("annotations", "export", "--project", "first", "--format", "folder")
    said = octtutor(*words, "--out", tmp_path / "taught", "--json")
    assert said.json["scans"] == 1
    assert "1 control was read otherwise" in said.err


def test_the_log_says_who_brought_a_reading_in(octtutor, ward: Path):
    into = ("--project", "first", "--deck", "ward", "--as", "eve")
    assert octtutor("annotations", "import", ward, *into).code == 0
    archive = open_archive(read_settings())
    entries = archive.store.entries_in("first")
    archive.store.close()
    assert {(entry.who, entry.by) for entry in entries} == {
        ("ada", "eve"), ("bo", "eve"), ("eve", "eve"),
    }  # fmt: skip


def test_what_cannot_be_is_one_line_and_writes_nothing(octtutor, ward: Path, tmp_path: Path):
    faulty = tmp_path / "faulty.jsonl"
    faulty.write_bytes(ward.read_bytes() + b"{\n")
    into = ("--project", "first", "--deck", "ward")
    assert "There are 1: line 3" in fault(
        octtutor("annotations", "import", faulty, *into, "--strict")
    )
    faulty.write_text("{\n")
    assert "Nothing could be imported" in fault(octtutor("annotations", "import", faulty, *into))
    assert "annotator's name" in fault(octtutor("annotations", "import", ward, *into, "--as", ""))
    assert "no project 'first'" in fault(
        octtutor("annotations", "import", ward, "--project", "first")
    )
    assert "cannot be read" in fault(
        octtutor("annotations", "import", tmp_path / "none.csv", *into)
    )
    assert "--format" in fault(octtutor("annotations", "import", ward, *into, "--format", "x"))
    assert octtutor("annotations", "list", "--json").json == []
    out = ("--out", tmp_path / "out.csv")
    assert "There is none 'first'" in fault(
        octtutor("annotations", "export", "--project", "first", *out)
    )
    octtutor("annotations", "import", ward, *into)
    assert "--format" in fault(
        octtutor("annotations", "export", "--project", "first", *out, "--format", "x")
    )
    assert "folder" in fault(
        octtutor("annotations", "export", "--project", "first", "--out", tmp_path)
    )
    assert not (tmp_path / "out.csv").exists()
