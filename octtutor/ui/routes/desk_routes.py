"""The desk's plain routes: JSON in, JSON out, pictures at addresses of their own."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Request
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import BaseRoute

from octtutor.ui.routes.desk_models import (
    AttemptRequest,
    CaseRequest,
    ChangeRequest,
    CommitRequest,
    DecideRequest,
    ReviewRequest,
    Screen,
    StartRequest,
)
from octtutor.ui.routes.desk_service import AnyScreen, DeskService
from octtutor.ui.routes.faults import NO_STORE, FaultRoute, NoTraineeError, fault
from octtutor.ui.routes.picture_tokens import Pictures
from octtutor.ui.routes.texts import ROUTES

TRAINEE = "X-Octtutor-Trainee"
"""The header that says who asks."""
KEEP = "private, max-age=3600, immutable"
_AT_MOST, _EVERY = 20.0, 0.25
"""Seconds that `state` waits for the model, and between two looks."""
_SCREEN: TypeAdapter[AnyScreen] = TypeAdapter(Screen)


def _who(trainee: Annotated[str | None, Header(alias=TRAINEE, max_length=64)] = None) -> str:
    if not trainee:
        raise NoTraineeError(ROUTES["no_trainee"])
    return trainee


Endpoint = Callable[..., Any]
Who = Annotated[str, Depends(_who)]
Named = Annotated[str | None, Header(alias=TRAINEE, max_length=64)]


class DeskRoutes:
    """The endpoints: each takes what was sent, and answers with a screen."""

    def __init__(self, desk: DeskService, pictures: Pictures) -> None:
        """Take what the routes do, and the pictures that were given addresses."""
        self._desk, self._pictures = desk, pictures

    def routes(self) -> list[BaseRoute]:
        """Return the routes below `/desk`, for an application's `routes`."""
        router = APIRouter(prefix="/desk", route_class=FaultRoute)
        posts: dict[str, Endpoint] = {
            "/start": self.start,
            "/commit": self.commit,
            "/change": self.change,
            "/decide": self.decide,
            "/next": self.go_on,
            "/end": self.end,
            "/review": self.review,
        }
        gets: dict[str, Endpoint] = {
            "/state": self.state,
            "/results": self.results,
            "/session": self.session,
            "/picture/{token}": self.picture,
        }
        for method, endpoints in (("POST", posts), ("GET", gets)):
            for path, endpoint in endpoints.items():
                router.add_api_route(path, endpoint, methods=[method], response_model=None)
        return list(router.routes)

    def start(
        self, request: Request, sent: Annotated[StartRequest, Body()], who: Named = None
    ) -> Response:
        """Begin, and show the first case."""
        address = request.client.host if request.client else ""
        return _json(self._desk.start(who, sent, address))

    def commit(self, sent: CommitRequest, who: Who) -> Response:
        """Record an answer."""
        return _json(self._desk.commit(who, sent))

    def change(self, sent: ChangeRequest, who: Who) -> Response:
        """Change an answer that was kept."""
        return _json(self._desk.change(who, sent))

    def decide(self, sent: DecideRequest, who: Who) -> Response:
        """Record the answer of the second look."""
        return _json(self._desk.decide(who, sent))

    def go_on(self, sent: CaseRequest, who: Who) -> Response:
        """Go on to the next case."""
        return _json(self._desk.next(who, sent.attempt, sent.position))

    def end(self, sent: AttemptRequest, who: Who) -> Response:
        """End the quiz early."""
        return _json(self._desk.end(who, sent.attempt))

    def review(self, sent: ReviewRequest, who: Who) -> Response:
        """Look at a case of an ended quiz again."""
        return _json(self._desk.review(who, sent.attempt, sent.position))

    async def state(self, who: Who) -> Response:
        """Show where the trainee is; holds no thread while the model loads."""
        for _ in range(round(_AT_MOST / _EVERY)):
            if not await run_in_threadpool(self._desk.waits, who):
                break
            await asyncio.sleep(_EVERY)
        return _json(await run_in_threadpool(self._desk.state, who))

    def results(self, who: Who) -> Response:
        """Show the results of the last quiz again."""
        return _json(self._desk.results(who))

    def session(self, who: Who) -> Response:
        """Say how the trainee's session stands."""
        reply = self._desk.session(who).model_dump_json()
        return Response(reply, 200, NO_STORE, "application/json")

    def picture(self, token: str) -> Response:
        """Send a picture."""
        found = self._pictures.find(token)
        if found is None:
            return fault(404, "missing", ROUTES["no_picture"])
        return Response(found.data, 200, {"cache-control": KEEP}, found.media_type)


def _json(screen: AnyScreen) -> Response:
    return Response(_SCREEN.dump_json(screen), 200, NO_STORE, "application/json")
