"""Commands, run in this process."""

import sys

import pytest

from tests.cli.said import Said


@pytest.fixture
def octtutor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run a command in this process, as the shell would."""
    from octtutor.cli import main

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["octtutor", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run
