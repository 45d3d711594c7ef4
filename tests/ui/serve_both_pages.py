"""Serves both pages without a network to load: HOME PORT HOST MAX_UPLOAD [share].

`share` is what the educators' door is told; no public link is made.
"""

import os
import sys
from pathlib import Path

from octtutor.settings import Settings
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.wiring import (
    build,
    build_educators,
    now,
    open_archive,
    open_desk_routes,
    open_sessions,
    prepare_environment,
    readers_uploads,
)
from tests.conftest import write_scans
from tests.fakes import ToldPredictor, ToldShelf


def main(home: str, port: str, host: str, max_upload: str, *share: str) -> None:
    """Serve until the process is ended."""
    told = {"OCTTUTOR_HOME": home, "OCTTUTOR_MAX_UPLOAD": max_upload}
    settings = Settings.from_env({**os.environ, **told})
    prepare_environment(settings)
    from octtutor.ui.serving import serve_page

    archive = open_archive(settings)
    import_scans(archive.store, archive.images, write_scans(Path(home) / "scans", 1), now, "first")
    shelf = ToldShelf(ToldPredictor())
    page = build(archive, shelf, settings)
    educators = build_educators(archive, shelf, settings, host, bool(share))
    standing = open_sessions(archive, shelf, settings).standing
    routes = open_desk_routes(archive, shelf, settings)
    serve_page(page, educators, readers_uploads(), standing, host, int(port), False, routes=routes)
    print("ready", flush=True)
    page.block_thread()


main(*sys.argv[1:])
