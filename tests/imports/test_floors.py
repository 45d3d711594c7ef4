"""The house: who may import whom, and what stays unloaded."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version

import pytest
from packaging.version import Version

from tests.conftest import ROOT

HEAVY = ("tensorflow", "keras", "gradio", "torch", "jax")


def test_each_floor_imports_only_the_floors_below():
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as m; m()"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import octtutor.core.answer, octtutor.core.schedule, octtutor.core.quiz",
        "import octtutor.store.sql, octtutor.store.sql.migrate",
        "import octtutor.tutor.practice.practice, octtutor.tutor.progress.results",
        "import octtutor.tutor.decks.deck_import, octtutor.reports.trainee_report",
        "import octtutor.datasets.audit, octtutor.phantom, octtutor.stats.figures",
        "import octtutor.wiring",
        "import sys; sys.argv = ['octtutor', '--help']\n"
        "from octtutor.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass",
    ],
)
def test_a_fresh_interpreter_loads_nothing_heavy(code: str):
    check = f"\nimport sys; print('LOADED', [m for m in {HEAVY} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code + check], capture_output=True, text=True, timeout=120
    )
    assert result.stdout.strip().splitlines()[-1] == "LOADED []", result.stdout + result.stderr


def test_the_list_of_commands_loads_none_of_them():
    code = (
        "import sys; sys.argv = ['octtutor', '--help']\n"
        "from octtutor.cli import main\n"
        "try: main()\n"
        "finally: print('LOADED', *[m for m in sys.modules if '.' not in m or 'octtutor' in m])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    _, *loaded = result.stdout.strip().splitlines()[-1].split()
    ours = {name for name in loaded if name.startswith("octtutor")}
    assert ours == {
        "octtutor",
        "octtutor.cli",
        "octtutor.cli.main",
        "octtutor.cli.output",
        "octtutor.errors",
    }
    assert not {"numpy", "PIL", "pydantic", "sqlalchemy", "tqdm", "rich"} & set(loaded)


def test_the_environment_is_read_for_settings_in_one_place():
    calls = [
        f"{path.relative_to(ROOT)}"
        for path in (ROOT / "octtutor").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "from_env"
    ]
    assert calls == ["octtutor/wiring.py"]


def test_nothing_is_written_at_import(tmp_path):
    code = "import octtutor.wiring, octtutor.cli, octtutor.tutor.practice.practice"
    environment = {"OCTTUTOR_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "PATH": ""}
    subprocess.run([sys.executable, "-B", "-c", code], check=True, env=environment, timeout=120)
    assert list(tmp_path.iterdir()) == []


def test_known_holes_are_closed_by_version_floors():
    # CVE-2026-59806 (gradio), and the first good releases of keras and Pillow
    floors = {"gradio": "6.20", "keras": "3.15.1", "pillow": "12.3.0"}
    for name, least in floors.items():
        assert Version(version(name)) >= Version(least), name


def test_the_lock_holds_hashes_and_no_address():
    lock = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in lock
    assert not re.search(r"https?://|--index|--find-links|file:", lock)
    pinned = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[><=\[]", need)[0] for need in project["dependencies"]}
    assert wanted <= pinned


def test_the_shipped_weights_are_small_enough():
    assert (ROOT / "models" / "lite0" / "weights.safetensors").stat().st_size <= 16e6
