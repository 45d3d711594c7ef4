"""How a trainee's session stands: asked every few seconds by every page in it, so kept cheap.

An event of Gradio takes 55 ms (median of an idle server), a plain request 8. Sixty pages
that send an event every three seconds leave little for answers.
"""

from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from octtutor.errors import OctTutorError

PATH = "session-standing"
AT_LEAST = 30
"""Seconds after which a page looks whatever it was told, should it have missed something."""
ASK = f"""async () => {{
  const desk = document.querySelector("#desk .desk");
  const look = document.querySelector("#session-poll");
  if (document.hidden || !look || !desk || !desk.dataset.attempt) return;
  const attempt = desk.dataset.attempt;
  try {{
    const answer = await fetch(`{PATH}?attempt=${{encodeURIComponent(attempt)}}`);
    const now = answer.ok ? `${{attempt}} ${{await answer.text()}}` : "";
    const isOld = Date.now() - Number(desk.dataset.looked || 0) > {1000 * AT_LEAST};
    if (!now || (now === desk.dataset.standing && !isOld)) return;
    desk.dataset.standing = now;
    desk.dataset.looked = Date.now();
    look.click();
  }} catch (e) {{ /* the server is away: the next tick asks again */ }}
}}"""
"""What the page's timer runs: it sends an event only when there is something to show."""


class SessionStanding:
    """ASGI middleware: answers how the session of an attempt stands, in a word."""

    def __init__(self, app: ASGIApp, standing: Callable[[str], str]) -> None:
        """Wrap an application; `standing` is `Sessions.standing`."""
        self._app, self._standing = app, standing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on what is asked of others."""
        if scope["type"] != "http" or scope["path"] != f"/{PATH}":
            await self._app(scope, receive, send)
            return
        asked = parse_qs(scope["query_string"].decode("latin-1")[:200])
        answer = await self._answer(asked.get("attempt", [""])[0])
        await answer(scope, receive, send)

    async def _answer(self, attempt: str) -> PlainTextResponse:
        try:
            word = await run_in_threadpool(self._standing, attempt)
        except OctTutorError:
            return PlainTextResponse("", 404)
        return PlainTextResponse(word, headers={"cache-control": "no-store"})
