"""The tab Learn as HTML: what it says, what it shows, what it never lets through."""

import re
from dataclasses import replace
from html import unescape

import gradio as gr
import numpy as np
import pytest

from octtutor.core.case import Case
from octtutor.core.diagnosis import LABELS, Diagnosis, by_label
from octtutor.core.prediction import Prediction
from octtutor.core.region import Region
from octtutor.core.scheme import OCT2017, SchemeVersion
from octtutor.datasets.images import ImageFolder
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME, Schemes
from octtutor.errors import BadInputError, ModelError
from octtutor.phantom.anatomy import Layer
from octtutor.store.sql import SqlStore
from octtutor.store.sql.engines import open_engine, sqlite_url
from octtutor.store.sql.migrate import upgrade
from octtutor.tutor.atlas.atlas import Atlas, Example
from octtutor.tutor.decks.deck_import import EMBEDDED, import_scans
from octtutor.ui.learn.chapter_views import contrast_html, example_html
from octtutor.ui.learn.handlers import LAYERS_TOPIC, LearnHandlers
from octtutor.ui.learn.layers_views import layers_html
from octtutor.ui.learn.markers import place_markers, window
from octtutor.ui.learn.page import build_learn_tab
from octtutor.ui.learn.texts import LAYERS, PAIRS, caption
from octtutor.ui.shared.diagnosis_texts import CHAPTERS, SOURCES
from tests.conftest import DECK, ROOT, Clock

CLINIC = "title = 'Ours'\nversion = 1\n" + "".join(
    f"[[diagnosis]]\nkey = '{key}'\nname = 'name of {key}'\n"
    f"colour = '{colour}'\nshape = '{shape}'\n"
    for key, colour, shape in (
        ("NORMAL", "#123456", "circle"),
        ("CNV", "#654321", "square"),
        ("DRUSEN", "#aa0000", "triangle"),
        ("DME", "#00aa00", "star"),
    )
)
"""A scheme without any text."""
STYLES = ROOT / "octtutor" / "ui" / "learn" / "assets" / "learn.css"


class Model:
    """Reads everything as CNV and finds no evidence for DME."""

    name = "told"
    scheme = OCT2017
    sha256: str | None = "0" * 64
    is_ready = True
    fault: str | None = None

    def __init__(self) -> None:
        self.known: set[str] = set()

    def knows(self, sha256: str) -> bool:
        return False

    def trained_on(self, sha256: str, patient: str) -> bool:
        return sha256 in self.known

    def read(self, sha256: str, scan: np.ndarray) -> tuple[Prediction, np.ndarray]:
        if self.fault:
            raise ModelError(self.fault)
        maps = np.stack([np.eye(7, dtype=np.float32) * (label != "DME") for label in LABELS])
        return Prediction(self.name, "0" * 64, by_label((0.7, 0.1, 0.1, 0.1))), maps


class Shelf:
    def __init__(self) -> None:
        self.model = Model()

    def current(self) -> Model:
        return self.model

    def recorded(self, name: str | None, sha256: str | None) -> Model:
        return self.model


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("learn")
    engine = open_engine(sqlite_url(home / "records.db"))
    upgrade(engine)
    store, images = SqlStore(engine), ImageFolder(home / "images")
    import_scans(store, images, DECK, Clock(), EMBEDDED, "Embedded deck")
    theirs = replace(store.find_deck(EMBEDDED), name="theirs", citation="Ada, 2026.", licence="CC")
    store.put_deck(theirs)
    store.add_cases("theirs", store.cases_of(EMBEDDED))
    store.put_deck(replace(theirs, name="nameless", synthetic=False))
    store.put_deck(replace(theirs, name="clinics", scheme=SchemeVersion("clinic", 1)))
    store.add_cases("clinics", store.cases_of(EMBEDDED))
    own = home / "schemes"
    own.mkdir()
    (own / "clinic.toml").write_text(CLINIC)
    cases = store.cases_of(EMBEDDED)
    store.add_cases("nameless", [replace(c, synthetic=False, patient=c.name) for c in cases])
    yield lambda shelf: Atlas(store, images, shelf, schemes=Schemes(own))
    store.close()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def handlers(atlas, shelf: Shelf) -> LearnHandlers:
    return LearnHandlers(atlas(shelf), lambda trainee_id: trainee_id == "examined")


def drawn(name: str, findings: tuple[Region, ...] = (), synthetic: bool = False) -> Example:
    case = Case("0" * 64, Diagnosis.CNV, "1", name, synthetic=synthetic)
    scan = np.zeros((300, 400), np.uint8)
    scan[100:160] = 200
    return Example(case, scan, findings)


def box(name: str, left: float, top: float, side: float) -> Region:
    right, bottom = left + side, top + side
    return Region(name, (((left, top), (right, top), (right, bottom), (left, bottom)),))


def test_a_chapter_says_below_its_examples_whose_the_scans_are(handlers):
    body = handlers.body("CNV", "theirs", 0)
    assert body.rindex("<figure") < body.index("Ada, 2026. CC")
    assert "class='cited'" not in handlers.body("CNV", EMBEDDED, 0)


@pytest.mark.parametrize("label", LABELS)
def test_a_chapter_has_words_signs_six_examples_two_pairs_and_sources(handlers, label):
    body = unescape(handlers.body(str(label), EMBEDDED, 0))
    chapter = CHAPTERS[label]
    assert all(text in body for text in chapter.what)
    assert all(sign.name in body and sign.where in body for sign in chapter.signs)
    assert body.count("<figure class='example") == 6 + 4
    assert body.count("src='data:image/png;base64,") == 10
    assert body.count("class='badge'>synthetic<") == 10
    pairs = [pair for pair in PAIRS if label in pair]
    assert len(pairs) == 2
    assert all(OCT2017_SCHEME.tell_apart(*pair) in body for pair in pairs)
    assert all(SOURCES[key].split(".")[0] in body for key in chapter.sources)
    assert len(body) < 3_000_000


def test_every_number_on_a_scan_has_its_line_in_the_legend(handlers):
    for label in LABELS:
        body = handlers.body(str(label), EMBEDDED, 0)
        for figure in body.split("<figure")[1:]:
            marks = re.findall(r"<i class='mark'[^>]*>(\d)</i>", figure)
            assert marks == [
                str(n + 1) for n in range(figure.count("<li>", 0, figure.find("</fig")))
            ]


def test_pictures_carry_no_name_of_a_file(handlers):
    body = re.sub(r"base64,[^']+", "", handlers.body("DME", EMBEDDED, 0))
    assert not re.search(r"\d{7}|\.png|[0-9a-f]{12}", body)


def test_alt_texts_say_what_is_shown_and_that_it_is_synthetic(handlers):
    body = handlers.body("DRUSEN", EMBEDDED, 0)
    assert "alt='OCT B-scan (synthetic) of DRUSEN. It shows: drusen lifting the RPE" in body


def test_other_examples_are_other_pictures_under_other_names(handlers):
    first, second = (handlers.body("CNV", EMBEDDED, page) for page in (0, 1))
    assert "at-cnv-0-0" in first
    assert "at-cnv-1-0" in second
    assert "at-cnv-0-0" not in second


@pytest.mark.parametrize("page", [None, -1, True, "2", 10**9, 1.5])
def test_a_senseless_page_is_the_first(handlers, page):
    assert "at-cnv-0-0" in handlers.body("CNV", EMBEDDED, page)


@pytest.mark.parametrize("topic", [None, "", "cnv", 3, [], "<b>"])
def test_an_unknown_topic_is_refused(handlers, topic):
    with pytest.raises(BadInputError, match="Expected one of the topics"):
        handlers.body(topic, EMBEDDED, 0)


def test_maps_are_laid_over_the_scans_of_the_same_content(handlers):
    body = handlers.body("CNV", EMBEDDED, 0)
    (maps,) = handlers.maps("CNV", EMBEDDED, 0)
    assert "The model told reads 6 of these 6 examples as CNV." in maps
    named = re.findall(r"\.learn \.(at-[\w-]+) \.map", maps)
    assert all(f"example {name}'" in body for name in named)
    assert len(named) == 9  # the tenth is the pair's DME, for which there is no evidence
    assert len(maps) < 400_000


def test_maps_say_where_the_model_knew_the_patient_or_nobody_knows_it(handlers, shelf, atlas):
    (maps,) = handlers.maps("CNV", "nameless", 0)
    assert "Of 10 of the 10 scans on this page the patients are not told" in maps
    examples = atlas(shelf).examples("nameless", Diagnosis.CNV)
    shelf.model.known = {example.case.sha256 for example in examples}
    (maps,) = handlers.maps("CNV", "nameless", 0)
    assert re.search(r"trained on scans of the patients of [6-8] of the 10 scans", maps)
    shelf.model.known = set()
    (maps,) = handlers.maps("CNV", EMBEDDED, 0)
    assert "patients" not in maps


def test_empty_maps_are_said(handlers):
    (maps,) = handlers.maps("DME", EMBEDDED, 0)
    assert "reads 0 of these 6 examples as DME" in maps
    assert "It found none in 6 of them" in maps


def test_a_loading_model_is_said_before_it_is_awaited(handlers, shelf: Shelf):
    shelf.model.is_ready = False
    note, maps = handlers.maps("CNV", EMBEDDED, 0)
    assert "still loading" in note
    assert "background-image" in maps


def test_a_broken_model_leaves_the_atlas_whole(handlers, shelf: Shelf):
    shelf.model.fault = "its <b>weights</b> are altered"
    (note,) = handlers.maps("CNV", EMBEDDED, 0)
    assert "No maps: its &lt;b&gt;weights" in note
    assert handlers.body("CNV", EMBEDDED, 0).count("<figure") == 10


def test_what_comes_from_data_is_escaped():
    example = drawn("x.png", (box("<script>alert('x')</script>", 50, 110, 30),))
    shown = example_html(OCT2017_SCHEME, example, "", 512)
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


def test_a_scan_that_is_not_synthetic_is_not_called_so():
    assert "synthetic" not in example_html(OCT2017_SCHEME, drawn("x.png"), "", 512)
    assert "synthetic" in example_html(OCT2017_SCHEME, drawn("x.png", synthetic=True), "", 512)


def test_a_case_without_regions_says_that_nothing_is_marked():
    shown = example_html(OCT2017_SCHEME, drawn("x.png"), "", 512)
    assert "Nobody has outlined this scan" in shown
    assert "Nothing is marked in it" in shown


def test_a_contrast_pair_stands_alone_and_is_small(handlers, atlas, shelf: Shelf):
    for first, second in PAIRS:
        shown = contrast_html(OCT2017_SCHEME, atlas(shelf).contrast(EMBEDDED, first, second, 1))
        assert shown.startswith("<section class='learn pair'")
        assert shown.index(f"</i>{first}<") < shown.index(f"</i>{second}<")
        assert OCT2017_SCHEME.tell_apart(first, second) in shown
        assert shown.count("<figure") == 2
        assert len(shown) < 400_000


def test_numbers_stand_apart_inside_the_rows_shown_and_off_the_regions(atlas, shelf: Shelf):
    for label in LABELS:
        for example in atlas(shelf).examples(EMBEDDED, label, most=15):
            rows = window(example)
            markers = place_markers(example.regions, example.scan, rows)
            assert len(markers) == len(example.regions)
            for n, marker in enumerate(markers):
                x, y = marker.at
                assert 15 < x < example.scan.shape[1] - 15
                assert rows[0] + 15 < y < rows[1] - 15
                for other in markers[:n]:
                    assert np.hypot(x - other.at[0], y - other.at[1]) > 30


def test_a_number_leads_into_its_own_region():
    first, second = box("first", 60, 110, 40), box("second", 200, 110, 40)
    example = drawn("x.png", (first, second))
    markers = place_markers(example.regions, example.scan, (0, 300))
    assert 60 < markers[0].to[0] < 100
    assert 200 < markers[1].to[0] < 240
    assert not any(110 < marker.at[1] < 150 and 60 < marker.at[0] < 100 for marker in markers)


def test_the_rows_shown_hold_the_retina_and_every_region():
    example = drawn("x.png", (box("deep", 50, 220, 30),))
    top, bottom = window(example)
    assert 0 <= top < 100
    assert 250 < bottom <= 300


def test_every_layer_of_the_chart_has_a_name_and_words(atlas, shelf: Shelf):
    shown = unescape(layers_html(atlas(shelf).layers()))
    assert shown.count("<g class='layer'>") == len(LAYERS) == 15
    for short, full, words in LAYERS.values():
        assert f">{short}</text>" in shown
        assert f"<b>{full}</b> {words}" in shown
    assert set(LAYERS) <= {layer.name for layer in Layer}
    assert shown.count("class='badge'>synthetic<") == 2
    assert "Staurenghi" in shown
    assert len(shown) < 600_000


def test_the_layers_need_no_deck(handlers):
    assert "The layers of a healthy retina" in handlers.body("layers", None, None)


def test_every_finding_of_the_phantom_has_a_caption():
    table = (DECK / "cases.csv").read_text("utf-8").splitlines()[1:]
    found = {name for row in table for name in row.split(",")[5].split("; ") if name}
    plain = {name for name in found if caption(name, Diagnosis.CNV) == name}
    assert plain <= {"subretinal fluid", "hyperreflective foci", "foveal pit"}
    assert caption("drusen", Diagnosis.DRUSEN) == "drusen lifting the RPE"
    assert caption("hyperreflective foci", Diagnosis.DME).startswith("hard exudates")
    assert caption("vitreous haze", Diagnosis.CNV) == "vitreous haze"


def test_all_styles_are_the_tabs_own():
    styles = re.sub(r"/\*.*?\*/", "", STYLES.read_text("utf-8"), flags=re.S)
    heads = re.findall(r"([^{}]+)\{", styles)
    selectors = [one.strip() for head in heads if "@media" not in head for one in head.split(",")]
    assert selectors
    assert all(one.startswith(".learn") for one in selectors)
    assert not re.search(r":(is|where|has)\([^)]*,", styles)


def test_opening_the_tab_shows_no_example_while_an_exam_runs(handlers):
    with gr.Blocks() as page, gr.Tabs():
        build_learn_tab(handlers, gr.BrowserState(None), lambda: None)
    opening = next(f.fn for f in page.fns.values() if any(t[1] == "select" for t in f.targets))
    with pytest.raises(gr.Error, match="Your exam runs"):
        opening({"id": "examined"}, str(LABELS[0]), None)


def test_the_examples_are_closed_while_an_exam_runs(handlers):
    for topic in LABELS:
        with pytest.raises(BadInputError, match="Your exam runs"):
            handlers.refuse_in_exam({"id": "examined"}, topic)
    handlers.refuse_in_exam({"id": "examined"}, LAYERS_TOPIC)
    for browser in (None, {"id": "another"}, {"id": 5}):
        handlers.refuse_in_exam(browser, LABELS[0])


def test_a_scheme_without_texts_says_so_and_shows_examples(handlers: LearnHandlers):
    assert [key for _, key in handlers.topics("clinics")] == [
        LAYERS_TOPIC, "NORMAL", "CNV", "DRUSEN", "DME",
    ]  # fmt: skip
    body = unescape(handlers.body("CNV", "clinics", 0))
    assert "The scheme clinic says nothing of how CNV looks. Here are examples." in body
    assert "name of CNV" in body
    assert body.count("<figure class='example") == 6
    assert "label:nth-of-type(2) { --class: #123456; }" in body
    assert not any(text in body for text in CHAPTERS["CNV"].what)


def test_a_model_of_other_diagnoses_is_not_asked_for_maps(handlers: LearnHandlers, shelf: Shelf):
    (note,) = handlers.maps("CNV", "clinics", 0)
    assert "knows the diagnoses of oct2017, not those of clinic" in note
