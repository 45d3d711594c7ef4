"""`octtutor educator …`: accounts by command."""

import io
import os
import pty
import select
import subprocess
import sys

import pytest

from tests.cli.said import fault
from tests.conftest import ROOT

PASSWORD = "correct horse battery"


@pytest.fixture
def add(octtutor, monkeypatch: pytest.MonkeyPatch):
    """Run `educator add` with a password on standard input."""

    def run(name: str, password: str):
        monkeypatch.setattr(sys, "stdin", io.StringIO(password + "\n"))
        return octtutor("educator", "add", name, "--password-stdin")

    return run


def test_educators_are_added_listed_and_removed(octtutor, add):
    assert octtutor("educator", "list", "--json").json == []
    assert "octtutor educator add NAME" in octtutor("educator", "list").out
    said = add("Ada", PASSWORD)
    assert said.code == 0
    assert "Educator ada added" in said.out
    assert PASSWORD not in said.out + said.err
    (row,) = octtutor("educator", "list", "--json").json
    assert row["name"] == "ada"
    assert row.keys() == {"name", "created"}
    assert "ada: since" in octtutor("educator", "list").out
    assert "last one" in octtutor("educator", "remove", "ada").out
    assert octtutor("educator", "list", "--json").json == []


def test_what_cannot_be_is_one_line(octtutor, add):
    assert "10 to 200 characters" in fault(add("ada", "short"))
    assert "10 to 200 characters. Received 0" in fault(add("ada", ""))
    assert "Expected a name" in fault(add("two words", PASSWORD))
    assert "no educator 'ada'" in fault(octtutor("educator", "remove", "ada"))
    add("ada", PASSWORD)
    assert "already" in fault(add("ADA", PASSWORD))


def test_without_a_terminal_the_password_is_not_asked_for(octtutor, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert "--password-stdin" in fault(octtutor("educator", "add", "ada"))


@pytest.mark.parametrize("again", [PASSWORD, "another password"])
def test_the_password_is_asked_for_twice_and_never_shown(again: str):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "octtutor", "educator", "add", "ada"]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, start_new_session=True
    )
    os.close(theirs)
    shown = b""

    def read_until(word: bytes) -> None:
        nonlocal shown
        while word not in shown:
            assert select.select([ours], [], [], 60)[0], shown
            shown += os.read(ours, 4096)

    read_until(b"Password: ")  # the last space comes when typing is hidden
    os.write(ours, f"{PASSWORD}\n".encode())
    read_until(b"The same again: ")
    os.write(ours, f"{again}\n".encode())
    read_until(b"added")
    process.wait(60)
    os.close(ours)
    assert process.returncode == (0 if again == PASSWORD else 1)
    assert PASSWORD.encode() not in shown
