"""The only file that knows every concrete part."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from octtutor.datasets.images import ImageFolder
from octtutor.model.predictor import ModelPredictor
from octtutor.model.registry import find_model
from octtutor.settings import Settings
from octtutor.store.contract import Store
from octtutor.store.engines import open_engine
from octtutor.store.migrate import upgrade
from octtutor.store.sql import SqlStore
from octtutor.tutor.importing import EMBEDDED, Imported, import_scans
from octtutor.tutor.practice import Practice

if TYPE_CHECKING:
    import gradio as gr

_log = logging.getLogger(__name__)
EMBEDDED_TITLE = "Embedded deck"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Rooms:
    """The concrete parts, opened."""

    settings: Settings
    store: Store
    images: ImageFolder
    predictor: ModelPredictor


def read_settings(database_url: str | None = None) -> Settings:
    """Read the settings from the process's environment; an address given here wins."""
    settings = Settings.from_env(os.environ)
    return replace(settings, database_url=database_url) if database_url else settings


def open_store(settings: Settings) -> Store:
    """Open the records, migrated to this version (see `upgrade` for what it raises)."""
    settings.make_home()
    engine = open_engine(settings.database_url)
    upgrade(engine)
    return SqlStore(engine)


def open_rooms(settings: Settings) -> Rooms:
    """Open records, scans and the model in use (which is not loaded yet)."""
    folder = find_model(settings.model, settings.model_folders)
    store = open_store(settings)
    predictor = ModelPredictor(folder, settings.predictions)
    return Rooms(settings, store, ImageFolder(settings.images), predictor)


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


def import_into(
    rooms: Rooms, path: Path, name: str | None, title: str | None, progress: Progress | None
) -> Imported:
    """Import scans as a deck (see `import_scans`)."""
    return import_scans(rooms.store, rooms.images, path, now, name, title, progress)


def add_embedded_deck(rooms: Rooms) -> None:
    """Bring the 60 synthetic scans that ship with the program into the records."""
    deck = Path(__file__).parent / "phantom" / "deck"
    import_into(rooms, deck, EMBEDDED, EMBEDDED_TITLE, None)


def build(rooms: Rooms) -> "gr.Blocks":
    """Compose the page over the rooms."""
    from octtutor.ui.page import build_page
    from octtutor.ui.practise import PractiseHandlers

    practice = Practice(rooms.store, rooms.images, rooms.predictor, now)
    return build_page(PractiseHandlers(practice, rooms.predictor))


def serve(
    settings: Settings, host: str, port: int, share: bool, say: Callable[[str], None]
) -> None:
    """Open everything, start the page, and go on until it is stopped.

    Args:
        settings: where things are.
        host: the address to listen on.
        port: likewise.
        share: also make a public link.
        say: told the address once the page is up.
    """
    _keep_gradio_home(settings)
    from octtutor.ui.serving import check_port, serve_page

    check_port(host, port)
    rooms = open_rooms(settings)
    add_embedded_deck(rooms)
    page = build(rooms)
    rooms.predictor.start()
    try:
        address = serve_page(page, host, port, share, block=False)
        say(f"OCT Tutor is ready: {address}  (stop with Ctrl-C)")
        page.block_thread()
    finally:
        rooms.store.close()


def _keep_gradio_home(settings: Settings) -> None:
    # before Gradio is imported: it reads these then
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("GRADIO_TEMP_DIR", str(settings.home / "gradio"))
