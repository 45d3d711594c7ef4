"""What holds when several servers share the records."""

import subprocess
import sys
from pathlib import Path

import pytest

from octtutor.store.sql import SqlStore
from octtutor.store.sql.engines import open_engine, sqlite_url
from octtutor.store.sql.migrate import upgrade
from octtutor.testing.stores.annotations import begin
from tests.conftest import ROOT

ASK = """
import sys
from datetime import UTC, datetime
from octtutor.store.sql.engines import open_engine
from octtutor.store.sql import SqlStore

who, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = SqlStore(open_engine(url))
line = [(f"{n:064x}", False) for n in range(count)]
print("ready", flush=True)
sys.stdin.readline()
for n in range(count):
    now = datetime.now(UTC)
    given = store.assign("first", f"{who}{n % 4}", line, now)
    if given is None:
        break
    print(given.sha256, given.who, flush=True)
    if n % 8 > 3:
        store.finish_assignment("first", given.sha256, given.who, now, False)
store.close()
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "shared.db")
    address: str = request.getfixturevalue("fresh_postgres")
    return address


def test_two_processes_that_ask_at_once_never_give_two_people_the_same_open_scan(url: str):
    count = 60
    engine = open_engine(url)
    upgrade(engine)
    store = SqlStore(engine)
    begin(store)
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, who, url, str(count)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for who in ("a", "b")
    ]  # fmt: skip
    for process in asking:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in asking:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=120)[0] for process in asking]
    assert [process.returncode for process in asking] == [0, 0]
    owners: dict[str, set[str]] = {}
    for line in "".join(told).splitlines():
        sha256, who = line.split()
        owners.setdefault(sha256, set()).add(who)
    assert all(len(people) == 1 for people in owners.values())
    assert {who[0] for people in owners.values() for who in people} == {"a", "b"}
    given = store.assignments_in("first")
    assert {one.sha256: {one.who} for one in given} == owners
    assert len(given) == len(owners)
    store.close()
