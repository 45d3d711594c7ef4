"""What a server costs: its memory, and its start, beside a bare Gradio app in the same run.

    python benchmarks/serving.py [--rounds 3] [--reveals 100] [--json]

A server is started with a home of its own, once to make the home, then turn and turn about with
a Gradio app of one text box. Measured are the seconds from the start of the process to the first
page and to the first reveal of a scan that nobody has read, and the memory (resident, with
children) when the model is loaded and nobody asks, and after so many reveals of new scans, sent by
the page's own events. `octtutor --help` is timed too. Medians, with all values beside them.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.session import Measured, Page, Trainee, open_session

BARE = """
import sys
import gradio as gr
gr.Interface(lambda text: text, "text", "text").launch(server_port=int(sys.argv[1]), quiet=True)
"""
_UP = 300
"""Seconds that a server may take to start."""
_REST = 3.0
"""Seconds of nothing before the memory at rest is taken."""


@dataclass(frozen=True, slots=True)
class Started:
    """A server that answers."""

    address: str
    process: psutil.Process
    began: float
    page_seconds: float

    @property
    def megabytes(self) -> float:
        """Resident memory of the process and its children."""
        everybody = [self.process, *self.process.children(recursive=True)]
        return sum(one.memory_info().rss for one in everybody) / 1e6


@contextmanager
def started(command: list[str], home: Path, port_option: tuple[str, ...]) -> Iterator[Started]:
    """Start a server on a free port, wait for its first page, and end it afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {
        **os.environ,
        "OCTTUTOR_HOME": str(home),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    began = time.perf_counter()
    with (home.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command, *port_option, port], env=environment, stdout=log, stderr=log
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(int(port), process, home.parent / "log")
            httpx.get(address, trust_env=False, timeout=_UP).raise_for_status()
            seconds = time.perf_counter() - began
            yield Started(address, psutil.Process(process.pid), began, seconds)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for somebody to listen; a request at each try would take the server's processor."""
    until = time.monotonic() + _UP
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"The server did not start:\n{log.read_text()[-2000:]}")


def serve(home: Path) -> Any:
    """Start `octtutor serve`."""
    return started(["-m", "octtutor", "serve"], home, ("--port",))


def bare(home: Path) -> Any:
    """Start the bare app."""
    return started(["-c", BARE], home, ())


def read(server: Started, code: str, cases: int) -> Measured:
    """Let one trainee answer so many cases of a session, without thinking."""
    measured = Measured()

    async def run() -> None:
        async with httpx.AsyncClient(
            base_url=server.address, trust_env=False, timeout=300
        ) as client:
            page = Page((await client.get("/config")).json())
            await Trainee(client, page, "Reader", 1).read(code, cases, 0, measured)

    asyncio.run(run())
    if measured.errors:
        raise SystemExit("; ".join(measured.errors))
    return measured


def measure(rounds: int, reveals: int) -> dict[str, Any]:
    """Return the figures of so many starts of each."""
    taken: dict[str, list[float]] = {}

    def note(what: str, value: float) -> None:
        taken.setdefault(what, []).append(value)

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with serve(home) as server:
            note("octtutor, first page, home made anew (s)", server.page_seconds)
        for number in range(rounds):
            note("octtutor --help (s)", _seconds([sys.executable, "-m", "octtutor", "--help"]))
            with bare(home) as server:
                note("bare Gradio, first page (s)", server.page_seconds)
                note("bare Gradio, at rest (MB)", _at_rest(server))
            _start(home, reveals if number == 0 else 1, note)
    medians = {what: statistics.median(values) for what, values in taken.items()}
    page, reveal = medians["octtutor, first page (s)"], medians["octtutor, first reveal (s)"]
    plain = medians["bare Gradio, first page (s)"]
    return {
        "rounds": rounds,
        "reveals": reveals,
        "processors": os.cpu_count(),
        "medians": medians,
        "values": taken,
        "ratios": {
            "first_page_over_bare": page / plain,
            "seconds_from_bare_to_first_reveal": reveal - plain,
        },
    }


def _start(home: Path, reveals: int, note: Callable[[str, float], None]) -> None:
    """Start the server; note its start, a first reveal, its memory, and that after reveals."""
    _forget_answers(home)
    session = open_session(home, max(4, reveals))
    with serve(home) as server:
        note("octtutor, first page (s)", server.page_seconds)
        read(server, session.code, 1)
        note("octtutor, first reveal (s)", time.perf_counter() - server.began)
        note("octtutor, at rest (MB)", _at_rest(server))
        if reveals > 1:
            again = open_session(home, reveals)
            done = read(server, again.code, len(again.cases))
            note(f"octtutor, after {len(done.reveals)} reveals (MB)", server.megabytes)
            note("octtutor, a reveal (ms)", 1000 * statistics.median(done.reveals))


def _forget_answers(home: Path) -> None:
    for kept in (home / "predictions").rglob("*.npz"):
        kept.unlink()


def _at_rest(server: Started) -> float:
    time.sleep(_REST)
    return server.megabytes


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def show(figures: dict[str, Any]) -> None:
    """Print one line a figure, its values beside it."""
    for what, value in figures["medians"].items():
        each = ", ".join(f"{one:.2f}" for one in figures["values"][what])
        print(f"{what:<44}{value:>9.2f}   ({each})")
    for name, ratio in figures["ratios"].items():
        print(f"{name}: {ratio:.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="starts of each, default 3")
    parser.add_argument("--reveals", type=int, default=100, help="4 to 100, default 100")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    figures = measure(arguments.rounds, arguments.reveals)
    print(json.dumps(figures, indent=2)) if arguments.json else show(figures)


if __name__ == "__main__":
    main()
