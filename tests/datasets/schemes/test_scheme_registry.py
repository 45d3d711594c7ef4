"""One's own schemes stand beside the shipped ones, and a broken one breaks no other."""

from pathlib import Path

import pytest

from octtutor.datasets.schemes.scheme_registry import SHIPPED_SCHEMES, Schemes
from octtutor.errors import BadInputError

OWN = """title = "Mine"
version = 1

[[diagnosis]]
key = "MH"
name = "macular hole"
colour = "#e69f00"
shape = "circle"

[[diagnosis]]
key = "FINE"
name = "nothing"
colour = "#1fb88a"
shape = "square"
normal = true

[mapping.oct2017]
MH = "none"
FINE = "NORMAL"
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "schemes"
    folder.mkdir()
    return folder


def test_an_own_scheme_stands_beside_the_shipped_ones(own: Path):
    (own / "mine.toml").write_text(OWN)
    (own / ".hidden.toml").write_text("x")
    (own / "notes.txt").write_text("x")
    found = {one.name: one.is_own for one in Schemes(own).all()}
    assert found == {"mine": True, "normal-or-not": False, "oct2017": False, "octdl": False}
    assert Schemes(own).get("mine").map_to("oct2017").find("FINE") == "NORMAL"


def test_without_a_folder_of_ones_own_there_are_the_shipped_ones(tmp_path: Path):
    assert Schemes(tmp_path / "nothing").get("oct2017").version == 1


def test_an_own_scheme_takes_the_place_of_a_shipped_one(own: Path):
    text = (SHIPPED_SCHEMES / "octdl.toml").read_text().replace("version = 1", "version = 2")
    (own / "octdl.toml").write_text(text)
    assert Schemes(own).get("octdl").version == 2
    assert all(one.faults == () for one in Schemes(own).all())


def test_a_broken_own_scheme_breaks_no_other(own: Path):
    (own / "mine.toml").write_text(OWN.replace('"square"', '"circle"'))
    (own / "octdl.toml").write_bytes(b"\xff")
    schemes = Schemes(own)
    assert [one.name for one in schemes.all() if one.faults] == ["mine", "octdl"]
    assert schemes.get("oct2017").map_to("normal-or-not")
    assert schemes.get("normal-or-not").map_to("octdl").find("NORMAL") == "NORMAL"
    with pytest.raises(BadInputError, match=r"'mine' cannot be used. mine.toml, line 14: diagno"):
        schemes.get("mine")


def test_a_mapping_that_ones_own_scheme_no_longer_fits_is_left_out_and_told(own: Path):
    (own / "octdl.toml").write_text(OWN)
    schemes = Schemes(own)
    (told,) = [one for one in schemes.all() if one.faults]
    assert told.name == "normal-or-not"
    assert "scheme 'octdl' has no 'NORMAL'" in told.faults[0].what
    assert [mapping.to for mapping in schemes.get("normal-or-not").mappings] == ["oct2017"]


def test_a_file_from_anywhere_is_read_with_its_mappings_checked(own: Path, tmp_path: Path):
    path = tmp_path / "draft.toml"
    path.write_text(OWN.replace("[mapping.oct2017]", "[mapping.octdl]"))
    assert Schemes(own).read(path).faults == ()
    assert not Schemes(own).read(path).is_own
    path.write_text(OWN.replace("[mapping.oct2017]", "[mapping.oct2018]"))
    (fault,) = Schemes(own).read(path).faults
    assert (fault.line, fault.what[:28]) == (17, "there is no scheme 'oct2018'")
    with pytest.raises(BadInputError, match="There is no file"):
        Schemes(own).read(tmp_path / "nothing.toml")


def test_a_file_that_cannot_be_read_is_told(own: Path):
    (own / "mine.toml").mkdir()
    mine = Schemes(own).find("mine")
    assert mine is not None
    assert "cannot be read" in mine.faults[0].what


def test_a_scheme_that_is_not_there_is_refused_with_those_that_are(own: Path):
    with pytest.raises(BadInputError, match=r"normal-or-not, oct2017, octdl. Received 'octid'"):
        Schemes(own).get("octid")
