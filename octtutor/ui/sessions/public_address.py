"""The address of the trainees' page as an educator's browser reaches it, from what it sent."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import gradio as gr
from starlette.requests import HTTPConnection

from octtutor.ui.doors.gate import UNDER

_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
_PATH = re.compile(r"[A-Za-z0-9._~%/-]*")


def trainees_address(request: gr.Request) -> str:
    """Return the address of the trainees' page as the educator's browser reaches it."""
    asking = request.request
    if not isinstance(asking, HTTPConnection):
        return ""
    return public_address(asking.headers, asking.url.scheme)


def public_address(headers: Mapping[str, str], scheme: str) -> str:
    """Return the address of the trainees' page, one above the educators'.

    Args:
        headers: of a request that the educators' page sent.
        scheme: in which it arrived; a proxy before the server may have got another.

    Returns:
        It ends in `/`; empty where the headers name no host that could be one.
    """
    host = _first(headers.get("x-forwarded-host")) or headers.get("host", "")
    scheme = _first(headers.get("x-forwarded-proto")) or scheme
    if not _HOST.fullmatch(host) or scheme not in ("http", "https"):
        return ""
    return _from_referer(headers, host) or f"{scheme}://{host}/"


def _from_referer(headers: Mapping[str, str], host: str) -> str:
    """Return the address that the browser itself knows the page by, a proxy's path and all."""
    try:
        page = urlsplit(headers.get("referer", ""))
    except ValueError:
        return ""
    above, found, _ = page.path.rpartition(UNDER)
    ours = page.netloc in (host, headers.get("host")) and page.scheme in ("http", "https")
    if not (ours and found and _PATH.fullmatch(above)):
        return ""
    return f"{page.scheme}://{page.netloc}{above}/"


def _first(header: str | None) -> str:
    return (header or "").split(",")[0].strip()
