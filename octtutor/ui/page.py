"""The page: composes desk and tabs, sets the theme."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from octtutor.ui.api import Service, build_api
from octtutor.ui.desk import DeskHandlers, build_desk
from octtutor.ui.exams import ExamsHandlers, build_exams_tab
from octtutor.ui.guess import GuessHandlers, build_guess
from octtutor.ui.learn import LearnHandlers, build_learn_tab
from octtutor.ui.practise import PractiseHandlers, build_practise_tab
from octtutor.ui.progress import ProgressHandlers, build_progress_tab
from octtutor.ui.read import ReadHandlers, build_read_tab
from octtutor.ui.texts import EDUCATORS, PURPOSE, TAGLINE, TITLE
from octtutor.ui.viewer import ASSETS

ACCENT = "#f2e6cf"
STYLES = ("page.css", "learn.css", "guess.css", "progress.css", "board.css", "read.css")


@dataclass(frozen=True, slots=True)
class Rooms:
    """The handlers of the desk and of the tabs around it."""

    desk: DeskHandlers
    practise: PractiseHandlers
    learn: LearnHandlers
    guess: GuessHandlers
    exams: ExamsHandlers
    progress: ProgressHandlers
    read: ReadHandlers
    service: Service


def build_page(rooms: Rooms, urls: bool) -> gr.Blocks:
    """Compose the page; `urls` says whether the tab Read a scan fetches web addresses."""
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(3600, 3600), fill_width=True
    ) as page:
        build_api(rooms.service)  # first: its names are the clients'
        gr.HTML(
            f"<header id='head'><h1>{TITLE}</h1><p>{TAGLINE}</p>"
            f"<p class='purpose'>{PURPOSE} <a href='educator/'>{EDUCATORS['link']}</a></p></header>"
        )
        desk = build_desk(rooms.desk)
        with desk.rooms, gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
            nickname = build_practise_tab(page, rooms.practise, desk)
            build_learn_tab(
                rooms.learn, desk.browser, lambda: build_guess(rooms.guess, desk.browser)
            )
            build_exams_tab(rooms.exams, desk, nickname)
            build_progress_tab(page, rooms.progress, desk.browser)
            build_read_tab(page, rooms.read, desk.browser, urls)
    page.queue(max_size=256)
    return page  # type: ignore[no-any-return]


def look() -> dict[str, Any]:
    """Return theme and styles, as `Blocks.launch` takes them."""
    grey = gr.themes.colors.neutral
    theme = gr.themes.Base(
        primary_hue=grey, secondary_hue=grey, neutral_hue=grey, font=["system-ui", "sans-serif"]
    ).set(
        button_primary_background_fill="*neutral_800",
        button_primary_background_fill_hover="*neutral_700",
        button_primary_background_fill_dark=ACCENT,
        button_primary_background_fill_hover_dark="#fff6e4",
        button_primary_text_color_dark="*neutral_900",
        body_text_color_subdued_dark="*neutral_300",
        block_label_text_color_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
    )
    styles = "\n".join((ASSETS / name).read_text("utf-8") for name in STYLES)
    return {"theme": theme, "css": styles}
