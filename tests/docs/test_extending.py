"""Every recipe of docs/extending.md works as it is written, in a copy of the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "extending.md").read_text("utf-8")
BLOCK = re.compile(r"^```(python|diff|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RECIPES = {
    section.partition("\n")[0]: BLOCK.findall(section)
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    if BLOCK.search(section)
}


class House:
    """A copy of the package, and a folder to work in."""

    def __init__(self, place: Path) -> None:
        self.root, self.work, self.tools = place / "house", place / "work", place / "tools"
        leave = shutil.ignore_patterns("__pycache__", "_shipped")
        shutil.copytree(ROOT / "octtutor", self.root / "octtutor", ignore=leave)
        for name in ("models", "quizzes"):
            (self.root / name).symlink_to(ROOT / name)
        self.work.mkdir()
        self.tools.mkdir()
        for name, module in (("octtutor", "-m octtutor"), ("python", "")):
            tool = self.tools / name
            tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
            tool.chmod(0o755)

    def write(self, text: str) -> None:
        """Write a block into the file that its first line names."""
        name = text.partition("\n")[0].removeprefix("# ").strip()
        inside = name.startswith("octtutor/")
        target = (self.root if inside else self.work) / name
        assert not target.exists(), f"{name} is there already"
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, "utf-8")

    def change(self, text: str) -> None:
        """Put each added line of a block behind the one above it."""
        name, _, lines = text.partition("\n")
        target = self.root / name.strip()
        before = ""
        for line in lines.splitlines():
            if line.startswith("+"):
                found = target.read_text("utf-8")
                assert found.count(f"{before}\n") == 1, f"{name}: {before!r} is not there once"
                added = f"{before}\n{line[1:]}\n"
                target.write_text(found.replace(f"{before}\n", added), "utf-8")
            before = line[1:]

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a block of commands; the first that fails ends it."""
        env = {
            **os.environ,
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(self.root),
        }
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.work,
            env=env,
            capture_output=True,
            text=True,
            timeout=600,
        )


@pytest.mark.parametrize("title", RECIPES)
def test_what_the_page_says_works(title: str, tmp_path: Path):
    house = House(tmp_path)
    *parts, (kind, script) = RECIPES[title]
    assert kind == "sh"
    for kind, text in parts:
        house.write(text) if kind == "python" else house.change(text)
    done = house.run(script)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_addition_is_one_file_and_one_table():
    for title, blocks in RECIPES.items():
        files = [text for kind, text in blocks if kind == "python" and "octtutor/" in text[:12]]
        tables = [text for kind, text in blocks if kind == "diff"]
        assert (len(files), len(tables)) == (1, 1), title
