"""Every shape is drawn with mouse, pen and touch; what is stored covers the pixels drawn."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser.conftest import answers, free_port, open_page, reload, wait_for
from tests.browser.serve_outline import HEIGHT, WIDTH

pytestmark = pytest.mark.chromium
Point = tuple[float, float]
CORNERS = [(100, 60), (170, 50), (190, 120), (120, 140)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outline")


@pytest.fixture(scope="module")
def served(folder: Path, chromium: str) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "tests.browser.serve_outline", str(folder), str(port)]
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
    log = folder / "log"
    address = f"http://127.0.0.1:{port}/educator/"
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
        try:
            wait_for(lambda: answers(address, process), 60, log)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture
def address(served: str, folder: Path) -> str:
    """The page with a scan on which nothing was drawn yet."""
    (folder / "marks.json").unlink(missing_ok=True)
    return served


class Room:
    """The canvas as a person uses it, in pixels of the scan."""

    def __init__(self, page: Page, address: str, folder: Path) -> None:
        self.page, self._file = page, folder / "marks.json"
        open_page(page, address)
        page.locator(".board[data-task=scan-1]").wait_for()

    def at(self, x: float, y: float) -> Point:
        board = self.page.locator(".board")
        k, left, top = map(float, str(board.get_attribute("data-zoom")).split())
        box = board.bounding_box()
        assert box is not None
        return box["x"] + left + k * x, box["y"] + top + k * y

    def take(self, tool: str, finding: str = "") -> None:
        self.page.locator(f"[data-tool={tool}]").click()
        if finding:
            self.page.locator(".choices label", has_text=finding).click()

    def see(self) -> None:
        """Wait until what was asked for is drawn, as a person does before pulling at it."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => "
                           "requestAnimationFrame(done)))")  # fmt: skip

    def pull(self, *points: Point) -> None:
        self.see()
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=5)
        self.page.mouse.up()

    def click(self, *points: Point) -> None:
        for point in points:
            self.page.mouse.click(*self.at(*point))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def marks(self) -> list[dict[str, Any]]:
        """What is stored, once the page says that it is."""
        expect(self.page.locator(".saving")).to_have_text("Saved")
        return json.loads(self._file.read_text())["marks"]  # type: ignore[no-any-return]

    def only(self) -> dict[str, Any]:
        (mark,) = self.marks()
        return mark["shape"]  # type: ignore[no-any-return]


class Fingers:
    """Fingers on a phone's screen, through Chromium's own input."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._cdp: CDPSession = room.page.context.new_cdp_session(room.page)

    def _send(self, kind: str, points: Sequence[Point]) -> None:
        touches = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        self._cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def pull(self, *points: Point) -> None:
        self._room.see()
        places = [self._room.at(*point) for point in points]
        self._send("touchStart", places[:1])
        for (x, y), (u, v) in pairwise(places):
            for step in (0.25, 0.5, 0.75, 1.0):
                self._send("touchMove", [(x + step * (u - x), y + step * (v - y))])
        self._send("touchEnd", [])

    def tap(self, *points: Point) -> None:
        for point in points:
            self._send("touchStart", [self._room.at(*point)])
            self._send("touchEnd", [])

    def spread(self, middle: Point) -> None:
        """Zoom with two fingers, of which the second comes after the first."""
        x, y = self._room.at(*middle)
        self._send("touchStart", [(x - 20, y)])
        for reach in (20, 30, 45, 60):
            kind = "touchStart" if reach == 20 else "touchMove"
            self._send(kind, [(x - reach, y), (x + reach, y)])
        self._send("touchEnd", [])


@pytest.fixture
def room(page: Page, address: str, folder: Path) -> Room:
    return Room(page, address, folder)


def drawn(shape: dict[str, Any]) -> np.ndarray:
    """Rasterise a stored shape, bool (HEIGHT, WIDTH)."""
    if shape["kind"] == "brush":
        assert (shape["width"], shape["height"]) == (WIDTH, HEIGHT)
        runs = np.repeat(np.arange(len(shape["counts"])) % 2, shape["counts"])
        return runs.reshape(WIDTH, HEIGHT).T.astype(bool)
    if shape["kind"] == "polygon":
        return filled(shape["points"])
    if shape["kind"] == "box":
        x, y, u, v = shape["x"], shape["y"], shape["width"], shape["height"]
        return filled([(x, y), (x + u, y), (x + u, y + v), (x, y + v)])
    turns = np.linspace(0, 2 * np.pi, 200)
    a, b = shape["rx"] * np.cos(turns), shape["ry"] * np.sin(turns)
    angle = np.radians(shape["angle"])
    x = shape["x"] + a * np.cos(angle) - b * np.sin(angle)
    return filled(np.stack([x, shape["y"] + a * np.sin(angle) + b * np.cos(angle)], 1))


def filled(points: Any) -> np.ndarray:
    """Fill an outline; OpenCV counts from the middle of the first pixel."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    fixed = np.round((np.asarray(points, float) - 0.5) * 16).astype(np.int32)
    return cv2.fillPoly(mask, [fixed], 1, shift=4).astype(bool)


def stroked(points: Sequence[Point], size: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    fixed = np.round(np.asarray(points, float) - 0.5).astype(np.int32)
    return cv2.polylines(mask, [fixed], False, 1, size).astype(bool)


def box_of(x: float, y: float, u: float, v: float) -> dict[str, Any]:
    return {"kind": "box", "x": x, "y": y, "width": u - x, "height": v - y}


def same(shape: dict[str, Any], wanted: np.ndarray) -> bool:
    """Whether a stored shape covers the pixels, one pixel more or less at its edge."""
    cross = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
    mask, whole = drawn(shape), wanted.astype(np.uint8)
    most, least = cv2.dilate(whole, cross) > 0, cv2.erode(whole, cross) > 0
    return bool(wanted.any() and not (mask & ~most).any() and not (least & ~mask).any())


def ellipse_of(x: float, y: float, rx: float, ry: float, angle: float = 0) -> np.ndarray:
    return drawn({"kind": "ellipse", "x": x, "y": y, "rx": rx, "ry": ry, "angle": angle})


def draw_all(
    room: Room, pull: Callable[..., None], tap: Callable[..., None]
) -> list[dict[str, Any]]:
    room.take("box", "drusen")
    pull((20, 20), (80, 60))
    room.take("ellipse", "subretinal")
    pull((210, 20), (280, 60))
    room.take("polygon", "RPE disruption")
    tap(*CORNERS, CORNERS[0])
    room.take("spot", "foveal")
    tap((40, 150))
    room.take("brush", "intraretinal")
    pull((200, 160), (240, 180), (270, 160))
    return room.marks()


def check_all(marks: list[dict[str, Any]]) -> None:
    assert [mark["finding"] for mark in marks] == [
        "drusen",
        "subretinal fluid",
        "RPE disruption",
        "foveal pit",
        "intraretinal fluid",
    ]
    box, ellipse, polygon, spot, brush = [mark["shape"] for mark in marks]
    assert same(box, drawn(box_of(20, 20, 80, 60)))
    assert same(ellipse, ellipse_of(245, 40, 35, 20))
    assert same(polygon, filled(CORNERS))
    assert [len(polygon["points"]), spot["kind"]] == [4, "spot"]
    assert spot["x"] == pytest.approx(40, abs=1)
    assert spot["y"] == pytest.approx(150, abs=1)
    assert same(brush, stroked([(200, 160), (240, 180), (270, 160)], 12))


def test_each_shape_is_drawn_with_the_mouse(room: Room):
    check_all(draw_all(room, room.pull, room.click))
    assert room.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_each_shape_is_drawn_with_a_finger_and_two_fingers_zoom(
    phone: Page, address: str, folder: Path
):
    room = Room(phone, address, folder)
    fingers = Fingers(room)
    check_all(draw_all(room, fingers.pull, fingers.tap))
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    before = str(phone.locator(".board").get_attribute("data-zoom"))
    phone.locator(".board").scroll_into_view_if_needed()
    fingers.spread((150, 100))
    after = str(phone.locator(".board").get_attribute("data-zoom"))
    assert float(after.split()[0]) > 2 * float(before.split()[0])
    assert len(room.marks()) == 5  # the finger that came first painted nothing
    room.take("box", "drusen")
    fingers.pull((130, 90), (170, 110))
    assert same(room.marks()[-1]["shape"], drawn(box_of(130, 90, 170, 110)))


def test_fingers_move_and_resize(phone: Page, address: str, folder: Path):
    room = Room(phone, address, folder)
    fingers = Fingers(room)
    fingers.pull((60, 60), (120, 110))
    room.take("select")
    fingers.pull((90, 85), (110, 95))
    assert same(room.only(), drawn(box_of(80, 70, 140, 120)))
    fingers.pull((140, 120), (200, 150))
    before = room.only()
    assert same(before, drawn(box_of(80, 70, 200, 150)))
    fingers.spread((140, 110))  # both fingers lie on the region
    fingers.pull((135, 105), (140, 110))
    after = room.only()
    assert after["x"] - before["x"] == pytest.approx(5, abs=1)
    assert after["width"] == before["width"]


def test_a_pen_draws(room: Room):
    cdp = room.page.context.new_cdp_session(room.page)

    def pen(kind: str, point: Point) -> None:
        x, y = room.at(*point)
        what = {"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
        cdp.send("Input.dispatchMouseEvent", {**what, "pointerType": "pen"})

    pen("mousePressed", (30, 40))
    for point in ((60, 50), (90, 70), (130, 90)):
        pen("mouseMoved", point)
    pen("mouseReleased", (130, 90))
    assert same(room.only(), drawn(box_of(30, 40, 130, 90)))


def test_what_is_drawn_after_zooming_lies_where_it_was_seen(room: Room):
    room.page.mouse.move(*room.at(200, 120))
    for _ in range(2):
        room.page.mouse.wheel(0, -300)
    room.press("b")
    room.pull((180, 110), (215, 130))
    room.press("c")
    room.pull((186, 112), (206, 124))
    room.press("y", *["["] * 30)
    assert room.page.locator(".size output").text_content() == "1 px"
    room.pull((190.5, 125.5), (199.5, 125.5))
    box, ellipse, brush = [mark["shape"] for mark in room.marks()]
    assert same(box, drawn(box_of(180, 110, 215, 130)))
    assert same(ellipse, ellipse_of(196, 118, 10, 6))
    wanted = np.zeros((HEIGHT, WIDTH), bool)
    wanted[125, 190:200] = True
    assert (drawn(brush) == wanted).all()
    room.press("0", "v")
    room.click((5, 5))
    assert room.page.locator(".regions li.chosen").count() == 0


def test_regions_are_moved_resized_deleted_and_all_of_it_undone(room: Room):
    room.pull((20, 20), (80, 60))
    room.press("v")
    room.pull((50, 40), (70, 70))
    assert same(room.only(), drawn(box_of(40, 50, 100, 90)))
    room.pull((100, 90), (160, 120))
    assert same(room.only(), drawn(box_of(40, 50, 160, 120)))
    room.pull((100, 85), (390, 300))
    assert same(room.only(), drawn(box_of(180, 130, 300, 200)))  # and not beyond the scan
    room.press("ArrowLeft", "ArrowUp", "Shift+ArrowLeft")
    assert same(room.only(), drawn(box_of(169, 129, 289, 199)))
    room.press("Delete")
    assert room.marks() == []
    room.press(*["Control+z"] * 6)
    assert same(room.only(), drawn(box_of(40, 50, 100, 90)))
    room.press("Control+z", "Control+z")
    assert room.marks() == []
    room.press(*["Control+y"] * 3)
    assert same(room.only(), drawn(box_of(40, 50, 160, 120)))


def test_ellipses_are_turned_and_kept_inside_and_corners_and_points_moved(room: Room):
    room.press("c")
    room.pull((100, 70), (200, 130))
    room.press("v")
    x, y = room.at(150, 70)
    room.page.mouse.move(x, y - 22)
    room.page.mouse.down()
    room.page.mouse.move(*room.at(250, 100), steps=12)
    room.page.mouse.up()
    turned = room.only()
    assert turned["angle"] == pytest.approx(90, abs=2)
    assert same(turned, ellipse_of(150, 100, 50, 30, 90))
    room.pull((150, 100), (10, 100))
    assert same(room.only(), ellipse_of(30, 100, 50, 30, 90))
    room.press("Delete", "p")
    room.click(*CORNERS)
    room.press("Enter", "v")
    room.pull(CORNERS[1], (200, 30))
    assert same(room.only(), filled([CORNERS[0], (200, 30), *CORNERS[2:]]))
    room.pull((150, 90), (160, 110))
    assert same(room.only(), filled([(110, 80), (210, 50), (200, 140), (130, 160)]))
    room.press("Delete", "o")
    room.click((50, 50))
    room.only()  # it is there: a pull begun sooner would pull nothing
    room.press("v")
    room.pull((50, 50), (90, 150))
    spot = room.only()
    assert [spot["x"], spot["y"]] == [pytest.approx(90, abs=1), pytest.approx(150, abs=1)]


def test_strokes_become_one_mask_that_is_erased_and_moved(room: Room):
    room.press("y")
    room.pull((50, 50), (120, 50))
    room.pull((85, 30), (85, 90))
    wanted = stroked([(50, 50), (120, 50)], 12) | stroked([(85, 30), (85, 90)], 12)
    assert same(room.only(), wanted)
    room.press("x")
    room.pull((100, 20), (100, 80))
    gone = stroked([(100, 20), (100, 80)], 12)
    assert same(room.only(), wanted & ~gone)
    room.press("v")
    room.pull((85, 50), (105, 60))
    assert same(room.only(), np.roll(wanted & ~gone, (10, 20), (0, 1)))
    room.press("y")
    room.page.locator(".choices label", has_text="drusen").click()
    room.pull((200, 150), (240, 150))
    assert [mark["finding"] for mark in room.marks()] == ["intraretinal fluid", "drusen"]
    room.press("x")
    for y in (144, 150, 156):
        room.pull((190, y), (250, y))
    assert len(room.marks()) == 1  # nothing was left of the second


def test_an_outline_that_crosses_itself_is_marked_at_once_and_never_sent(room: Room):
    room.pull((230, 150), (280, 190))
    room.press("p")
    room.click((50, 50), (150, 50), (60, 120), (140, 20))
    expect(room.page.locator(".say.wrong")).to_contain_text("crosses itself")
    expect(room.page.locator("[data-do=close]")).to_be_disabled()
    room.press("Enter")
    assert len(room.marks()) == 1
    room.press("Backspace")
    expect(room.page.locator(".say.wrong")).to_have_count(0)
    room.click((140, 120))
    room.press("Enter")
    expect(room.page.locator(".say.wrong")).to_be_visible()  # its closing side would cross
    room.press("Escape", "p")
    assert len(room.marks()) == 1
    room.press("p")
    room.click(*CORNERS, CORNERS[0])
    room.press("v")
    room.pull(CORNERS[1], (150, 190))
    expect(room.page.locator(".say.wrong")).to_contain_text("put back")
    assert same(room.marks()[1]["shape"], filled(CORNERS))


def test_the_keys_alone_draw_choose_and_delete(room: Room):
    room.page.locator(".board").focus()
    room.press("b", "Space", *["Shift+ArrowLeft"] * 3, "Space")
    room.press(*["Shift+ArrowRight"] * 6, *["Shift+ArrowDown"] * 4, "Space", "Escape")
    assert same(room.only(), drawn(box_of(120, 100, 180, 140)))
    room.press("Control+z", "Control+y")
    room.page.locator(".regions .row").focus()
    room.press("Enter", "ArrowRight")
    assert same(room.only(), drawn(box_of(121, 100, 181, 140)))
    room.page.locator(".regions .row").focus()
    room.press("Tab", "Tab", "Enter")
    assert room.marks() == []


def test_a_finding_and_a_caption_with_html_are_changed_beside_the_scan(room: Room):
    words = "<img src=x onerror=\"document.title='owned'\"> <b>cyst</b>"
    room.pull((20, 20), (80, 60))
    room.page.get_by_placeholder("Caption").fill(words)
    room.page.locator(".edit select").select_option("drusen")
    (mark,) = room.marks()
    assert [mark["finding"], mark["caption"]] == ["drusen", words]
    reload(room.page)
    expect(room.page.locator(".regions .words")).to_have_text(words)
    assert room.page.locator(".regions img").count() == 0
    assert room.page.title() != "owned"


def test_a_browser_closed_in_mid_drawing_loses_nothing_but_the_open_stroke(
    room: Room, address: str, folder: Path
):
    room.pull((20, 20), (80, 60))
    room.marks()
    room.press("p")
    room.click((150, 50), (200, 60))
    opened = room.page.context.new_page()
    room.page.close()
    again = Room(opened, address, folder)
    expect(opened.locator(".regions li")).to_have_count(1)
    again.press("o")
    again.click((250, 100))
    assert [mark["shape"]["kind"] for mark in again.marks()] == ["box", "spot"]


def test_what_could_not_be_sent_is_kept_and_sent_after_a_reload(room: Room, folder: Path):
    room.page.route("**/queue/join**", lambda route: route.abort())
    with room.page.expect_event("requestfailed"):
        room.pull((20, 20), (80, 60))
    expect(room.page.locator(".saving")).to_have_text("Saving …")
    assert not (folder / "marks.json").exists()
    room.page.unroute("**/queue/join**")
    reload(room.page)
    expect(room.page.locator(".say")).to_contain_text("brought back")
    assert same(room.only(), drawn(box_of(20, 20, 80, 60)))


def test_a_suggestion_becomes_a_region_that_is_corrected(room: Room):
    room.page.get_by_role("button", name="Suggest").click()
    expect(room.page.locator(".regions li")).to_have_count(1)
    assert same(room.only(), ellipse_of(150, 100, 40, 20, 30))
    room.pull((150, 100), (180, 110))
    assert same(room.only(), ellipse_of(180, 110, 40, 20, 30))
    assert room.marks()[0]["id"] == "suggestion-1"


def test_a_finished_scan_is_shown_and_not_changed(
    page: Page, room: Room, address: str, folder: Path
):
    room.pull((20, 20), (80, 60))
    before = room.marks()
    shown = Room(page, f"{address}?readonly=1", folder)
    expect(page.locator("[data-tool=box]")).to_be_hidden()
    shown.pull((50, 40), (120, 120))
    shown.click((50, 40))
    shown.press("b", "Delete", "ArrowLeft")
    expect(page.locator(".regions li")).to_have_count(1)
    assert json.loads((folder / "marks.json").read_text())["marks"] == before


def test_the_light_is_dragged_by_the_right_button_and_draws_nothing(room: Room):
    def lit() -> float:
        part = room.page.locator("#octtutor-light feFuncR")
        return float(part.get_attribute("slope") or "nan")

    room.take("box")
    room.pull((20, 20), (60, 60))
    before = room.marks()
    room.page.mouse.move(*room.at(100, 100))
    room.page.mouse.down(button="right")
    room.page.mouse.move(*room.at(200, 100), steps=4)
    room.page.mouse.up(button="right")
    assert lit() > 1.2
    assert "url(" in (room.page.locator(".board canvas").first.get_attribute("style") or "")
    room.press("Shift+i")
    assert lit() < -1.2
    assert room.marks() == before
    room.press("0")
    assert lit() == 1
