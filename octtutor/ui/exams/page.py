"""The tab Exams: the quizzes and exams that can be taken here, and the retests that are due."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import gradio as gr
from markupsafe import Markup

from octtutor.core.quiz import Attempt, Options, Trainee
from octtutor.errors import BadInputError
from octtutor.reports.citing import cited_html
from octtutor.reports.markup import library, paragraph
from octtutor.tutor.exams.exams import ExamOffer, Exams
from octtutor.tutor.ports import Clock
from octtutor.tutor.practice.practice import Practice
from octtutor.ui.desk.desk import QUIET, QUIZ, Desk, show
from octtutor.ui.desk.handlers import DeskHandlers, Screen
from octtutor.ui.exams.texts import QUIZZES
from octtutor.ui.shared.browser import Browser, trainee_of
from octtutor.ui.shared.messages import or_message

_HTML = library(__file__, "views.html.j2")


class ExamsHandlers:
    """What the tab's events do. Values in, values out; knows no component."""

    def __init__(self, exams: Exams, practice: Practice, desk: DeskHandlers, clock: Clock) -> None:
        """Take the use cases; the desk shows what begins here."""
        self._exams, self._practice = exams, practice
        self._desk, self._clock = desk, clock

    def offers(self, browser: Browser) -> tuple[ExamOffer, ...]:
        """Return the quizzes as the browser's trainee finds them."""
        return self._exams.offers(trainee_of(browser))

    def start(self, browser: Browser, nickname: str, key: Any, retest: bool) -> Screen:
        """Begin a quiz, or its retest, and show the first case."""
        return self._desk.begin(*self.begin(browser, nickname, key, retest))

    def begin(
        self, browser: Browser, nickname: str, key: Any, retest: bool
    ) -> tuple[Trainee, Attempt]:
        """Begin a quiz, or its retest; return who reads, and what."""
        if not isinstance(key, str) or not key:
            raise BadInputError(QUIZZES["choose_first"])
        trainee = self._practice.enrol(trainee_of(browser), str(nickname or ""))
        start = self._exams.start_retest if retest else self._exams.start
        return trainee, start(trainee.id, key)

    def now(self) -> datetime:
        """Return the time, which says whether a retest is due."""
        return self._clock()


class _ExamsEvents:
    """The handlers as Gradio calls them."""

    def __init__(self, handlers: ExamsHandlers) -> None:
        self._handlers = handlers

    def open(self, kept: Browser, chosen: Any) -> tuple[Any, ...]:
        offers = or_message(lambda: self._handlers.offers(kept))
        known = {offer.quiz.key for offer in offers}
        key = chosen if chosen in known else next(iter(known & {"first-ten"}), None)
        choices = [(_title(offer), offer.quiz.key) for offer in offers]
        return gr.Radio(choices, value=key), *self._details(offers, key)

    def choose(self, kept: Browser, key: Any) -> tuple[Any, ...]:
        return self._details(or_message(lambda: self._handlers.offers(kept)), key)

    def start(self, kept: Browser, who: str, key: Any) -> tuple[Any, ...]:
        return self._begin(kept, who, key, retest=False)

    def retest(self, kept: Browser, who: str, key: Any) -> tuple[Any, ...]:
        return self._begin(kept, who, key, retest=True)

    def _begin(self, kept: Browser, who: str, key: Any, retest: bool) -> tuple[Any, ...]:
        screen = or_message(lambda: self._handlers.start(kept, who, key, retest))
        return (*show(screen), screen.browser)

    def _details(self, offers: Sequence[ExamOffer], key: Any) -> tuple[Any, ...]:
        now = self._handlers.now()
        offer = next((offer for offer in offers if offer.quiz.key == key), None)
        if offer is None:
            text = "" if offers else paragraph(QUIZZES["none"])
            return text, gr.Button(interactive=False), gr.Button(visible=False)
        can_start = offer.fault is None and not offer.is_used_up
        due = offer.retest_at is not None and offer.retest_at <= now and offer.fault is None
        return offer_html(offer, now), gr.Button(interactive=can_start), gr.Button(visible=due)


def build_exams_tab(handlers: ExamsHandlers, desk: Desk, nickname: gr.Textbox) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`."""
    with gr.Tab(QUIZZES["tab"], id="exams") as tab, gr.Column(elem_id="exams"):
        quiz = gr.Radio([], label=QUIZZES["choose"], elem_id="quiz")
        details = gr.HTML(elem_id="offer", apply_default_css=False, min_height=150)
        with gr.Row():
            begin = gr.Button(
                QUIZZES["start"], variant="primary", elem_id="quiz-start", interactive=False
            )
            retest = gr.Button(QUIZZES["retest"], elem_id="quiz-retest", visible=False)
    events = _ExamsEvents(handlers)
    # not preprocessed: a restarted or a second server does not know this page's choices
    raw: dict[str, Any] = {**QUIZ, "preprocess": False}
    quiet: dict[str, Any] = {**QUIET, "preprocess": False}
    tab.select(events.open, [desk.browser, quiz], [quiz, details, begin, retest], **quiet)
    quiz.input(events.choose, [desk.browser, quiz], [details, begin, retest], **quiet)
    typed = [desk.browser, nickname, quiz]
    begin.click(events.start, typed, [*desk.shown, desk.browser], **raw)
    retest.click(events.retest, typed, [*desk.shown, desk.browser], **raw)


def _title(offer: ExamOffer) -> str:
    scans = QUIZZES["scans"].format(n=offer.quiz.size)
    kind = f"{QUIZZES['exam']}, " if offer.quiz.options.is_exam else ""
    return f"{offer.quiz.title} ({kind}{scans})"


def offer_html(offer: ExamOffer, now: datetime) -> Markup:
    """Say what a quiz is, how it is played and how it went, as HTML."""
    quiz = offer.quiz
    lines = [*_how(quiz.options), *_so_far(offer, now)]
    fault = QUIZZES["cannot"].format(fault=offer.fault) if offer.fault else ""
    return Markup(_HTML.offer(quiz.title, quiz.description, lines, fault, cited_html([offer.deck])))


def _how(options: Options) -> list[str]:
    lines = [QUIZZES["no_feedback" if options.is_exam else "feedback"]]
    lines += [QUIZZES[key] for key in ("second_look", "mark_where") if getattr(options, key)]
    lines += [] if options.confidence else [QUIZZES["no_confidence"]]
    if options.is_exam and (options.case_seconds or options.total_seconds):
        lines.append(QUIZZES["clock"])
    if options.case_seconds:
        lines.append(QUIZZES["case_seconds"].format(n=options.case_seconds))
    if options.total_seconds:
        minutes = f"{options.total_seconds / 60:g}"
        lines.append(QUIZZES["total_seconds"].format(minutes=minutes))
    return lines


def _so_far(offer: ExamOffer, now: datetime) -> list[str]:
    options = offer.quiz.options
    lines = [QUIZZES["pass_mark"].format(mark=options.pass_mark)] if options.pass_mark else []
    if options.attempts:
        left = max(0, options.attempts - offer.taken)
        lines.append(QUIZZES["attempts"].format(left=left, n=options.attempts))
    if offer.last is not None:
        lines.append(QUIZZES["last"].format(share=offer.last))
    if offer.passed is not None:
        lines.append(QUIZZES["passed" if offer.passed else "failed"])
    if offer.is_used_up:
        lines.append(QUIZZES["used_up"])
    if offer.retest_at is not None:
        key = "retest_now" if offer.retest_at <= now else "retest_at"
        lines.append(QUIZZES[key].format(when=offer.retest_at))
    return lines
