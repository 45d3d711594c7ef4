"""The only file that knows every concrete part."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from octtutor.datasets.images import ImageFolder
from octtutor.datasets.public.registry import read_registry
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.errors import SettingsError
from octtutor.jobs.evaluating import Evaluations
from octtutor.jobs.fetch_jobs import Fetches
from octtutor.jobs.label_check import KeptLabelChecks
from octtutor.jobs.queue import Jobs
from octtutor.model.serve.engine_choice import EngineChoice
from octtutor.model.serve.library import Model, ServedModel, open_model
from octtutor.model.serve.model_registry import find_model
from octtutor.model.serve.shelf import ModelShelf
from octtutor.model.serve.trained_on import trained_on_by
from octtutor.settings import DEFAULT, Settings
from octtutor.store.contract import Store
from octtutor.store.sql import SqlStore
from octtutor.store.sql.engines import open_engine
from octtutor.store.sql.migrate import upgrade
from octtutor.tutor.accounts import Educators
from octtutor.tutor.annotation.annotating import open_annotating
from octtutor.tutor.annotation.deck_publishing import DeckPublisher
from octtutor.tutor.atlas.atlas import Atlas
from octtutor.tutor.decks.deck_contents import DeckContents
from octtutor.tutor.decks.deck_import import EMBEDDED, Imported, import_scans
from octtutor.tutor.decks.endless import Endless
from octtutor.tutor.decks.public_sets import PublicSets
from octtutor.tutor.decks.training_lists import TrainingScans
from octtutor.tutor.exams.examined import ExaminedScans
from octtutor.tutor.exams.exams import Exams
from octtutor.tutor.exams.quizzes import Quizzes
from octtutor.tutor.practice.practice import Practice
from octtutor.tutor.practice.starting import draw_seed
from octtutor.tutor.progress.trainee_records import Records
from octtutor.tutor.sessions.class_sessions import Sessions

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI
    from starlette.routing import BaseRoute

    from octtutor.ui.desk.handlers import DeskHandlers
    from octtutor.ui.exams.page import ExamsHandlers
    from octtutor.ui.practise.page import PractiseHandlers

EMBEDDED_TITLE = "Embedded deck"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Archive:
    """Records and scans, opened."""

    store: Store
    images: ImageFolder


def read_settings(database_url: str | None = None) -> Settings:
    """Read the settings from the process's environment; an address given here wins."""
    settings = Settings.from_env(os.environ)
    return replace(settings, database_url=database_url) if database_url else settings


def read_port(env: Mapping[str, str]) -> int:
    """Return the port that a Gradio host asks for, 7860 by default.

    Raises:
        SettingsError: it is no port.
    """
    port = env.get("GRADIO_SERVER_PORT") or "7860"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise SettingsError(
            f"Expected a port from 1 to 65535 in GRADIO_SERVER_PORT. Received {port[:40]!r}."
        )
    return int(port)


def find_folder(name: str, settings: Settings) -> Path:
    """Return the folder of a model; `default` is the one in use here (see `find_model`).

    Raises:
        ModelError: there is none.
    """
    return find_model(settings.model if name == DEFAULT else name, settings.model_folders)


def load_model(name: str | os.PathLike[str] = DEFAULT) -> Model:
    """Load a model: the library's way in, `octtutor.load_model`.

    Args:
        name: of a model that `octtutor models list` shows, or the path of a model folder; by
            default the one in use.

    Raises:
        ModelError: there is none, or it is damaged.
    """
    settings = read_settings()
    return open_model(find_folder(os.fspath(name), settings), EngineChoice(settings.engine))


def open_store(settings: Settings) -> Store:
    """Open the records, migrated to this version (see `upgrade` for what it raises)."""
    settings.make_home()
    engine = open_engine(settings.database_url)
    upgrade(engine)
    return SqlStore(engine)


def upgrade_records(settings: Settings) -> tuple[str | None, str]:
    """Bring the records to this version; return the version before, and now (see `upgrade`)."""
    settings.make_home()
    return upgrade(open_engine(settings.database_url))


def open_archive(settings: Settings) -> Archive:
    """Open records and scans."""
    return Archive(open_store(settings), ImageFolder(settings.images))


@contextmanager
def opened_educators(settings: Settings) -> Iterator[Educators]:
    """Open the educators' accounts, and close the records afterwards."""
    store = open_store(settings)
    try:
        yield Educators(store, now)
    finally:
        store.close()


def open_jobs(settings: Settings) -> Jobs:
    """Return the training runs of this data home; nothing is written."""
    return Jobs(settings.jobs, now, {"OCTTUTOR_HOME": str(settings.home)})


def open_evaluations(settings: Settings) -> Evaluations:
    """Return the evaluations of this data home; nothing is written."""
    return Evaluations(settings.home / "evaluations", now, {"OCTTUTOR_HOME": str(settings.home)})


def open_fetches(settings: Settings) -> Fetches:
    """Return the fetches of public sets into this data home; nothing is written."""
    env = {"OCTTUTOR_HOME": str(settings.home), "OCTTUTOR_DATABASE_URL": settings.database_url}
    return Fetches(settings.fetching, now, env)


def open_public_sets(archive: Archive, settings: Settings) -> PublicSets:
    """Return the public sets: those of the registry and of the data home's own."""
    return PublicSets(
        archive.store,
        archive.images,
        lambda: read_registry(own=settings.public_sets),
        settings.fetching,
        now,
    )


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


def import_into(
    archive: Archive,
    path: Path,
    name: str | None,
    title: str | None,
    progress: Progress | None,
    naming: Naming | None = None,
    offered: bool | None = None,
    schemes: Schemes = SHIPPED,
) -> Imported:
    """Import scans as a deck (see `import_scans`)."""
    where = archive.store, archive.images
    return import_scans(*where, path, now, name, title, progress, naming, offered, schemes)


def add_embedded_deck(archive: Archive) -> None:
    """Bring the 100 synthetic scans that ship with the program into the records."""
    deck = Path(__file__).parent / "phantom" / "deck"
    import_into(archive, deck, EMBEDDED, EMBEDDED_TITLE, None)


def open_deck_contents(archive: Archive, settings: Settings) -> DeckContents:
    """Return what is done with the decks of these records."""
    return DeckContents(archive.store, archive.images, now, open_schemes(settings))


def open_quizzes(archive: Archive, settings: Settings) -> Quizzes:
    """Return the quizzes at hand."""
    return Quizzes(archive.store, settings.quiz_folders, open_schemes(settings))


def open_schemes(settings: Settings) -> Schemes:
    """Return the schemes at hand; nothing is written."""
    return Schemes(settings.schemes)


def open_sessions(archive: Archive, shelf: ModelShelf, settings: Settings) -> Sessions:
    """Return the sessions of these records."""
    quizzes = open_quizzes(archive, settings)
    return Sessions(archive.store, archive.images, quizzes, shelf, now)


@dataclass(frozen=True, slots=True)
class _ReadingRoom:
    """What the trainees' page and its plain routes share."""

    practice: Practice
    atlas: Atlas
    desk: "DeskHandlers"
    practise: "PractiseHandlers"
    exams: "ExamsHandlers"


def _open_reading_room(archive: Archive, shelf: ModelShelf, settings: Settings) -> _ReadingRoom:
    from octtutor.ui.desk.handlers import DeskHandlers
    from octtutor.ui.exams.page import ExamsHandlers
    from octtutor.ui.learn.contrast import Contrasts
    from octtutor.ui.practise.page import PractiseHandlers

    store, images, schemes = archive.store, archive.images, open_schemes(settings)
    practice = Practice(store, images, shelf, now, schemes=schemes)
    exams = Exams(store, open_quizzes(archive, settings), shelf, now)
    sessions = open_sessions(archive, shelf, settings)
    atlas = Atlas(store, images, shelf, DeckPublisher(store, images, now).regions_of, schemes)
    desk = DeskHandlers(practice, exams, sessions, Contrasts(atlas))
    endless = Endless(store, images, now)
    return _ReadingRoom(
        practice,
        atlas,
        desk,
        PractiseHandlers(practice, shelf, sessions, desk, endless),
        ExamsHandlers(exams, practice, desk, now),
    )


def open_desk_routes(archive: Archive, shelf: ModelShelf, settings: Settings) -> "list[BaseRoute]":
    """Return the plain routes of the reading desk, for `serve_page`."""
    from octtutor.ui.routes.desk_replies import DeskReplies
    from octtutor.ui.routes.desk_routes import DeskRoutes
    from octtutor.ui.routes.desk_service import DeskService
    from octtutor.ui.routes.picture_tokens import Pictures

    room, pictures = _open_reading_room(archive, shelf, settings), Pictures()
    replies = DeskReplies(pictures, archive.images, room.atlas)
    service = DeskService(room.practice, room.desk, room.practise, room.exams, replies)
    return DeskRoutes(service, pictures).routes()


def build(
    archive: Archive,
    shelf: ModelShelf,
    settings: Settings,
    host: str = "127.0.0.1",
    share: bool = False,
) -> "gr.Blocks":
    """Compose the page; on another host than loopback it fetches no web addresses."""
    from octtutor.ui.api import Service
    from octtutor.ui.doors.doorkeeper import is_local
    from octtutor.ui.learn.guess import GuessHandlers
    from octtutor.ui.learn.handlers import LearnHandlers
    from octtutor.ui.progress.page import ProgressHandlers
    from octtutor.ui.read.intake import Intake
    from octtutor.ui.read.page import ReadHandlers
    from octtutor.ui.trainee_page import Rooms, build_page

    store, images = archive.store, archive.images
    room = _open_reading_room(archive, shelf, settings)
    practice, atlas = room.practice, room.atlas
    schemes = open_schemes(settings)
    served, urls = ServedModel(shelf), is_local(host, share)
    intake = Intake(readers_uploads(), ExaminedScans(store, images, now), urls)
    rooms = Rooms(
        desk=room.desk,
        practise=room.practise,
        learn=LearnHandlers(atlas, practice.is_examined),
        guess=GuessHandlers(store, images, draw_seed, practice.is_examined),
        exams=room.exams,
        progress=ProgressHandlers(
            Records(store, now, schemes=schemes), now, lambda: trained_on_by(settings.model_folders)
        ),
        read=ReadHandlers(served, intake, practice.is_watched, schemes),
        service=Service(served, intake),
    )
    return build_page(rooms, urls)


def readers_uploads() -> Path:
    """Return where scans come in that readers give; after `prepare_environment`."""
    return Path(os.environ["GRADIO_TEMP_DIR"]) / "readers"


def build_educators(
    archive: Archive, shelf: ModelShelf, settings: Settings, host: str, share: bool
) -> "FastAPI":
    """Compose the educators' page and what stands before it; after `prepare_environment`.

    Args:
        archive: records and scans.
        shelf: the models at hand.
        settings: where things are.
        host: the address the server will listen on; on another than loopback nobody is an
            educator without signing in.
        share: whether there will be a public link; likewise.
    """
    from octtutor.ui.annotate.handlers import AnnotateHandlers
    from octtutor.ui.annotate.page import build_annotate_tab
    from octtutor.ui.doors.doorkeeper import Doorkeeper, is_local
    from octtutor.ui.educator_page import build_educator_app, build_educator_page
    from octtutor.ui.evaluate.handlers import EvaluateHandlers
    from octtutor.ui.evaluate.page import build_evaluate_tab
    from octtutor.ui.quizzes.page import QuizzesHandlers, build_quizzes_tab
    from octtutor.ui.quizzes.service_switch import SwitchHandlers, build_service_switch
    from octtutor.ui.scans.page import ScansHandlers, build_scans_tab
    from octtutor.ui.scans.public_sets_page import PublicSetsHandlers
    from octtutor.ui.sessions.handlers import SessionsHandlers
    from octtutor.ui.sessions.page import build_sessions_tab
    from octtutor.ui.train.handlers import TrainHandlers
    from octtutor.ui.train.page import build_train_tab

    doorkeeper = Doorkeeper(Educators(archive.store, now), is_local(host, share))
    require = doorkeeper.require_educator
    uploads = Path(os.environ["GRADIO_TEMP_DIR"]) / "educators"
    store, images, schemes = archive.store, archive.images, open_schemes(settings)
    quizzes = open_quizzes(archive, settings)
    scans = ScansHandlers(open_deck_contents(archive, settings), uploads, quizzes.naming)
    public = PublicSetsHandlers(open_public_sets(archive, settings), open_fetches(settings))
    to_train = TrainingScans(store, images, settings.listings, open_schemes(settings))
    training = TrainHandlers(
        to_train,
        open_jobs(settings),
        settings.model_folders,
        settings.model,
        lambda upload, progress: scans.add(upload, "", "", progress),
    )
    opened = open_sessions(archive, shelf, settings)
    sessions = SessionsHandlers(opened, _session_exports(store, opened, settings))
    quiz_files = QuizzesHandlers(quizzes, images)
    switch = SwitchHandlers(ExaminedScans(store, images, now))
    annotating = open_annotating(
        store, images, shelf, now, label_check=KeptLabelChecks(to_train, settings), schemes=schemes
    )
    publisher = DeckPublisher(store, images, now, schemes)
    annotate = AnnotateHandlers(annotating, publisher, store, images, now, uploads)
    evaluate = EvaluateHandlers(
        open_evaluations(settings),
        store,
        images,
        settings.model_folders,
        settings.listings,
        uploads,
        now,
        doorkeeper.local,
        open_schemes(settings),
        settings.schemes,
    )
    tabs = [
        lambda page: build_sessions_tab(page, sessions, require),
        lambda page: build_quizzes_tab(
            page, quiz_files, require, lambda: build_service_switch(page, switch, require)
        ),
        lambda page: build_annotate_tab(page, annotate, require),
        lambda page: build_scans_tab(page, scans, require, public),
        lambda page: build_train_tab(page, training, require),
        lambda page: build_evaluate_tab(page, evaluate, require),
    ]
    page = build_educator_page(doorkeeper, tabs)
    return build_educator_app(page, doorkeeper, uploads, settings.max_upload)


def _session_exports(
    store: Store, sessions: Sessions, settings: Settings
) -> dict[str, Callable[[str], str]]:
    """Return what writes the files that are offered after a session."""
    from octtutor.reports.session_files import session_files

    def of(kind: str, code: str) -> str:
        gathered = sessions.gather(code)
        trained_on = trained_on_by(settings.model_folders)
        return next(iter(session_files(store, gathered, {kind}, now(), trained_on).values()))

    return {
        "report.html": lambda code: of("html", code),
        "answers.csv": lambda code: of("csv", code),
        "readings.imrmc": lambda code: of("imrmc", code),
        "readings-r.imrmc": lambda code: of("imrmc-r", code),
    }


def serve(
    settings: Settings,
    host: str,
    port: int,
    share: bool,
    say: Callable[[str], None],
    mcp: bool = False,
) -> None:
    """Open everything, start the page, and go on until it is stopped.

    Args:
        settings: where things are.
        host: the address to listen on.
        port: likewise.
        share: also make a public link.
        say: told the address once the page is up.
        mcp: also offer `/predict` and `/explain` as MCP tools.

    Raises:
        SettingsError: something that is needed is missing, or taken.
    """
    if mcp and find_spec("mcp") is None:
        raise SettingsError(
            "Expected the package mcp for --mcp. It is missing. Install it: pip install "
            "'octtutor[mcp]'"
        )
    prepare_environment(settings)
    from octtutor.ui.serving import check_port, give_memory_back, serve_page

    give_memory_back()
    check_port(host, port)
    folders, originals = settings.model_folders, ImageFolder(settings.images).picture
    choice = EngineChoice(settings.engine, makes=True)
    shelf = ModelShelf(folders, settings.predictions, settings.model, 3, originals, choice)
    archive = open_archive(settings)
    try:
        add_embedded_deck(archive)
        page = build(archive, shelf, settings, host, share)
        shelf.current()  # begins to load beside the page
        educators = build_educators(archive, shelf, settings, host, share)
        standing = open_sessions(archive, shelf, settings).standing
        framed, routes = settings.frame_ancestors, open_desk_routes(archive, shelf, settings)
        address = serve_page(
            page, educators, readers_uploads(), standing, host, port, share, mcp, framed, routes
        )
        say(f"OCT Tutor is ready: {address}  (stop with Ctrl-C)")
        page.block_thread()
    finally:
        archive.store.close()


def prepare_environment(settings: Settings) -> None:
    """Keep what libraries write in the data home; they read these when they are imported."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ["FORWARDED_ALLOW_IPS"] = settings.trusted_proxies  # uvicorn reads it
    os.environ.setdefault("GRADIO_TEMP_DIR", str(settings.home / "gradio"))
    os.environ.setdefault("KERAS_HOME", str(settings.home / "keras"))
    os.environ.setdefault("MPLCONFIGDIR", str(settings.home / "matplotlib"))
