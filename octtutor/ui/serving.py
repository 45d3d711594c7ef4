"""Start the page's server, with the doors closed that Gradio leaves open."""

import socket

import gradio as gr
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from octtutor.errors import SettingsError
from octtutor.ui.gate import UNDER
from octtutor.ui.page import look

MAX_BODY = 2_000_000
"""Bytes; nothing that practising sends is larger."""
_CLOSED = ("/upload", "/proxy=", "/monitoring", "/file=", "/file/")
"""This page's pictures travel as data; its file routes would reach what educators upload."""
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
    """ASGI middleware: security headers, no relaying of other sites, no uploads, small bodies."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _refusal(scope)
        if status:
            await _refuse(status, send)
            return
        await self._app(scope, _Limited(receive), _with_headers(send))


class _Limited:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._seen = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > MAX_BODY:
            return {"type": "http.disconnect"}
        return message


def _refusal(scope: Scope) -> int | None:
    path = scope["path"]
    if any(part in path for part in _CLOSED):
        return 403
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return 413 if not length.isdigit() or int(length) > MAX_BODY else None


async def _refuse(status: int, send: Send) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*_HEADERS]})
    await send({"type": "http.response.body", "body": b""})


def _with_headers(send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
        await send(message)

    return sender


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


def serve_page(page: gr.Blocks, educators: FastAPI, host: str, port: int, share: bool) -> str:
    """Start the server in the background and return its address.

    Args:
        page: what `build_page` returned.
        educators: what `build_educator_app` returned; it must know the same host and share.
        host: the address to listen on.
        port: likewise.
        share: also make a public link (Gradio's relay).
    """
    _, local, _ = page.launch(
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
        mcp_server=False,
        state_session_capacity=1000,
        max_file_size=MAX_BODY,
        app_kwargs={
            "middleware": [Middleware(Doors, educators=educators), Middleware(Guard)],
            "lifespan": lambda _app: educators.router.lifespan_context(educators),
            "docs_url": None,
            "redoc_url": None,
        },
        **look(),
    )
    return str(local)
