"""`octtutor report`: the files, and one line for every fault."""

import csv
import io
import subprocess
import sys
from dataclasses import replace

import pytest

from octtutor.core.case import Case, Deck
from octtutor.core.diagnosis import LABELS
from octtutor.core.quiz import Options, Trainee
from octtutor.core.session import Session
from octtutor.wiring import open_store, read_settings
from tests.cli.said import fault
from tests.conftest import ROOT, Clock
from tests.tutor.progress.histories import attempt, read
from tests.tutor.progress.test_imrmc import parsed

CASES = tuple(f"{n:064x}" for n in range(4))


@pytest.fixture
def records(own_home, clock: Clock):
    """Ada read four real scans in a session, and Bo none; there are two Cys."""
    store = open_store(read_settings())
    for who, name in (("ada-1", "Ada"), ("bo-1", "Bo"), ("cy-1", "Cy"), ("cy-2", "cy")):
        store.add_trainee(Trainee(who, name, clock()))
    whose = {"citation": "Ada, 2026.", "licence": "CC"}
    store.put_deck(Deck("d", "D", False, True, clock(), **whose))
    store.add_cases("d", [Case(h, LABELS[n], f"p{n}", "x.png") for n, h in enumerate(CASES)])
    store.open_session(
        Session("ABCDE", "Round <1>", "ada", "q", "1", "d", CASES, 1, Options(), clock())
    )
    run = attempt(
        "a", CASES, trainee_id="ada-1", session="ABCDE", started_at=clock(), ended_at=None
    )
    store.start_attempt(run)
    for n, sha256 in enumerate(CASES):
        clock.pass_seconds(30)
        item = read(n, LABELS[n], LABELS[0], attempt="a", sha256=sha256, at=clock())
        store.record_answer(replace(item.answer, trainee_id="ada-1"))
    store.close()


def test_a_trainees_report_is_written_in_all_formats(octtutor, records, tmp_path):
    out = tmp_path / "reports"
    said = octtutor("report", "--trainee", "ada", "--out", out, "--json")
    assert said.code == 0, said.err
    names = [path.split("/")[-1] for path in said.json["files"]]
    assert names == ["trainee-ada-1.html", "trainee-ada-1.csv", "trainee-ada-1-real.imrmc"]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    page = (out / names[0]).read_text()
    assert "Reading report: Ada" in page
    assert "D: Ada, 2026. CC" in page
    rows = list(csv.DictReader(io.StringIO((out / names[1]).read_text())))
    assert [row["truth"] for row in rows] == list(LABELS)
    counts, _ = parsed((out / names[2]).read_text())
    assert counts == {"N0": 2, "N1": 2, "NR": 1, "NM": 1}


def test_a_sessions_report_is_written_in_the_format_asked(octtutor, records, tmp_path):
    page = tmp_path / "round.html"
    said = octtutor("report", "--session", "abc-de", "--out", page, "--format", "html")
    assert said.out.strip() == str(page)
    assert "Session report: Round &lt;1&gt;" in page.read_text()
    said = octtutor("report", "--session", "ABCDE", "--out", tmp_path / "all")
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == [
        "session-ABCDE.csv",
        "session-ABCDE.html",
        "session-ABCDE.imrmc",
    ]


def test_who_has_read_nothing_gets_a_report_that_says_so(octtutor, records, tmp_path):
    said = octtutor("report", "--trainee", "bo-1", "--out", tmp_path / "bo", "--format", "html")
    assert said.code == 0
    assert "Nothing was read yet" in (tmp_path / "bo" / "trainee-bo-1.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--trainee", "dora"], "There is none 'dora'"),
        (["--trainee", "Cy"], "2 are called 'Cy': cy-1 (since"),
        (["--session", "ZZZZZ"], "There is none 'ZZZZZ'"),
        ([], "Received neither"),
        (["--trainee", "ada", "--session", "ABCDE"], "Received both"),
        (["--trainee", "ada", "--format", "pdf"], "Received 'pdf'"),
        (["--trainee", "ada", "--format", ""], "Expected some of html, csv, imrmc"),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(octtutor, records, tmp_path, words, said):
    out = tmp_path / "none"
    assert said in fault(octtutor("report", *words, "--out", out))
    assert not out.exists()


def test_a_file_is_no_folder_for_three(octtutor, records, tmp_path):
    taken = tmp_path / "taken.html"
    taken.write_text("mine")
    assert "is a file" in fault(octtutor("report", "--trainee", "ada", "--out", taken))
    assert taken.read_text() == "mine"


def test_a_report_needs_no_tensorflow_and_no_gradio(records, tmp_path):
    code = (
        "import sys; sys.argv = ['octtutor', 'report', '--session', 'ABCDE', '--out', "
        f"{str(tmp_path / 'x')!r}]\n"
        "from octtutor.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print('LOADED', [m for m in ('tensorflow', 'keras', 'gradio') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.stdout.strip().splitlines()[-1] == "LOADED []", result.stdout + result.stderr
    assert (tmp_path / "x" / "session-ABCDE.html").exists()
