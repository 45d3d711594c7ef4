"""What a page may load and run, and where it may be framed: its Content-Security-Policy."""

import re
import secrets
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SCRIPT = re.compile(rb"<script(?=[\s>])")
_POLICY = (
    "default-src 'self'; "
    "script-src 'self' 'nonce-{nonce}'{known} 'unsafe-eval'; "  # Gradio makes functions of text
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {ancestors}"
)


class ContentPolicy:
    """ASGI middleware: gives a page its policy, unless it has one, and its scripts the nonce."""

    def __init__(self, app: ASGIApp, ancestors: str = "'self'", inline: Sequence[str] = ()) -> None:
        """Wrap an application.

        Args:
            app: what serves the page.
            ancestors: the sites that may frame it, as `frame-ancestors` has them.
            inline: what the page adds as scripts when it has come; a nonce does not reach these.
        """
        hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in inline]
        known = "".join(f" 'sha256-{one}'" for one in hashes)
        self._app = app
        self._policy = _POLICY.format(nonce="{nonce}", known=known, ancestors=ancestors)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; change what comes back if it is a page."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Page(send, self._policy))


class _Page:
    """Holds a page back until it is whole; all else goes through as it comes."""

    def __init__(self, send: Send, policy: str) -> None:
        self._send, self._policy = send, policy
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
            return
        if self._start is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._send_whole(self._start)

    async def _send_whole(self, start: Message) -> None:
        nonce = secrets.token_urlsafe(16)
        body = _SCRIPT.sub(b'<script nonce="%s"' % nonce.encode(), self._body)
        policy = self._policy.replace("{nonce}", nonce)
        kept = [pair for pair in start.get("headers", []) if pair[0].lower() != b"content-length"]
        length = b"content-length", str(len(body)).encode()
        headers = [*kept, length, (b"content-security-policy", policy.encode())]
        await self._send({**start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _is_page(message: Message) -> bool:
    headers = dict(message.get("headers", []))
    if b"content-encoding" in headers or b"content-security-policy" in headers:
        return False
    return bytes(headers.get(b"content-type", b"")).startswith(b"text/html")
