"""The atlas over real parts: the embedded deck, a deck with masks, a deck without."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from octtutor.core.case import Case
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.region import Region, area
from octtutor.errors import BadInputError, ModelError
from octtutor.phantom import write_deck
from octtutor.tutor.atlas.atlas import Atlas, in_teaching_order, known_regions, trace
from octtutor.tutor.decks.deck_import import EMBEDDED, import_scans
from tests.conftest import DECK, write_scans


@pytest.fixture
def atlas(store, images, shelf, clock) -> Atlas:
    import_scans(store, images, DECK, clock, EMBEDDED, "Embedded deck")
    return Atlas(store, images, shelf)


def names(regions: tuple[Region, ...]) -> list[str]:
    return [region.name for region in regions]


@pytest.mark.parametrize("label", LABELS)
def test_the_embedded_deck_alone_gives_six_examples_with_named_regions(atlas, label):
    examples = atlas.examples(EMBEDDED, label)
    assert len({example.case.sha256 for example in examples}) == 6
    for example in examples:
        assert example.case.label == label
        assert example.case.synthetic
        assert example.regions
        height, width = example.scan.shape
        points = [p for region in example.regions for part in region.parts for p in part]
        assert all(0 <= x <= width and 0 <= y <= height for x, y in points)


def test_every_sign_of_a_disease_is_among_its_six_examples(atlas):
    signs = {
        Diagnosis.CNV: {"sub-RPE fluid / PED", "subretinal fluid", "RPE disruption"},
        Diagnosis.DME: {"intraretinal fluid", "subretinal fluid", "hyperreflective foci"},
        Diagnosis.DRUSEN: {"drusen", "hyperreflective foci"},
        Diagnosis.NORMAL: {"foveal pit", "RPE", "ellipsoid zone"},
    }
    for label, wanted in signs.items():
        seen = {name for e in atlas.examples(EMBEDDED, label) for name in names(e.regions)}
        assert wanted <= seen


def test_further_lots_show_other_cases_and_then_begin_again(atlas):
    lots = [
        [example.case.sha256 for example in atlas.examples(EMBEDDED, Diagnosis.CNV, page)]
        for page in range(6)
    ]
    assert not set(lots[0]) & set(lots[1])
    assert len({sha for lot in lots[:3] for sha in lot}) == 18
    assert set(lots[4]) & set(lots[0])


def test_a_contrast_pair_is_of_the_two_diagnoses_and_repeats_with_its_seed(atlas):
    first, second = atlas.contrast(EMBEDDED, Diagnosis.DRUSEN, Diagnosis.CNV, 4)
    assert (first.case.label, second.case.label) == (Diagnosis.DRUSEN, Diagnosis.CNV)
    again = atlas.contrast(EMBEDDED, Diagnosis.DRUSEN, Diagnosis.CNV, 4)
    assert (again[0].case, again[1].case) == (first.case, second.case)
    drawn = {
        atlas.contrast(EMBEDDED, Diagnosis.DME, Diagnosis.NORMAL, seed)[0].case for seed in range(9)
    }
    assert len(drawn) > 1


def test_another_decks_masks_are_shown_by_their_findings(atlas, store, images, clock, tmp_path):
    write_deck(tmp_path / "ward", 2, 5, (160, 192))
    import_scans(store, images, tmp_path / "ward", clock, "ward", "Ward")
    assert [deck.name for deck in atlas.decks()] == [EMBEDDED, "ward"]
    example = atlas.examples("ward", Diagnosis.DRUSEN)[0]
    (region,) = example.regions
    assert region.name == "; ".join(example.case.findings)
    assert area(region.largest) > 0
    assert atlas.examples("ward", Diagnosis.NORMAL)[0].regions == ()


def test_a_deck_without_masks_is_not_offered_and_the_embedded_one_helps_out(
    atlas, store, images, clock, scans: Path
):
    import_scans(store, images, scans, clock, "plain")
    assert [deck.name for deck in atlas.decks()] == [EMBEDDED]
    helped = atlas.examples("plain", Diagnosis.CNV)
    assert helped[0].case == atlas.examples(EMBEDDED, Diagnosis.CNV)[0].case
    assert atlas.examples("nowhere", Diagnosis.CNV)[0].case == helped[0].case


def test_without_any_annotated_deck_the_atlas_says_so(store, images, shelf, clock, scans: Path):
    empty = Atlas(store, images, shelf)
    assert empty.decks() == ()
    import_scans(store, images, scans, clock, "plain")
    with pytest.raises(BadInputError, match=r"annotated scans of DME.*'plain'.*Choose another"):
        empty.examples("plain", Diagnosis.DME)


def test_masks_that_come_later_are_seen(atlas, store, images, clock, tmp_path):
    write_scans(tmp_path / "ward", 1)
    import_scans(store, images, tmp_path / "ward", clock, "ward")
    assert [deck.name for deck in atlas.decks()] == [EMBEDDED]
    write_deck(tmp_path / "more", 1, 5, (160, 192))
    import_scans(store, images, tmp_path / "more", clock, "ward")
    assert [deck.name for deck in atlas.decks()] == [EMBEDDED, "ward"]


def test_regions_can_come_from_elsewhere(store, images, shelf, clock):
    import_scans(store, images, DECK, clock, EMBEDDED)
    mine = Region("mine", (((1.0, 1.0), (9.0, 1.0), (5.0, 9.0)),))
    atlas = Atlas(store, images, shelf, regions_of=lambda case: (mine,))
    assert {e.regions for e in atlas.examples(EMBEDDED, Diagnosis.DME)} == {(mine,)}


def test_a_case_with_nothing_known_has_no_regions(images):
    case = Case("0" * 64, Diagnosis.CNV, "1", "CNV-1-1.png")
    assert known_regions(images, case) == ()


def test_a_mask_without_findings_is_a_lesion(images, tmp_path):
    mask = np.zeros((64, 64), np.uint8)
    mask[10:30, 10:30] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    held = images.put((tmp_path / "mask.png").read_bytes())
    case = Case("0" * 64, Diagnosis.CNV, "1", "CNV-1-1.png", mask_sha256=held)
    (region,) = known_regions(images, case)
    assert region.name == "lesion"
    assert area(region.largest) == pytest.approx(19 * 19)


def test_an_outline_follows_its_mask():
    mask = np.zeros((100, 120), np.uint8)
    cv2.ellipse(mask, (60, 50), (30, 20), 0, 0, 360, 255, -1)
    mask[5:12, 5:12] = 255
    large, small = trace(mask)
    assert area(large) > area(small)
    again = np.zeros_like(mask)
    for part in (large, small):
        cv2.fillPoly(again, [np.floor(np.array(part)).astype(np.int32)], 255)
    assert ((again > 0) != (mask > 0)).mean() < 0.01


def test_specks_are_outlined_from_outside_and_nothing_has_no_outline():
    mask = np.zeros((60, 60), np.uint8)
    mask[30, 30:32] = 255
    (around,) = trace(mask)
    xs, ys = zip(*around, strict=True)
    assert min(xs) < 29 < 33 < max(xs)
    assert min(ys) < 29 < 32 < max(ys)
    assert trace(np.zeros((60, 60), np.uint8)) == ()


def test_examples_begin_plain_and_bring_a_new_sign_each():
    def case(name: str, *findings: str) -> Case:
        return Case(name, Diagnosis.CNV, name, name, findings=findings)

    full, plain, other = case("a", "x", "y", "z"), case("b", "x"), case("c", "x", "y")
    twin = case("d", "x")
    assert in_teaching_order([full, plain, other, twin]) == (plain, other, full, twin)
    bare = case("e")
    assert in_teaching_order([bare]) == (bare,)


def test_maps_come_from_the_model_in_use_and_its_faults_go_on(atlas, predictor):
    (example, *_) = atlas.examples(EMBEDDED, Diagnosis.CNV)
    assert atlas.has_maps([example.case])
    prediction, maps = atlas.explain(example)
    assert prediction.model == "told"
    assert maps.shape == (4, 7, 7)
    predictor.is_ready = False
    assert not atlas.has_maps([example.case])
    predictor.fault = "its weights are altered"
    with pytest.raises(ModelError, match="altered"):
        atlas.explain(example)


def test_the_chart_names_the_layers_from_the_vitreous_down(atlas):
    chart = atlas.layers()
    assert [layer.name for layer in chart.layers] == [
        *("VITREOUS", "NFL", "GCL", "IPL", "INL", "OPL", "ONL", "ELM", "MYOID"),
        *("EZ", "OS", "IZ", "RPE", "BM", "CHOROID"),
    ]
    height, width = chart.view.shape
    middles = [np.mean([y for _, y in layer.largest]) for layer in chart.layers]
    assert middles == sorted(middles)
    for layer in chart.layers:
        assert all(0 <= x <= width and 0 <= y <= height for x, y in layer.largest)
    assert chart.frame[0] < chart.fovea < chart.frame[0] + width
