"""What a request sets off that nobody foresaw: one line in the log, and a number for who asked."""

import logging
import secrets
import traceback

from gradio.route_utils import FnIndexInferError
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from octtutor.ui.shared.texts import FAULTS

_LOG = logging.getLogger("octtutor.requests")


class ServerErrors:
    """ASGI middleware: no traceback reaches a visitor, nor the log for what a visitor sent.

    The line has the request's number, the error, and where it arose. The whole traceback is logged
    at the level DEBUG.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; answer for it if that fails."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return
        except FnIndexInferError:
            if not has_begun:
                await JSONResponse({"detail": FAULTS["no_function"]}, 404)(scope, receive, send)
        except Exception as error:  # whatever it is, it is told in one line
            number = secrets.token_hex(4)
            _tell(number, scope["path"], error)
            if not has_begun:
                said = {"detail": FAULTS["fault"].format(number=number)}
                await JSONResponse(said, 500)(scope, receive, send)


def _tell(number: str, path: str, error: Exception) -> None:
    last = traceback.extract_tb(error.__traceback__)[-1]
    what = " ".join(str(error).split())[:200]
    kind = type(error).__name__
    _LOG.error("%s %r: %s: %s (%s:%s)", number, path[:120], kind, what, last.name, last.lineno)
    _LOG.debug("%s", number, exc_info=error)
