"""PostgreSQL: the system's own, started for the tests."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from octtutor.store.sql.engines import open_engine
from tests.conftest import missing


def _programs() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


def _user() -> str | None:
    """PostgreSQL does not run as root: then as `postgres`."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a fresh PostgreSQL, stopped at the end."""
    programs = _programs()
    if programs is None:
        missing("postgres", "Install it: apt-get install postgresql")
    assert programs is not None
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="octtutor-pg-"))
    if user:
        shutil.chown(folder, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"

    def run(*command: str) -> None:
        subprocess.run(
            command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, timeout=120
        )

    run(str(programs / "initdb"), "-D", str(data), "-U", "octtutor", "-A", "trust", "-E", "UTF8")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    run(
        str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"),
        "-o", options, "start",
    )  # fmt: skip
    try:
        yield f"postgresql://octtutor@127.0.0.1:{port}/postgres"
    finally:
        run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def fresh_postgres(postgres: str) -> str:
    """The address of a PostgreSQL with nothing in it."""
    engine = open_engine(postgres)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return postgres
