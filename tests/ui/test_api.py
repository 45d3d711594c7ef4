"""The service of a really started server: two endpoints, as API and as MCP tools, nothing else."""

import asyncio
import base64
import http.client
import io
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.verdict import Verdict
from octtutor.phantom import make
from tests.conftest import DECK, ROOT, missing

ENDPOINTS = {"/predict", "/explain"}


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs."""

    address: str
    temporary: Path
    """Its GRADIO_TEMP_DIR."""

    @property
    def left(self) -> list[Path]:
        """The files that it keeps of what it was sent."""
        return [path for path in self.temporary.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`octtutor serve --mcp` with the shipped model, in a process of its own."""
    if find_spec("mcp") is None:
        missing("mcp", "Install it: pip install 'octtutor[mcp]'")
    home = tmp_path_factory.mktemp("service")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "octtutor", "serve", "--mcp", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "OCTTUTOR_HOME": str(home), "GRADIO_TEMP_DIR": str(home / "gradio")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        while "ready" not in said:
            said = process.stdout.readline()
            assert said, "the server ended"
        yield Served(f"http://127.0.0.1:{port}", home / "gradio")
        assert process.poll() is None
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Client]:
    opened = Client(served.address, verbose=False, analytics_enabled=False)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scan") / "CNV-1-1.png"
    Image.fromarray(make(Diagnosis.CNV, np.random.default_rng(3), (200, 240)).scan).save(path)
    return path


def as_data(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def picture(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def test_the_api_is_these_two_endpoints_and_no_other(served, client):
    told = client.view_api(return_format="dict", print_info=False)
    assert set(told["named_endpoints"]) == ENDPOINTS
    assert told["unnamed_endpoints"] == {}
    described = httpx.get(f"{served.address}/gradio_api/openapi.json", timeout=30).json()
    called = {path for path in described["paths"] if "/call/" in path or "/run/" in path}
    assert {path.rpartition("/")[2] for path in called} <= {"predict", "explain", "{event_id}"}


def test_predict_answers_a_file_and_keeps_nothing(served, client, scan):
    told = client.predict(handle_file(str(scan)), api_name="/predict")
    assert set(told["probabilities"]) == set(map(str, LABELS))
    assert sum(told["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert told["label"] == max(told["probabilities"], key=told["probabilities"].get)
    assert told["verdict"] in list(Verdict)
    assert (told["warning"] is None) == (told["verdict"] == Verdict.SCAN) == (told["why"] == "")
    assert told["preparation"] in ([], ["White or black fill at the borders was painted over."])
    assert (told["width"], told["height"], told["slices"]) == (240, 200, 1)
    assert "CNV-1-1" not in str(told)
    assert served.left == []


def test_explain_returns_the_map_of_the_class_asked_for(served, client, scan):
    told = client.predict(scan=as_data(scan), label="dme", api_name="/explain")
    assert told["explained"] == "DME"
    where, overlay = picture(told["map"]), picture(told["overlay"])
    assert where.shape == (200, 240)
    assert overlay.shape == (200, 240, 3)
    if told["evidence"]:
        x, y = told["strongest"]
        assert where[y, x] == where.max() == 65535
    bare = client.predict(scan=as_data(scan), pictures=False, api_name="/explain")
    assert bare["explained"] == bare["label"]
    assert bare["map"] is bare["overlay"] is None
    assert served.left == []


def test_of_a_stack_a_slice_is_read(client, scan, tmp_path):
    pages = [Image.open(scan)] * 3
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    stack = str(tmp_path / "stack.tif")
    told = [client.predict(handle_file(stack), index, api_name="/predict") for index in (-1, 0, 2)]
    assert [(one["slice"], one["slices"]) for one in told] == [(1, 3), (0, 3), (2, 3)]
    with pytest.raises(AppError, match="Expected a slice"):
        client.predict(handle_file(stack), 3, api_name="/predict")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "Expected an OCT scan"),
        ("/etc/hostname", "Expected an OCT scan"),
        ("data:image/png;base64,AAAA", "whole image"),
        ("data:image/png;base64,%%%", "Expected an OCT scan"),
        ("http://169.254.169.254/latest", "public web address"),
        ("http://localhost/scan.png", "public web address"),
        ("/gradio_api/file=/etc/hostname", "not on this server"),
        (None, "Expected an OCT scan"),
        (7, "Expected an OCT scan"),
    ],
)
def test_bad_input_is_said_in_one_line(served, client, given, said):
    with pytest.raises(AppError, match=said) as caught:
        client.predict(given, api_name="/predict")
    assert "\n" not in str(caught.value)
    assert served.left == []


def test_a_bad_class_method_or_slice_is_said_in_one_line(served, client, scan):
    for more, said in (
        ({"label": "GLAUCOMA"}, "Expected a class"),
        ({"method": "tea leaves"}, "Expected a method"),
        ({"slice_index": "first"}, "Expected a whole number"),
    ):
        with pytest.raises(AppError, match=said):
            client.predict(scan=handle_file(str(scan)), **more, api_name="/explain")
    assert served.left == []


def test_a_file_that_is_no_scan_leaves_nothing_behind(served, client, tmp_path):
    page = tmp_path / "page.png"
    page.write_text("<html>")
    with pytest.raises(AppError, match="whole image"):
        client.predict(handle_file(str(page)), api_name="/predict")
    assert served.left == []


def test_the_programs_own_cases_are_not_answered(served, client):
    case = next(DECK.glob("*/*.png"))
    for given in (handle_file(str(case)), as_data(case)):
        with pytest.raises(AppError, match="own cases"):
            client.predict(given, api_name="/predict")
    assert served.left == []


def test_the_server_fetches_no_file_that_an_event_names_by_address(served):
    file = {"path": "http://192.0.2.1/a.png", "meta": {"_type": "gradio.FileData"}}
    for where in ("queue/join", "call/predict", "run/predict"):
        body = {"data": [file, -1], "fn_index": 0, "session_hash": "s"}
        answer = httpx.post(f"{served.address}/gradio_api/{where}", json=body, timeout=30)
        assert answer.status_code == 403, where


def announce(address: str, length: int) -> int:
    """Begin to send a body of this length, and return the status that comes before it."""
    url = httpx.URL(address)
    connection = http.client.HTTPConnection(url.host, url.port, timeout=30)
    try:
        connection.putrequest("POST", url.path)
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def test_uploads_are_bounded_and_cannot_be_had_back(served, scan):
    address = f"{served.address}/gradio_api/upload"
    with httpx.Client(timeout=30) as browser:
        assert announce(address, 600_000_000) == 413
        foreign = browser.post(
            address, files={"files": b"x"}, headers={"origin": "https://elsewhere.example"}
        )
        assert foreign.status_code == 403
        (path,) = browser.post(address, files={"files": ("a.png", scan.read_bytes())}).json()
        back = browser.get(f"{served.address}/gradio_api/file={path}")
        assert back.status_code == 403
    assert [str(left) for left in served.left] == [path]
    Path(path).unlink()


def test_the_mcp_tools_are_these_two_and_answer(served, scan):
    asyncio.run(_use_tools(served, scan))


async def _use_tools(served: Served, scan: Path) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    address = f"{served.address}/gradio_api/mcp/"
    async with (
        streamable_http_client(address) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        tools = (await session.list_tools()).tools
        assert {f"/{tool.name}" for tool in tools} == ENDPOINTS
        assert all("not for diagnosis" in str(tool.description) for tool in tools)
        told = await session.call_tool("predict", {"scan": as_data(scan)})
        assert not told.isError
        assert "probabilities" in str(told.content)
        bad = await session.call_tool("explain", {"scan": "nothing"})
        assert bad.isError
        assert "Expected an OCT scan" in str(bad.content)
        for other in ("start", "commit", "open"):
            assert (await session.call_tool(other, {})).isError
    assert served.left == []
