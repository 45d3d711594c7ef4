"""The educators' page: a second page under `/educator`, for those who signed in."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from markupsafe import Markup
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Mount

from octtutor.core.educator import Educator
from octtutor.reports.markup import library
from octtutor.ui.client.client_files import ClientFiles
from octtutor.ui.doors.content_policy import ContentPolicy
from octtutor.ui.doors.doorkeeper import Doorkeeper
from octtutor.ui.doors.gate import EDUCATOR, UNDER, Gate
from octtutor.ui.doors.server_errors import ServerErrors
from octtutor.ui.doors.signin import SignInPage
from octtutor.ui.shared.educator_messages import or_educator_message
from octtutor.ui.shared.texts import EDUCATORS, TITLE
from octtutor.ui.theme import look

_HTML = library(__file__, "educator_page.html.j2")
Tab = Callable[[gr.Blocks], None]
"""Lays out one `gr.Tab` inside the page and connects it."""
_KEPT = 24 * 3600
"""Seconds that an upload is kept which nobody imports."""
_SIGNED_OUT = (
    "(plain => { window.fetch = async (...what) => { const answer = await plain(...what);"
    " if (answer.status === 401) location.reload(); return answer; }; })(window.fetch);"
)
"""Whoever's sign-in ends while the page is open comes to the sign-in page."""


def build_educator_page(doorkeeper: Doorkeeper, tabs: Sequence[Tab]) -> gr.Blocks:
    """Compose the educators' page: who is signed in, and the tabs.

    Args:
        doorkeeper: who is an educator.
        tabs: each called inside the page's `gr.Tabs`, in this order.
    """

    def greet(request: gr.Request) -> str:
        return _header(or_educator_message(lambda: doorkeeper.require_educator(request)))

    with gr.Blocks(
        title=EDUCATORS["title"],
        analytics_enabled=False,
        delete_cache=(3600, _KEPT),
        fill_width=True,
    ) as page:
        header = gr.HTML(_header(None), apply_default_css=False)
        with gr.Tabs(elem_id="educator-tabs", overflow_behavior="wrap"):
            for build_tab in tabs:
                build_tab(page)
        page.load(greet, None, header, show_progress="hidden", api_visibility="private")
    page.queue(max_size=64)
    return page  # type: ignore[no-any-return]


def build_educator_app(
    page: gr.Blocks, doorkeeper: Doorkeeper, uploads: Path, max_upload: int
) -> FastAPI:
    """Put the page, its sign-in and the gate before them together.

    Args:
        page: what `build_educator_page` returned.
        doorkeeper: who is let in.
        uploads: where uploaded files lie until they are imported; inside GRADIO_TEMP_DIR.
        max_upload: bytes of one upload.

    Returns:
        An application for all paths from `/educator` on; `serve_page` takes it.
    """
    gate = Middleware(Gate, doorkeeper=doorkeeper, max_upload=max_upload)
    policy = Middleware(ContentPolicy, ancestors="'none'", inline=(_SIGNED_OUT,))
    client = Middleware(ClientFiles, under=UNDER)  # behind the gate
    guards = [Middleware(ServerErrors), gate, client, policy]
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, middleware=guards)
    app.router.routes.extend(SignInPage(doorkeeper).routes(UNDER))
    page.state_session_capacity = 100
    gr.mount_gradio_app(
        app,
        page,
        UNDER,
        auth_dependency=_let_in_by_the_gate,
        root_path=_public_root(),
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=max_upload,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        head=f"<script>{_SIGNED_OUT}</script>",
        **look(),
    )
    _use_folder(app, uploads)
    return app


def _let_in_by_the_gate(request: Request) -> str | None:
    who: str | None = request.scope.get(EDUCATOR)
    return who


def _public_root() -> str | None:
    root = os.environ.get("GRADIO_ROOT_PATH", "").rstrip("/")
    return f"{root}{UNDER}" if root else None


def _use_folder(app: FastAPI, uploads: Path) -> None:
    """Keep this page's uploads apart; forget those that a server left which was killed."""
    uploads.mkdir(parents=True, exist_ok=True)
    for path in uploads.rglob("*"):
        if path.is_file() and path.stat().st_mtime < time.time() - _KEPT:
            path.unlink(missing_ok=True)
    mounted = next(route for route in app.routes if isinstance(route, Mount))
    mounted.app.uploaded_file_dir = str(uploads)  # type: ignore[attr-defined]


def _header(educator: Educator | None) -> str:
    """Return the header; before the page has asked who it is for, without a name."""
    who = local = ""
    if educator and educator.has_account:
        who = EDUCATORS["signed_in"].format(name=educator.name)
    elif educator:
        local = EDUCATORS["at_the_machine"]
    return Markup(_HTML.header(TITLE, EDUCATORS, who, local))
