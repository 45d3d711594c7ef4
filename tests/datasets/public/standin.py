"""A server on loopback that behaves as the real ones do, well and badly; and archives for it."""

import hashlib
import io
import json
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.public.registry import Licence, ListedScan, PublicSet
from octtutor.datasets.public.web import Reach
from tests.conftest import write_scans

BY = Licence("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/", "Name us.", "here")


@dataclass
class File:
    """A file that the server gives, and its manners."""

    data: bytes
    ranges: bool = True
    etag: str = '"one"'
    kind: str = "application/octet-stream"
    cut: list[int] = field(default_factory=list)
    """Bodies to break off, after so many bytes each."""
    redirect: str = ""
    expires: int = 0
    """After so many answers it says 403 once."""
    status: int = 200
    busy: list[str] = field(default_factory=list)
    """What `Retry-After` says in the first answers, which have status 503."""
    shift: int = 0
    """Bytes that the told size differs from the true one."""
    packed: str = ""
    gate: threading.Event | None = None
    """Half of a part in the middle of the file waits for it."""


class Standin:
    """The files of the server, and what it was asked."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        self.sent = 0
        self.address = ""

    def put(self, path: str, data: bytes, **manners: Any) -> str:
        """Give a file; return its address."""
        self.files[path] = File(data, **manners)
        return self.address + path


@contextmanager
def serving() -> Iterator[Standin]:
    """Serve until the end of the context."""
    standin = Standin()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            standin.connections += 1

        def do_GET(self) -> None:
            _answer(standin, self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    standin.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield standin
    finally:
        server.shutdown()
        server.server_close()


def _answer(standin: Standin, to: BaseHTTPRequestHandler) -> None:
    headers = {name.lower(): value for name, value in to.headers.items()}
    standin.requests.append((to.path, headers))
    file = standin.files.get(to.path)
    if file is None:
        return _send(to, 404, {}, b"")
    if file.redirect:
        return _send(to, 302, {"location": file.redirect}, b"")
    if file.busy:
        return _send(to, 503, {"retry-after": file.busy.pop(0)}, b"")
    file.expires -= 1
    if file.expires == 0:
        return _send(to, 403, {}, b"")
    return _give(standin, to, file, headers)


def _give(
    standin: Standin, to: BaseHTTPRequestHandler, file: File, headers: dict[str, str]
) -> None:
    told = {"content-type": file.kind}
    if file.etag:
        told["etag"] = file.etag
    if file.packed:
        told["content-encoding"] = file.packed
    total = len(file.data) + file.shift
    status, body = file.status, file.data
    place = headers.get("range", "")
    if place and file.ranges and headers.get("if-range", file.etag) == file.etag:
        first, last = (int(number) for number in place.removeprefix("bytes=").split("-"))
        body, status = file.data[first : last + 1], 206
        told["content-range"] = f"bytes {first}-{last}/{total}"
    length = len(body) + (file.shift if status == 200 else 0)
    if len(body) > 1 and file.cut:
        body = body[: file.cut.pop(0)]
        to.close_connection = True
    standin.sent += len(body)
    middle = (
        status == 206
        and len(body) > 1
        and not told["content-range"].startswith(f"bytes {len(file.data) - len(body)}-")
    )
    _send(to, status, told, body, length, file.gate if middle else None)


def _send(
    to: BaseHTTPRequestHandler,
    status: int,
    headers: dict[str, str],
    body: bytes,
    length: int | None = None,
    gate: threading.Event | None = None,
) -> None:
    try:
        to.send_response(status)
        for name, value in headers.items():
            to.send_header(name, value)
        to.send_header("content-length", str(len(body) if length is None else length))
        to.end_headers()
        half = len(body) // 2 if gate else 0
        to.wfile.write(body[:half])
        if gate:
            gate.wait(300)
        to.wfile.write(body[half:])
    except OSError:  # whoever asked has heard enough
        to.close_connection = True


def reach(**more: Any) -> Reach:
    """Reach loopback, without waiting."""
    told = {"allowed": lambda address: address.is_loopback, "wait": lambda seconds: None}
    return Reach(**(told | more))


def scans_of(folder: Path, per_class: int = 3) -> dict[str, bytes]:
    """Return synthetic scans by `LABEL/NAME`."""
    write_scans(folder, per_class)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.png"))
    }


def filler(size: int) -> bytes:
    """Return bytes that do not pack."""
    return np.random.default_rng(size).bytes(size)


def zip_of(files: dict[str, bytes], packed: bool = True) -> bytes:
    out = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tar_of(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def listed(scans: dict[str, bytes]) -> tuple[ListedScan, ...]:
    return tuple(
        ListedScan(name, len(data), zlib.crc32(data), hashlib.sha256(data).hexdigest())
        for name, data in scans.items()
    )


def a_set(address: str, size: int, **more: Any) -> PublicSet:
    """Return a row for the stand-in's archive: the test folder of a ZIP, unless told else."""
    facts: dict[str, Any] = {
        "name": "ward",
        "title": "The ward's scans",
        "authors": "Ada",
        "doi": "10.1/1",
        "citation": "Ada, 2026.",
        "page": "https://example.org/ward",
        "licence": BY,
        "device": "",
        "scheme": "oct2017",
        "layout": "folders",
        "labels": tuple((str(label), label) for label in LABELS),
        "form": "zip",
        "address": address,
        "known": date(2026, 11, 30),
        "size": size,
        "scans": 12,
        "wanted": 100_000,
        "members": ("*/OCT/test/*/*.png",),
        "deck": "ward",
    }
    return PublicSet(**(facts | more))


def own_registry(home: Path, address: str, size: int, **more: Any) -> Path:
    """Write the data home's own registry with a row for the stand-in's archive."""
    facts = {
        "name": "ward",
        "title": "The ward's scans",
        "authors": "Ada",
        "doi": "10.1/1",
        "citation": "Ada, 2026.",
        "page": "https://example.org/ward",
        "licence": "CC BY 4.0",
        "stands": "on its page",
        "scheme": "oct2017",
        "layout": "folders",
        "members": ["*/OCT/test/*/*.png"],
        "form": "zip",
        "address": address,
        "size": size,
        "scans": 12,
        "wanted": 100_000,
    } | more
    lines = [f"{key} = {json.dumps(value)}" for key, value in facts.items()]
    labels = [f'{label} = "{label}"' for label in LABELS]
    home.mkdir(parents=True, exist_ok=True)
    path = home / "public-sets.toml"
    path.write_text(
        "\n".join(["[[set]]", *lines, "known = 2026-11-30", "[set.labels]", *labels, ""])
    )
    return path


def release(scans: dict[str, bytes]) -> dict[str, bytes]:
    """Return a ZIP's files as in release 3: X-rays and training scans around the test part."""
    train = {f"Cell/OCT/train/CNV/CNV-{n}-1.png": filler(400_000 + n) for n in range(5)}
    test = {f"Cell/OCT/test/{name}": data for name, data in scans.items()}
    rays = {f"Cell/chest_xray/test/NORMAL/{n}.jpeg": filler(500_000 + n) for n in range(5)}
    return train | {"Cell/OCT/test/CNV/._CNV-1000-1.png": b"x"} | test | rays
