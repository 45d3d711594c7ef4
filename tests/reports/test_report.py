"""Reports: one well-formed file, nothing outside of it, every figure with n, interval, method."""

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import numpy as np
import plotly.graph_objects as go
import pytest

from octtutor.core.case import Case
from octtutor.core.counting import count_answers
from octtutor.core.diagnosis import LABELS
from octtutor.core.quiz import Attempt, CaseOrder, Options, Trainee
from octtutor.core.session import Discussion, Session
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME, SHIPPED
from octtutor.reports import progress_plots as figures
from octtutor.reports.progress_tables import reliance
from octtutor.reports.published_readers import published_errors
from octtutor.reports.session_report import (
    session_report_html,
)
from octtutor.reports.svg import draw
from octtutor.reports.trainee_report import trainee_report_html
from octtutor.stats.intervals import wilson
from octtutor.stats.learning import moving_accuracy
from octtutor.tutor.progress.progress import InTraining, progress
from octtutor.tutor.progress.second_looks import second_looks
from octtutor.tutor.sessions.aided_study import aided_study, session_readings
from octtutor.tutor.sessions.board import board_of
from octtutor.tutor.sessions.gathering import Gathered
from octtutor.ui.sessions.views import board_view
from tests.tutor.progress.histories import EXAM, LOOKS, NOW, C, D, M, N, attempt, read

HOSTILE = "<script>alert('x')</script>&\"'"
VOID = {"meta", "br", "link", "img", "hr", "input"}


class Checked(HTMLParser):
    """Parse a page, strictly: every tag closes, and nothing points outside."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        for name, value in attrs:
            assert name not in ("src", "href", "xlink:href"), (tag, name, value)
            assert not name.startswith("on")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def checked(html: str) -> Checked:
    found = Checked(html)
    assert "script" not in found.tags
    assert not re.search(r"https?:|url\(|@import", html)
    assert "nan" not in re.sub(r"[a-z]nan|nan[a-z]", "", found.text.lower())
    return found


@pytest.fixture(scope="module")
def history():
    """Sixty practice answers with second looks, then an exam and its retest."""
    rng = np.random.default_rng(5)
    items = []
    for n in range(60):
        truth = LABELS[n % 4]
        choice = truth if rng.random() < 0.5 + n / 150 else LABELS[int(rng.integers(4))]
        model = truth if rng.random() < 0.8 else N
        items.append(read(n, truth, choice, model=model, second=model, confidence=1 + n % 5))
    later = NOW + timedelta(days=3)
    for name, right in (("e", 5), ("r", 8)):
        items += [
            read(n, C, C if n < right else N, attempt=name, sha256=f"{name}{n}", at=later)
            for n in range(10)
        ]
    exams = [
        attempt(name, [f"{name}{n}" for n in range(10)], quiz=HOSTILE, options=EXAM,
                started_at=later, ended_at=later, retest_of=of)
        for name, of in (("e", None), ("r", "e"))
    ]  # fmt: skip
    return items, [attempt(), *exams]


def test_a_trainees_report_is_one_file_that_says_everything(history):
    items, attempts = history
    found = progress(
        count_answers(items, attempts), attempts, NOW + timedelta(days=4), {}, OCT2017_SCHEME
    )
    html = trainee_report_html(
        [found], Trainee("t", HOSTILE, NOW), NOW, {False: InTraining(12, 3, 60)}
    )
    page = checked(html)
    assert HOSTILE in page.text
    assert "For teaching, not for diagnosis." in page.text
    assert page.tags.count("svg") == 9
    for who, *_, source in published_errors(OCT2017_SCHEME):
        assert who in page.text
        assert source in page.text
    for word in ("Wilson 95 %", "percentile bootstrap over", "order statistics 95 %", "Newcombe",
                 "Gourevitch & Galanter 95 %", "0.4 to 10.5 %"):  # fmt: skip
        assert word in page.text
    assert "12 of these scans are of patients that it was trained on" in page.text
    assert "Of 3 it is not known, or cannot be: whose scan it is" in page.text
    assert "synthetic" not in page.text.lower()
    assert len(html) < 300_000


def test_every_row_of_a_table_of_figures_has_n_and_method(history):
    items, attempts = history
    html = trainee_report_html(
        [progress(count_answers(items, attempts), attempts, NOW, {}, OCT2017_SCHEME)],
        Trainee("t", "", NOW),
        NOW,
    )
    tables = re.findall(r"<table class='figures'>.*?</table>", html)
    rows = [row for table in tables for row in re.findall(r"<tbody>(.*)</tbody>", table)]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in "".join(rows).split("</tr>") if row]
    assert len(cells) > 30
    for _value, _interval, n, method in cells:
        assert n.isdigit()
        assert len(method) > 5


def test_the_learning_curve_stands_in_a_table_too():
    items = [read(n, LABELS[0], LABELS[n % 2]) for n in range(45)]
    html = trainee_report_html(
        [progress(count_answers(items, []), [], NOW, {}, OCT2017_SCHEME)],
        Trainee("t", "", NOW),
        NOW,
    )
    chapter = html.partition("Learning curve")[2].partition("<h2>")[0]
    rows = re.findall(r"<tr><th scope='row'>(.*?)</th><td>(.*?)</td>.*?<td>(\d+)</td>", chapter)
    assert rows == [
        ("Up to scan 20", "40.0 %", "5"),
        ("Up to scan 40", "40.0 %", "5"),
        ("Up to scan 45", "60.0 %", "5"),
    ]
    assert "Wilson 95 %" in chapter


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (range(10), ["2 of 3 right answers were given up", "taken over 1 times of 1",
                     "2 of 4 wrong answers stayed wrong", "says little"]),
        ([3, 4], ["right answer was kept (1 of 1)", "wrong answer was put right (1 of 1)"]),
        ([0, 5], ["too much trust could not show", "1 of 1 wrong answers stayed wrong"]),
        ([0], ["too much trust could not show", "too little trust could not show"]),
        ([8], ["too little trust could not show"]),
        ([], []),
    ],
)  # fmt: skip
def test_reliance_is_told_in_words_and_so_is_what_could_not_show(places, said: list[str]):
    told = reliance(second_looks([LOOKS[n] for n in places]))
    for part in said:
        assert part in " ".join(told)
    assert bool(told) == bool(said)


def test_synthetic_scans_are_said_and_stand_apart(history):
    items, attempts = history
    real = progress(count_answers(items, attempts), attempts, NOW, {}, OCT2017_SCHEME)
    made = progress(count_answers(items[:8], []), [], NOW, {}, OCT2017_SCHEME, synthetic=True)
    both = checked(trainee_report_html([real, made], Trainee("t", "Ada", NOW), NOW))
    assert "Synthetic and patients' scans are never counted together." in both.text
    assert both.tags.count("h2") == 2
    alone = checked(trainee_report_html([made], Trainee("t", "Ada", NOW), NOW))
    assert "The scans are synthetic" in alone.text


def test_a_report_of_nothing_says_so():
    page = checked(
        trainee_report_html([progress([], [], NOW, {}, OCT2017_SCHEME)], Trainee("t", "", NOW), NOW)
    )
    assert "Nothing was read yet." in page.text
    assert "no name" in page.text


def session_of(names, answers, discussions=(), second_look=True, cases=24) -> Gathered:
    hashes = tuple(f"{n:064x}" for n in range(cases))
    options = Options(second_look=second_look)
    session = Session(
        "KKKKK", HOSTILE, HOSTILE, "q", "1", "d", hashes, 1, options, NOW, "m", "0" * 64
    )
    attempts = tuple(
        Attempt(f"a{k}", f"t{k}", "q", "1", "d", CaseOrder.SESSION, 1, hashes, NOW,
                NOW + timedelta(days=9), options=options, session="KKKKK")
        for k in range(len(names))
    )  # fmt: skip
    return Gathered(
        session=session,
        attempts=attempts,
        trainees=tuple(Trainee(f"t{k}", name, NOW) for k, name in enumerate(names)),
        answers=tuple(answers),
        discussions=tuple(discussions),
        cases=tuple(Case(h, LABELS[n % 4], f"p{n}", "x") for n, h in enumerate(hashes)),
        scheme=SHIPPED.get("oct2017"),
    )


def class_answers(readers: int, second: bool = True, cases: int = 24):
    rng = np.random.default_rng(9)
    for k in range(readers):
        for n in range(cases):
            truth = LABELS[n % 4]
            first = truth if rng.random() < 0.6 else LABELS[int(rng.integers(4))]
            after = truth if rng.random() < 0.85 else first
            look = {"second": after} if second else {}
            item = read(n, truth, first, model=truth, attempt=f"a{k}", confidence=1 + n % 5, **look)
            yield replace(item, answer=replace(item.answer, trainee_id=f"t{k}"))


def test_a_sessions_report_has_readers_scans_and_the_mrmc_analysis():
    gathered = session_of(["Ada", "Ada", HOSTILE], class_answers(3))
    html = session_report_html(gathered, board_of(gathered), NOW, True, InTraining(0, 0, 72))
    page = checked(html)
    assert HOSTILE in page.text
    assert "Ada (2)" in page.text
    assert "The scans are synthetic" in page.text
    assert "Obuchowski & Rockette" in page.text
    assert re.search(r"F\(1, [\d.]+\) = [\d.]+, p = ", page.text)
    assert "Fleiss's kappa" in page.text
    assert "Columns: answer. U: ungradable. T: timed out." in page.text
    assert "your answer" not in page.text
    assert "No scan is known to be of a patient that it was trained on." in page.text
    found = aided_study(gathered)
    assert found is not None
    assert (found.readers, found.joined, found.cases, found.answers) == (3, 3, 24, 72)
    assert found.every_case is None
    assert found.complete.difference.value > 0


def test_an_idle_reader_and_a_leaver_leave_an_analysis_that_says_who_went_in():
    answers = [i for i in class_answers(4) if i.answer.attempt_id != "a0"]
    answers = [i for i in answers if i.answer.attempt_id != "a3" or i.answer.position < 15]
    told = [Discussion("KKKKK", 0, NOW - timedelta(hours=1))]
    gathered = session_of(["Idle", "Ada", "Bo", "Leaver"], answers, told)
    found = aided_study(gathered)
    assert found is not None
    assert (found.joined, found.readers, found.cases, found.answers) == (4, 3, 23, 60)
    assert (found.rated_by_all, found.complete.cases) == (14, 14)
    assert found.every_case is not None
    assert (found.every_case.cases, found.every_case.p is not None) == (23, True)
    page = checked(session_report_html(gathered, board_of(gathered), NOW, False))
    assert "3 of 4 readers, 23 scans of 23 patients, 60 first answers." in page.text
    assert "1 readers without an answer that counts are dropped." in page.text
    assert "Not counted in the figures: 3 discussed." in page.text
    assert "Gallas's U-statistics" in page.text
    assert "The 14 scans that all rated both ways" in page.text


def test_incomplete_ratings_of_several_scans_a_patient_are_refused_and_it_is_said():
    answers = [i for i in class_answers(3) if i.answer.attempt_id != "a2" or i.answer.position < 15]
    gathered = session_of(["Ada", "Bo", "Leaver"], answers)
    twins = tuple(replace(case, patient=f"p{n // 2}") for n, case in enumerate(gathered.cases))
    gathered = replace(gathered, cases=twins)
    found = aided_study(gathered)
    assert found is not None
    assert found.every_case is None
    assert "15 cases of 8 patients (clustered, Obuchowski 1997)" in found.complete.method
    page = checked(session_report_html(gathered, board_of(gathered), NOW, False))
    assert "several scans are of one patient" in page.text


def test_a_small_p_is_no_zero_on_the_board():
    items = [replace(item, second=None) for item in class_answers(2, second=False)]
    wrong = [replace(i, answer=replace(i.answer, choice=None)) for i in items]
    drawn = board_view(board_of(session_of(["Ada", "Bo"], wrong, second_look=False)))
    assert re.search(r"only the model: 24; p = [\d.]+e-0", drawn)


def test_with_one_reader_the_report_says_why_there_is_no_mrmc_analysis():
    gathered = session_of(["Ada"], class_answers(1))
    page = checked(session_report_html(gathered, board_of(gathered), NOW, False))
    assert "Not possible: needs 2 readers and 2 modalities, has 1 and 2" in page.text


def test_without_second_looks_there_is_no_such_chapter():
    gathered = session_of(["Ada", "Bo"], class_answers(2, second=False), second_look=False)
    page = checked(session_report_html(gathered, board_of(gathered), NOW, False))
    assert "MRMC" not in page.text
    assert aided_study(gathered) is None


def test_a_session_without_anybody_has_a_report():
    gathered = session_of([], [])
    page = checked(session_report_html(gathered, board_of(gathered), NOW, False))
    assert "0 readers" in page.text


def test_answers_after_a_discussion_are_in_no_reading():
    told = [Discussion("KKKKK", 0, NOW - timedelta(hours=1))]
    gathered = session_of(["Ada", "Bo"], class_answers(2), told)
    assert [len(items) for items in session_readings(gathered).values()] == [23, 23]
    page = checked(session_report_html(gathered, board_of(gathered), NOW, False))
    assert "Not counted in the figures: 2 discussed." in page.text


def plots(history) -> dict[str, go.Figure]:
    items, attempts = history
    found = progress(count_answers(items, attempts), attempts, NOW, {}, OCT2017_SCHEME)
    assert found.calibration is not None
    return {
        "curve": figures.learning_curve(found.curve, OCT2017_SCHEME),
        "classes": figures.per_class_plot(found.per_class, OCT2017_SCHEME),
        "detection": figures.detection_plot(found.detection, OCT2017_SCHEME),
        "confusion": figures.confusion_over_time(found.confusion, OCT2017_SCHEME),
        "calibration": figures.calibration_plot(found.calibration.levels),
        "times": figures.response_times_plot(found.times),
        "error": figures.weighted_error_plot([("You", found.weighted_error)], OCT2017_SCHEME),
        "second": figures.second_looks_plot(found.second_looks),
        "exams": figures.exams_plot(found.exams),
    }


def test_every_plot_says_n_interval_and_method_when_hovered(history):
    for name, figure in plots(history).items():
        said = [text for trace in figure.data for text in (trace.customdata or ())]
        assert said, name
        own = [text for text in said if "Kermany" not in text]
        assert all("n = " in text for text in own), name
        assert any("95 %" in text for text in own), name


def test_every_plot_can_be_seen_on_black_and_on_white_and_asks_no_network(history):
    for figure in plots(history).values():
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
        assert "http" not in figure.to_json()
        assert figure.layout.height <= 320


def test_every_plot_is_drawn_within_its_frame(history):
    for name, figure in plots(history).items():
        svg = draw(figure, HOSTILE)
        Checked(svg)
        width, height = map(float, re.search(r"viewBox='0 0 (\d+) (\d+)'", svg).groups())
        xs = [float(x) for x in re.findall(r" (?:x1|x2|cx)='([-\d.]+)'", svg)]
        ys = [float(y) for y in re.findall(r" (?:y1|y2|cy)='([-\d.]+)'", svg)]
        assert 0 <= min(xs) <= max(xs) <= width, name
        assert 0 <= min(ys) <= max(ys) <= height, name


def test_the_learning_curve_is_drawn_as_it_was_counted():
    curve = moving_accuracy(np.array([True, False, True, True]), 20)
    band, line = figures.learning_curve(curve, OCT2017_SCHEME).data[1:]
    assert list(line.x) == [1, 2, 3, 4]
    assert list(line.y) == [1, 0.5, 2 / 3, 0.75]
    assert list(band.y[:4]) == [point.accuracy.low for point in curve]
    assert "Up to scan 3" in line.customdata[2]


def test_a_long_history_is_thinned_and_keeps_its_last_point():
    curve = moving_accuracy(np.ones(2001, bool), 20)
    line = figures.learning_curve(curve, OCT2017_SCHEME).data[-1]
    assert len(line.x) <= 300
    assert line.x[-1] == 2001


def test_the_published_errors_stand_on_the_trainees_axis():
    figure = figures.weighted_error_plot([("You", wilson(3, 10))], OCT2017_SCHEME)
    drawn = {trace.name: tuple(trace.x) for trace in figure.data}
    assert drawn["Six human experts"] == (0.004, 0.105)
    assert drawn["Network, all training data"] == (0.066, 0.066)
    assert drawn["Network, limited data"] == (0.127, 0.127)
    assert drawn["You"] == (0.3,)
    assert figure.layout.xaxis.range[1] >= 0.6


def test_the_commonest_confusions_come_first():
    items = [read(n, C, N if n < 5 else D) for n in range(8)] + [read(9, M, M)]
    spans = progress(count_answers(items, []), [], NOW, {}, OCT2017_SCHEME).confusion
    assert figures.commonest(spans) == [(0, 3), (0, 2)]
    assert figures.commonest(()) == []


def test_second_looks_are_drawn_as_they_were_counted():
    (dots,) = figures.second_looks_plot(second_looks(LOOKS)).data
    assert list(dots.x) == [3 / 5, 3 / 5, 2 / 3, 1.0, 2 / 4]
