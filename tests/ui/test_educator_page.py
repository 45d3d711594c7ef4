"""The two doors of a really started server: trainees see nothing of the educators' page."""

import json
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import httpx
import pytest

from octtutor.errors import NotAllowedError
from octtutor.store.sql import SqlStore
from octtutor.store.sql.engines import open_engine, sqlite_url
from octtutor.tutor.accounts import Educators
from octtutor.ui.doors.doorkeeper import COOKIE, Doorkeeper
from octtutor.wiring import now
from tests.conftest import ROOT, write_scans

PASSWORD = "correct horse battery"
CAP = 400_000
API = "/educator/gradio_api"


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs, and what is behind it."""

    address: str
    store: SqlStore
    educators: Educators
    uploads: Path

    def client(self, **options) -> httpx.Client:
        return httpx.Client(base_url=self.address, trust_env=False, timeout=30, **options)

    @contextmanager
    def signed_in(self, name: str = "ada") -> Iterator[httpx.Client]:
        with self.client() as client:
            answer = client.post("/educator/sign-in", data={"name": name, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
            yield client


@contextmanager
def started(
    home: Path, host: str = "127.0.0.1", share: bool = False, proxies: str = "127.0.0.1"
) -> Iterator[Served]:
    """Start both pages in a process of their own; open the same records here."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    words = [str(home), str(port), host, str(CAP), *(["share"] if share else [])]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ui.serve_both_pages", *words],
        cwd=ROOT,
        env={
            **os.environ,
            "GRADIO_TEMP_DIR": str(home / "gradio"),
            "OCTTUTOR_TRUSTED_PROXIES": proxies,
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        store = SqlStore(open_engine(sqlite_url(home / "octtutor.db")))
        uploads = home / "gradio" / "educators"
        yield Served(f"http://127.0.0.1:{port}", store, Educators(store, now), uploads)
        store.close()
        assert process.poll() is None
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the educator Ada."""
    with started(tmp_path_factory.mktemp("guarded")) as served:
        served.educators.add("ada", PASSWORD)
        yield served


@pytest.fixture(scope="module")
def unclaimed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on loopback without any account."""
    with started(tmp_path_factory.mktemp("unclaimed")) as served:
        yield served


def join(client: httpx.Client, fn: int, data: list) -> httpx.Response:
    body = {"data": data, "fn_index": fn, "session_hash": "s1", "event_data": None}
    return client.post(f"{API}/queue/join", json=body)


OWN_WORDS = ["", "", False, False]
"""What Scans is sent where an upload's labels are those of the deck's own scheme."""


def outcome(client: httpx.Client) -> dict:
    """The end of the event that was joined."""
    with client.stream("GET", f"{API}/queue/data", params={"session_hash": "s1"}) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:") and '"process_completed"' in line:
                return json.loads(line[5:])
    raise AssertionError("the event did not end")


def function(client: httpx.Client, target: str, elem_id: str = "import") -> int:
    """The number of the event that fires on a component's trigger."""
    config = client.get("/educator/config").json()
    named = {c["id"] for c in config["components"] if c["props"].get("elem_id") == elem_id}
    fires = ((d["id"], tuple(t)) for d in config["dependencies"] for t in d["targets"])
    return next(number for number, (of, what, *_) in fires if of in named and what == target)


def zipped(folder: Path, to: Path) -> Path:
    with zipfile.ZipFile(to, "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, path.relative_to(folder))
    return to


# ---- without a sign-in -----------------------------------------------------------------------


ENDPOINTS = [
    ("GET", "/educator/config"),
    ("GET", "/educator/config/"),
    ("GET", f"{API}/info"),
    ("GET", f"{API}/openapi.json"),
    ("POST", f"{API}/queue/join"),
    ("POST", f"{API}/queue/join/"),
    ("GET", f"{API}/queue/data?session_hash=s1"),
    ("GET", f"{API}/queue/status"),
    ("POST", f"{API}/call/add"),
    ("POST", f"{API}/call/v2/add"),
    ("POST", f"{API}/run/add"),
    ("POST", f"{API}/api/add"),
    ("POST", f"{API}/upload"),
    ("POST", f"{API}/upload/"),
    ("GET", f"{API}/upload_progress?upload_id=x"),
    ("GET", f"{API}/file=/etc/hostname"),
    ("GET", f"{API}/file/etc/hostname"),
    ("POST", f"{API}/component_server"),
    ("POST", f"{API}/cancel"),
    ("POST", f"{API}/reset"),
    ("GET", f"{API}/heartbeat/s1"),
    ("GET", f"{API}/startup-events"),
    ("GET", f"{API}/app_id"),
    ("GET", f"{API}/user"),
    ("GET", f"{API}/token"),
    ("GET", f"{API}/theme.css"),
    ("GET", "/educator/theme.css"),
    ("GET", "/educator/static/img/logo.svg"),
    ("GET", "/educator/assets/index.js"),
    ("POST", "/educator/login"),
    ("POST", "/educator/"),
    ("GET", "/educator/%2e%2e/educator/config"),
    ("GET", "/educator//config"),
    ("GET", "/educator/sign-in/../config"),
    ("GET", "/educator/sign-in/"),
    ("OPTIONS", "/educator/config"),
    ("DELETE", "/educator/sign-inx"),
]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_whoever_is_no_educator_is_refused_everywhere(guarded: Served, method: str, path: str):
    body = {"data": [], "fn_index": 0, "session_hash": "s1"} if method == "POST" else None
    for cookies in ({}, {COOKIE: "made up"}):
        with guarded.client(cookies=cookies) as client:
            answer = client.request(method, path, json=body)
        assert answer.status_code in (401, 403), answer.text
        assert "components" not in answer.text


@pytest.mark.parametrize("path", ["/educator", "/educator/"])
def test_whoever_is_no_educator_gets_the_sign_in_page(guarded: Served, path: str):
    with guarded.client(follow_redirects=True) as client:
        answer = client.get(path)
    assert str(answer.url).endswith("/educator/sign-in")
    assert 'type="password"' in answer.text
    assert "gradio" not in answer.text


def test_trainees_see_nothing_of_the_educators_page(guarded: Served):
    with guarded.client() as trainee:
        config = trainee.get("/config")
        page = trainee.get("/").text
        with guarded.signed_in() as educator:
            theirs = educator.get("/educator/config").json()
    ids = [c["props"].get("elem_id") for c in theirs["components"]]
    ours = [elem_id for elem_id in ids if elem_id]
    assert {"upload", "import", "decks"} <= set(ours)
    for elem_id in ours:
        assert f'"{elem_id}"' not in config.text
        assert f'"elem_id":"{elem_id}"' not in page
    assert "OCT2017 layout" not in config.text + page
    labels = [c["props"].get("label") for c in config.json()["components"]]
    assert "ZIP or tar" not in labels


def test_the_trainees_page_keeps_uploads_apart_and_shows_no_files(guarded: Served):
    guarded.uploads.mkdir(parents=True, exist_ok=True)
    secret = guarded.uploads / "secret.zip"
    secret.write_bytes(b"scans")
    with guarded.signed_in() as client:  # signed in or not: it is another page
        (taken,) = client.post("/gradio_api/upload", files={"files": ("x.png", b"x")}).json()
        assert not Path(taken).is_relative_to(guarded.uploads)
        assert client.get(f"/gradio_api/file={taken}").status_code == 403
        Path(taken).unlink()
        assert client.post("/gradio_api/queue/join", content=b"x" * 2_000_001).status_code == 413
        for path in (f"/gradio_api/file={secret}", f"/gradio_api/file/{secret}"):
            assert client.get(path).status_code == 403
        assert client.get(f"{API}/file={secret}").content == b"scans"
    secret.unlink()


# ---- signing in and out ----------------------------------------------------------------------


def test_an_educator_signs_in_and_out(guarded: Served):
    with guarded.signed_in() as client:
        assert "window.gradio_config" in client.get("/educator/").text
        assert client.get("/educator/config").status_code == 200
        assert client.get("/educator/sign-in").headers["location"] == "./"
        token = client.cookies[COOKIE]
        answer = client.post("/educator/sign-out")
        assert answer.status_code == 303
        assert COOKIE not in client.cookies
        assert client.get("/educator/config").status_code == 401
    with guarded.client(cookies={COOKIE: token}) as thief:
        assert thief.get("/educator/config").status_code == 401


@pytest.mark.parametrize(
    ("headers", "secure"),
    [
        ({}, False),
        ({"x-forwarded-proto": "https"}, True),
        ({"origin": "https://oct.example", "x-forwarded-host": "oct.example"}, True),
    ],
)
def test_the_cookie_is_for_this_page_alone(guarded: Served, headers: dict, secure: bool):
    with guarded.client() as client:
        data = {"name": "ada", "password": PASSWORD}
        answer = client.post("/educator/sign-in", data=data, headers=headers)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "max-age=43200" in cookie
    assert "path=" not in cookie  # then it is /educator, also behind a prefix
    assert ("; secure" in cookie) == secure


def test_the_sign_in_page_cannot_be_framed_kept_or_written_into(guarded: Served):
    with guarded.client() as client:
        answer = client.post("/educator/sign-in", data={"name": "<b>\"'", "password": "wrong"})
    assert answer.status_code == 401
    assert "<b>" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_guessing_is_slowed_down_where_it_comes_from(guarded: Served):
    guarded.educators.add("grace", PASSWORD)
    statuses = []
    with guarded.client() as client:
        sender = {"x-forwarded-for": "198.51.100.1"}  # a proxy on this machine tells it
        for n in range(7):
            data = {"name": "grace", "password": PASSWORD if n == 6 else "wrong wrong"}
            answer = client.post("/educator/sign-in", data=data, headers=sender)
            statuses.append(answer.status_code)
        elsewhere = {"x-forwarded-for": "198.51.100.2"}
        right = client.post("/educator/sign-in", data=data, headers=elsewhere)
    assert statuses == [401] * 5 + [429] * 2
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert "Wait" in answer.text
    assert COOKIE not in answer.headers.get("set-cookie", "")
    assert right.status_code == 303


def test_nobody_who_is_no_named_proxy_says_where_others_are(tmp_path: Path):
    """Five wrong passwords are too many, whatever addresses their sender makes up."""
    with started(tmp_path, proxies="") as served, served.client() as client:
        served.educators.add("grace", PASSWORD)
        for n in range(5):
            sender = {"x-forwarded-for": f"198.51.100.{n}"}
            wrong = {"name": "grace", "password": "wrong wrong"}
            assert client.post("/educator/sign-in", data=wrong, headers=sender).status_code == 401
        right = {"name": "grace", "password": PASSWORD}
        sender = {"x-forwarded-for": "198.51.100.77"}
        assert client.post("/educator/sign-in", data=right, headers=sender).status_code == 429


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://127.0.0.1:1", "sec-fetch-site": "same-site"},
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    ],
)
@pytest.mark.parametrize(
    "path", ["/educator/sign-in", "/educator/sign-out", f"{API}/queue/join", f"{API}/upload"]
)
def test_another_sites_page_can_do_nothing(guarded: Served, path: str, headers: dict):
    with guarded.signed_in() as client:
        answer = client.post(path, data={"name": "ada", "password": PASSWORD}, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        assert client.get("/educator/config").status_code == 200


def test_this_sites_own_page_can(guarded: Served):
    with guarded.signed_in() as client:
        for headers in (
            {"origin": guarded.address},
            {"origin": "x", "sec-fetch-site": "same-origin"},
        ):
            assert client.get("/educator/config", headers=headers).status_code == 200


def test_a_removed_educator_is_out_with_the_page_open(guarded: Served):
    guarded.educators.add("mary", PASSWORD)
    with guarded.signed_in("mary") as client:
        load = function(client, "click")
        guarded.educators.remove("mary")
        assert join(client, load, [None, "", "", *OWN_WORDS]).status_code == 401


# ---- the person at the machine ---------------------------------------------------------------


def test_the_person_at_the_machine_needs_no_account_until_there_is_one(unclaimed: Served):
    with unclaimed.client() as client:
        number = function(client, "click")
        assert join(client, number, [None, "", "", *OWN_WORDS]).status_code == 200
        assert "Received none" in outcome(client)["output"]["error"]
        unclaimed.educators.add("ada", PASSWORD)
        assert join(client, number, [None, "", "", *OWN_WORDS]).status_code == 401
        assert client.get("/educator/config").status_code == 401
        assert client.get("/educator/").headers["location"] == "sign-in"
        unclaimed.educators.remove("ada")
        assert client.get("/educator/config").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "127.0.0.1"},
        {"x-forwarded-host": "oct.example"},
        {"x-real-ip": "192.0.2.1"},
        {"forwarded": "for=192.0.2.1"},
        {"via": "1.1 proxy"},
        {"host": "oct.example"},
        {"host": "127.0.0.1.evil.example"},
        {"host": ""},
        {"origin": "https://evil.example"},
    ],
)
def test_who_comes_through_a_proxy_or_a_foreign_name_is_not_at_the_machine(
    unclaimed: Served, headers: dict
):
    with unclaimed.client(headers=headers) as client:
        for path in ("/educator/config", f"{API}/queue/data?session_hash=x"):
            assert client.get(path).status_code in (400, 401, 403)
        assert client.post(f"{API}/upload", files={"files": ("x", b"x")}).status_code >= 400
    assert list(unclaimed.uploads.rglob("*")) == []


@pytest.mark.parametrize("where", [{"share": True}, {"host": "0.0.0.0"}])
def test_on_a_public_link_or_another_host_nobody_is_an_educator_without_signing_in(
    tmp_path: Path, where: dict
):
    with started(tmp_path / "public", **where) as served, served.client() as client:
        assert client.get("/educator/config").status_code == 401
        page = client.get("/educator/sign-in").text
    assert "no educator account yet" in page
    assert "octtutor educator add NAME" in page


# ---- handlers, uploads -----------------------------------------------------------------------


def test_a_handler_authorises_by_itself(guarded: Served):
    doorkeeper = Doorkeeper(guarded.educators, local=False)
    token = guarded.educators.sign_in("ada", PASSWORD, "192.0.2.55")

    def request(cookie: str) -> gr.Request:
        from starlette.requests import Request

        headers = [(b"cookie", f"{COOKIE}={cookie}".encode())]
        return gr.Request(Request({"type": "http", "headers": headers}))

    assert doorkeeper.require_educator(request(token)).name == "ada"
    guarded.educators.sign_out(token)
    for asking in (request(token), request(""), gr.Request()):
        with pytest.raises(NotAllowedError, match="Reload the page and sign in"):
            doorkeeper.require_educator(asking)


def test_an_upload_becomes_a_deck(guarded: Served, tmp_path: Path):
    ward = write_scans(tmp_path / "ward", 2, (128, 128))
    (ward / "CNV" / "CNV-9-9.png").write_bytes(b"broken <b>")
    file = zipped(ward, tmp_path / "ward.zip")
    assert file.stat().st_size < CAP
    with guarded.signed_in() as client:
        number = function(client, "click")
        (path,) = client.post(
            f"{API}/upload", files={"files": (file.name, file.read_bytes())}
        ).json()
        upload = {"path": path, "orig_name": "ward.zip", "meta": {"_type": "gradio.FileData"}}
        assert join(client, number, [upload, "", "The ward", *OWN_WORDS]).status_code == 200
        done = outcome(client)
        assert done["success"], done
        report, table, listed, *cleared = done["output"]["data"]
        assert join(client, number, [upload, "", "", *OWN_WORDS]).status_code == 200
        again = outcome(client)
    assert "8 scans added" in report
    assert "cannot be read: 1" in report
    assert "CNV-9-9.png" in report
    assert "The ward (ward)" in table
    assert "withheld from trainees" in table
    assert listed["choices"][-1] == ["The ward (ward)", "ward"]
    assert cleared == [None, "", "", *OWN_WORDS]
    assert [deck.title for deck in guarded.store.decks()] == ["first", "The ward"]
    assert "not on this server any more" in again["output"]["error"]
    assert not Path(path).exists()


@pytest.mark.parametrize("path", ["/etc/hostname", "../octtutor.db", "a\0b", "", ".", None, 7, {}])
def test_a_path_that_was_not_uploaded_is_refused(guarded: Served, path):
    before = guarded.store.decks()
    with guarded.signed_in() as client:
        upload = {"path": path, "meta": {"_type": "gradio.FileData"}}
        assert (
            join(client, function(client, "click"), [upload, "x", "", *OWN_WORDS]).status_code
            == 200
        )
        assert not outcome(client)["success"]
    assert guarded.store.decks() == before


@pytest.mark.parametrize(
    "path", ["http://127.0.0.1:9/x.zip", "https://example.org/x", "HTTP://x/y"]
)
@pytest.mark.parametrize("where", ["queue/join", "call/x", "call/v2/x", "run/x", "api/x"])
def test_a_web_address_as_a_file_is_not_fetched(guarded: Served, path: str, where: str):
    upload = {"path": path, "meta": {"_type": "gradio.FileData"}}
    with guarded.signed_in() as client:
        for data in ([upload], [[{"a": upload}]]):
            body = {"data": data, "fn_index": 0, "session_hash": "s1", "x": data}
            answer = client.post(f"{API}/{where}", json=body)
            assert answer.status_code == 403
            assert "web address" in answer.text


def test_an_upload_over_the_cap_is_refused_and_leaves_nothing(guarded: Served):
    def streamed() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.zip"\r\n\r\n'
        for _ in range(3 * CAP // 50_000):
            yield b"0" * 50_000

    before = set(guarded.uploads.rglob("*"))
    many = [("files", (f"{n}.zip", b"0" * (CAP // 4))) for n in range(5)]
    with guarded.signed_in() as client:
        assert client.post(f"{API}/upload", files=many).status_code == 413
        kind = {"content-type": "multipart/form-data; boundary=x"}
        with suppress(httpx.WriteError, httpx.ReadError):  # the server may hang up on us
            answer = client.post(f"{API}/upload", content=streamed(), headers=kind)
            assert answer.status_code == 413
        assert client.get("/educator/config").status_code == 200
    assert set(guarded.uploads.rglob("*")) == before


def test_an_upload_that_breaks_off_leaves_nothing(guarded: Served):
    before = set(guarded.uploads.rglob("*"))
    host, port = guarded.address.removeprefix("http://").split(":")
    with guarded.signed_in() as client:
        cookie = client.cookies[COOKIE]
        head = (
            f"POST {API}/upload HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {COOKIE}={cookie}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 300000\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="files"; filename="a.zip"\r\n\r\n'
        )
        with socket.create_connection((host, int(port))) as wire:
            wire.sendall(head.encode() + b"0" * 100_000)
            until(lambda: set(guarded.uploads.rglob("*")) != before, client)
        until(lambda: set(guarded.uploads.rglob("*")) == before, client)


def until(done, client: httpx.Client) -> None:
    """Ask the server something until the state is reached; each answer lets it go on."""
    for _ in range(2000):
        if done():
            return
        client.get("/educator/sign-in")
    raise AssertionError("it did not happen")


@pytest.mark.parametrize(
    ("path", "size"), [(f"{API}/queue/join", 2_000_001), ("/educator/sign-in", 10_001)]
)
def test_other_bodies_are_small_also_when_streamed(guarded: Served, path: str, size: int):
    with guarded.signed_in() as client:
        assert client.post(path, content=b"x" * size).status_code == 413
        form = {"content-type": "application/x-www-form-urlencoded"}
        kind = form if path.endswith("sign-in") else {"content-type": "application/json"}
        pieces = (b"x" * 5_000 for _ in range(size // 5_000 + 1))
        with suppress(httpx.WriteError, httpx.ReadError):  # the server may hang up on us
            assert client.post(path, content=pieces, headers=kind).status_code == 413


def test_what_is_no_event_is_refused_in_one_line(guarded: Served):
    with guarded.signed_in() as client:
        for body in (b"", b"\xff", b"[" * 100_000):
            answer = client.post(f"{API}/queue/join", content=body)
            assert answer.status_code == 400
            assert "Traceback" not in answer.text


def test_what_gradio_leaves_open_is_closed(guarded: Served):
    paths = ["/educator/monitoring", "/educator/monitoring/summary", f"{API}/proxy=x"]
    with guarded.signed_in() as client:
        for path in [*paths, f"{API}/file=https://example.org/a"]:
            assert client.get(path).status_code == 403
        for path in ("/educator/docs", "/educator/openapi.json"):
            assert client.get(path).status_code == 404
