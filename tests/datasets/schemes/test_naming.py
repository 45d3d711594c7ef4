"""Words of folders and tables become a scheme's diagnoses, and what is unknown is told."""

from collections import Counter
from pathlib import Path

import pytest

from octtutor.datasets.schemes.naming import Naming, read_meanings
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.datasets.sources import open_source, scans_of
from octtutor.errors import BadInputError

OCTDL = SHIPPED.get("octdl")
FOLDERS = {"CNV": 1, "early AMD": 2, "MH": 3, "RVO": 1}
"""Scans by folder, as another hospital may name them."""


@pytest.fixture
def folder(tmp_path: Path, scans: Path) -> Path:
    picture = next(scans.rglob("*.png")).read_bytes()
    for word, count in FOLDERS.items():
        for n in range(count):
            path = tmp_path / "set" / word / f"{n}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture)
    return tmp_path / "set"


def labels(folder: Path, naming: Naming | None = None) -> Counter[str | None]:
    with open_source(folder) as members:
        return Counter(member.place.label for member in scans_of(members, folder, naming))


def test_a_scheme_s_synonyms_and_the_user_s_words_are_known(folder: Path):
    naming = Naming(OCTDL, read_meanings(["MH=VID"], OCTDL))
    assert labels(folder, naming) == {"AMD_LATE": 1, "AMD_EARLY": 2, "VID": 3, "RVO": 1}


def test_unknown_words_are_counted_and_the_nearest_scheme_is_named(folder: Path):
    with pytest.raises(BadInputError) as without:
        labels(folder)
    assert "Received 6 of 7 without a known label: MH 3, early AMD 2, RVO 1" in str(without.value)
    assert "import with --scheme octdl" in str(without.value)
    with pytest.raises(BadInputError) as within:
        labels(folder, Naming(OCTDL))
    assert "Received 3 of 7 without a known label: MH 3," in str(within.value)
    assert "--scheme" not in str(within.value)


def test_a_scheme_of_ones_own_is_named_where_it_fits_best(folder: Path, tmp_path: Path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "clinic.toml").write_text(MINE)
    with open_source(folder) as members, pytest.raises(BadInputError) as caught:
        scans_of(members, folder, None, Schemes(own))
    assert "import with --scheme clinic" in str(caught.value)


MINE = """
title = "Our clinic"
version = 1

[[diagnosis]]
key = "HOLE"
name = "macular hole"
synonyms = ["MH", "early AMD", "RVO", "CNV"]
colour = "#e69f00"
shape = "circle"

[[diagnosis]]
key = "REST"
name = "the rest"
colour = "#56b4e9"
shape = "square"
"""


def test_unknown_words_can_be_left_out_but_not_all(folder: Path):
    assert labels(folder, Naming(OCTDL, skip_unknown=True)) == {
        "AMD_LATE": 1,
        "AMD_EARLY": 2,
        "RVO": 1,
    }
    for word in ("CNV", "early AMD", "RVO"):
        for path in (folder / word).iterdir():
            path.unlink()
    with pytest.raises(BadInputError, match="3 of 3 without a known label: MH 3"):
        labels(folder, Naming(OCTDL, skip_unknown=True))


def test_a_word_that_may_mean_two_is_asked_about(folder: Path):
    (folder / "MH").rename(folder / "AMD")
    with pytest.raises(BadInputError, match="may mean AMD_EARLY or AMD_LATE"):
        labels(folder, Naming(OCTDL))
    naming = Naming(OCTDL, read_meanings(["AMD=late AMD"], OCTDL))
    assert labels(folder, naming)["AMD_LATE"] == 4


def test_a_table_s_words_count_where_no_folder_tells(folder: Path):
    (folder / "others").mkdir()
    for n, path in enumerate(sorted((folder / "MH").iterdir())):
        path.rename(folder / "others" / f"x{n}.png")
    rows = ["others/x0.png,RAO,p1", "others/x1.png,healthy,p2", "others/x2.png,ERM,p2"]
    (folder / "labels.csv").write_text("\n".join(["file,label,patient", *rows]))
    with open_source(folder) as members:
        places = [one.place for one in scans_of(members, folder, Naming(OCTDL))]
    told = {(place.label, place.patient) for place in places if place.row}
    assert told == {("RAO", "p1"), ("NORMAL", "p2"), ("ERM", "p2")}


@pytest.mark.parametrize("pair", ["MH", "=VID", "MH=", "MH=GLAUCOMA"])
def test_a_meaning_that_names_no_diagnosis_is_refused(pair: str):
    with pytest.raises(BadInputError, match="Expected WORD=KEY, the key one of AMD_EARLY"):
        read_meanings([pair], OCTDL)
