"""Who is asking: an educator who signed in, the person at the machine, or nobody."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import gradio as gr
from starlette.requests import HTTPConnection

from octtutor.core.educator import Educator
from octtutor.errors import NotAllowedError
from octtutor.tutor.accounts import Educators
from octtutor.ui.shared.texts import EDUCATORS

COOKIE = "octtutor_educator"
RequireEducator = Callable[[gr.Request], Educator]
"""Handlers of the educators' page call it first; see `Doorkeeper.require_educator`."""
_FORWARDED = ("forwarded", "via", "x-real-ip", "cf-connecting-ip", "true-client-ip")


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """Tells educators from everybody else, against the records, at every request."""

    educators: Educators
    local: bool
    """Whether the page is served on loopback only, see `is_local`."""

    def find_educator(self, asking: HTTPConnection) -> Educator | None:
        """Return the educator who sent this request, None when it was somebody else."""
        known = self.educators.whoami(asking.cookies.get(COOKIE))
        if known is None and self.local and _came_from_this_machine(asking):
            return self.educators.person_at_the_machine()
        return known

    def require_educator(self, request: gr.Request) -> Educator:
        """Return the educator who sent an event; every handler calls this before all else.

        Args:
            request: what Gradio passes to a handler that has a parameter of this type.

        Raises:
            NotAllowedError: it was not sent by an educator.
        """
        sent = request.request
        found = self.find_educator(sent) if isinstance(sent, HTTPConnection) else None
        if found is None:
            raise NotAllowedError(EDUCATORS["not_allowed"])
        return found


def is_local(host: str, share: bool) -> bool:
    """Whether a page is served to this machine only.

    Args:
        host: the address the server listens on.
        share: whether there is a public link too.
    """
    return not share and _is_loopback(host.strip("[]"))


def is_foreign(asking: HTTPConnection) -> bool:
    """Whether a browser sent this request for another site's page.

    Browsers send `Origin` with all that changes something and all that another origin could
    read; `SameSite` cookies do not tell the ports of a machine apart.
    """
    origin = asking.headers.get("origin")
    if origin is None:
        return False
    site = asking.headers.get("sec-fetch-site")
    if site is not None:
        return site != "same-origin"
    ours = (asking.headers.get("host"), asking.headers.get("x-forwarded-host"))
    return urlsplit(origin).netloc not in ours


def _came_from_this_machine(asking: HTTPConnection) -> bool:
    """Whether nobody stands between: no proxy, and no foreign name that points here."""
    names = asking.headers.keys()
    if any(name in _FORWARDED or name.startswith("x-forwarded") for name in names):
        return False
    called = urlsplit("//" + asking.headers.get("host", "")).hostname or ""
    sender = asking.client.host if asking.client else ""
    return _is_loopback(sender) and _is_loopback(called)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
