"""The tab Evaluate and the report: what they show, what they refuse. No model is loaded."""

import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from markupsafe import escape

from octtutor.datasets.images import ImageFolder
from octtutor.datasets.listing import read_listing
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError, ModelError
from octtutor.jobs.evaluating import EvaluationOrder, Evaluations, Ordered
from octtutor.jobs.state import DONE, FAILED, RUNNING, State, living, write_state
from octtutor.model.measure.gallery import Gallery
from octtutor.model.measure.inspection import Inspection, read_inspection, write_inspection
from octtutor.reports.evaluation_report import RIGHT_SHOWN, evaluation_report_html
from octtutor.reports.evaluation_tables import figure_parts, notes_view
from octtutor.reports.evaluation_texts import PUBLISHED_MODELS
from octtutor.stats.figures import model_figures
from octtutor.stats.network_figures import measure
from octtutor.testing import MemoryStore
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.ui.evaluate.handlers import PAGE, EvaluateHandlers, EvaluationForm, Looking, read_cell
from octtutor.ui.evaluate.page import build_evaluate_tab
from tests.conftest import MODEL, ROOT, Clock, write_scans
from tests.ui.refusing import count_refusals

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LABELS = ("CNV", "DME", "DRUSEN", "NORMAL")
SCAN, MAP = np.full((48, 64), 80, np.uint8), np.ones((48, 64), np.float32)


class Prepared(Evaluations):
    """Evaluations whose processes are not started."""

    def start(self, order: EvaluationOrder, upload: Path | None = None) -> Ordered:
        return self.get(self.prepare(order, upload).name)


def inspected(
    folder: Path,
    pairs: list[tuple[int, int]],
    leaky: bool | None = False,
    patients: list[str] | None = None,
    **more,
) -> Inspection:
    """Keep an evaluation of scans with these truths and answers, as `inspect` does."""
    truth = np.array([truth for truth, _ in pairs], np.int64)
    chances = np.full((len(pairs), 4), 0.05, np.float32)
    chances[np.arange(len(pairs)), [answer for _, answer in pairs]] = 0.85
    names = [f"<b>{LABELS[truth]}-{place}.png" for place, (truth, _) in enumerate(pairs)]
    patients = patients or [f"p{place}" for place in range(len(pairs))]
    gallery = Gallery(folder / "pictures")
    for place, cell in enumerate(pairs):
        gallery.keep(place, cell, 0.85, SCAN, dict.fromkeys({LABELS[k] for k in cell}, MAP))
    told = {
        "model": "lite<0>",
        "model_sha256": "ab" * 32,
        **model_figures(truth, chances, patients, OCT2017_SCHEME),
        "overlap_with_training": {"files": 1, "patients": 1} if leaky else
        {"files": 0, "patients": 0},
        "leaky": leaky,
        "unreadable": [],
        "source": "ward<1>",
        "synthetic": False,
        "method": "Grad-CAM",
        "method_shows": "where",
        "unfamiliar": None,
        **more,
    }  # fmt: skip
    rows = [
        (names[k], patients[k], "0", LABELS[t], LABELS[a], *chances[k], int(bool(leaky) and k == 0))
        for k, (t, a) in enumerate(pairs)
    ]
    write_inspection(folder, told, rows, gallery.shown())
    return read_inspection(folder)


BALANCED = [(truth, truth) for truth in range(4) for _ in range(4)] + [(0, 3), (3, 1)]


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of 18 scans of which two were misclassified."""
    return evaluation_report_html(inspected(tmp_path_factory.mktemp("plain"), BALANCED), NOW)


@pytest.fixture
def evaluations(tmp_path: Path) -> Prepared:
    return Prepared(tmp_path / "evaluations", lambda: datetime.now(UTC))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def handlers(
    tmp_path: Path, clock: Clock, evaluations: Prepared, store: MemoryStore
) -> EvaluateHandlers:
    images = ImageFolder(tmp_path / "images")
    import_scans(store, images, write_scans(tmp_path / "ward", 2, (128, 128)), clock, "ward")
    folders = (tmp_path / "models", ROOT / "models")
    places = tmp_path / "listings", tmp_path / "uploads"
    return EvaluateHandlers(evaluations, store, images, folders, *places, clock, takes_paths=True)


def done(evaluations: Prepared, pairs: list[tuple[int, int]], **more) -> str:
    """Keep an evaluation as its process leaves it."""
    folder = evaluations.prepare(EvaluationOrder("<i>ward", str(MODEL), "x.csv"))
    told = inspected(folder, pairs, **more).figures
    write_state(folder, State(status=DONE, queued_at="2026-01-05T09:00:00", outcome=told))
    return folder.name


# ---- the report ------------------------------------------------------------------------


def test_a_report_stands_alone_and_every_number_of_its_matrix_leads_to_scans(html: str):
    assert "<script" not in html
    assert not re.search(r"(?:src|href)='(?!#|data:image/webp;base64,)", html)
    assert "url(" not in html
    links = re.findall(r"<td class='(?:hit|miss)'><a href='#([A-Z-]+)'", html)
    assert len(links) == 6
    assert set(links) <= set(re.findall(r"id='([A-Z-]+)'", html))
    assert "<b>CNV" not in html
    assert "lite&lt;0&gt;" in html


def test_a_report_counts_what_it_leaves_out(tmp_path: Path):
    html = evaluation_report_html(inspected(tmp_path, [(0, 0)] * 30 + [(1, 1)]), NOW)
    assert f"{RIGHT_SHOWN} of 30 scans; {30 - RIGHT_SHOWN} are left out" in html
    assert html.count("alt='Scan'") == RIGHT_SHOWN + 1
    assert "1 of 1 scans</small>" in html


def test_a_leaky_evaluation_is_headed_so_and_says_what_holds_without_the_leak(
    html: str, tmp_path: Path
):
    leaky = evaluation_report_html(inspected(tmp_path, BALANCED, leaky=True), NOW)
    assert "<h1>LEAKY evaluation: lite&lt;0&gt; on ward&lt;1&gt;</h1>" in leaky
    assert "<title>LEAKY" in leaky
    assert "1 of 18 scans are of patients that the model was trained on" in leaky
    assert re.search(r"On the other 17 scans: <abbr title='n = 17[^']*'>88\.2 %", leaky)
    assert leaky.count("in the model&#39;s training<br>") == 1
    assert "LEAKY" not in html
    unknown = notes_view(inspected(tmp_path / "x", BALANCED, leaky=None))
    assert "it may know these patients" in unknown


def test_published_figures_stand_beside_with_their_sources(html: str):
    for who, *values, source in PUBLISHED_MODELS:
        row = html[html.index(f"<th scope='row'>{who}") :].split("</tr>")[0]
        assert escape(source) in row
        assert all(value in row for value in values)


def test_errors_are_shown_with_the_maps_of_the_answer_and_of_the_truth(html: str, tmp_path: Path):
    group = html[html.index("id='CNV-NORMAL'") :].split("</section>")[0]
    assert "CNV taken for NORMAL" in group
    assert {"Scan", "Map for CNV", "Map for NORMAL"} == set(re.findall("alt='([^']*)'", group))
    perfect = evaluation_report_html(inspected(tmp_path / "x", BALANCED[:-2]), NOW)
    assert "Nothing was misclassified." in perfect


@pytest.mark.parametrize(
    ("pairs", "more", "said"),
    [
        ([(0, 0), (0, 1)], {}, "All scans are CNV"),
        ([(0, 0), (1, 1)], {}, "No scan of DRUSEN, NORMAL"),
        (BALANCED, {"patients": ["a"] * 18}, "All scans are of one patient"),
        (BALANCED, {"patients": [f"unknown:{k}" for k in range(18)]}, "patient of 18 scans is not"),
        (BALANCED, {"unreadable": [f"{k}<" for k in range(14)]}, "read: 14 (0&lt;, 1&lt;"),
        (BALANCED, {"unreadable": [f"{k}<" for k in range(14)]}, "… and 2 more)"),
        (BALANCED, {"unreadable": ["a\udc80b"]}, r"a\udc80b"),
        (BALANCED, {"synthetic": True}, "The scans are synthetic"),
        (BALANCED, {"verdicts": {"no scan": ["cat"]}}, "1 of 18 do not look like OCT B-scans"),
        (BALANCED, {"verdicts": {"unlike": ["a"]}}, "1 of 18 are OCT B-scans unlike those"),
        (BALANCED, {"unfamiliar": {"names": ["cat"], "method": "m"}}, "1 of 18 scans do not look"),
        (BALANCED, {"unfamiliar": {"names": [], "method": "m"}}, "All 18 scans look like"),
    ],
)
def test_what_must_be_known_of_the_scans_is_said_in_a_line(
    tmp_path: Path, pairs: list, more: dict, said: str
):
    assert said in notes_view(inspected(tmp_path, pairs, **more))


def test_one_patient_alone_gets_no_interval_over_patients(tmp_path: Path):
    found = inspected(tmp_path, BALANCED, patients=["a"] * 18)
    measures = measure(found.truth, found.chances, found.patients, OCT2017_SCHEME)
    summary = dict(figure_parts(found, measures, lambda cell, text, words: text))["Figures"]
    row = summary[summary.index("Accuracy") :].split("</tr>")[0]
    assert "<td>88.9 %</td><td>–</td>" in row
    assert "one patient" in row


def test_numbers_can_be_hovered_for_n_interval_and_method(html: str):
    part = html[html.index("Class by class") : html.index("<h2>Calibration")]
    shown = re.findall(r"<td>(?:<abbr title='([^']*)'>)?[\d.]+ ?%?", part)
    assert len([title for title in shown if "n = " in title and "95 %" in title]) >= 15
    assert "4 of 5 CNV scans answered CNV: 80.0 % (37.6 to 96.4), Wilson 95 %" in html


def test_each_source_has_its_line_with_what_the_model_would_answer(html: str, tmp_path: Path):
    row = {"n": 18, "coverage": 0.5, "coverage_ci": [0.3, 0.7], "answered": 9, "right": 1.0,
           "right_ci": [0.7, 1.0]}  # fmt: skip
    ward = {"n": 7, "accuracy": 0.25, "accuracy_ci": [0.1, 0.4], "ece": 0.031}
    one = {**row, "n": 7, "answered": 0, "right": None, "right_ci": [None, None]}
    told = {"by_source": {"<ward>": ward},
            "answered": {"answers_from": 0.9, **row, "by_source": {"<ward>": one}}}  # fmt: skip
    page = evaluation_report_html(inspected(tmp_path, BALANCED, **told), NOW)
    part = page[page.index("Source by source") :].split("</table>")[0]
    assert "&lt;ward&gt;" in part
    assert part.index("50.0 %") < part.index("25.0 %") < part.index("0.031")
    assert "probability is 0.90 or more" in page
    assert "Source by source" not in html


def test_corrupted_copies_are_shown_where_they_were_measured(html: str, tmp_path: Path):
    level = {"accuracy": 0.5, "weighted_error": 0.1, "healthy_called_diseased": None}
    rough = {"n": 18, "severities": [1, 5], **level, "healthy_called_diseased": 0.2,
             "kinds": {"<blur>": [level, level]}}  # fmt: skip
    html = evaluation_report_html(inspected(tmp_path, BALANCED, corrupted=rough), NOW)
    assert "&lt;blur&gt;" in html
    assert "50.0 % (33.6 to 66.4), n = 36, Wilson 95 %" not in html.split("Corrupted copies")[0]
    assert "n = 36, Wilson 95 %" in html
    assert "Corrupted copies" not in evaluation_report_html(
        inspected(tmp_path / "x", BALANCED), NOW
    )


# ---- the tab ---------------------------------------------------------------------------


def test_models_and_decks_are_offered(handlers: EvaluateHandlers):
    assert handlers.models() == ([("lite0 (in use)", "lite0")], "lite0")
    assert handlers.decks() == [("–", ""), ("ward (8 scans, 8 patients)", "ward")]


def test_a_deck_is_listed_with_patients_and_places(
    handlers: EvaluateHandlers, evaluations: Prepared
):
    order = evaluations.get(handlers.start(EvaluationForm("lite0", "ward", None, ""), "ada")).order
    rows = read_listing(Path(order.data))
    assert len(rows) == 8
    assert all(Path(row["file"]).is_file() and row["patient"] for row in rows)
    assert (order.title, order.synthetic, order.by) == ("ward", False, "ada")


def test_an_upload_is_taken_into_the_evaluation(
    handlers: EvaluateHandlers, evaluations: Prepared, tmp_path: Path
):
    upload = tmp_path / "uploads" / "a" / "new.zip"
    shutil.make_archive(str(upload.with_suffix("")), "zip", tmp_path / "ward")
    one = evaluations.get(handlers.start(EvaluationForm("lite0", "", {"path": str(upload)}), "ada"))
    assert not upload.exists()
    assert Path(one.order.data).is_relative_to(one.folder)
    assert one.order.title == "new.zip"


def test_what_cannot_be_measured_is_refused_at_once_and_nothing_is_left(
    handlers: EvaluateHandlers, evaluations: Prepared, tmp_path: Path
):
    empty, broken = tmp_path / "empty", tmp_path / "uploads" / "broken.zip"
    empty.mkdir()
    broken.parent.mkdir()
    broken.write_bytes(b"PK\3\4")
    unlabelled = tmp_path / "unlabelled"
    unlabelled.mkdir()
    next((tmp_path / "ward" / "CNV").iterdir()).rename(unlabelled / "a.png")
    for form, error, why in (
        (EvaluationForm("lite0"), BadInputError, "Received none"),
        (EvaluationForm("lite0", "ward", None, "/x"), BadInputError, "Received several"),
        (EvaluationForm("lite0", "none"), BadInputError, "has none"),
        (EvaluationForm("none", "ward"), ModelError, "'none'"),
        (EvaluationForm(None, "ward"), ModelError, "can be used"),
        (EvaluationForm("lite0", "ward", method="none"), BadInputError, "Expected a method"),
        (EvaluationForm("lite0", "", None, str(empty)), BadInputError, "Found none"),
        (
            EvaluationForm("lite0", "", None, str(unlabelled)),
            BadInputError,
            "without a known label",
        ),
        (EvaluationForm("lite0", "", None, str(tmp_path / "no")), BadInputError, "not there"),
        (EvaluationForm("lite0", "", {"path": str(broken)}), BadInputError, "damaged"),
        (
            EvaluationForm("lite0", "", {"path": str(MODEL / "card.json")}),
            BadInputError,
            "not on this",
        ),
    ):
        with pytest.raises(error, match=why):
            handlers.start(form, "ada")
    assert evaluations.all() == ()


def test_folders_of_the_server_are_refused_where_others_can_ask(
    handlers: EvaluateHandlers, tmp_path: Path
):
    handlers.takes_paths = False
    with pytest.raises(BadInputError, match="this machine alone"):
        handlers.start(EvaluationForm("lite0", "", None, str(tmp_path / "ward")), "ada")


def test_the_page_shows_the_newest_and_how_far_it_is(
    handlers: EvaluateHandlers, evaluations: Prepared
):
    assert "No evaluation yet" in handlers.now(None).message
    name = handlers.start(EvaluationForm("lite0", "ward"), "ada")
    waiting = handlers.now(None)
    assert (waiting.chosen, waiting.can_stop, waiting.is_busy) == (name, True, True)
    assert (handlers.figures(name), handlers.scans(name, Looking())) == ("", ("", False))
    handlers.stop(name)
    assert not handlers.now(name).can_stop


def test_figures_and_report_say_whose_the_scans_of_a_deck_are(
    handlers: EvaluateHandlers, evaluations: Prepared, store: MemoryStore
):
    ward = store.find_deck("ward")
    assert ward is not None
    store.put_deck(replace(ward, citation="Ada, 2026.", licence="CC"))
    name = handlers.start(EvaluationForm("lite0", "ward"), "ada")
    folder = evaluations.get(name).folder
    told = inspected(folder, BALANCED).figures
    write_state(folder, State(status=DONE, queued_at="2026-01-05T09:00:00", outcome=told))
    assert "ward: Ada, 2026. CC" in handlers.figures(name)
    assert "ward: Ada, 2026. CC" in handlers.report(name)[1]
    assert "Ada, 2026" not in handlers.figures(done(evaluations, BALANCED))


def test_one_that_failed_says_why_and_can_be_removed(
    handlers: EvaluateHandlers, evaluations: Prepared
):
    folder = evaluations.prepare(EvaluationOrder("ward", str(MODEL), "x.csv"))
    write_state(folder, State(status=FAILED, message="<b>No</b> room"))
    now = handlers.now(folder.name)
    assert "&lt;b&gt;No&lt;/b&gt; room" in now.message
    assert (now.can_stop, now.can_remove, now.is_busy) == (False, True, False)
    handlers.remove(folder.name)
    assert handlers.now(folder.name).chosen is None


def test_one_that_runs_shows_its_pace(handlers: EvaluateHandlers, evaluations: Prepared):
    name = handlers.start(EvaluationForm("lite0", "ward"), "ada")
    facts = {"phase": "answering", "step": 3, "steps": 8, "seconds_left": 4.0}
    folder = evaluations.get(name).folder
    write_state(folder, State(status=RUNNING, scans_per_second=2.5, **facts))
    with living(folder):
        told = handlers.now(name).message
    assert "answering · 3 / 8 · 2.5 scans a second · 4.0 s left" in told
    assert "<progress max='8' value='3'>" in told


def test_what_is_done_is_shown_and_a_leak_heads_it(
    handlers: EvaluateHandlers, evaluations: Prepared
):
    name = done(evaluations, BALANCED, leaky=True)
    figures = handlers.figures(name)
    assert figures.index("LEAKY") < figures.index("Accuracy")
    assert "<h2>LEAKY evaluation: lite&lt;0&gt;" in figures
    assert "LEAKY" in handlers.now(name).message
    assert "data-cell='0-3'" in figures
    file, html = handlers.report(name)
    assert file == "octtutor-evaluation-lite-0-.html"
    assert "<title>LEAKY" in html


def test_a_click_on_the_matrix_shows_its_scans_page_by_page(
    handlers: EvaluateHandlers, evaluations: Prepared
):
    name = done(evaluations, [(0, 0)] * (PAGE + 3) + [(1, 0)])
    errors, more = handlers.scans(name, Looking())
    assert "DME taken for CNV" in errors
    assert (errors.count("<figure>"), more) == (1, False)
    right, more = handlers.scans(name, Looking(read_cell({"cell": "0-0"})))
    assert f"{PAGE} of {PAGE + 3} scans" in right
    assert more
    looking = replace(Looking((0, 0)), count=2 * PAGE)
    right, more = handlers.scans(name, looking)
    assert (right.count("<figure>"), more) == (PAGE + 3, False)


@pytest.mark.parametrize("sent", [None, {}, {"cell": "9-0"}, {"cell": "../x"}, {"cell": 1}, "0-0"])
def test_a_forged_click_is_refused(sent):
    with pytest.raises(BadInputError, match="number of the matrix"):
        read_cell(sent)


def test_a_click_beside_the_matrix_is_refused(handlers: EvaluateHandlers, evaluations: Prepared):
    name = done(evaluations, BALANCED)
    assert "number of the matrix" in handlers.scans(name, Looking((4, 0)))[0]


def test_an_evaluation_whose_files_are_gone_says_so(
    handlers: EvaluateHandlers, evaluations: Prepared
):
    name = done(evaluations, BALANCED)
    (evaluations.get(name).folder / "figures.json").unlink()
    assert "Evaluate again" in handlers.figures(name)
    assert "Evaluate again" in handlers.scans(name, Looking())[0]


def test_every_handler_asks_first_who_is_asking(handlers: EvaluateHandlers, evaluations: Prepared):
    assert count_refusals(build_evaluate_tab, handlers) >= 12
    assert evaluations.all() == ()
