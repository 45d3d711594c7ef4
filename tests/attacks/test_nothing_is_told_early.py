"""A trainee calls every route with every argument at every stage, in two worlds.

In both worlds the scans are the same, byte for byte, and CNV and DME have changed places. Until
the truth may be told, all that is received must be the same in both: then it tells nothing of the
truth, nor of the answers of a model that is always right, in whatever form. Names and SHA-256 of
the scans must not be there at all.

Not tried: to practise on the exam's own deck before any exam of one's own. Whoever may practise on
a deck is told its truth (see docs/blinding.md). The model is none that could answer a picture, so
that the service refuses the page's own is asked for by its words.
"""

import base64
import json
import re
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from octtutor.core.quiz import Attempt
from octtutor.ui.routes.desk_routes import TRAINEE
from octtutor.ui.shared.pictures import scan_uri
from tests.attacks.worlds import DECK, SCANS, World
from tests.conftest import ROOT

TOKEN = re.compile(r"\"token\": ?\"([\w-]+)\"")
"""Where a plain route's reply names a picture; it is fetched and looked at too."""
DATA = re.compile(r"data:([\w/+-]+)[;\w=-]*;base64,([A-Za-z0-9+/=]+)")
RANDOM = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\\?\"event_id\\?\": ?\"[0-9a-f]+\""), "EVENT"),
    (re.compile(r"\"app_id\": ?[0-9]+"), "APP"),
    (re.compile(r"\"turn\": ?\"[0-9a-f]{8}\""), "TURN"),
    (re.compile(r"nonce=\"[\w-]+\""), "NONCE"),
    (re.compile(r"\b20\d\d-\d\d-\d\d[T ][0-9:.]+([+-]\d\d:\d\d)?"), "TIME"),
    (re.compile(r"\"(elapsed|left|duration|average_duration|eta|rank_eta|time)\": ?[^,}]+"), "MS"),
    (re.compile(r"[0-9]+\.[0-9]{6,}"), "SECONDS"),
)
EVENTS = [(-1, True), (0, True), (0, False), (2, False)]
"""Position and whether it is a review, of the events that the desk sends."""
DESK = {"submit", "release", "select", "clear"}
"""What the desk sends with a place in a quiz."""
STARTS: tuple[dict[str, Any], ...] = (
    *({"kind": "quiz", "quiz": quiz} for quiz in ("exam", "once", "twice", "same")),
    {"kind": "quiz", "quiz": "exam", "retest": True},
    {"kind": "practice", "deck": DECK, "size": 2, "order": "balanced"},
    {"kind": "practice", "deck": DECK, "order": "adaptive"},
    {"kind": "due", "deck": DECK},
    {"kind": "session", "code": ""},
)
QUIET = re.compile(
    r"^data: \{\"msg\": ?\"(heartbeat|estimation|process_starts|progress|close_stream)\".*\n?", re.M
)
"""Messages of the queue that come or not as the machine is busy. They are searched for names."""


@dataclass
class Seen:
    """What was called, and how much came back."""

    routes: set[str] = field(default_factory=set)
    stages: set[str] = field(default_factory=set)
    calls: int = 0
    received: int = 0


@dataclass
class Side:
    """A trainee in one world, with all that they hold."""

    world: World
    address: str
    config: dict[str, Any]
    client: httpx.Client
    trainee: str = ""
    attempts: list[str] = field(default_factory=list)
    code: str = ""

    def event(self, name: str, word: str, event: dict[str, Any]) -> str:
        """Send an event as the page does, and return all that comes back."""
        session = uuid.uuid4().hex
        found = (d for d in self.config["dependencies"] if d["api_name"] == name)
        dependency = next(found)
        data = self.arguments(dependency, word)
        body = {"data": data, "event_data": event, "fn_index": dependency["id"]}
        body |= {"session_hash": session, "trigger_id": None}
        joined = self.client.post("/gradio_api/queue/join", json=body)
        if joined.status_code != 200:
            return joined.text
        return self.client.get(f"/gradio_api/queue/data?session_hash={session}").text

    def plain_route(self, path: str, body: dict[str, Any] | None) -> str:
        """Ask a plain route as the desk's client does, and return the reply with its pictures."""
        who = {TRAINEE: self.trainee}
        if body is None:
            answer = self.client.get(path, headers=who)
        else:
            answer = self.client.post(path, json=body, headers=who)
        return TOKEN.sub(self._fetched, answer.text)

    def _fetched(self, named: re.Match[str]) -> str:
        drawn = self.client.get(f"/desk/picture/{named[1]}")
        kind = drawn.headers["content-type"]
        return f"data:{kind};base64,{base64.b64encode(drawn.content).decode()}"

    def ask_model(self, name: str, picture: str) -> str:
        """Ask an endpoint of the service about a picture, and return all that comes back."""
        data = [picture, 0] if name == "predict" else [picture, "", "", 0, False]
        asked = self.client.post(f"/gradio_api/call/{name}", json={"data": data}).json()
        return self.client.get(f"/gradio_api/call/{name}/{asked['event_id']}").text

    def arguments(self, dependency: dict[str, Any], word: str) -> list[Any]:
        """Fill a dependency's inputs by what they are; `word` goes wherever a text goes."""
        types = {c["id"]: c["type"] for c in self.config["components"]}
        kinds: dict[str, Any] = {
            "browserstate": {"id": self.trainee, "nickname": "Ada"},
            "textbox": self.code if word == "CNV" else word,
            "number": 1,
            "checkbox": True,
            "state": None,
        }
        return [kinds.get(types[each], word) for each in dependency["inputs"]]


def plain(text: str, side: Side) -> str:
    """Return what was received in words: pictures by their pixels, files by their text."""
    told = DATA.sub(_opened, text)
    if side.code:
        told = told.replace(side.code, "CODE")
    for pattern, word in RANDOM:
        told = pattern.sub(word, told)
    return told.replace(side.address, "HOST").replace(side.address.rpartition(":")[2], "PORT")


def _opened(found: re.Match[str]) -> str:
    data = base64.b64decode(found[2])
    if not found[1].startswith("image/"):
        return data.decode("utf-8", "replace")
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    words = re.findall(rb"tEXt(\w+)\0", data)
    return f"picture {words} {picture.shape} {hash(picture.tobytes())}"


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Side], list[Any]]]:
    """Two worlds, served; the first two cases are of different classes."""
    folder = tmp_path_factory.mktemp("worlds")
    for seed in range(1, 50):
        first = World.make(folder / str(seed), swapped=False, seed=seed)
        if first.truths[0] is not first.truths[1]:
            break
        first.store.close()
    worlds = [first, World.make(folder / "swapped", swapped=True, seed=first.seed)]
    assert worlds[0].hashes == worlds[1].hashes
    ports = [_free_port() for _ in worlds]
    words = [
        str(word) for pair in zip((w.home for w in worlds), ports, strict=True) for word in pair
    ]
    served = subprocess.Popen(
        [sys.executable, "-m", "tests.attacks.serve_two_worlds", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert served.stdout is not None
        routes = json.loads(served.stdout.readline())
        both = [_side(world, port) for world, port in zip(worlds, ports, strict=True)]
        yield both, routes
        for side in both:
            side.client.close()
    finally:
        served.terminate()
        served.communicate(timeout=120)
        for world in worlds:
            world.store.close()


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _side(world: World, port: int) -> Side:
    address = f"http://127.0.0.1:{port}"
    client = httpx.Client(base_url=address, trust_env=False, timeout=300)
    return Side(world, address, client.get("/config").json(), client)


# ---- the stages --------------------------------------------------------------------------


def before(side: Side, trainee: str) -> list[Attempt]:
    side.world.practice.enrol(trainee, "Ada")
    return []


def asked(side: Side, trainee: str) -> list[Attempt]:
    return [side.world.begin(trainee, "exam")]


def answered(side: Side, trainee: str) -> list[Attempt]:
    attempt = side.world.begin(trainee, "exam")
    side.world.answer(attempt, 2)
    return [attempt]


def in_session(side: Side, trainee: str) -> list[Attempt]:
    session = side.world.sessions.open("ada", "class")
    side.code = session.code
    attempt = side.world.join(trainee, session)
    side.world.answer(attempt, 2)
    return [attempt]


def left_the_session(side: Side, trainee: str) -> list[Attempt]:
    (attempt,) = in_session(side, trainee)
    side.world.practice.end(trainee, attempt.id)
    return [attempt]


def second_in_session(side: Side, trainee: str) -> list[Attempt]:
    """Both have answered the first case; another's next is on the projector, as all pause."""
    (others,) = in_session(side, _new_id(trainee))
    session = side.world.sessions.get(side.code)
    mine = side.world.join(trainee, session)
    side.world.answer(mine, 1)
    side.world.sessions.pause(side.code)
    side.world.sessions.discuss(side.code, 1)
    return [mine, others]


def looking(side: Side, trainee: str) -> list[Attempt]:
    attempt = side.world.begin(trainee, "twice", blind=True)
    side.world.answer(attempt, 1)
    assert side.world.practice.look(trainee, attempt.id, 0) is not None
    return [attempt]


def between(side: Side, trainee: str) -> list[Attempt]:
    attempt = side.world.begin(trainee, "exam")
    side.world.answer(attempt, 4)
    side.world.practice.end(trainee, attempt.id)
    return [attempt]


def practising_between(side: Side, trainee: str) -> list[Attempt]:
    """They practise on the scans of an exam that they can take once more."""
    (exam,) = between(side, trainee)
    attempt = side.world.begin(trainee, "same")
    side.world.answer(attempt, 2)
    return [attempt, exam]


def alone_beside_a_class(side: Side, trainee: str) -> list[Attempt]:
    """They have taken alone, to its end, what a class of others still reads."""
    side.world.sessions.open("ada", "class")
    return ended(side, trainee)


def ended(side: Side, trainee: str) -> list[Attempt]:
    attempt = side.world.begin(trainee, "once")
    side.world.answer(attempt, 4)
    side.world.practice.end(trainee, attempt.id)
    return [attempt]


HIDDEN = [
    second_in_session,
    looking,
    answered,
    left_the_session,
    between,
    asked,
    before,
    practising_between,
    alone_beside_a_class,
]
SHORT = (practising_between, alone_beside_a_class)
"""Stages in which only those events are sent that take nothing but a place in a quiz."""
FREE = (before, between, left_the_session)
"""Stages in which somebody may practise on any deck."""
WORDY = (before, answered)
"""Stages in which texts are filled in twice: before an exam and in one."""


def _new_id(after: str = "") -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, after))[:14] + "4" + str(uuid.uuid4())[15:]


# ---- the attack --------------------------------------------------------------------------


class Attack:
    """Plays the same trainee in two worlds."""

    def __init__(self, sides: list[Side], seen: Seen) -> None:
        self.sides, self.seen = sides, seen
        self._pool = ThreadPoolExecutor(len(sides))

    def close(self) -> None:
        """Let go of the threads that call."""
        self._pool.shutdown()

    def enter(self, stage: Any) -> None:
        """Bring a new trainee to a stage, in both worlds."""
        trainee = str(uuid.uuid4())
        for side in self.sides:
            side.world.end_sessions()  # an open one would hold back what this stage is about
            side.trainee, side.code = trainee, ""
            side.attempts = [attempt.id for attempt in stage(side, trainee)]

    def run(self, stage: Any) -> list[str]:
        """Call everything at a stage; return what differs, or names a scan."""
        self.seen.stages.add(stage.__name__)
        self.enter(stage)
        faults = []
        for dependency, word, event in self._calls(stage):
            stood = [side.world.stands(side.trainee) for side in self.sides]
            told = self.send_to_both(dependency, word, event)
            moved = stood != [side.world.stands(side.trainee) for side in self.sides]
            place = f"{stage.__name__}: {dependency['api_name']} {word} {event}"
            if not (moved and stage is looking):  # the second look is over: the truth is told
                faults += self.compare(place, told)
            if moved:
                self.enter(stage)
        return faults

    def _calls(self, stage: Any) -> Iterator[tuple[dict[str, Any], str, tuple[int, int, bool]]]:
        config = self.sides[0].config
        types = {c["id"]: c["type"] for c in config["components"]}
        for dependency in config["dependencies"]:
            if not dependency["backend_fn"]:
                continue
            inputs = [types[each] for each in dependency["inputs"]]
            if stage in SHORT and not set(inputs) <= {"browserstate", "state"}:
                continue
            heard = {event for _, event in dependency["targets"]}
            is_desk = inputs == ["browserstate"] and heard & DESK
            words = ["CNV"]
            if stage in WORDY and not set(inputs) <= {"browserstate", "state"}:
                words.append("exam" if stage in FREE else DECK)
            for word in words:
                yield dependency, word, (0, 0, True)
            for whose in range(max(1, len(self.sides[0].attempts))) if is_desk else ():
                for position, review in EVENTS:
                    yield dependency, "CNV", (whose, position, review)

    def run_plain_routes(self, stage: Any, routes: list[dict[str, Any]]) -> list[str]:
        """Call every plain route of the desk at a stage; return what differs, or names a scan."""
        self.enter(stage)
        faults = []
        for path, whose, sent in _plain_calls(routes, len(self.sides[0].attempts)):
            if sent and sent.get("deck") and stage in (*FREE, *SHORT):
                continue  # practice begins, with scans drawn by chance
            stood = [side.world.stands(side.trainee) for side in self.sides]

            def ask(side: Side, path=path, whose=whose, sent=sent) -> str:
                attempt = side.attempts[whose] if side.attempts else "none"
                named = {"code": side.code} if sent and "code" in sent else {}
                is_placed = bool(sent) and not sent.keys().isdisjoint(("attempt", "position"))
                place = {"attempt": attempt} if is_placed else {}
                return side.plain_route(path, None if sent is None else {**sent, **named, **place})

            self.seen.routes.add(path)
            told = list(self._pool.map(ask, self.sides))
            moved = stood != [side.world.stands(side.trainee) for side in self.sides]
            if not (moved and stage is looking):  # the second look is over: the truth is told
                faults += self.compare(f"{stage.__name__}: {path} {whose} {sent}", told)
            if moved:
                self.enter(stage)
        return faults

    def send_to_both(self, dependency: Any, word: str, event: tuple[int, int, bool]) -> list[str]:
        whose, position, review = event

        def send(side: Side) -> str:
            attempt = side.attempts[whose] if side.attempts else "none"
            sent = {"attempt": attempt, "position": position, "review": review}
            sent |= {"choice": "CNV", "confidence": 3, "ms": 0, "mark": None}
            return side.event(dependency["api_name"], word, sent)

        self.seen.routes.add(f"event {dependency['id']} {dependency['api_name']}")
        return list(self._pool.map(send, self.sides))

    def get(self, path: str) -> list[str]:
        """Ask both worlds for a path and return what differs, or names a scan."""
        self.seen.routes.add(path)
        told = []
        for side in self.sides:
            filled = path.replace("{attempt}", side.attempts[0])
            with side.client.stream("GET", filled) as answer:
                is_file = answer.status_code == 200 and "event-stream" in answer.headers.get(
                    "content-type", ""
                )
                told.append("" if is_file else answer.read().decode("utf-8", "replace"))
        return self.compare(path, told)

    def compare(self, place: str, told: list[str]) -> list[str]:
        self.seen.calls += 1
        self.seen.received += sum(len(text.encode()) for text in told)
        read = [plain(text, side) for text, side in zip(told, self.sides, strict=True)]
        steady = [re.sub(r"\n+", "\n", QUIET.sub("", text)) for text in read]
        faults = [] if steady[0] == steady[1] else [f"{place}: {_difference(*steady)}"]
        world = self.sides[0].world
        named = [w for w in world.hashes | world.names if any(w in text for text in read)]
        return faults + [f"{place}: names {word}" for word in named]


def _plain_calls(
    routes: list[dict[str, Any]], attempts: int
) -> Iterator[tuple[str, int, dict[str, Any] | None]]:
    """Return each plain route with whose attempt it is sent and what else, None: it is asked."""
    plain = [route for route in routes if route["path"].startswith("/desk/")]
    given = {"choice": "CNV", "confidence": 3, "ms": 0}
    for route in plain:
        path, name = route["path"], route["path"].rpartition("/")[2]
        if "GET" in route["methods"]:
            yield from [(path, 0, None)] if "{" not in path else ()
        elif name == "start":
            yield from ((path, 0, sent) for sent in STARTS)
        elif name == "end":
            yield from ((path, whose, {"attempt": ""}) for whose in range(max(1, attempts)))
        else:
            more = given if name in ("commit", "change", "decide") else {}
            for whose in range(max(1, attempts)):
                for position in range(SCANS + 1):
                    yield path, whose, {**more, "position": position}


def _difference(one: str, other: str) -> str:
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    return f"{one[max(0, at - 90) : at + 60]!r} | {other[max(0, at - 30) : at + 60]!r}"


def paths_of(routes: list[dict[str, Any]]) -> list[str]:
    """Return the paths that can be asked for, their places filled."""
    wanted = {route["path"] for route in routes if "GET" in route["methods"]}
    fills = {"session_hash": "none", "event_id": "none"}
    filled = {
        re.sub(r"\{([^}:]+)[^}]*\}", lambda m: fills.get(m[1], "{attempt}"), path)
        for path in wanted
    }
    asked_for = {f"{path}?attempt={{attempt}}&session_hash=none" for path in filled}
    return sorted(path for path in asked_for if not re.search(r"heartbeat|/queue/data", path))


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    """What all tests called together; it is printed at the end."""
    seen = Seen()
    yield seen
    print(
        f"\n{len(seen.routes)} routes, {len(seen.stages)} stages, {seen.calls} calls in each of 2 "
        f"worlds, {seen.received:,} bytes searched"
    )


@pytest.mark.parametrize("stage", HIDDEN)
def test_no_plain_route_tells_anything_early(sides, seen: Seen, stage):
    both, routes = sides
    with closing(Attack(both, seen)) as attack:
        faults = attack.run_plain_routes(stage, routes)
    assert {"/desk/commit", "/desk/change", "/desk/state"} <= seen.routes
    assert not faults, f"{len(faults)} told early:\n" + "\n".join(faults[:40])


def test_the_search_finds_what_a_plain_route_tells_afterwards(sides):
    both, _ = sides
    with closing(Attack(both, Seen())) as attack:
        attack.enter(ended)
        for path, sent in (("/desk/results", None), ("/desk/review", {"position": 0})):
            told = [side.plain_route(path, sent) for side in both]
            assert attack.compare(path, told), path


@pytest.mark.parametrize("stage", HIDDEN)
def test_no_event_tells_anything_early(sides, seen: Seen, stage):
    with closing(Attack(sides[0], seen)) as attack:
        faults = attack.run(stage)
    assert not faults, f"{len(faults)} told early:\n" + "\n".join(faults[:40])


def test_no_path_tells_anything_in_an_exam(sides, seen: Seen):
    both, routes = sides
    with closing(Attack(both, seen)) as attack:
        attack.enter(answered)
        faults = [fault for path in paths_of(routes) for fault in attack.get(path)]
    assert not faults, f"{len(faults)} told early:\n" + "\n".join(faults[:40])


def test_the_service_refuses_the_pages_own_picture_in_an_exam(sides, seen: Seen):
    with closing(Attack(sides[0], seen)) as attack:
        attack.enter(answered)
        scan = attack.sides[0].world.images.read(sorted(attack.sides[0].world.hashes)[3])
        for picture in (scan_uri(scan), scan_uri(np.ascontiguousarray(scan[:, ::-1]))):
            for name in ("predict", "explain"):
                told = [side.ask_model(name, picture) for side in attack.sides]
                assert all("in an exam that is under way" in text for text in told), told
                assert attack.compare(name, told) == []


def test_the_search_finds_what_is_told_afterwards(sides):
    both, _ = sides
    with closing(Attack(both, Seen())) as attack:
        attack.enter(ended)
        told_by = {
            dependency["api_name"]
            for dependency in both[0].config["dependencies"]
            if dependency["api_name"] in ("last", "review", "export")
            and attack.compare("", attack.send_to_both(dependency, "CNV", (0, 0, True)))
        }
    assert told_by == {"last", "review", "export"}
