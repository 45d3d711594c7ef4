"""The tab Read a scan: a scan of one's own, the model's answer, and where it looked."""

import queue
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakValueDictionary

import gradio as gr

from octtutor.core.scheme import Scheme
from octtutor.datasets.decode import SUFFIXES as IMAGES
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.datasets.volumes import SUFFIXES
from octtutor.errors import BadInputError, OctTutorError
from octtutor.limits import MAX_READER_FILES, MAX_READER_UPLOAD_BYTES
from octtutor.model.explain.methods import DEFAULT_METHOD, find_method
from octtutor.model.explain.trust import trust_card
from octtutor.model.serve.library import Maps, Model
from octtutor.ui.client.client_files import client_script
from octtutor.ui.read.intake import KEPT, Intake, OpenedFiles
from octtutor.ui.read.texts import READ
from octtutor.ui.read.views import (
    START,
    View,
    answer_view,
    busy_html,
    busy_view,
    fault_view,
    maps_view,
    panel_texts,
)
from octtutor.ui.shared.browser import Browser, trainee_of
from octtutor.ui.shared.viewer import viewer_html

_ASSETS = Path(__file__).parent / "assets"

Step = tuple[OpenedFiles | None, View]
_BARS = 40
"""How many times at most a page is told how far a slow method is."""


class Models(Protocol):
    """The model in use; see `octtutor.model.serve.library.ServedModel`."""

    @property
    def is_ready(self) -> bool:
        """Whether the model need not be waited for."""

    def current(self) -> Model:
        """Return it."""


class ReadHandlers:
    """What the tab's events do. Values in, values out; knows no component."""

    def __init__(
        self,
        models: Models,
        intake: Intake,
        is_busy: Callable[[str], bool],
        schemes: Schemes = SHIPPED,
    ) -> None:
        """Take the parts.

        Args:
            models: the model in use.
            intake: takes scans in.
            is_busy: tells whether a trainee is examined.
            schemes: those at hand, for what is said of the model's diagnoses.
        """
        self._models, self._intake, self._is_busy = models, intake, is_busy
        self._schemes = schemes

    def open(self, browser: Browser, held: OpenedFiles | None, data: View) -> Iterator[Step]:
        """Take scans in and read the first: what is done, the answer, then its maps.

        Args:
            browser: whose.
            held: what this page had open; it is closed.
            data: `{"files": paths}` of uploads, or `{"url": address}`.

        Raises:
            BadInputError: nothing can be read, or an exam of the trainee runs.
        """
        files = data.get("files")
        try:
            self._refuse_in_exam(browser)
        except BadInputError:
            self._intake.discard(files)
            raise
        intake = self._intake
        sitting = intake.fetch(data.get("url")) if files is None else intake.take(files)
        self.close(held)
        yield sitting, busy_view(READ["reading"])
        yield from self._read(sitting, 0, sitting.items[0].middle, None)

    def turn(self, browser: Browser, held: OpenedFiles | None, data: View) -> Iterator[Step]:
        """Read another file or slice of what is open: `{"item": …, "slice": …, "method": …}`."""
        self._refuse_in_exam(browser)
        sitting = _need(held)
        yield from self._read(sitting, data.get("item"), data.get("slice"), data.get("method"))

    def explain(self, browser: Browser, held: OpenedFiles | None, data: View) -> Iterator[Step]:
        """Explain the scan that is shown with another method; see `turn`."""
        self._refuse_in_exam(browser)
        sitting = _need(held)
        scan = sitting.picture(data.get("item"), data.get("slice"))
        self._intake.refuse_scan(scan)  # an exam may have begun since it was opened
        for view in self._explain(self._models.current(), scan, data.get("method")):
            yield sitting, view

    @staticmethod
    def close(held: OpenedFiles | None) -> None:
        """Forget what is open."""
        if held is not None:
            held.close()

    def _read(self, sitting: OpenedFiles, item: Any, index: Any, method: Any) -> Iterator[Step]:
        scan = sitting.picture(item, index)
        self._intake.refuse_scan(scan)
        if not self._models.is_ready:
            yield sitting, busy_view(READ["loading"])
        model = self._models.current()
        given, scheme = model.predict(scan), self._scheme_of(model)
        answered = answer_view(sitting, int(item), int(index), scan.grey, given, scheme)
        yield sitting, answered
        for view in self._explain(model, scan, method):
            # whole again: a page that is slow to draw sees the last one only
            yield sitting, view if view["phase"] == "busy" else answered | view

    def _explain(self, model: Model, scan: ScanPicture, method: Any) -> Iterator[View]:
        how = method if isinstance(method, str) and method else DEFAULT_METHOD
        name = find_method(how).title
        yield busy_view(READ["explaining_now"].format(method=name))
        maps: Maps | None = None
        labels = model.card.labels
        for step in _followed(lambda progress: model.maps(scan, labels, how, progress)):
            if isinstance(step, tuple):
                done, total = step
                text = READ["explaining"].format(method=name, done=done, total=total)
                yield busy_view(text, done, total)
            else:
                maps = step
        assert maps is not None
        yield maps_view(maps, labels, how, trust_card(model.folder, how))

    def _scheme_of(self, model: Model) -> Scheme | None:
        try:
            return self._schemes.of(model.card.scheme)
        except BadInputError:  # it is not at hand: the answer can be shown all the same
            return None

    def _refuse_in_exam(self, browser: Browser) -> None:
        trainee_id = trainee_of(browser)
        if trainee_id and self._is_busy(trainee_id):
            raise BadInputError(READ["in_exam"])


class _ReadEvents:
    """The handlers as Gradio calls them: steps to component values, errors to a line."""

    def __init__(self, handlers: ReadHandlers) -> None:
        self._handlers = handlers
        self._open: WeakValueDictionary[str, OpenedFiles] = WeakValueDictionary()

    def open(
        self, kept: Browser, held: OpenedFiles | None, event: gr.EventData, request: gr.Request
    ) -> Iterator[Any]:
        for values in _with_faults_shown(self._handlers.open(kept, held, _payload(event)), held):
            if values[0] is not None:
                self._open[str(request.session_hash)] = values[0]
            yield values

    def turn(self, kept: Browser, held: OpenedFiles | None, event: gr.EventData) -> Iterator[Any]:
        yield from _with_faults_shown(self._handlers.turn(kept, held, _payload(event)), held)

    def explain(
        self, kept: Browser, held: OpenedFiles | None, event: gr.EventData
    ) -> Iterator[Any]:
        yield from _with_faults_shown(self._handlers.explain(kept, held, _payload(event)), held)

    def close(self, held: OpenedFiles | None) -> tuple[Any, ...]:
        self._handlers.close(held)
        return None, *_show(START)

    def leave(self, request: gr.Request) -> None:
        # Gradio forgets a state an hour after its page was closed
        self._handlers.close(self._open.pop(str(request.session_hash), None))


def build_read_tab(
    page: gr.Blocks, handlers: ReadHandlers, browser: gr.BrowserState, urls: bool
) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`.

    Args:
        page: the page.
        handlers: what the events do.
        browser: whose page it is.
        urls: whether web addresses are fetched; where not, the field for them is left out.
    """
    with gr.Tab(READ["tab"], id="read"):
        held = gr.State(None, time_to_live=KEPT, delete_callback=handlers.close)
        room = _build_room(urls)
        doing = gr.HTML("", elem_id="read-doing", apply_default_css=False)
    events = _ReadEvents(handlers)
    shown = [held, doing, room]
    reading: dict[str, Any] = {
        "show_progress": "hidden",
        "api_visibility": "private",
        "concurrency_id": "read",
        "concurrency_limit": 4,
    }
    room.submit(events.open, [browser, held], shown, **reading)
    room.select(events.turn, [browser, held], shown, **reading)
    room.release(events.explain, [browser, held], shown, **reading)
    room.clear(events.close, [held], shown, **reading)
    page.unload(events.leave)


def _build_room(urls: bool) -> gr.HTML:
    return gr.HTML(
        value=START,
        html_template=viewer_html(_ASSETS / "read.html"),
        js_on_load=client_script("read/read.js"),
        apply_default_css=False,
        lessons=panel_texts(),
        urls=urls,
        suffixes=sorted(IMAGES | SUFFIXES),
        most_files=MAX_READER_FILES,
        most_bytes=MAX_READER_UPLOAD_BYTES,
        elem_id="read",
    )


def _with_faults_shown(
    steps: Iterator[Step], held: OpenedFiles | None
) -> Iterator[tuple[Any, ...]]:
    try:
        for held, view in steps:
            yield (held, *_show(view))
    except OctTutorError as error:
        yield (held, *_show(fault_view(str(error))))


def _show(view: View) -> tuple[Any, Any]:
    """Return the values of the line that says what is being done, and of the room."""
    if view["phase"] == "busy":
        return busy_html(view["note"], view["done"], view["total"]), gr.skip()
    return "", view | {"turn": _turn()}


def _turn() -> str:
    # the same view twice is no change to the page, which would wait for one
    return secrets.token_hex(4)


def _followed(work: Callable[[Callable[[int, int], None]], Maps]) -> Iterator[Any]:
    """Do some work beside, and give (done, total) as it goes on, then what it made."""
    line: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run() -> None:
        try:
            line.put(work(lambda done, total: line.put((done, total))))
        except BaseException as error:  # raised again below
            line.put(error)

    threading.Thread(target=run, name="explain", daemon=True).start()
    shown = 0
    while isinstance(step := line.get(), tuple):
        if step[0] * _BARS // step[1] > shown:
            shown = step[0] * _BARS // step[1]
            yield step
    if isinstance(step, BaseException):
        raise step
    yield step


def _need(held: OpenedFiles | None) -> OpenedFiles:
    if held is None:
        raise BadInputError(READ["lost"])
    return held


def _payload(event: gr.EventData) -> dict[str, Any]:
    return event._data if isinstance(event._data, dict) else {}
