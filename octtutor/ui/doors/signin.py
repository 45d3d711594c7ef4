"""The sign-in page: plain HTML, made here, without Gradio."""

import math

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from octtutor.errors import NotAllowedError, OctTutorError, TooManyGuessesError
from octtutor.reports.markup import library
from octtutor.tutor.accounts import SESSION
from octtutor.ui.doors.doorkeeper import COOKIE, Doorkeeper
from octtutor.ui.doors.texts import SIGN_IN

_HTML = library(__file__, "signin.html.j2")
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class SignInPage:
    """Shows the form, checks what is sent, and signs out."""

    def __init__(self, doorkeeper: Doorkeeper) -> None:
        """Take the accounts."""
        self._doorkeeper, self._educators = doorkeeper, doorkeeper.educators

    def routes(self, under: str) -> list[Route]:
        """Return the routes below a path such as `/educator`."""
        return [
            Route(f"{under}/sign-in", self.show, methods=["GET"]),
            Route(f"{under}/sign-in", self.sign_in, methods=["POST"]),
            Route(f"{under}/sign-out", self.sign_out, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Answer with the form; who is an educator already is sent on."""
        if await run_in_threadpool(self._doorkeeper.find_educator, request):
            return _go("./")
        return await self._form()

    async def sign_in(self, request: Request) -> Response:
        """Check name and password; set the cookie, or show the form again and say why."""
        async with request.form(max_files=0, max_fields=4) as form:
            name, password = str(form.get("name", "")), str(form.get("password", ""))
        address = request.client.host if request.client else ""
        try:
            token = await run_in_threadpool(self._educators.sign_in, name, password, address)
        except TooManyGuessesError as error:
            wait = {"retry-after": str(math.ceil(error.wait.total_seconds()))}
            return await self._form(429, str(error), name, wait)
        except NotAllowedError as error:
            return await self._form(401, str(error), name)
        except OctTutorError as error:
            return await self._form(503, str(error), name)
        await run_in_threadpool(self._educators.sign_out, request.cookies.get(COOKIE))
        response = _go("./")
        response.set_cookie(
            COOKIE,
            token,
            max_age=int(SESSION.total_seconds()),
            path=None,  # the browser's own: the folder of this page, also behind a prefix
            secure=_is_secure(request),
            httponly=True,
            samesite="strict",
        )
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the sign-in."""
        await run_in_threadpool(self._educators.sign_out, request.cookies.get(COOKIE))
        response = _go("sign-in")
        response.set_cookie(COOKIE, "", max_age=0, path=None, httponly=True, samesite="strict")
        return response

    async def _form(
        self, status: int = 200, fault: str = "", name: str = "", more: dict[str, str] | None = None
    ) -> Response:
        nobody = await run_in_threadpool(self._educators.are_none)
        note = SIGN_IN["none" if nobody else "why"]
        page = _HTML.page(SIGN_IN, note, fault, name[:64])
        headers = {"content-security-policy": POLICY, "cache-control": "no-store", **(more or {})}
        return HTMLResponse(page, status, headers)


def _go(where: str) -> Response:
    return RedirectResponse(where, 303, {"cache-control": "no-store"})


def _is_secure(request: Request) -> bool:
    """Whether the browser speaks https, also when a proxy does not say so: its Origin does."""
    origin = request.headers.get("origin", "")
    return request.url.scheme == "https" or origin.startswith("https://")
