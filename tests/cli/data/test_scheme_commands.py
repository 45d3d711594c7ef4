"""`octtutor schemes`: what is listed, checked and shown."""

from pathlib import Path

import pytest

from tests.cli.said import fault
from tests.datasets.schemes.test_scheme_registry import OWN


@pytest.fixture
def own(own_home: Path) -> Path:
    folder = own_home / "schemes"
    folder.mkdir(parents=True)
    return folder


def test_shipped_and_own_schemes_are_listed(octtutor, own: Path):
    (own / "mine.toml").write_text(OWN)
    rows = octtutor("schemes", "list", "--json").json
    assert [(row["scheme"], row["own"], row["usable"]) for row in rows] == [
        ("mine", True, True),
        ("normal-or-not", False, True),
        ("oct2017", False, True),
        ("octdl", False, True),
    ]
    assert rows[2]["diagnoses"] == ["CNV", "DME", "DRUSEN", "NORMAL"]
    assert "mine: Mine (yours)" in octtutor("schemes", "list").out


def test_a_scheme_is_shown(octtutor):
    shown = octtutor("schemes", "show", "octdl", "--json").json
    assert shown["scheme"] == "octdl"
    assert shown["mappings"]["oct2017"]["AMD_LATE"] == "CNV"
    assert shown["mappings"]["oct2017"]["ERM"] is None
    assert len(shown["diagnoses"]) == 8
    text = octtutor("schemes", "show", "oct2017").out
    assert "1 CNV: choroidal neovascularisation (urgent, triangle #cc79a7)" in text
    assert "  CNV: 0 1 2 4" in text
    assert "CNV → ABNORMAL" in text
    assert octtutor("schemes", "show", "oct2017", "--json").json["confusions"][0]["between"] == [
        "CNV", "DRUSEN"
    ]  # fmt: skip
    assert "Received 'nothing'" in fault(octtutor("schemes", "show", "nothing"))


def test_faults_are_told_with_file_and_line(octtutor, own: Path, tmp_path: Path):
    assert octtutor("schemes", "check").code == 0
    (own / "mine.toml").write_text(OWN.replace('"square"', '"circle"'))
    draft = tmp_path / "draft.toml"
    draft.write_text(OWN.replace('"NORMAL"', '"NRML"'))
    said = octtutor("schemes", "check")
    assert said.code == 1
    assert f"{own / 'mine.toml'}:14: diagnosis 2 has the shape of diagnosis 1" in said.out
    assert "Schemes checked: 4. With faults: 1." in said.err
    said = octtutor("schemes", "check", draft, "octdl", "--json")
    assert said.code == 1
    assert [row["faults"] for row in said.json] == [
        [{"line": 19, "what": "scheme 'oct2017' has no 'NRML'; expected CNV, DME, DRUSEN, NORMAL"}],
        [],
    ]
    assert said.json[0]["usable"]
    assert "There is no file" in fault(octtutor("schemes", "check", "nothing"))
    assert "has faults: see schemes check" in octtutor("schemes", "list").out
