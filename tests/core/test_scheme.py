"""What a scheme answers: places, words, costs, mappings."""

from dataclasses import replace

import pytest

from octtutor.core.scheme import (
    CostMatrix,
    Scheme,
    SchemeDiagnosis,
    SchemeMapping,
    changed_keys,
    find_counterparts,
)
from octtutor.datasets.schemes.scheme_registry import SHIPPED
from octtutor.errors import BadInputError

MH = SchemeDiagnosis("MH", "macular hole", "#112233", "circle", synonyms=("FTMH",), is_urgent=True)
ERM = SchemeDiagnosis("ERM", "epiretinal membrane", "#445566", "square")
FINE = SchemeDiagnosis("FINE", "nothing", "#778899", "plus", is_normal=True)
SCHEME = Scheme(
    "surface",
    1,
    "Surface",
    (MH, ERM, FINE),
    confusions=((frozenset(("MH", "ERM")), "Look for a gap."),),
    mappings=(SchemeMapping("normal-or-not", (("MH", "ABNORMAL"), ("ERM", None))),),
    ambiguous=(("hole", ("MH", "ERM")),),
)


def test_a_diagnosis_has_a_place_by_its_key():
    assert SCHEME.keys == ("MH", "ERM", "FINE")
    assert SCHEME.index("ERM") == 1
    assert SCHEME.get("MH") is MH
    assert SCHEME.is_urgent("MH")
    assert not SCHEME.is_urgent("ERM")


@pytest.mark.parametrize(
    "word", ["MH", "mh", "ftmh", "Macular Hole", "macular_hole", "macular-HOLE "]
)
def test_a_word_is_found_however_it_is_written(word: str):
    assert SCHEME.find_by_word(word) is MH


@pytest.mark.parametrize("word", ["CNV", "", "--", "macular", "MH2"])
def test_a_word_of_no_diagnosis_is_none(word: str):
    assert SCHEME.find_by_word(word) is None


def test_a_word_that_may_mean_several_is_refused():
    with pytest.raises(BadInputError, match=r"'Hole' may mean MH or ERM .*'surface'"):
        SCHEME.find_by_word("Hole")


def test_without_a_matrix_every_wrong_answer_costs_one():
    assert [SCHEME.cost("MH", answer) for answer in SCHEME.keys] == [0, 1, 1]


def test_with_a_matrix_rows_are_the_truth():
    costs = CostMatrix(((0, 1, 2), (3, 0, 4), (5, 6, 0)), "us")
    assert replace(SCHEME, costs=costs).cost("ERM", "FINE") == 4


def test_what_tells_two_apart_is_the_same_both_ways():
    assert SCHEME.tell_apart("ERM", "MH") == SCHEME.tell_apart("MH", "ERM") == "Look for a gap."
    assert SCHEME.tell_apart("ERM", "FINE") == ""


def test_a_mapping_gives_the_other_schemes_key_or_none():
    mapping = SCHEME.map_to("normal-or-not")
    assert mapping.find("MH") == "ABNORMAL"
    assert mapping.find("ERM") is None
    with pytest.raises(BadInputError, match=r"Expected one of MH, ERM. Received 'CNV'"):
        mapping.find("CNV")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: SCHEME.index("CNV"),
        lambda: SCHEME.is_urgent("CNV"),
        lambda: SCHEME.cost("CNV", "MH"),
        lambda: SCHEME.cost("MH", "CNV"),
    ],
)
def test_a_key_of_another_scheme_is_refused(ask):
    with pytest.raises(BadInputError, match=r"'surface': MH, ERM, FINE. Received 'CNV'"):
        ask()


def test_a_mapping_that_nobody_declared_is_refused():
    with pytest.raises(BadInputError, match=r"from scheme 'surface' to 'octdl'. None is declared"):
        SCHEME.map_to("octdl")


def test_counterparts_come_from_whichever_scheme_declares_them():
    network = _scheme("network", ("CNV", "DRUSEN"))
    deck = _scheme("deck", ("LATE", "EARLY", "ERM"))
    assert find_counterparts(network, deck) is None
    there = SchemeMapping("network", (("LATE", "CNV"), ("EARLY", "CNV"), ("ERM", None)))
    found = find_counterparts(network, replace(deck, mappings=(there,)))
    assert found is not None
    assert found.stand_for("CNV") == ("EARLY", "LATE")
    assert found.stand_for("DRUSEN") == ()
    assert [found.know(key) for key in deck.keys] == [True, True, False]
    here = SchemeMapping("deck", (("CNV", "LATE"), ("DRUSEN", "ERM")))
    both = find_counterparts(replace(network, mappings=(here,)), replace(deck, mappings=(there,)))
    assert both is not None
    assert both.stand_for("DRUSEN") == ("ERM",)
    assert both.know("ERM")


def test_the_four_say_that_a_scan_is_not_normal_though_abnormal_is_none_of_the_four():
    found = find_counterparts(SHIPPED.get("oct2017"), SHIPPED.get("normal-or-not"))
    assert found is not None
    assert found.stand_for("DME") == ("ABNORMAL",)
    assert found.stand_for("NORMAL") == ("NORMAL",)
    assert found.word_for("NORMAL") == "NORMAL"
    assert found.word_for("ABNORMAL") is None  # three of the four stand for it
    assert found.word_for("ERM") is None


def _scheme(name, keys):
    return replace(SCHEME, name=name, diagnoses=tuple(replace(ERM, key=key) for key in keys))


def test_keys_that_only_one_state_has_are_told():
    csc = replace(ERM, key="CSC")
    assert changed_keys(SCHEME, replace(SCHEME, diagnoses=(FINE, ERM, MH))) == ()
    assert changed_keys(SCHEME, replace(SCHEME, diagnoses=(MH, csc, FINE))) == ("ERM", "CSC")
