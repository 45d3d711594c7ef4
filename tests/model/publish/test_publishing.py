"""Publishing, choosing and rolling back: one of two states, never a third, and no model lost."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from octtutor.errors import ModelError, SettingsError
from octtutor.model.graph.graph_file import graph_fault
from octtutor.model.network.card import read_card
from octtutor.model.network.model_folder import load_network
from octtutor.model.publish import publishing
from octtutor.model.publish.publishing import check_name, find_earlier, roll_back, use
from octtutor.model.serve.in_use import POINTER, read_pointer
from octtutor.model.serve.model_registry import find_in_use, find_model, list_models, override_note
from tests.conftest import MODEL, ROOT
from tests.model.folders import break_weights, make_model

SHIPPED = MODEL.parent
publish = partial(publishing.publish, makes_graph=False)
"""Publish where it is not about the graph, which takes its time to be checked."""


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "home" / "models", SHIPPED


def used(folders) -> str:
    return find_in_use(folders).folder.name


def leftovers(home: Path) -> list[str]:
    known = {POINTER, "_publish.lock", "_in_use.lock"}
    return [path.name for path in home.glob("*") if path.name not in known and path.is_file()] + [
        path.name for path in home.glob(".*")
    ]


def test_until_something_is_published_the_shipped_model_is_in_use(folders):
    assert find_in_use(folders).folder == MODEL
    assert find_in_use(folders).fault is None
    assert not folders[0].exists()


def test_publishing_copies_the_folder_and_puts_it_in_use(folders, tmp_path: Path):
    trained = make_model(tmp_path / "run-17")
    steps: list[str] = []
    change = publishing.publish(trained, "v2", folders, steps.append)
    assert (change.name, change.before) == ("v2", "lite0")
    assert find_model("default", folders) == change.folder == folders[0] / "v2"
    assert read_card(change.folder).name == "v2"
    assert sorted(p.name for p in change.folder.iterdir()) == sorted(
        p.name for p in trained.iterdir()
    )
    load_network(change.folder)
    assert read_card(trained).name == "run-17"
    making = "making its graph"
    assert steps == ["checking", "copying", "checking the copy", making, "putting it in use"]
    assert leftovers(folders[0]) == []
    assert graph_fault(read_card(change.folder)) is None
    bins = [(folder / "graph.bin").read_bytes() for folder in (trained, change.folder)]
    assert bins[0] != bins[1]  # that of the folder was of the shipped weights


def test_rolling_back_walks_the_chain_to_the_shipped_model(folders, tmp_path: Path):
    for n in (1, 2, 3):
        publish(make_model(tmp_path / f"m{n}", by=n / 100), f"v{n}", folders)
    assert [roll_back(folders).name for _ in range(3)] == ["v2", "v1", "lite0"]
    with pytest.raises(ModelError, match=r"no.* 'lite0' is in use"):
        roll_back(folders)
    assert {entry.name for entry in list_models(folders)} == {"lite0", "v1", "v2", "v3"}
    assert use("v3", folders).before == "lite0"
    assert roll_back(folders).name == "lite0"


def test_rolling_back_passes_over_models_that_are_gone_or_broken(folders, tmp_path: Path):
    import shutil

    for n in (1, 2, 3, 4):
        shutil.copytree(make_model(tmp_path / f"v{n}", by=n / 100), folders[0] / f"v{n}")
        use(f"v{n}", folders)
    break_weights(folders[0] / "v3")
    shutil.rmtree(folders[0] / "v2")
    change = roll_back(folders)
    assert (change.name, change.before) == ("v1", "v4")


def test_using_the_shipped_model_again_is_a_step_too(folders, tmp_path: Path):
    publish(make_model(tmp_path / "m"), "v1", folders)
    assert use("lite0", folders).before == "v1"
    assert use("lite0", folders).before == "lite0"
    assert roll_back(folders).name == "v1"


# ---- names -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../up", "a/b", "-v", "_in_use.json", "ä", "a b", "x" * 65, "a\n", "v.",
     "default", "Default"],
)  # fmt: skip
def test_what_cannot_be_a_name_is_refused_and_changes_nothing(folders, name: str):
    with pytest.raises(ModelError, match="a model's name"):
        check_name(name)
    with pytest.raises(ModelError, match="a model's name"):
        publish(MODEL, name, folders)
    with pytest.raises(ModelError, match="a model's name"):
        use(name, folders)
    assert not folders[0].exists()


@pytest.mark.parametrize("name", ["v1", "V1"])
def test_a_taken_name_is_refused_with_a_free_one(folders, tmp_path: Path, name: str):
    publish(make_model(tmp_path / "first", by=0.1), "v1", folders)
    before = read_card(folders[0] / "v1")
    with pytest.raises(ModelError, match=f"{name}-2"):
        publish(make_model(tmp_path / "second", by=0.2), name, folders)
    assert read_card(folders[0] / "v1") == before
    assert leftovers(folders[0]) == []


def test_a_shipped_name_is_taken_too(folders, tmp_path: Path):
    with pytest.raises(ModelError, match="lite0-2"):
        publish(make_model(tmp_path / "m"), "lite0", folders)


def test_publishing_the_very_same_model_again_only_puts_it_in_use(folders, tmp_path: Path):
    trained = make_model(tmp_path / "m")
    publish(trained, "v1", folders)
    roll_back(folders)
    change = publish(trained, "v1", folders)
    assert (change.name, used(folders)) == ("v1", "v1")


def test_the_same_weights_with_another_card_are_another_model(folders, tmp_path: Path):
    publish(make_model(tmp_path / "a"), "v1", folders)
    with pytest.raises(ModelError, match="v1-2"):
        publish(make_model(tmp_path / "b", flip_average=False), "v1", folders)


# ---- broken models -----------------------------------------------------------------------


def test_a_broken_model_is_not_published(folders, tmp_path: Path):
    broken = make_model(tmp_path / "broken")
    break_weights(broken)
    with pytest.raises(ModelError, match="SHA-256"):
        publish(broken, "v1", folders)
    with pytest.raises(ModelError, match=r"card\.json"):
        publish(tmp_path, "v1", folders)
    with pytest.raises(ModelError, match=r"card\.json"):
        publish(tmp_path / "nothing", "v1", folders)
    assert list_models((folders[0],)) == ()


@pytest.mark.parametrize(
    ("how", "match"),
    [({"head": {"kind": "magic"}}, "head"), ({"preprocessing": {"version": "99"}}, "preproc")],
)
def test_a_model_that_cannot_be_built_is_not_published(folders, tmp_path: Path, how, match):
    with pytest.raises(ModelError, match=match):
        publish(make_model(tmp_path / "odd", **how), "v1", folders)
    assert not (folders[0] / "v1").exists()
    assert leftovers(folders[0]) == []
    assert used(folders) == "lite0"


def test_a_model_that_answers_nonsense_is_not_published(folders, tmp_path: Path):
    with pytest.raises(ModelError, match="answer a blank scan"):
        publish(make_model(tmp_path / "nan", by=np.nan), "v1", folders)
    assert used(folders) == "lite0"


def test_using_a_model_that_is_not_there_names_the_known_ones(folders, tmp_path: Path):
    with pytest.raises(ModelError, match=r"'v9'.*missing.*Known: lite0"):
        use("v9", folders)
    make_model(folders[0] / "v1")
    break_weights(folders[0] / "v1")
    with pytest.raises(ModelError, match="SHA-256"):
        use("v1", folders)
    assert read_pointer(folders[0])[0].name is None


@pytest.mark.parametrize("how", ["gone", "cut", "card", "pointer"])
def test_a_broken_model_in_use_gives_way_to_the_shipped_one(folders, how: str, caplog):
    import shutil

    make_model(folders[0] / "v1")
    use("v1", folders)
    if how == "gone":
        shutil.rmtree(folders[0] / "v1")
    elif how == "cut":
        break_weights(folders[0] / "v1")
    elif how == "card":
        (folders[0] / "v1" / "card.json").write_text("{")
    else:
        (folders[0] / POINTER).write_text("{")
    found = find_in_use(folders)
    assert found.folder == MODEL
    assert found.fault is not None
    assert "'lite0' serves instead" in found.fault
    assert find_model("default", folders) == MODEL
    assert "'lite0' serves instead" in caplog.text


def test_a_damaged_pointer_is_mended_by_the_next_choice(folders, tmp_path: Path):
    publish(make_model(tmp_path / "m"), "v1", folders)
    (folders[0] / POINTER).write_text("{")
    with pytest.raises(ModelError, match="no"):
        roll_back(folders)
    assert use("v1", folders).name == "v1"
    assert find_in_use(folders).fault is None


def test_a_broken_model_in_use_can_be_rolled_back(folders, tmp_path: Path):
    publish(make_model(tmp_path / "m"), "v1", folders)
    break_weights(folders[0] / "v1")
    earlier = find_earlier(folders)
    assert earlier is not None
    assert earlier.name is None
    assert roll_back(folders).name == "lite0"
    assert find_in_use(folders).fault is None
    assert find_earlier(folders) is None


def test_a_setting_that_wins_is_said():
    assert override_note("default") is None
    assert "'mine' here and wins" in str(override_note("mine"))


# ---- kills, races, full disks ------------------------------------------------------------


KILLED = """
import os, signal, sys
from pathlib import Path
from octtutor.model.publish.publishing import publish

def say(step):
    if step == sys.argv[4]:
        os.kill(os.getpid(), signal.SIGKILL)

publish(Path(sys.argv[1]), sys.argv[2], tuple(map(Path, sys.argv[3].split(os.pathsep))), say)
"""


def start(code: str, *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("step", ["copying", "making its graph", "putting it in use"])
def test_a_kill_leaves_the_old_model_in_use_and_the_call_can_be_repeated(
    folders, tmp_path: Path, step: str
):
    publish(make_model(tmp_path / "old", by=0.1), "old", folders)
    new = make_model(tmp_path / "new", by=0.2)
    process = start(KILLED, new, "new", os.pathsep.join(map(str, folders)), step)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert used(folders) == "old"
    assert find_in_use(folders).fault is None
    assert all(entry.fault is None for entry in list_models(folders))
    assert publish(new, "new", folders).before == "old"
    assert used(folders) == "new"
    assert leftovers(folders[0]) == []
    assert roll_back(folders).name == "old"


PUBLISH = """
import os, sys
from pathlib import Path
from octtutor.cli.output import one_line_errors
from octtutor.model.publish.publishing import publish
with one_line_errors():
    publish(Path(sys.argv[1]), sys.argv[2], tuple(map(Path, sys.argv[3].split(os.pathsep))),
            makes_graph=False)
"""


def test_two_processes_publishing_at_once_both_come_through(folders, tmp_path: Path):
    where = os.pathsep.join(map(str, folders))
    processes = [
        start(PUBLISH, make_model(tmp_path / name, by=by), name, where)
        for name, by in (("one", 0.1), ("two", 0.2))
    ]
    for process in processes:
        _, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
    names = read_pointer(folders[0])[0].names
    assert sorted(names) == ["one", "two"]
    assert used(folders) == names[-1]
    for name in names:
        load_network(folders[0] / name)
    assert leftovers(folders[0]) == []


def test_two_processes_wanting_one_name_leave_one_whole_model(folders, tmp_path: Path):
    where = os.pathsep.join(map(str, folders))
    processes = [
        start(PUBLISH, make_model(tmp_path / name, by=by), "same", where)
        for name, by in (("one", 0.1), ("two", 0.2))
    ]
    ends = [(process.communicate(timeout=180)[1], process.returncode) for process in processes]
    assert sorted(code for _, code in ends) == [0, 1]
    (refusal,) = [err for err, code in ends if code == 1]
    assert "Take 'same-2'" in refusal
    load_network(folders[0] / "same")
    assert read_pointer(folders[0])[0].names == ("same",)


USE_OFTEN = """
import os, sys
from pathlib import Path
from octtutor.model.publish.publishing import point_to
for _ in range(30):
    for name in sys.argv[2:]:
        point_to(name, tuple(map(Path, sys.argv[1].split(os.pathsep))))
"""


def test_the_pointer_is_whole_at_every_moment(folders):
    for n in (1, 2):
        make_model(folders[0] / f"v{n}", by=n / 10)
    where = os.pathsep.join(map(str, folders))
    processes = [start(USE_OFTEN, where, *pair) for pair in (("v1", "v2"), ("v2", "v1"))]
    while any(process.poll() is None for process in processes):
        assert read_pointer(folders[0])[1] is None
    for process in processes:
        _, err = process.communicate()
        assert process.returncode == 0, err
    names = read_pointer(folders[0])[0].names
    assert len(names) > 30
    assert all(one != other for one, other in pairwise(names))


FULL_DISK = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
""" + PUBLISH.strip().replace("import os, sys\n", "")


def test_a_disk_that_fills_up_changes_nothing(folders, tmp_path: Path):
    publish(make_model(tmp_path / "old"), "old", folders)
    where = os.pathsep.join(map(str, folders))
    process = start(FULL_DISK, make_model(tmp_path / "new", by=0.3), "new", where)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert len(err.strip().splitlines()) == 1, err
    assert "Cannot write" in err
    assert "The model in use is as before" in err
    assert used(folders) == "old"
    assert not (folders[0] / "new").exists()
    assert leftovers(folders[0]) == []


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="can be written"):
        publish(MODEL, "v1", (tmp_path / "file", SHIPPED))


def test_the_pointer_is_plain_to_read(folders, tmp_path: Path):
    publish(make_model(tmp_path / "m"), "v1", folders)
    assert json.loads((folders[0] / POINTER).read_text()) == {
        "form": 1,
        "in_use": "v1",
        "history": ["v1"],
    }
