"""The gate before the educators' page: everybody else gets the sign-in, or is refused."""

import json
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from octtutor.errors import OctTutorError
from octtutor.limits import MAX_REQUEST_BYTES, MAX_SIGN_IN_BYTES
from octtutor.ui.doors.doorkeeper import Doorkeeper, is_foreign
from octtutor.ui.shared.texts import EDUCATORS, FAULTS

UNDER = "/educator"
EDUCATOR = "octtutor.educator"
"""Key of the scope under which the gate leaves the educator's name."""
_OPEN = (f"{UNDER}/sign-in", f"{UNDER}/sign-out")
_API = f"{UNDER}/gradio_api/"
_UPLOAD = f"{_API}upload"
_CLOSED = ("/proxy=", "/monitoring", "file=http")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # with none, browsers send the Origin `null`
    (b"x-frame-options", b"DENY"),
)


class Gate:
    """ASGI middleware: lets educators in, and keeps bodies within their limits."""

    def __init__(self, app: ASGIApp, doorkeeper: Doorkeeper, max_upload: int) -> None:
        """Wrap the educators' application.

        Args:
            app: what is behind the gate.
            doorkeeper: who is an educator.
            max_upload: bytes of one upload request.
        """
        self._app, self._doorkeeper, self._max_upload = app, doorkeeper, max_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        asking, limit = HTTPConnection(scope), self._limit(scope["path"])
        refused = _refuse(asking, limit) or await self._stop(asking)
        if refused:
            await refused(scope, receive, send)
            return
        is_upload = scope["path"].rstrip("/") == _UPLOAD
        body: Receive = Body(receive, limit, is_upload)
        if scope["path"].startswith(_API) and scope["method"] == "POST" and not is_upload:
            try:
                body = Again(await checked(asking.scope, body), body)
            except ClientDisconnect:
                return
            except HTTPException as error:
                await _say(error.status_code, error.detail)(scope, receive, send)
                return
        await self._app(scope, body, send)

    async def _stop(self, asking: HTTPConnection) -> Response | None:
        """Refuse whoever is no educator; leave the name of who is one in the scope."""
        path = asking.scope["path"]
        if path in _OPEN:
            return None
        try:
            who = await run_in_threadpool(self._doorkeeper.find_educator, asking)
        except OctTutorError as error:
            return _say(503, str(error))
        if who is not None:
            asking.scope[EDUCATOR] = who.name
            return RedirectResponse("educator/", 303) if path == UNDER else None
        if path in (UNDER, f"{UNDER}/") and asking.scope["method"] in ("GET", "HEAD"):
            where = "educator/sign-in" if path == UNDER else "sign-in"
            return RedirectResponse(where, 303, {"cache-control": "no-store"})
        return _say(401, EDUCATORS["not_allowed"])

    def _limit(self, path: str) -> int:
        if path in _OPEN:
            return MAX_SIGN_IN_BYTES
        return self._max_upload if path.rstrip("/") == _UPLOAD else MAX_REQUEST_BYTES


class Body:
    """A request's body, counted while it streams; what goes wrong removes what was written."""

    def __init__(self, receive: Receive, limit: int, is_upload: bool) -> None:
        self._receive, self._limit, self._is_upload = receive, limit, is_upload
        self._seen, self._complete = 0, False

    async def __call__(self) -> Message:
        """Receive the next part."""
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._limit:
            raise self._fault(413, _too_large(self._limit))
        if message["type"] == "http.request":
            self._complete = not message.get("more_body", False)
        elif self._is_upload and not self._complete:
            raise self._fault(400, EDUCATORS["interrupted"])
        return message

    def _fault(self, status: int, text: str) -> Exception:
        # Gradio's parser removes its temporary files at this error, and at no other
        return MultiPartException(text) if self._is_upload else HTTPException(status, text)


class Again:
    """A body that was read, once more, and then what comes after it."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        """Receive the next part."""
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


async def checked(scope: Scope, receive: Receive) -> bytes:
    """Read an event, and refuse one whose file is a web address: Gradio would fetch it.

    One with a number that no function of the page has is refused too.

    Raises:
        HTTPException: it is refused.
    """
    body = await Request(scope, receive).body()
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, EDUCATORS["no_event"]) from error
    if _names_an_address(sent):
        raise HTTPException(403, EDUCATORS["address"])
    if not _names_a_function(sent, scope.get("app")):
        raise HTTPException(404, FAULTS["no_function"])
    return body


def _names_a_function(sent: Any, app: Any) -> bool:
    """Whether an event's function, where it has a number, is one of the page's."""
    number = sent.get("fn_index") if isinstance(sent, dict) else None
    blocks = getattr(app, "blocks", None)
    return blocks is None or number is None or (type(number) is int and number in blocks.fns)


def _names_an_address(sent: Any) -> bool:
    left = [sent]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if "://" in str(value.get("path", "")):
                return True
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
    return False


def _refuse(asking: HTTPConnection, limit: int) -> Response | None:
    if is_foreign(asking):
        return _say(403, EDUCATORS["foreign"])
    if any(part in asking.scope["path"] for part in _CLOSED):
        return Response(status_code=403)
    length = asking.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or int(length) > limit:
        return _say(413, _too_large(limit))
    return None


def _too_large(limit: int) -> str:
    return EDUCATORS["too_large"].format(limit=f"{limit:,}")


def _say(status: int, text: str) -> Response:
    return JSONResponse({"detail": text}, status)


def _with_headers(send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
        await send(message)

    return sender
