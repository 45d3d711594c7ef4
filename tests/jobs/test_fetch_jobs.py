"""A fetch in a process of its own is started, followed, stopped, and goes on."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from octtutor.errors import BadInputError
from octtutor.jobs.fetch_jobs import Fetches
from octtutor.jobs.state import CUT_OFF, DONE, DRAFT, FAILED, RUNNING, State, write_state
from octtutor.wiring import now
from tests.datasets.public.standin import Standin, own_registry, release, scans_of, serving, zip_of


@pytest.fixture
def standin() -> Iterator[Standin]:
    with serving() as served:
        yield served


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_process_fetches_a_set(standin: Standin, own_home: Path, tmp_path: Path):
    data = zip_of(release(scans_of(tmp_path / "made")))
    own_registry(own_home, standin.put("/set.zip", data), len(data))
    fetches = Fetches(own_home / "fetching", now, {"OCTTUTOR_HOME": str(own_home)})
    assert fetches.state("ward").status == DRAFT
    fetches.start("ward")
    assert fetches.is_at_work("ward")
    with pytest.raises(BadInputError, match="being fetched already"):
        fetches.start("ward")
    until(lambda: not fetches.is_at_work("ward"))
    state = fetches.state("ward")
    assert state.status == DONE, state.message
    assert state.outcome["added"] == 12
    assert state.outcome["received_bytes"] == standin.sent


def test_a_fetch_is_stopped_and_goes_on_with_what_is_missing(own_home: Path, tmp_path: Path):
    fetches = Fetches(own_home / "fetching", now)

    def work() -> None:
        with fetches.following("ward", background=False) as follow:
            follow.tell("files", 5, 10)
            fetches.stop("ward")
            follow.tell("files", 6, 10)

    with pytest.raises(BadInputError, match="Stopped"):
        work()
    state = fetches.state("ward")
    assert state.status == FAILED
    assert "What came is kept" in state.message
    with fetches.following("ward", background=False) as follow:
        follow.tell("files", 10, 10)
        assert fetches.state("ward").step == 10
        follow.end({"added": 12})
    assert fetches.state("ward").status == DONE


def test_a_process_that_was_killed_is_told_so(own_home: Path):
    fetches = Fetches(own_home / "fetching", now)
    write_state(own_home / "fetching" / "ward", State(status=RUNNING, pid=7))
    state = fetches.state("ward")
    assert state.status == CUT_OFF
    assert "fetch again to go on" in state.message
