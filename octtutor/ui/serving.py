"""Start the page's server, with the doors closed that Gradio leaves open."""

import ctypes
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from octtutor.errors import SettingsError
from octtutor.limits import MAX_READER_UPLOAD_BYTES, MAX_REQUEST_BYTES
from octtutor.ui.client.client_files import ClientFiles
from octtutor.ui.doors.content_policy import ContentPolicy
from octtutor.ui.doors.doorkeeper import is_foreign
from octtutor.ui.doors.gate import UNDER, Again, Body, checked
from octtutor.ui.doors.server_errors import ServerErrors
from octtutor.ui.doors.standing import SessionStanding
from octtutor.ui.read.intake import is_full, sweep
from octtutor.ui.theme import look

_API = "/gradio_api/"
_UPLOAD = f"{_API}upload"
_READING = ("GET", "HEAD")
_CLOSED = ("/proxy=", "/monitoring", "/file=", "/file/")
"""This page's pictures travel as data; its file routes would reach what others upload."""
_GLIBC = {-8: 2, -3: 2**20, -1: 2**20}
"""glibc's M_ARENA_MAX: at most so many heaps; M_MMAP_THRESHOLD: blocks of so many bytes go back as
soon as they are freed; M_TRIM_THRESHOLD: so does the end of a heap."""
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class Doors:
    """ASGI middleware: hands what is under `/educator` to the educators' application.

    The two pages share the port and nothing else, so that the trainees' page knows no component
    and no endpoint of the other.
    """

    def __init__(
        self,
        app: ASGIApp,
        educators: ASGIApp,
    ) -> None:
        """Wrap the trainees' application.

        Args:
            app: the trainees'.
            educators: the educators', see `build_educator_app`.
        """
        self._app, self._educators = app, educators

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose the door."""
        path = scope.get("path", "")
        ours = path == UNDER or path.startswith(f"{UNDER}/")
        await (self._educators if ours else self._app)(scope, receive, send)


class Guard:
    """ASGI middleware: security headers, no relaying of other sites, bodies within limits."""

    def __init__(self, app: ASGIApp, uploads: Path) -> None:
        """Wrap an application whose uploads come into a folder."""
        self._app, self._uploads = app, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_upload = scope["path"].rstrip("/") == _UPLOAD
        limit = MAX_READER_UPLOAD_BYTES if is_upload else MAX_REQUEST_BYTES
        status = self._refusal(HTTPConnection(scope), limit, is_upload)
        if status:
            await _refuse(status, send)
            return
        body: Receive = Body(receive, limit, is_upload)
        if scope["path"].startswith(_API) and scope["method"] == "POST" and not is_upload:
            try:
                body = Again(await checked(scope, body), body)
            except ClientDisconnect:
                return
            except HTTPException as error:
                await _refuse(error.status_code, send)
                return
        await self._app(scope, body, _with_headers(send))

    def _refusal(self, asking: HTTPConnection, limit: int, is_upload: bool) -> int | None:
        if any(part in asking.scope["path"] for part in _CLOSED):
            return 403
        if asking.scope["method"] not in _READING and is_foreign(asking):
            return 403
        if is_upload and is_full(self._uploads):
            return 507
        length = asking.headers.get("content-length", "0")
        return 413 if not length.isdigit() or int(length) > limit else None


async def _refuse(status: int, send: Send) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*_HEADERS]})
    await send({"type": "http.response.body", "body": b""})


def _with_headers(send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
        await send(message)

    return sender


def give_memory_back() -> None:
    """Let this process give back what it frees; where the C library is another than glibc, nothing.

    By itself glibc keeps a heap for each of many threads, and in each whatever was large once.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for setting, value in _GLIBC.items():
            mallopt(setting, value)


def check_port(host: str, port: int) -> None:
    """Refuse a port that is taken, before anything is loaded.

    Raises:
        SettingsError: another program uses it, or the host is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise SettingsError(
                f"Cannot serve on {host}:{port} ({getattr(error, 'strerror', None) or error}). "
                "Where another program has the port, perhaps an earlier octtutor, stop that or "
                f"choose another with --port {port + 1 if port < 65535 else 7861}."
            ) from error


def serve_page(
    page: gr.Blocks,
    educators: FastAPI,
    uploads: Path,
    standing: Callable[[str], str],
    host: str,
    port: int,
    share: bool,
    mcp: bool = False,
    framed: str = "'self'",
    routes: Sequence[BaseRoute] = (),
) -> str:
    """Start the server in the background and return its address.

    Args:
        page: what `build_page` returned.
        educators: what `build_educator_app` returned; it must know the same host and share.
        uploads: where scans come in that readers give; inside GRADIO_TEMP_DIR.
        standing: says how the session of an attempt stands, see `Sessions.standing`.
        host: the address to listen on.
        port: likewise.
        share: also make a public link (Gradio's relay).
        mcp: also offer the service's endpoints as MCP tools.
        framed: the sites that may frame the trainees' page.
        routes: plain ones of the trainees' page, which go before Gradio's.
    """
    sweep(uploads)
    app, local, _ = page.launch(
        server_name=host,
        server_port=port,
        share=share,
        prevent_thread_lock=True,
        quiet=True,
        show_error=False,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=mcp,
        state_session_capacity=1000,
        max_file_size=MAX_READER_UPLOAD_BYTES,
        app_kwargs={
            "middleware": [
                Middleware(ServerErrors),
                Middleware(Doors, educators=educators),
                Middleware(Guard, uploads=uploads),
                Middleware(ContentPolicy, ancestors=framed),
                Middleware(ClientFiles),
                Middleware(SessionStanding, standing=standing),
            ],
            "lifespan": lambda _app: educators.router.lifespan_context(educators),
            "docs_url": None,
            "redoc_url": None,
            "openapi_url": None,
            "routes": list(routes),
        },
        **look(),
    )
    app.uploaded_file_dir = str(uploads)
    return str(local)
