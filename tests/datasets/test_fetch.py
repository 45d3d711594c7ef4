"""A scan is fetched from the public web, and from nowhere else."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest

from octtutor.datasets import fetch as module
from octtutor.datasets.fetch import fetch, is_public, is_url
from octtutor.errors import BadInputError, BadScanError


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # noqa: C901
        route = self.path
        if route == "/scan.png":
            self._send(200, b"picture", {"content-type": "image/png"})
        elif route == "/host":
            self._send(200, str(self.headers["host"]).encode(), {"content-type": "image/png"})
        elif route == "/page":
            self._send(200, b"<html>", {"content-type": "text/html; charset=utf-8"})
        elif route == "/packed":
            headers = {"content-type": "image/png", "content-encoding": "gzip"}
            self._send(200, b"x", headers)
        elif route == "/once":
            self._send(302, b"", {"location": "/scan.png"})
        elif route == "/round":
            self._send(302, b"", {"location": "/round"})
        elif route == "/inside":
            self._send(302, b"", {"location": "http://10.0.0.1/secret"})
        elif route == "/file":
            self._send(302, b"", {"location": "file:///etc/passwd"})
        elif route == "/large":
            self._endless(b"x" * 65536, 0.0)
        elif route == "/slow":
            self._endless(b"x", 0.05)
        elif route == "/declared":
            self.send_response(200)
            self.send_header("content-type", "image/png")
            self.send_header("content-length", str(5 * 10**9))
            self.end_headers()
        elif route == "/slow-headers":
            self._drip()
        elif route == "/dicom":
            self._send(200, b"frames", {"content-type": "application/dicom"})
        else:
            self._send(404, b"", {"content-type": "image/png"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        """Send a header's line by the letter, for longer than anybody waits."""
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
            for _ in range(2000):
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            pass

    def _endless(self, part: bytes, pause: float) -> None:
        self.send_response(200)
        self.send_header("content-type", "image/png")
        self.end_headers()
        try:
            for _ in range(2000):
                self.wfile.write(part)
                time.sleep(pause)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def here(address) -> bool:
    return str(address) == "127.0.0.1"


def test_an_image_comes_whole(site: str):
    assert fetch(f"{site}/scan.png", here) == b"picture"
    assert fetch(f"{site}/once", here) == b"picture"
    assert fetch(f"{site}/dicom", here) == b"frames"
    assert fetch(f"{site}/host", here) == site.removeprefix("http://").encode()


@pytest.mark.parametrize("route", ["/page", "/packed", "/nothing"])
def test_what_is_no_image_is_refused(site: str, route: str):
    with pytest.raises(BadScanError, match="Expected an image"):
        fetch(site + route, here)


def test_too_many_redirects_are_refused(site: str):
    with pytest.raises(BadInputError, match="at most 3 redirects"):
        fetch(f"{site}/round", here)


@pytest.mark.parametrize("route", ["/inside", "/file"])
def test_a_redirect_is_checked_like_the_first_address(site: str, route: str):
    with pytest.raises(BadInputError, match=r"private or local|web address like"):
        fetch(site + route, here)


def test_a_body_without_end_is_cut(site: str):
    with pytest.raises(BadScanError, match="larger or slower"):
        fetch(f"{site}/large", here)


def test_a_body_that_declares_five_gigabytes_is_not_read(site: str):
    with pytest.raises(BadScanError, match="larger or slower"):
        fetch(f"{site}/declared", here)


@pytest.mark.parametrize("route", ["/slow", "/slow-headers"])
def test_what_comes_slowly_is_cut(site: str, route: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_FETCH_SECONDS", 0.4)
    with pytest.raises(BadScanError, match="larger or slower"):
        fetch(site + route, here)


LOCAL = [
    "http://127.0.0.1/x.png",
    "http://localhost/x.png",
    "http://localhost./x.png",
    "http://[::1]/x.png",
    "http://10.1.2.3/x.png",
    "http://169.254.169.254/latest/meta-data",
    "http://0.0.0.0/x.png",
    "http://2130706433/x.png",
    "http://0x7f000001/x.png",
    "http://0x7f.0.0.1/x.png",
    "http://0177.0.0.1/x.png",
    "http://127.1/x.png",
    "http://[::ffff:127.0.0.1]/x.png",
    "http://[::ffff:7f00:1]/x.png",
    "http://[::127.0.0.1]/x.png",
    "http://[64:ff9b::127.0.0.1]/x.png",
    "http://[fe80::1%25lo]/x.png",
    "http://\u2460\u2461\u2466.0.0.1/x.png",
]


@pytest.mark.parametrize("url", LOCAL)
def test_private_and_local_addresses_are_refused(url: str):
    with pytest.raises(BadInputError, match=r"private or local|Cannot find the host|web address"):
        fetch(url)


@pytest.mark.parametrize("found", [
    ["93.184.216.34", "127.0.0.1"],
    ["127.0.0.1", "93.184.216.34"],
    ["2606:2800:220:1:248:1893:25c8:1946", "::1"],
    ["93.184.216.34", "::ffff:10.0.0.1"],
    ["169.254.169.254"],
])  # fmt: skip
def test_a_name_that_leads_to_a_local_address_too_is_refused(found: list[str]):
    with pytest.raises(BadInputError, match="private or local"):
        fetch("http://scans.example.org/x.png", resolve=lambda host, port: found)


def test_a_name_is_looked_up_once_and_what_was_checked_is_connected_to(site: str):
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    port = site.rpartition(":")[2]
    url = f"http://scans.example.org:{port}"
    assert fetch(f"{url}/host", here, resolve) == f"scans.example.org:{port}".encode()
    assert asked == ["scans.example.org"]
    with pytest.raises(BadInputError, match="private or local"):
        fetch(f"{url}/once", here, resolve)  # also a redirect's host is looked up and checked


def test_a_proxy_of_the_environment_is_not_used(site: str, monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch(f"{site}/scan.png", here) == b"picture"


@pytest.mark.parametrize(
    "address",
    ["100.64.1.1", "192.88.99.1", "192.0.0.8", "2002:7f00:1::", "64:ff9b::7f00:1",
     "64:ff9b:1::7f00:1", "2001:0:7f00:1::1", "::7f00:1", "::", "fec0::1", "5f00::1",
     "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "203.0.113.1", "2001:db8::1",
     "ff02::1", "fe80::1", "fc00::1", "::ffff:10.0.0.1", "192.168.0.1", "172.16.0.1",
     "192.0.2.1", "198.51.100.1", "3fff::1", "3fff:fff::1",
     "127.0.0.1", "0.0.0.0", "169.254.1.1"],
)  # fmt: skip
def test_special_ranges_are_not_public(address: str):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_the_web_is_public(address: str):
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url", ["http://", "https://user:pw@example.org/x", "http://[bad", "http://a b"]
)
def test_a_malformed_address_is_said(url: str):
    with pytest.raises(BadInputError):
        fetch(url)


def test_a_dead_port_is_said(site: str):
    with pytest.raises(BadInputError, match="Cannot fetch"):
        fetch("http://127.0.0.1:9/x.png", here)


def test_files_are_no_addresses():
    assert is_url("HTTPS://example.org/x.png")
    assert not is_url("scan.png")
    assert not is_url("https-scans/x.png")
