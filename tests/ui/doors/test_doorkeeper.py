"""Which addresses are this machine, and which requests another site's."""

import pytest
from starlette.requests import HTTPConnection

from octtutor.core.educator import AT_THE_MACHINE
from octtutor.testing import MemoryStore
from octtutor.tutor.accounts import Educators
from octtutor.ui.doors.doorkeeper import Doorkeeper, is_foreign, is_local


def asking(client: tuple[str, int] | None = ("127.0.0.1", 5), **headers: str) -> HTTPConnection:
    headers = {"host": "127.0.0.1:7860", **headers}
    raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return HTTPConnection({"type": "http", "headers": raw, "client": client})


@pytest.mark.parametrize(
    ("host", "share", "local"),
    [
        ("127.0.0.1", False, True),
        ("127.0.0.2", False, True),
        ("localhost", False, True),
        ("::1", False, True),
        ("[::1]", False, True),
        ("127.0.0.1", True, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("192.168.0.2", False, False),
        ("reading-room.example", False, False),
        ("", False, False),
    ],
)
def test_served_on_loopback_only(host: str, share: bool, local: bool):
    assert is_local(host, share) == local


@pytest.mark.parametrize("name", ["127.0.0.1:7860", "localhost:7860", "localhost", "[::1]:7860"])
def test_the_person_at_the_machine_is_let_in(clock, name: str):
    doorkeeper = Doorkeeper(Educators(MemoryStore(), clock), local=True)
    found = doorkeeper.find_educator(asking(host=name))
    assert found is not None
    assert found.name == AT_THE_MACHINE


@pytest.mark.parametrize(
    "request_",
    [
        asking(("192.0.2.1", 5)),
        asking(None),
        asking(("", 0)),
        asking(host="evil.example"),
        asking(host=""),
        asking(x_forwarded_for="127.0.0.1"),
        asking(x_forwarded_proto="https"),
        asking(forwarded="for=127.0.0.1"),
        asking(cf_connecting_ip="192.0.2.1"),
    ],
)
def test_nobody_else_is(clock, request_: HTTPConnection):
    doorkeeper = Doorkeeper(Educators(MemoryStore(), clock), local=True)
    assert doorkeeper.find_educator(request_) is None


def test_a_server_for_others_lets_nobody_in_without_a_sign_in(clock):
    doorkeeper = Doorkeeper(Educators(MemoryStore(), clock), local=False)
    assert doorkeeper.find_educator(asking()) is None


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),
        ({"origin": "http://127.0.0.1:7860"}, False),
        ({"origin": "https://oct.example", "x_forwarded_host": "oct.example"}, False),
        ({"origin": "https://oct.example", "sec_fetch_site": "same-origin"}, False),
        ({"origin": "http://127.0.0.1:7861"}, True),
        ({"origin": "http://127.0.0.1:7861", "sec_fetch_site": "same-site"}, True),
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"origin": "http://127.0.0.1:7860", "sec_fetch_site": "cross-site"}, True),
    ],
)
def test_another_sites_requests_are_known_by_their_origin(headers: dict, foreign: bool):
    assert is_foreign(asking(**headers)) == foreign
