"""How a session stands, as pages ask it: a word over plain HTTP, and nothing else."""

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse

from octtutor.core.session import SessionDisplay
from octtutor.errors import StoreError
from octtutor.ui.doors.standing import ASK, PATH, SessionStanding

DISPLAY = str(SessionDisplay(discussed=3, may_see=True))


def standing(attempt: str) -> str:
    if attempt != "known":
        raise StoreError("There is none.")
    return DISPLAY


def ask(address: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(SessionStanding(PlainTextResponse("the page"), standing))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get(address)

    return asyncio.run(asked())


def test_the_word_is_told_to_who_knows_the_attempt_and_kept_nowhere():
    answer = ask(f"/{PATH}?attempt=known")
    assert (answer.status_code, answer.text) == (200, DISPLAY)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("query", ["", "?", "?attempt=", "?attempt=guessed", "?attempt=%00%ff"])
def test_strangers_are_told_nothing(query: str):
    answer = ask(f"/{PATH}{query}")
    assert (answer.status_code, answer.text) == (404, "")


def test_everything_else_is_the_pages():
    assert ask("/").text == "the page"
    assert ask(f"/{PATH}/more").text == "the page"


def test_the_page_asks_there():
    assert f"{PATH}?attempt=" in ASK
