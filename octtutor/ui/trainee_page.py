"""The page: composes desk and tabs, sets the theme."""

from dataclasses import dataclass

import gradio as gr

from octtutor.reports.markup import library
from octtutor.ui.api import Service, build_api
from octtutor.ui.client.client_files import client_script
from octtutor.ui.desk.desk import build_desk
from octtutor.ui.desk.handlers import DeskHandlers
from octtutor.ui.exams.page import ExamsHandlers, build_exams_tab
from octtutor.ui.learn.guess import GuessHandlers, build_guess
from octtutor.ui.learn.handlers import LearnHandlers
from octtutor.ui.learn.page import build_learn_tab
from octtutor.ui.practise.page import PractiseHandlers, build_practise_tab
from octtutor.ui.progress.page import ProgressHandlers, build_progress_tab
from octtutor.ui.read.page import ReadHandlers, build_read_tab
from octtutor.ui.shared.texts import EDUCATORS, PURPOSE, TAGLINE, TITLE


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
            library(__file__, "trainee_page.html.j2").header(
                TITLE, TAGLINE, PURPOSE, EDUCATORS["link"]
            ),
            js_on_load=client_script("page/page.js"),
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
