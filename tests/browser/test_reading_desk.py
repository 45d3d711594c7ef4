"""What a trainee meets on the desk: keys, full screen, the reveal, window and level."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import choose_deck, look_at, open_page, reload, serving

pytestmark = pytest.mark.chromium
TWICE_MS = 350
"""Within less a second press is the same press."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, chromium: str):
    with serving(tmp_path_factory.mktemp("desk") / "home") as served:
        yield served


def phase(page: Page, name: str) -> None:
    expect(page.locator(f".desk[data-phase={name}]")).to_be_visible()


def begin(page: Page, address: str) -> None:
    open_page(page, address)
    choose_deck(page, "Embedded")
    page.locator("#begin").click()
    phase(page, "ask")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def answer(page: Page, *keys: str) -> None:
    press(page, *keys)
    phase(page, "told")


def go_on(page: Page) -> None:
    page.wait_for_timeout(TWICE_MS)
    press(page, "Enter")
    phase(page, "ask")


def until_told(page: Page, selector: str) -> None:
    """Answer cases until a reveal shows a part."""
    for _ in range(9):
        answer(page, "4", "q")
        if page.locator(selector).is_visible():
            return
        go_on(page)
    raise AssertionError(f"no reveal has {selector}")


def chosen(page: Page) -> list[str]:
    return page.locator(".answer[aria-pressed=true] span:first-of-type").all_inner_texts()


def test_digits_choose_and_choose_anew_and_never_commit(page: Page, address: str):
    begin(page, address)
    press(page, "1", "1", "3", "2")
    phase(page, "ask")
    assert chosen(page) == ["DME"]
    answer(page, "r")
    expect(page.locator(".level[aria-pressed=true]")).to_have_attribute("data-level", "4")


def test_confidence_does_nothing_before_an_answer_is_chosen(page: Page, address: str):
    begin(page, address)
    press(page, "q", "t")
    phase(page, "ask")
    expect(page.locator(".level").first).to_be_disabled()
    expect(page.locator(".level").first).to_contain_text("Q")


def test_a_reload_leaves_a_pending_choice_pending(page: Page, address: str):
    begin(page, address)
    press(page, "3")
    reload(page)
    phase(page, "ask")
    assert chosen(page) == ["DRUSEN"]
    press(page, "2", "1")
    phase(page, "ask")
    assert chosen(page) == ["CNV"]


def test_full_screen_has_all_keys_and_the_reveal(page: Page, address: str):
    begin(page, address)
    press(page, "f")
    page.wait_for_function("document.fullscreenElement?.classList.contains('desk')")
    answer(page, "1", "2", "w")
    expect(page.locator(".answer.dme")).to_have_attribute("aria-pressed", "true")
    for part in (".verdict", ".advice", ".stage", "button.next"):
        expect(page.locator(part)).to_be_in_viewport()
    before = page.locator(".show-map").is_checked()
    press(page, "m")
    assert page.locator(".show-map").is_checked() != before
    go_on(page)
    press(page, "?")
    expect(page.locator("dialog.keys")).to_be_visible()
    page.locator("[data-do=close-keys]").click()
    page.locator(".answer.cnv").click()
    page.locator(".level[data-level='1']").click()
    phase(page, "told")
    press(page, "f")
    page.wait_for_function("document.fullscreenElement === null")


@pytest.mark.parametrize(("width", "height"), [(1366, 657), (1024, 768), (390, 844)])
def test_verdict_advice_and_scan_are_seen_together(
    page: Page, address: str, width: int, height: int
):
    page.set_viewport_size({"width": width, "height": height})
    begin(page, address)
    for key in ("1", "2", "3", "4"):
        answer(page, key, "e")
        look_at(page, f"reveal-{width}-{key}")
        for part in (".verdict", ".advice", ".stage", "button.next"):
            expect(page.locator(part)).to_be_in_viewport(ratio=0.97)
        advice, go = page.locator(".advice").bounding_box(), page.locator(".go").bounding_box()
        assert advice is not None
        assert go is not None
        assert advice["y"] + advice["height"] <= go["y"] + 1
        scrolls = "[...document.querySelectorAll('.desk .told, .desk .panel, .desk .advice')]"
        assert page.evaluate(f"{scrolls}.every(e => e.scrollHeight <= e.clientHeight + 1)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
        go_on(page)


def test_on_a_phone_the_scan_stays_while_the_map_is_used(phone: Page, address: str):
    open_page(phone, address)
    choose_deck(phone, "Embedded")
    phone.locator("#begin").tap()
    phase(phone, "ask")
    phone.locator(".answer.cnv").tap()
    phone.locator(".level[data-level='3']").tap()
    phase(phone, "told")
    phone.locator(".maptools .show-map").scroll_into_view_if_needed()
    expect(phone.locator(".maptools .show-map")).to_be_in_viewport()
    expect(phone.locator(".stage")).to_be_in_viewport(ratio=0.9)


def test_the_outline_comes_first_and_the_map_on_its_key(page: Page, address: str):
    begin(page, address)
    until_told(page, "svg.outline")
    expect(page.locator("img.map")).to_be_hidden()
    press(page, "m")
    expect(page.locator("img.map")).to_be_visible()
    expect(page.locator(".map-note")).to_contain_text("signs of")


def test_chances_are_percent_and_a_name_is_said_once(page: Page, address: str):
    begin(page, address)
    answer(page, "1", "q")
    numbers = page.locator(".chances .number").all_inner_texts()
    assert numbers
    assert all(text.endswith(" %") for text in numbers)
    title = page.locator(".advice h2").inner_text()
    assert "(drusen)" not in title


def test_the_reveal_is_heard_in_order_and_nothing_before_it(page: Page, address: str):
    begin(page, address)
    spoken = page.locator(".spoken")
    expect(spoken).to_have_text("")
    press(page, "1")
    expect(spoken).to_have_text("")
    expect(page.locator("img.scan")).to_have_attribute("alt", "OCT B-scan to be read")
    answer(page, "q")
    text = spoken.inner_text()
    places = [text.index(word) for word in ("ight", "Truth:", "Model:", "What to look for:")]
    assert places == sorted(places)
    truth = page.locator(".verdict .name").last.inner_text()
    expect(page.locator("img.scan")).to_have_attribute("alt", f"OCT B-scan: {truth}")
    go_on(page)
    expect(spoken).to_have_text("")
    expect(page.locator("img.scan")).to_have_attribute("alt", "OCT B-scan to be read")


def test_after_compare_enter_still_means_next(page: Page, address: str):
    begin(page, address)
    until_told(page, ".compare summary")
    page.locator(".compare summary").click()
    expect(page.locator(".compare .pair img").first).to_be_visible()
    go_on(page)


def slope(page: Page) -> float:
    return float(page.locator("#octtutor-light feFuncR").get_attribute("slope") or "nan")


def drag(page: Page, dx: int, dy: int, button: str) -> None:
    box = page.locator(".stage").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down(button=button)
    page.mouse.move(x + dx, y + dy, steps=4)
    page.mouse.up(button=button)


def test_the_right_button_drags_window_and_level_which_are_remembered(page: Page, address: str):
    begin(page, address)
    assert slope(page) == 1
    drag(page, 100, 0, "right")
    wider = slope(page)
    assert wider > 1.3
    assert "url(" in (page.locator("img.scan").get_attribute("style") or "")
    press(page, "i")
    assert slope(page) == -wider
    press(page, "i", "Shift+ArrowLeft")
    assert 1 < slope(page) < wider
    kept = slope(page)
    reload(page)
    phase(page, "ask")
    assert slope(page) == kept
    press(page, "0")
    assert slope(page) == 1
    assert chosen(page) == []


def test_one_button_lets_the_left_button_or_a_finger_drag_the_light(page: Page, address: str):
    begin(page, address)
    drag(page, 100, 0, "left")
    assert slope(page) == 1
    page.locator("[data-do=light]").click()
    drag(page, 100, 0, "left")
    assert slope(page) > 1.3
    page.locator("[data-do=light]").click()
    drag(page, 100, 0, "left")
    assert slope(page) < 2
    press(page, "0")


def test_the_wheel_zooms_at_the_pointer_and_a_double_click_fits(page: Page, address: str):
    begin(page, address)
    plane = page.locator(".plane")
    box = plane.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 4, box["y"] + box["height"] / 4
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    page.wait_for_function("!document.querySelector('.plane').style.transform.includes('scale(1)')")
    now = plane.bounding_box()
    assert now is not None
    assert abs((x - now["x"]) / now["width"] - 0.25) < 0.01
    page.mouse.dblclick(x, y)
    page.wait_for_function("document.querySelector('.plane').style.transform.includes('scale(1)')")


def test_the_light_of_the_desk_is_the_light_of_read_a_scan(page: Page, address: str):
    begin(page, address)
    press(page, "i")
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("button.end").click()
    page.get_by_role("tab", name="Read a scan").click()
    expect(page.locator(".read [data-do=invert]")).to_have_attribute("aria-pressed", "true")


def test_a_finger_drags_the_light_where_that_is_switched_on(phone: Page, address: str):
    open_page(phone, address)
    choose_deck(phone, "Embedded")
    phone.locator("#begin").tap()
    phase(phone, "ask")
    phone.locator("[data-do=light]").tap()
    expect(phone.locator("[data-do=light]")).to_have_attribute("aria-pressed", "true")
    box = phone.locator(".stage").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    fingers = phone.context.new_cdp_session(phone)
    for kind, right in (("touchStart", 0), ("touchMove", 40), ("touchMove", 90), ("touchEnd", 0)):
        points = [] if kind == "touchEnd" else [{"x": x + right, "y": y, "id": 0}]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert slope(phone) > 1.3
