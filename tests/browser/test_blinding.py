"""Until a trainee has committed, nothing that reaches the browser tells the diagnosis."""

import base64
import hashlib
import re
import shutil
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from octtutor.core.diagnosis import LABELS
from tests.browser.conftest import choose_deck, open_page, run_octtutor, serving, wait_for_answers
from tests.conftest import write_scans

pytestmark = pytest.mark.chromium
DATA = re.compile(r"data:image/(\w+);base64,([A-Za-z0-9+/=]+)")
TIMES = re.compile(r"\b[0-9]+\.[0-9]{6,}")
"""Gradio's waiting times and durations: their digits are any patient's number sooner or later."""


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scans named like OCT2017's: the label is in the name."""
    folder = tmp_path_factory.mktemp("blind")
    made = write_scans(folder / "made", per_class=2, size=(496, 512))
    for index, path in enumerate(sorted(made.rglob("*.png"))):
        label = path.parent.name
        target = folder / "ward" / "train" / label
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target / f"{label}-{30521 + index}-15.png")
    return folder / "ward"


EXAM = """
title = "Ward exam"
deck = "ward"
mode = "exam"
[rule]
per_class = 2
"""
TWICE = """
title = "Ward twice"
deck = "ward"
[options]
second_look = true
[rule]
per_class = 1
"""


@pytest.fixture(scope="module")
def address(ward: Path, chromium: str):
    home = ward.parent / "home"
    run_octtutor(home, "data", "import", ward, "--as", "ward", "--title", "Ward")
    (home / "quizzes").mkdir()
    (home / "quizzes" / "ward-exam.toml").write_text(EXAM)
    (home / "quizzes" / "ward-twice.toml").write_text(TWICE)
    with serving(home) as served:
        yield served


class Recorder(ThreadingHTTPServer):
    """A proxy before the server that keeps everything that goes over the wire."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.upstream = upstream.removeprefix("http://")
        self.everything: list[str] = []
        self._mark = 0

    def take(self, data: bytes | str) -> None:
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        self.everything.append(text)

    def mark(self) -> None:
        self._mark = len(self.everything)

    @property
    def since_mark(self) -> str:
        return "".join(self.everything[self._mark :])


class _Forward(BaseHTTPRequestHandler):
    server: Recorder

    def _forward(self) -> None:
        """Pass a request on; the page and the server may hang up at any moment."""
        upstream = HTTPConnection(self.server.upstream, timeout=120)
        with closing(upstream), suppress(OSError, HTTPException):
            self._exchange(upstream)

    def _exchange(self, upstream: HTTPConnection) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {k: v for k, v in self.headers.items() if k.lower() != "accept-encoding"}
        self.server.take(f"\n{self.command} {self.path}\n{headers}\n")
        self.server.take(body)
        upstream.request(self.command, self.path, body, headers)
        with upstream.getresponse() as answer:
            self.server.take(f"\n{answer.status} {answer.getheaders()}\n")
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.end_headers()
            while part := answer.read1(65536):
                self.server.take(part)
                self.wfile.write(part)
                self.wfile.flush()

    do_GET = do_POST = do_HEAD = _forward  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def recorder(address: str) -> Iterator[Recorder]:
    proxy = Recorder(address)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    yield proxy
    proxy.shutdown()
    proxy.server_close()


def chunks(png: bytes) -> dict[str, bytes]:
    found, place = {}, 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        found[png[place + 4 : place + 8].decode()] = png[place + 8 : place + 8 + length]
        place += 12 + length
    return found


def test_the_whole_traffic_of_a_quiz_tells_nothing_before_the_answer(
    page: Page, recorder: Recorder, ward: Path
):
    files = {path.name: path for path in ward.rglob("*.png")}
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest() for path in files.values()}
    patients = {name.split("-")[1] for name in files}
    open_page(page, f"http://127.0.0.1:{recorder.server_port}")
    expect(page.locator("#begin")).to_be_visible()
    choose_deck(page, "Ward")
    wait_for_answers(page)
    seen_scans = 0
    loaded = len(recorder.everything)
    recorder.mark()
    page.locator("#begin").click()
    for position in range(8):
        expect(page.locator(".desk[data-phase=ask]")).to_be_visible()
        expect(page.locator(".progress")).to_have_text(f"{position + 1} of 8")
        wait_for_answers(page)
        sent = recorder.since_mark
        for kind, data in DATA.findall(sent):
            assert kind == "png"
            png = base64.b64decode(data)
            assert set(chunks(png)) == {"IHDR", "IDAT", "IEND", "tEXt"}
            assert re.fullmatch(rb"s\0[0-9a-f]{16}", chunks(png)["tEXt"])
            assert hashlib.sha256(png).hexdigest() not in hashes
            seen_scans += 1
        told = TIMES.sub("", DATA.sub("", sent))
        for word in (*LABELS, *patients, *hashes, *files, "truth", "findings"):
            assert word.lower() not in told.lower(), f"{word} in the traffic of case {position + 1}"
        page_text = page.locator("#desk").evaluate("node => node.outerHTML")
        for word in (*patients, *hashes, *files):
            assert word not in page_text
        page.keyboard.press("1")
        page.keyboard.press("e")
        expect(page.locator(".desk[data-phase=told]")).to_be_visible()
        wait_for_answers(page)
        assert '"truth"' in recorder.since_mark
        recorder.mark()
        page.keyboard.press("Enter")
    expect(page.locator(".results")).to_be_visible()
    assert seen_scans == 8
    everything = TIMES.sub("", DATA.sub("", "".join(recorder.everything[loaded:])))
    for name in (*files, *patients):
        assert name not in everything


def start_quiz(page: Page, recorder: Recorder, title: str) -> None:
    open_page(page, f"http://127.0.0.1:{recorder.server_port}")
    expect(page.locator("#begin")).to_be_visible()
    page.get_by_role("tab", name="Exams").click()
    page.locator("#quiz label", has_text=title).click()
    wait_for_answers(page)
    recorder.mark()
    page.locator("#quiz-start").click()


def test_the_whole_traffic_of_an_exam_tells_nothing_before_its_end(
    page: Page, recorder: Recorder, ward: Path
):
    files = {path.name: path for path in ward.rglob("*.png")}
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest() for path in files.values()}
    patients = {name.split("-")[1] for name in files}
    start_quiz(page, recorder, "Ward exam")
    for position in range(8):
        expect(page.locator(".progress")).to_have_text(f"{position + 1} of 8")
        wait_for_answers(page)
        told = TIMES.sub("", DATA.sub("", recorder.since_mark))
        for word in (*LABELS, *patients, *hashes, *files, "truth", "findings", "chances"):
            assert word.lower() not in told.lower(), f"{word} in the traffic of case {position + 1}"
        page.keyboard.press("u")  # an answer that is no class, so that none is sent at all
        page.keyboard.press("e")
    expect(page.locator(".results")).to_be_visible()


def test_the_traffic_of_a_second_look_tells_the_models_answer_and_not_the_truth(
    page: Page, recorder: Recorder, ward: Path
):
    names = {path.name for path in ward.rglob("*.png")}
    patients = {name.split("-")[1] for name in names}
    start_quiz(page, recorder, "Ward twice")
    for position in range(4):
        expect(page.locator(".desk[data-phase=ask]")).to_be_visible()
        expect(page.locator(".progress")).to_have_text(f"{position + 1} of 4")
        page.keyboard.press("u")
        page.keyboard.press("e")
        expect(page.locator(".desk[data-phase=look]")).to_be_visible()
        wait_for_answers(page)
        told = TIMES.sub("", DATA.sub("", recorder.since_mark))
        assert "chances" in told
        for word in ("truth", "findings", "advice", "outline", *names, *patients):
            assert word not in told
        page.keyboard.press("Enter")
        expect(page.locator(".desk[data-phase=told]")).to_be_visible()
        wait_for_answers(page)
        recorder.mark()
        page.keyboard.press("Enter")
    expect(page.locator(".results")).to_be_visible()


def test_the_pages_source_and_config_name_no_case(address: str, ward: Path):
    names = [path.name for path in ward.rglob("*.png")]
    patients = [name.split("-")[1] for name in names]
    for place in ("", "/config"):
        with urllib.request.urlopen(address + place, timeout=20) as response:
            text = response.read().decode("utf-8", "replace")
        assert not [word for word in (*names, *patients) if word in text]


def test_answers_without_a_trainee_are_refused_by_the_server_itself(address: str):
    """Hidden endpoints can still be called: the handler refuses."""
    import json

    with urllib.request.urlopen(address + "/config", timeout=20) as response:
        config = json.load(response)
    commit = next(d for d in config["dependencies"] if any(t[1] == "submit" for t in d["targets"]))
    body = {
        "data": [{"id": "nobody"}],
        "event_data": {"attempt": "x", "position": 0, "choice": "CNV", "confidence": 1, "ms": 1},
        "fn_index": commit["id"],
        "session_hash": "abc",
    }
    request = urllib.request.Request(
        address + "/gradio_api/queue/join",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20):
        pass
    stream = address + "/gradio_api/queue/data?session_hash=abc"
    with urllib.request.urlopen(stream, timeout=20) as response:
        told = response.read().decode()
    assert "truth" not in told
    assert "no attempt" in told or "records" in told


@pytest.mark.parametrize(
    "place",
    [
        "/gradio_api/file=https://example.org/x.png",
        "/gradio_api/file=http://127.0.0.1:22/",
        "/gradio_api/monitoring/summary",
        "/monitoring",
        "/gradio_api/proxy=https://example.org/",
    ],
)
def test_gradios_open_doors_are_closed(address: str, place: str):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(address + place, timeout=20)
    assert caught.value.code == 403
    caught.value.close()


def test_the_database_and_the_scans_are_not_served(address: str, ward: Path):
    home = ward.parent / "home"
    image = next(path for path in (home / "images").rglob("*") if path.is_file())
    for path in (home / "octtutor.db", image, "/etc/passwd"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{address}/gradio_api/file={path}", timeout=20)
        assert caught.value.code in (403, 404)
        caught.value.close()


def test_a_huge_body_is_refused(address: str):
    request = urllib.request.Request(address + "/gradio_api/queue/join", bytes(3_000_000))
    with pytest.raises((urllib.error.HTTPError, urllib.error.URLError, OSError)) as caught:
        urllib.request.urlopen(request, timeout=20)
    if isinstance(caught.value, urllib.error.HTTPError):
        assert caught.value.code == 413
        caught.value.close()


def test_security_headers_are_sent(address: str):
    with urllib.request.urlopen(address, timeout=20) as response:
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
