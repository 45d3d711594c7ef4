"""The client's modules are served by version, compressed, and nothing else of the folder is."""

import gzip
import re
from pathlib import PurePosixPath

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from octtutor.ui.client.client_files import (
    ROOT,
    ClientFiles,
    client_address,
    client_files,
    client_script,
    client_version,
)


def browser(under: str = "") -> TestClient:
    page = Route(f"{under}/client/page", lambda request: PlainTextResponse("the page's own"))
    return TestClient(Starlette(routes=[page], middleware=[Middleware(ClientFiles, under=under)]))


def test_a_module_is_served_under_its_version_and_kept_for_good():
    answer = browser().get(f"/{client_address('desk/desk.js')}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == (ROOT / "desk" / "desk.js").read_bytes()


def test_who_takes_no_gzip_gets_plain_bytes():
    address = f"/{client_address('shared/dom.js')}"
    answer = browser().get(address, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in answer.headers
    assert answer.content == (ROOT / "shared" / "dom.js").read_bytes()


def test_a_page_of_another_version_gets_what_there_is_and_asks_again():
    answer = browser().get("/client/000000000000/desk/desk.js")
    assert answer.content == (ROOT / "desk" / "desk.js").read_bytes()
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name",
    ["client_files.py", "../texts.py", "vendor/package.json", "vendor/konva.js", "desk/", ""],
)
def test_nothing_but_modules_is_served(name: str):
    assert browser().get(f"/client/{client_version()}/{name}").status_code == 404


def test_the_educators_page_has_the_same_modules_below_its_own_path():
    answer = browser("/educator").get(f"/educator/{client_address('canvas/outline.js')}")
    assert answer.status_code == 200
    assert browser("/educator").get(f"/{client_address('canvas/outline.js')}").status_code == 404


def test_a_module_that_is_not_there_is_found_out_when_the_page_is_built():
    with pytest.raises(KeyError):
        client_script("desk/missing.js")


def test_what_a_module_imports_is_served():
    pattern = re.compile(r"""(?:from|URL\()\s*"(\.{1,2}/[^"]+\.js)\"""")
    for name, data in client_files().items():
        if name.startswith("vendor/"):
            continue
        for imported in pattern.findall(gzip.decompress(data).decode()):
            path = PurePosixPath(name).parent
            for part in imported.split("/"):
                path = path.parent if part == ".." else path if part == "." else path / part
            assert str(path) in client_files(), f"{name} imports {imported}"


def test_the_first_load_of_the_trainees_page_is_small():
    ours = [name for name in client_files() if name.split("/")[0] in ("shared", "desk", "read")]
    assert sum(len(client_files()[name]) for name in ours) < 60_000


def test_the_drawing_library_has_its_licence_beside_it():
    assert "MIT License" in (ROOT / "vendor" / "konva-LICENSE.txt").read_text()
    assert len(client_files()["vendor/konva-10.9.1.min.js"]) < 60_000
