"""The schemes that ship have no fault, and the default says what the program always said."""

import re
from itertools import combinations
from pathlib import Path

import pytest

from octtutor.core.diagnosis import LABELS, PENALTY, Diagnosis, penalty
from octtutor.core.scheme import MOST, SHAPES, Scheme
from octtutor.datasets.schemes.scheme_registry import DEFAULT_SCHEME, SHIPPED_SCHEMES, Schemes
from octtutor.reports.published_readers import published_errors
from octtutor.ui.shared.diagnosis_texts import CHAPTERS
from tests.conftest import ROOT

SHIPPED = ("normal-or-not", "oct2017", "octdl")


@pytest.fixture
def shipped(tmp_path: Path) -> dict[str, Scheme]:
    found = Schemes(tmp_path).all()
    assert [one.name for one in found] == list(SHIPPED)
    assert [one.faults for one in found] == [(), (), ()]
    return {one.name: one.scheme for one in found if one.scheme}


@pytest.fixture
def oct2017(shipped: dict[str, Scheme]) -> Scheme:
    return shipped[DEFAULT_SCHEME]


def test_the_default_is_what_the_core_has(oct2017: Scheme):
    assert oct2017.keys == tuple(map(str, LABELS))
    assert oct2017.costs is not None
    assert oct2017.costs.rows == PENALTY
    for label in LABELS:
        assert oct2017.is_urgent(label) == label.is_urgent
        assert oct2017.get(label).is_normal == (label == Diagnosis.NORMAL)
        for answer in LABELS:
            assert oct2017.cost(label, answer) == penalty(label, answer)


def test_the_default_has_the_pages_colours_and_words(oct2017: Scheme):
    style = (ROOT / "octtutor/ui/shared/assets/page.css").read_text()
    for label in LABELS:
        one = oct2017.get(label)
        assert re.search(rf"--{label.lower()}: (#\w+);", style)[1] == one.colour
        assert one.name
        assert one.look_for
        assert one.signs == tuple(sign.name for sign in CHAPTERS[label].signs)
    for first, second in combinations(LABELS, 2):
        assert oct2017.tell_apart(first, second)


def test_the_default_has_the_published_figures(oct2017: Scheme):
    assert published_errors(oct2017) == (
        ("Six human experts", 0.004, 0.105, "Kermany et al., Cell 172:1122 (2018), 1,000 scans"),
        ("Network, all training data", 0.066, 0.066, "Kermany et al. (2018), 1,000 scans"),
        ("Network, limited data", 0.127, 0.127, "Kermany et al. (2018), 1,000 scans"),
    )


def test_octdl_maps_to_the_default_where_there_is_a_counterpart(shipped: dict[str, Scheme]):
    mapping = shipped["octdl"].map_to("oct2017")
    found = {key: mapping.find(key) for key in shipped["octdl"].keys}
    assert {key: there for key, there in found.items() if there} == {
        "AMD_LATE": "CNV",
        "AMD_EARLY": "DRUSEN",
        "DME": "DME",
        "NORMAL": "NORMAL",
    }
    assert [key for key, there in found.items() if there is None] == ["ERM", "RVO", "RAO", "VID"]


def test_where_schemes_map_the_normal_stays_normal(shipped: dict[str, Scheme]):
    for scheme in shipped.values():
        for mapping in scheme.mappings:
            for key in scheme.keys:
                there = mapping.find(key)
                if there is not None:
                    assert scheme.get(key).is_normal == shipped[mapping.to].get(there).is_normal


@pytest.mark.parametrize(
    ("scheme", "word", "key"),
    [
        ("oct2017", "cnv", "CNV"),
        ("oct2017", "MNV", "CNV"),
        ("oct2017", "no", "NORMAL"),
        ("octdl", "NO", "NORMAL"),
        ("octdl", "AMD late", "AMD_LATE"),
        ("octdl", "CNV", "AMD_LATE"),
        ("octdl", "DRUSEN", "AMD_EARLY"),
        ("octdl", "VID", "VID"),
        ("normal-or-not", "Normal", "NORMAL"),
    ],
)
def test_words_of_folders_are_found(shipped: dict[str, Scheme], scheme: str, word: str, key: str):
    found = shipped[scheme].find_by_word(word)
    assert found is not None
    assert found.key == key


def test_there_is_a_shape_for_each_of_the_most_diagnoses():
    assert len(set(SHAPES)) == MOST


def test_the_shipped_files_are_in_the_package():
    assert {path.name for path in SHIPPED_SCHEMES.iterdir()} == {f"{name}.toml" for name in SHIPPED}
    assert SHIPPED_SCHEMES.parent.name == "octtutor"


def test_the_pages_example_has_no_fault(tmp_path: Path):
    page = (ROOT / "docs" / "schemes.md").read_text("utf-8")
    (example,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "surface.toml").write_text(example, "utf-8")
    found = Schemes(tmp_path).find("surface")
    assert found is not None
    assert found.faults == ()
    assert found.scheme is not None


def test_the_page_names_every_shipped_diagnosis(shipped: dict[str, Scheme]):
    page = (ROOT / "docs" / "schemes.md").read_text("utf-8")
    for name, scheme in shipped.items():
        assert f"| `{name}` | {', '.join(scheme.keys)} " in page
