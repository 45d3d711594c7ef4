"""What nobody foresaw: a line in the log, and a number for who asked."""

import logging

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.testclient import TestClient

from octtutor.ui.doors.server_errors import ServerErrors


def fail(request):
    raise KeyError("a secret\nin two lines" * 40)


def test_a_fault_is_one_line_with_the_number_that_is_told(caplog):
    app = Starlette(routes=[Route("/x", fail)], middleware=[Middleware(ServerErrors)])
    with caplog.at_level(logging.INFO):
        answer = TestClient(app, raise_server_exceptions=False).get("/x")
    (line,) = [one.getMessage() for one in caplog.records if one.name == "octtutor.requests"]
    assert answer.status_code == 500
    assert line.split()[0] in answer.json()["detail"]
    assert "KeyError" in line
    assert "fail:" in line
    assert "\n" not in line
    assert len(line) < 500
    assert "secret" not in answer.text
