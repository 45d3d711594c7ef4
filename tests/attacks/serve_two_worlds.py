"""Serves the pages of two worlds in one process: HOME_A PORT_A HOME_B PORT_B.

The worlds have the same scans under other labels. It prints what there is to call: the routes of
both applications and the paths that middleware answers, as one line of JSON.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from starlette.routing import Mount

from octtutor.settings import Settings
from octtutor.wiring import (
    build,
    build_educators,
    open_archive,
    open_desk_routes,
    open_sessions,
    prepare_environment,
    readers_uploads,
)
from tests.attacks.worlds import shelf_of


def serve(home: str, port: int) -> tuple[Any, list[dict[str, Any]]]:
    """Start a world's pages; return the page and its routes."""
    settings = Settings.from_env({"OCTTUTOR_HOME": home})
    prepare_environment(settings)
    from gradio.context import Context

    from octtutor.ui.serving import serve_page

    Context.id = 0  # it numbers components through a process: the same numbers in both worlds
    archive, shelf = open_archive(settings), shelf_of(Path(home))
    page = build(archive, shelf, settings)
    # as with a public link: nobody is an educator without signing in
    educators = build_educators(archive, shelf, settings, "127.0.0.1", share=True)
    standing = open_sessions(archive, shelf, settings).standing
    uploads, plain = readers_uploads(), open_desk_routes(archive, shelf, settings)
    serve_page(page, educators, uploads, standing, "127.0.0.1", port, False, routes=plain)
    found = [*routes(page.app.routes), *routes(educators.routes, "/educator")]
    return page, [*found, *answered_by_middleware(page.app)]


def routes(of: Iterable[Any], under: str = "") -> Iterator[dict[str, Any]]:
    """Return path and methods of each route, of mounted applications too."""
    for route in of:
        path = under + getattr(route, "path", "")
        if isinstance(route, Mount):
            yield from routes(route.routes or (), path)
        else:
            yield {"path": path, "methods": sorted(getattr(route, "methods", None) or ["GET"])}


def answered_by_middleware(app: Any) -> Iterator[dict[str, Any]]:
    """Return the paths that middleware answers itself."""
    for each in app.user_middleware:
        path = getattr(sys.modules[each.cls.__module__], "PATH", None)
        if path:
            yield {"path": f"/{path}", "methods": ["GET"]}


def main(home_a: str, port_a: str, home_b: str, port_b: str) -> None:
    """Serve until the process is ended."""
    page, found = serve(home_a, int(port_a))
    serve(home_b, int(port_b))
    print(json.dumps(found), flush=True)
    page.block_thread()


if __name__ == "__main__":
    main(*sys.argv[1:])
