"""A session with many trainees at once, over HTTP against a real server on this machine.

    python benchmarks/session.py [--trainees 60] [--cases 10] [--think 0 8] [--by events] [--json]

Starts `octtutor serve` with a home of its own, opens a session for each think time, and lets
trainees join and answer by the desk's plain routes, fetching scans and the first map as browsers
do; with `--by events` by Gradio's events. Each page asks every three seconds how the session
stands, and an educator's board every two, as the real ones do. The time from sending an answer to
having its reveal is measured, and how many plain requests the same server answers when nobody
reads. All share this machine with the server.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from octtutor.core.diagnosis import LABELS
from octtutor.core.session import Session
from octtutor.settings import Settings
from octtutor.tutor.exams.quizzes import Quizzes
from octtutor.tutor.sessions.class_sessions import Sessions
from octtutor.ui.doors.standing import AT_LEAST, PATH
from octtutor.ui.routes.desk_routes import TRAINEE
from octtutor.wiring import now, open_archive

API = "/gradio_api"
EDUCATOR = "/educator"
POLL, LOOK = 3.0, 2.0
"""Seconds between two looks of a trainee's page, and of the board."""
QUIZ = """
title = "Benchmark"
deck = "embedded"
[rule]
per_class = {{ {counts} }}
"""
_UP = 180
"""Seconds that the server may take to start."""


class ShippedModel:
    """Stands for the models when a session is opened: with None recorded, the shipped one."""

    name, sha256 = "", None

    def current(self) -> Any:
        """Return itself."""
        return self


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the page: its number, and its inputs and outputs in their order."""

    number: int
    inputs: tuple[dict[str, Any], ...]
    outputs: tuple[dict[str, Any], ...]

    def place(self, is_it: str) -> int | None:
        """Return which output is of this kind or has this elem_id."""
        for index, component in enumerate(self.outputs):
            if is_it in (component["type"], component["props"].get("elem_id")):
                return index
        return None


@dataclass(slots=True)
class Measured:
    """What a class has lived through, seconds."""

    joins: list[float] = field(default_factory=list)
    reveals: list[float] = field(default_factory=list)
    nexts: list[float] = field(default_factory=list)
    polls: list[float] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Page:
    """What the trainees' page says of itself in its /config."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Take the parsed configuration."""
        self._components = {one["id"]: one for one in config["components"]}
        self._events = config["dependencies"]

    def event(self, elem_id: str, trigger: str) -> Event:
        """Return the event that fires on a trigger of a component."""
        wanted = {i for i, c in self._components.items() if c["props"].get("elem_id") == elem_id}
        for event in self._events:
            if any(i in wanted and name == trigger for i, name in event["targets"]):
                return Event(event["id"], self._all(event["inputs"]), self._all(event["outputs"]))
        raise SystemExit(f"The page has no event {trigger!r} of a component {elem_id!r}.")

    def _all(self, ids: list[int]) -> tuple[dict[str, Any], ...]:
        return tuple(self._components[i] for i in ids)


class Window:
    """An open page, as the server sees it: it sends one event after the other."""

    def __init__(self, client: httpx.AsyncClient, above: str = "") -> None:
        """Take the connection and the path that the page lies under."""
        self._client, self._api = client, above + API
        self._hash = uuid.uuid4().hex[:11]

    async def fire(
        self, event: Event, data: list[Any], sent: dict[str, Any] | None = None
    ) -> tuple[list[Any], float]:
        """Send an event; return its outputs, and the seconds that it took."""
        began = time.perf_counter()
        body = {
            "data": data,
            "fn_index": event.number,
            "session_hash": self._hash,
            "event_data": sent,
            "trigger_id": None,
        }
        joined = await self._client.post(f"{self._api}/queue/join", json=body)
        joined.raise_for_status()
        outputs = await self._outcome(joined.json()["event_id"])
        return outputs, time.perf_counter() - began

    async def repeat(self, event: Event, data: list[Any], every: float, took: list[float]) -> None:
        """Send an event again and again, for ever."""
        while True:
            await asyncio.sleep(every)
            took.append((await self.fire(event, data))[1])

    async def _outcome(self, event_id: str) -> list[Any]:
        where = {"session_hash": self._hash}
        async with self._client.stream("GET", f"{self._api}/queue/data", params=where) as stream:
            async for line in stream.aiter_lines():
                message = json.loads(line[5:]) if line.startswith("data:") else {}
                if message.get("event_id") != event_id:
                    continue
                if message["msg"] == "process_completed":
                    if not message["success"]:
                        raise RuntimeError(str(message["output"].get("error"))[:160])
                    return list(message["output"]["data"])
        raise RuntimeError("the event did not end")


class Trainee:
    """One browser: what its trainee does, and its page asking how the session stands."""

    def __init__(self, client: httpx.AsyncClient, page: Page, name: str, seed: int) -> None:
        """Take the connection, the page's events and a nickname."""
        self._page, self._name = page, name
        self._client, self._window, self._clock = client, Window(client), Window(client)
        self._kept: Any = None
        self._rng = random.Random(seed)

    async def read(self, code: str, cases: int, think: float, measured: Measured) -> None:
        """Join, and answer so many cases, thinking before each."""
        try:
            view, took = await self._fire("join", "click", code=code)
            measured.joins.append(took)
            async with beside(self._poll(str(view.get("attempt")), measured)):
                for _ in range(cases):
                    await asyncio.sleep(self._rng.uniform(0, 2 * think))
                    view = await self._answer(view, measured)
        except (httpx.HTTPError, RuntimeError) as error:
            measured.errors.append(f"{type(error).__name__}: {error}"[:200])

    async def _poll(self, attempt: str, measured: Measured) -> None:
        """Ask how the session stands, and look at the first tick and every so often after it."""
        event = self._page.event("session-poll", "click")
        for tick in itertools.count():
            await asyncio.sleep(POLL)
            began = time.perf_counter()
            (await self._client.get(f"/{PATH}", params={"attempt": attempt})).raise_for_status()
            measured.polls.append(time.perf_counter() - began)
            if tick % (AT_LEAST // int(POLL)) == 0:
                await self._clock.fire(event, [self._input(one, "") for one in event.inputs])

    async def _answer(self, view: dict[str, Any], measured: Measured) -> dict[str, Any]:
        place = {"attempt": view.get("attempt"), "position": view.get("position")}
        chosen = {"choice": str(self._rng.choice(LABELS)), "confidence": 3, "ms": 1000}
        figures, took = await self._fire("desk", "submit", {**place, **chosen})
        if figures.get("phase") != "told":
            raise RuntimeError(f"expected a reveal, received the phase {figures.get('phase')!r}")
        measured.reveals.append(took)
        following, took = await self._fire("desk", "select", place)
        measured.nexts.append(took)
        return following

    async def _fire(
        self, elem_id: str, trigger: str, sent: dict[str, Any] | None = None, code: str = ""
    ) -> tuple[dict[str, Any], float]:
        """Send an event; return what the desk shows then, and the seconds that it took."""
        event = self._page.event(elem_id, trigger)
        data = [self._input(component, code) for component in event.inputs]
        outputs, took = await self._window.fire(event, data, sent)
        kept = event.place("browserstate")
        if kept is not None and outputs[kept] is not None:
            self._kept = outputs[kept]
        desk = event.place("desk")
        return _value(outputs[desk]) if desk is not None else {}, took

    def _input(self, component: dict[str, Any], code: str) -> Any:
        if component["type"] == "browserstate":
            return self._kept
        known = {"join-code": code, "nickname": self._name}
        elem_id = component["props"].get("elem_id")
        return known.get(elem_id, component["props"].get("value"))


class RouteTrainee:
    """One browser whose desk uses the plain routes."""

    def __init__(self, client: httpx.AsyncClient, name: str, seed: int) -> None:
        """Take the connection and a nickname."""
        self._client, self._name = client, name
        self._who = {TRAINEE: str(uuid.uuid4())}
        self._rng = random.Random(seed)
        self._held: set[str] = set()

    async def read(self, code: str, cases: int, think: float, measured: Measured) -> None:
        """Join, and answer so many cases, thinking before each."""
        try:
            start = {"kind": "session", "nickname": self._name, "code": code}
            screen, took = await self._post("start", start)
            measured.joins.append(took)
            async with beside(self._poll(measured)):
                for _ in range(cases):
                    await self._fetch(screen["scan"])
                    await asyncio.sleep(self._rng.uniform(0, 2 * think))
                    screen = await self._answer(screen, measured)
        except (httpx.HTTPError, RuntimeError) as error:
            measured.errors.append(f"{type(error).__name__}: {error}"[:200])

    async def _poll(self, measured: Measured) -> None:
        """Ask how the session stands."""
        while True:
            await asyncio.sleep(POLL)
            began = time.perf_counter()
            answer = await self._client.get("/desk/session", headers=self._who)
            answer.raise_for_status()
            measured.polls.append(time.perf_counter() - began)

    async def _answer(self, screen: dict[str, Any], measured: Measured) -> dict[str, Any]:
        place = {key: screen["state"][key] for key in ("attempt", "position")}
        chosen = {"choice": str(self._rng.choice(LABELS)), "confidence": 3, "ms": 1000}
        began = time.perf_counter()
        told, _ = await self._post("commit", {**place, **chosen})
        while told["phase"] == "wait":
            answer = await self._client.get("/desk/state", headers=self._who)
            told = answer.raise_for_status().json()
        measured.reveals.append(time.perf_counter() - began)
        if told["phase"] != "told":
            raise RuntimeError(f"expected a reveal, received the phase {told['phase']!r}")
        await self._look(told)
        following, took = await self._post("next", place)
        measured.nexts.append(took)
        return following

    async def _look(self, told: dict[str, Any]) -> None:
        """Fetch the map that is shown first, and the next scan ahead."""
        model = told["model"] or {"maps": None}
        for one in model["maps"] or ():
            if one["label"] == model["label"]:
                await self._fetch(one["picture"])
        await self._fetch(told["ahead"])

    async def _fetch(self, picture: dict[str, Any] | None) -> None:
        """Fetch a picture once, as a browser's cache does."""
        if picture is None or picture["token"] in self._held:
            return
        self._held.add(picture["token"])
        (await self._client.get(f"/desk/picture/{picture['token']}")).raise_for_status()

    async def _post(self, what: str, sent: dict[str, Any]) -> tuple[dict[str, Any], float]:
        began = time.perf_counter()
        answer = await self._client.post(f"/desk/{what}", json=sent, headers=self._who)
        if answer.status_code != 200:
            raise RuntimeError(answer.text[:160])
        return dict(answer.json()), time.perf_counter() - began


async def ask_plainly(address: str, trainees: int, seconds: float = 3.0) -> float:
    """Return how many plain requests a second the server answers to so many at once."""
    limits = httpx.Limits(max_connections=None)
    counts = [0]
    async with httpx.AsyncClient(base_url=address, trust_env=False, limits=limits) as client:
        until = time.perf_counter() + seconds

        async def ask() -> None:
            who = {TRAINEE: str(uuid.uuid4())}
            while time.perf_counter() < until:
                (await client.get("/desk/session", headers=who)).raise_for_status()
                counts[0] += 1

        await asyncio.gather(*(ask() for _ in range(trainees)))
    return counts[0] / seconds


@contextlib.asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let work without an end go on meanwhile; what it failed of is raised."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def watch(client: httpx.AsyncClient, measured: Measured) -> None:
    """Look at the latest session's board, as an educator's page does."""
    page = Page((await client.get(f"{EDUCATOR}/config")).json())
    event = page.event("session-look", "click")
    data = [component["props"].get("value") for component in event.inputs]
    await Window(client, EDUCATOR).repeat(event, data, LOOK, measured.looks)


def _value(output: Any) -> dict[str, Any]:
    is_update = isinstance(output, dict) and output.get("__type__") == "update"
    value = output.get("value") if is_update else output
    return value if isinstance(value, dict) else {}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainees", type=int, default=60, help="how many at once, default 60")
    parser.add_argument("--cases", type=int, default=10, help="cases each, 1 to 60, default 10")
    parser.add_argument(
        "--think", type=float, nargs="+", default=[0.0, 8.0], help="mean seconds before an answer"
    )
    parser.add_argument(
        "--by", choices=("routes", "events"), default="routes", help="how trainees' pages ask"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with serving(home, Path(folder) / "serve.log") as address:
            figures = measure(address, home, arguments)
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures)


def measure(address: str, home: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of each think time; one trainee reads first, while the model loads."""
    by = arguments.by
    alone = asyncio.run(run(address, open_session(home, arguments.cases), 1, 1, 0, by))
    plain = asyncio.run(ask_plainly(address, arguments.trainees))
    runs = []
    for think in arguments.think:
        session = open_session(home, arguments.cases)
        began = time.perf_counter()
        many, cases = arguments.trainees, len(session.cases)
        done = asyncio.run(run(address, session, many, cases, think, by))
        seconds = time.perf_counter() - began
        runs.append({"think_seconds": think, **_figures(done, seconds)})
    return {
        "trainees": arguments.trainees,
        "cases": arguments.cases,
        "by": by,
        "processors": os.cpu_count(),
        "plain_requests_a_second": plain,
        "first_reveal_seconds": alone.reveals[0] if alone.reveals else None,
        "first_errors": alone.errors,
        "runs": runs,
    }


async def run(
    address: str, session: Session, trainees: int, cases: int, think: float, by: str
) -> Measured:
    """Let a class read a session."""
    measured = Measured()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=address, trust_env=False, timeout=300, limits=limits
    ) as client:
        everybody: list[Trainee] | list[RouteTrainee]
        if by == "events":
            page = Page((await client.get("/config")).json())
            everybody = [Trainee(client, page, f"Reader {n}", n) for n in range(trainees)]
        else:
            everybody = [RouteTrainee(client, f"Reader {n}", n) for n in range(trainees)]
        reading = [one.read(session.code, cases, think, measured) for one in everybody]
        async with beside(watch(client, measured)):
            await asyncio.gather(*reading)
    return measured


def open_session(home: Path, cases: int) -> Session:
    """Open a session on so many cases of the embedded deck, in the server's own records."""
    each = {label: (cases + place) // len(LABELS) for place, label in enumerate(LABELS)}
    counts = ", ".join(f"{label} = {n}" for label, n in each.items() if n)
    folder = home.parent / "quizzes"
    folder.mkdir(exist_ok=True)
    (folder / "benchmark.toml").write_text(QUIZ.format(counts=counts))
    archive = open_archive(Settings.from_env({"OCTTUTOR_HOME": str(home)}))
    try:
        quizzes = Quizzes(archive.store, (folder,))
        shelf: Any = ShippedModel()
        return Sessions(archive.store, archive.images, quizzes, shelf, now).open(
            "benchmark", "benchmark"
        )
    finally:
        archive.store.close()


@contextmanager
def serving(home: Path, log: Path) -> Iterator[str]:
    """Start `octtutor serve` and give its address once the page answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "octtutor", "serve", "--port", str(port)],
            env={**os.environ, "OCTTUTOR_HOME": str(home)},
            stdout=file,
            stderr=file,
        )
        try:
            _wait(address, process, log)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _UP
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(address, trust_env=False, timeout=2).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise SystemExit(f"The server did not start:\n{log.read_text()[-2000:]}")


def _figures(done: Measured, seconds: float) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "answers": len(done.reveals),
        "answers_a_second": len(done.reveals) / seconds,
        "join_ms": _spread(done.joins),
        "reveal_ms": _spread(done.reveals),
        "next_ms": _spread(done.nexts),
        "poll_ms": _spread(done.polls),
        "board_ms": _spread(done.looks),
        "errors": len(done.errors),
        "error_texts": sorted(set(done.errors))[:5],
    }


def _spread(seconds: list[float]) -> dict[str, float] | None:
    if len(seconds) < 2:
        return None
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    named = {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(seconds)}
    return {name: 1000 * value for name, value in named.items()}


def show(figures: dict[str, Any]) -> None:
    """Print the figures as a table."""
    print(f"{figures['trainees']} trainees, {figures['cases']} cases each, by {figures['by']}")
    print(f"plain requests: {figures['plain_requests_a_second']:.0f} a second")
    first = figures["first_reveal_seconds"]
    print(f"first reveal, the model loading: {first:.1f} s" if first else figures["first_errors"])
    print(f"{'think':>6}{'what':>18}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    for one in figures["runs"]:
        for key, what in (
            ("join_ms", "join"),
            ("reveal_ms", "answer → reveal"),
            ("next_ms", "next scan"),
            ("poll_ms", "how it stands"),
            ("board_ms", "board"),
        ):
            spread = one[key] or dict.fromkeys(("p50", "p95", "p99", "max"), float("nan"))
            numbers = "".join(f"{value:>9.0f}" for value in spread.values())
            print(f"{one['think_seconds']:>6.0f}{what:>18}{numbers}")
        print(
            f"       {one['answers']} answers in {one['seconds']:.0f} s "
            f"({one['answers_a_second']:.1f} a second), {one['errors']} errors "
            + "; ".join(one["error_texts"])
        )


if __name__ == "__main__":
    main()
