"""The client's files: read once, served under an address that holds their version."""

import gzip
import hashlib
import json
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from octtutor.ui.client.texts import CLIENT

ROOT = Path(__file__).parent
_BUILT_FROM = "vendor/konva.js"
_TYPES = {".js": "text/javascript"}
_KEPT = "private, max-age=31536000, immutable"
_ASKED_AGAIN = "no-cache"


@lru_cache(maxsize=1)
def client_files() -> dict[str, bytes]:
    """Return the client's modules, compressed, by their path below this folder."""
    found = {
        path.relative_to(ROOT).as_posix(): path
        for path in sorted(ROOT.rglob("*.js"))
        if "node_modules" not in path.parts
    }
    del found[_BUILT_FROM]
    return {name: gzip.compress(path.read_bytes(), 9, mtime=0) for name, path in found.items()}


@lru_cache(maxsize=1)
def client_version() -> str:
    """Return the version of all modules together: another one where a byte has changed."""
    digest = hashlib.sha256()
    for name, data in client_files().items():
        digest.update(f"{name} {len(data)} ".encode() + data)
    return digest.hexdigest()[:12]


def client_address(module: str) -> str:
    """Return where the page finds a module, below the page's own address.

    Raises:
        KeyError: there is no such module.
    """
    client_files()[module]
    return f"client/{client_version()}/{module}"


def client_script(module: str) -> str:
    """Return the script of a component that lets a module's `start` fill it.

    `start` is given the component as Gradio gives it to its script: `element`, `props`,
    `trigger` and `watch`. Until it has run nothing of the component is seen: nobody presses what
    does not answer yet.
    """
    address, lost = json.dumps(client_address(module)), json.dumps(CLIENT["lost"])
    return (
        'element.style.visibility = "hidden";'
        f"import(new URL({address}, document.baseURI).href)"
        '.then((module) => { element.style.visibility = "";'
        " module.start({ element, props, trigger, watch }); })"
        '.catch((error) => { element.style.visibility = "";'
        f" console.error(error); element.append({lost}); }});"
    )


class ClientFiles:
    """ASGI middleware: serves the client's modules below a page, and passes on all else."""

    def __init__(self, app: ASGIApp, under: str = "") -> None:
        """Wrap an application.

        Args:
            app: the application.
            under: the page's path, such as `/educator`; empty for the page at the root.
        """
        self._app, self._under = app, f"{under}/client/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on what is asked of others."""
        is_ours = scope["type"] == "http" and scope["path"].startswith(self._under)
        if not is_ours or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        version, _, name = scope["path"].removeprefix(self._under).partition("/")
        answer = _answer(Request(scope), version, name)
        await answer(scope, receive, send)


def _answer(request: Request, version: str, name: str) -> Response:
    data = client_files().get(name)
    if data is None:
        return Response(status_code=404)
    # a page of another version, left open over an update, gets what there is
    headers = {
        "cache-control": _KEPT if version == client_version() else _ASKED_AGAIN,
        "vary": "accept-encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
    else:
        data = gzip.decompress(data)
    return Response(data, media_type=_TYPES[Path(name).suffix], headers=headers)
