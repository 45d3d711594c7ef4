"""One shape of errors, and the route that gives every error it."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from octtutor.errors import (
    BadInputError,
    ModelError,
    OctTutorError,
    StaleError,
    StoreError,
    TooManyGuessesError,
)
from octtutor.ui.doors.doorkeeper import is_foreign
from octtutor.ui.routes.desk_models import FaultReply, RouteFault
from octtutor.ui.routes.texts import ROUTES
from octtutor.ui.shared.texts import EDUCATORS

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
NO_STORE = {"cache-control": "no-store"}
_FAULTS: tuple[tuple[type[OctTutorError], int, str], ...] = (
    (TooManyGuessesError, 429, "too_many"),
    (StaleError, 409, "stale"),
    (StoreError, 404, "missing"),
    (ModelError, 503, "model"),
    (BadInputError, 400, "bad_input"),
    (OctTutorError, 503, "records"),
)
"""The first that fits holds."""


class NoTraineeError(BadInputError):
    """Nobody says who asks."""


class FaultRoute(APIRoute):
    """A route that refuses other sites' pages, and answers every error in one shape."""

    def get_route_handler(self) -> Handler:
        """Wrap what FastAPI makes of the endpoint."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            if is_foreign(request):
                return fault(403, "foreign", EDUCATORS["foreign"])
            try:
                return await handle(request)
            except RequestValidationError as error:
                return fault(400, "bad_input", _said(error))
            except NoTraineeError as error:
                return fault(401, "no_trainee", str(error))
            except OctTutorError as error:
                status, code = _kind(error)
                return fault(status, code, str(error))
            except HTTPException as error:
                return fault(error.status_code, "bad_input", str(error.detail))

        return answer


def fault(status: int, code: Any, message: str) -> Response:
    """Return an error as these routes answer it."""
    reply = FaultReply(error=RouteFault(code=code, message=message))
    return JSONResponse(reply.model_dump(), status, NO_STORE)


def _kind(error: OctTutorError) -> tuple[int, str]:
    return next((status, code) for kind, status, code in _FAULTS if isinstance(error, kind))


def _said(error: RequestValidationError) -> str:
    """Say the first thing that is wrong, where it is and what came, in one line."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    came = str(first.get("input"))[:40]
    return ROUTES["bad_request"].format(place=place or "body", what=first["msg"], came=came)
