"""The policy of a page, and the nonce of its scripts."""

import re

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from octtutor.ui.doors.content_policy import ContentPolicy

PAGE = "<script>one()</script><p>scripts</p><script type=module src=x></script><scripture>"


def client(**policy) -> TestClient:
    routes = [
        Route("/", lambda request: HTMLResponse(PAGE)),
        Route(
            "/parts",
            lambda request: StreamingResponse(iter([PAGE[:3], PAGE[3:]]), media_type="text/html"),
        ),
        Route("/data", lambda request: JSONResponse({"text": PAGE})),
        Route(
            "/own",
            lambda request: HTMLResponse(PAGE, headers={"content-security-policy": "default-src"}),
        ),
    ]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(ContentPolicy, **policy)]))


def nonce_of(answer) -> str:
    return re.search(r"'nonce-([\w-]+)'", answer.headers["content-security-policy"])[1]


def test_each_script_of_a_page_has_the_nonce_of_this_answer_alone():
    asking = client()
    for path in ("/", "/parts"):
        first, second = asking.get(path), asking.get(path)
        assert nonce_of(first) != nonce_of(second)
        nonce = nonce_of(first)
        assert first.text == PAGE.replace("<script>", f'<script nonce="{nonce}">').replace(
            "<script type", f'<script nonce="{nonce}" type'
        )
        assert first.headers["content-length"] == str(len(first.content))


def test_what_is_no_page_or_has_a_policy_goes_through_as_it_is():
    asking = client()
    assert asking.get("/data").json() == {"text": PAGE}
    assert "content-security-policy" not in asking.get("/data").headers
    own = asking.get("/own")
    assert (own.text, own.headers["content-security-policy"]) == (PAGE, "default-src")


def test_other_sites_may_frame_a_page_only_where_that_is_said():
    assert "frame-ancestors 'self'" in client().get("/").headers["content-security-policy"]
    told = client(ancestors="'self' https://teaching.example", inline=["one()"]).get("/")
    policy = told.headers["content-security-policy"]
    assert policy.endswith("frame-ancestors 'self' https://teaching.example")
    assert "'sha256-" in policy
    assert "{" not in policy
