"""`octtutor quiz …`: list, check, build, show."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from octtutor.core.quizfile.parsing import parse_quiz
from octtutor.core.quizfile.quiz_file import QuizFile
from octtutor.datasets.schemes.scheme_registry import SHIPPED
from tests.cli.said import fault
from tests.conftest import ROOT

BROKEN = """title = "x"
colour = "red"

[rule]
per_class = { CNV = 0 }
"""


@pytest.fixture
def run(octtutor):
    """Run `octtutor quiz …` in this process, as the shell would."""
    return partial(octtutor, "quiz")


def test_shipped_quizzes_are_listed_and_those_on_the_embedded_deck_can_be_played(run):
    rows = {row["quiz"]: row for row in run("list", "--json").json}
    assert list(rows) == ["drusen-or-cnv", "first-ten", "forty", "is-it-normal", "kermanys-hundred"]
    assert [row["playable"] for row in rows.values()] == [True, True, True, True, False]
    assert rows["forty"]["mode"] == "exam"
    assert rows["forty"]["cases"] == 40
    assert rows["first-ten"]["title"] == "First ten"
    assert not rows["first-ten"]["own"]
    text = run("list").out
    assert "first-ten: First ten (10 cases, practice, shipped; ready)" in text
    assert "kermanys-hundred: Kermany's hundred (100 cases, exam, shipped; not playable" in text


def test_check_names_every_fault_with_file_and_line_and_exits_1(run, tmp_path: Path):
    broken = tmp_path / "broken.toml"
    broken.write_text(BROKEN)
    said = run("check", broken, "first-ten")
    assert said.code == 1
    lines = said.out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{broken}:{n}" for n in (2, 4, 5)]
    assert "unknown key 'colour'" in lines[0]
    assert "that the rule draws from" in lines[1]
    assert "leave an empty class out" in lines[2]
    assert "Quizzes checked: 2. With faults: 1." in said.err
    first, second = run("check", broken, "first-ten", "--json").json
    assert [one["line"] for one in first["faults"]] == [2, 4, 5]
    assert (second["quiz"], second["faults"]) == ("first-ten", [])


def test_a_path_that_leads_nowhere_hides_no_fault_of_the_others(run, tmp_path: Path):
    broken = tmp_path / "broken.toml"
    broken.write_text(BROKEN)
    said = run("check", "nope.toml", broken, "gone.toml")
    assert said.code == 1
    assert f"{broken}:2: unknown key 'colour'" in said.out
    assert "no file 'nope.toml'" in said.err
    assert "no file 'gone.toml'" in said.err


def test_check_of_all_finds_what_is_missing_here(run, own_home: Path):
    said = run("check")
    assert said.code == 1
    (line,) = said.out.splitlines()
    assert "100 of 100 scans are not here" in line
    assert "octtutor data import FOLDER" in line
    assert run("check", "forty", "first-ten").code == 0
    (own_home / "quizzes").mkdir()
    (own_home / "quizzes" / "mine.toml").write_bytes(b"\xff")
    assert "mine.toml:1: expected UTF-8" in run("check").out
    assert "mine: - (cannot be read, yours; not playable" in run("list").out


def test_what_is_no_quiz_is_one_line(run):
    assert "no file 'nope.toml'" in fault(run("check", "nope.toml"))
    assert "none named 'nope'" in fault(run("show", "nope"))


def test_show_says_what_a_quiz_is_and_how_it_is_played(run):
    facts = run("show", "forty", "--json").json
    assert facts["per_class"] == {"CNV": 10, "DME": 10, "DRUSEN": 10, "NORMAL": 10}
    assert facts["deck"] == "embedded"
    assert facts["playable"]
    assert facts["options"]["is_exam"]
    assert facts["options"]["pass_mark"] == 0.8
    text = run("show", "forty").out
    assert "cases: 40 (CNV 10, DME 10, DRUSEN 10, NORMAL 10), deck embedded" in text
    assert "pass_mark 0.8" in text
    assert "here: can be played" in text
    missing = run("show", "kermanys-hundred").out
    assert "here: cannot be played" in missing
    assert "10.17632/rscbjbr9sj" in missing
    assert run("show", "kermanys-hundred", "--json").json["per_class"] is None


def test_a_quiz_is_built_by_a_rule_and_saved(run, own_home: Path):
    said = run("build", "--title", "Mine", "--per-class", "CNV=2, drusen=1", "--seed", 4,
               "--mode", "exam", "--pass-mark", 0.7, "--mark-where", "--no-confidence",
               "--case-seconds", 20, "--as", "mine")  # fmt: skip
    assert said.code == 0
    path = own_home / "quizzes" / "mine.toml"
    assert f"Written: {path}, 3 cases" in said.out
    facts = run("show", "mine", "--json").json
    assert facts["own"]
    assert facts["playable"]
    assert (facts["deck"], facts["seed"]) == ("embedded", 4)
    assert facts["per_class"] == {"CNV": 2, "DME": 0, "DRUSEN": 1, "NORMAL": 0}
    chosen = {key: value for key, value in facts["options"].items() if value}
    told = {"is_exam": True, "mark_where": True, "case_seconds": 20, "pass_mark": 0.7}
    assert chosen == told | {"may_change": True}
    before = path.read_bytes()
    assert "already" in fault(run("build", "--title", "x", "--per-class", 1, "--as", "mine"))
    assert path.read_bytes() == before


def test_a_quiz_is_built_of_a_list(run, tmp_path: Path):
    listing, out = ROOT / "quizzes" / "kermanys-hundred.csv", tmp_path / "hundred.toml"
    said = run("build", "--title", "H", "--list", listing, "--source", "Ask.", "--out", out)
    assert said.code == 0
    assert "cannot be played here yet: 100 of 100 scans are not here. Ask." in said.err
    made = parse_quiz("hundred", out.read_text(), SHIPPED.keys())
    shipped = parse_quiz(
        "x", (ROOT / "quizzes" / "kermanys-hundred.toml").read_text(), SHIPPED.keys()
    )
    assert isinstance(made, QuizFile)
    assert isinstance(shipped, QuizFile)
    assert made.cases == shipped.cases
    again = run("build", "--title", "H", "--list", listing, "--out", out)
    assert "Expected a new file" in fault(again)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--as", "x"), "--per-class or --list"),
        (("--per-class", "1"), "--out FILE.toml or --as NAME"),
        (("--per-class", "1", "--as", "x", "--out", "y.toml"), "--out FILE.toml or --as NAME"),
        (("--per-class", "1", "--out", "x.txt"), "ends with .toml"),
        (("--per-class", "1", "--as", "../x"), "a-z, 0-9 and -"),
        (("--per-class", "0", "--as", "x"), "empty class"),
        (("--per-class", "CNV=0", "--as", "x"), "with 1 case or more"),
        (("--per-class", "CNV=1,CNV=2", "--as", "x"), "Name each class once"),
        (("--per-class", "AMD=1", "--as", "x"), "as in CNV=5,DRUSEN=5"),
        (("--per-class", "many", "--as", "x"), "as in CNV=5,DRUSEN=5"),
        (("--per-class", "1", "--as", "x", "--mode", "test"), "--mode practice or --mode exam"),
        (("--per-class", "1", "--as", "x", "--attempts", "1"), "exams only"),
        (("--per-class", "1", "--as", "x", "--mode", "exam", "--second-look"), "second look"),
        (("--list", "nowhere.csv", "--as", "x"), "cannot be read"),
    ],
)
def test_what_makes_no_quiz_is_one_line_and_writes_nothing(run, own_home: Path, words, why: str):
    assert why in fault(run("build", "--title", "x", *words))
    assert not (own_home / "quizzes").exists()


def test_a_list_with_the_same_scan_twice_is_refused(run, tmp_path: Path):
    listing = tmp_path / "twice.csv"
    row = f"{'a' * 64},CNV,1,one.png,\n"
    listing.write_text(f"sha256,label,patient,name,file\n{row}{row}")
    said = run("build", "--title", "x", "--list", listing, "--as", "x")
    assert "case 2 is the same scan as case 1" in fault(said)


def test_it_works_from_a_shell(own_home: Path):
    command = [sys.executable, "-m", "octtutor", "quiz", "check", "forty"]
    env = dict(os.environ, OCTTUTOR_HOME=str(own_home))
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "Quizzes checked: 1. With faults: 0." in done.stderr
