"""What the reading desk does: a case, an answer, a reveal, a card. Values in, values out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from octtutor.core.answer import parse_choice
from octtutor.core.counting import of_practice_too
from octtutor.core.quiz import Attempt, Trainee
from octtutor.core.session import SessionDisplay
from octtutor.errors import BadInputError, StaleError
from octtutor.reports.citing import cited_html
from octtutor.reports.markup import paragraph
from octtutor.tutor.disclosing import DisclosedAnswer
from octtutor.tutor.exams.exams import Exams
from octtutor.tutor.practice.answering import Given, Turn
from octtutor.tutor.practice.practice import Practice
from octtutor.tutor.practice.revealing import ModelLook, Reveal
from octtutor.tutor.practice.sitting import CaseStage, Sitting
from octtutor.tutor.progress.results import results, to_csv
from octtutor.tutor.sessions.class_sessions import Sessions
from octtutor.ui.desk.outcome import outcome_html
from octtutor.ui.desk.results_card import held_back_card, results_card, score_card
from octtutor.ui.desk.texts import JOIN, RESULTS
from octtutor.ui.desk.views import (
    IDLE,
    View,
    look_view,
    notice_view,
    question_view,
    reveal_view,
    waiting_view,
)
from octtutor.ui.shared.browser import Browser, need_trainee, trainee_of
from octtutor.ui.shared.texts import START

Contrast = Callable[[Reveal], str]
"""Returns HTML of two scans to compare after a confusion, empty where there is none."""
NOTHING = SessionDisplay()
"""What a page shows of a session at first."""


@dataclass(frozen=True, slots=True)
class Screen:
    """One state of the page: the rooms with their tabs, the desk, or a card of results."""

    desk: View
    card: str = ""
    browser: Browser = None
    reviews: bool = False
    """Whether the cases of the card can be looked at again."""

    @property
    def part(self) -> str:
        """`rooms`, `desk` or `results`."""
        if self.card:
            return "results"
        return "rooms" if self.desk["phase"] == "idle" else "desk"

    @property
    def is_in_session(self) -> bool:
        """Whether the page has to ask how its session stands."""
        return bool(self.desk.get("session"))


class DeskHandlers:
    """What the desk's events do. Values in, values out; knows no component."""

    def __init__(
        self, practice: Practice, exams: Exams, sessions: Sessions, contrast: Contrast
    ) -> None:
        """Take the use cases."""
        self._practice, self._exams = practice, exams
        self._sessions, self._contrast = sessions, contrast

    def restore(self, browser: Browser) -> Screen:
        """Return what a reloaded page shows: the running quiz at its case, or the rooms."""
        latest = self._of_trainee(browser, self._practice.find_latest)
        if latest is None or latest.ended_at is not None:
            return Screen(IDLE)
        return self.go_to(latest)

    def go_to(self, attempt: Attempt) -> Screen:
        """Show the case that an attempt is at, or its results where it is over."""
        turn = self._practice.turn(attempt.trainee_id, attempt.id)
        if turn is None:
            return self.results(attempt.trainee_id, attempt.id)
        return Screen(self._view(turn))

    def begin(self, trainee: Trainee, attempt: Attempt) -> Screen:
        """Show the case that an attempt just begun is at, and let the browser keep whose it is."""
        kept = {"id": trainee.id, "nickname": trainee.nickname}
        return replace(self.go_to(attempt), browser=kept)

    def commit(self, browser: Browser, data: dict[str, Any]) -> Iterator[Screen]:
        """Record an answer, then reveal, or show the model's; says so when it is still loading."""
        trainee_id = need_trainee(browser)
        attempt_id, position = _place(data)
        given = Given(
            parse_choice(str(data.get("choice"))),
            whole(data.get("confidence"), "confidence"),
            whole(data.get("ms"), "time"),
            data.get("mark"),
            data.get("timed_out") is True,
        )
        sitting = self._practice.answer(trainee_id, attempt_id, position, given)
        if sitting.keeps_back(position):
            yield self.next(browser, data)
            return
        if self._practice.waits_for_model(sitting.attempt, position):
            yield Screen(waiting_view(attempt_id, position, sitting.attempt.session))
        yield Screen(self._after_answer(sitting, position, with_scan=False))

    def decide(self, browser: Browser, data: dict[str, Any]) -> Screen:
        """Record the answer of the second look, then reveal."""
        trainee_id = need_trainee(browser)
        attempt_id, position = _place(data)
        choice = parse_choice(str(data.get("choice")))
        ms = whole(data.get("ms"), "time")
        sure = data.get("second_confidence")
        sitting = self._practice.look_again(
            trainee_id,
            attempt_id,
            position,
            choice,
            ms,
            None if sure is None else whole(sure, "confidence"),
        )
        return Screen(self._after_answer(sitting, position, with_scan=False))

    def change(self, browser: Browser, data: dict[str, Any]) -> Sitting:
        """Put another answer in the place of one that was kept; see `CaseAnswering.change`."""
        attempt_id, position = _place(data)
        given = Given(
            parse_choice(str(data.get("choice"))),
            whole(data.get("confidence"), "confidence"),
            whole(data.get("ms"), "time"),
            data.get("mark"),
        )
        return self._practice.change(need_trainee(browser), attempt_id, position, given)

    def catch_up(self, browser: Browser) -> Screen:
        """Return where the trainee is, after another tab went on or the time ended the quiz."""
        latest = self._of_trainee(browser, self._practice.find_latest)
        if latest is not None and latest.ended_at is not None:
            return self.results(latest.trainee_id, latest.id)
        return self.restore(browser)

    def next(self, browser: Browser, data: dict[str, Any]) -> Screen:
        """Go on to the next case, or to the results; in a review, to the next that was answered."""
        trainee_id = need_trainee(browser)
        attempt_id, position = _place(data)
        if data.get("review") is True:
            return self._review(trainee_id, attempt_id, position + 1)
        turn = self._practice.next_turn(trainee_id, attempt_id, position)
        if turn is None:
            return self.results(trainee_id, attempt_id)
        return Screen(self._view(turn))

    def end(self, browser: Browser, data: dict[str, Any]) -> Screen:
        """End the quiz early and show the results so far."""
        trainee_id = need_trainee(browser)
        attempt_id = str(data.get("attempt"))
        self._practice.end(trainee_id, attempt_id)
        return self.results(trainee_id, attempt_id)

    def review(self, browser: Browser) -> Screen:
        """Look at the cases of the last quiz again, from its first."""
        latest = self._last_ended(browser)
        return self._review(latest.trainee_id, latest.id, 0)

    def has_results(self, browser: Browser) -> bool:
        """Whether there is a quiz whose results can be shown again."""
        return self._of_trainee(browser, self._practice.find_answered) is not None

    def last_results(self, browser: Browser) -> Screen:
        """Show the results of the trainee's last quiz again."""
        latest = self._last_ended(browser)
        return self.results(latest.trainee_id, latest.id)

    def _last_ended(self, browser: Browser) -> Attempt:
        """Return the last quiz with an answer, unless an exam runs: that one is gone on with."""
        running = self._of_trainee(browser, self._practice.find_latest)
        if running is not None and running.options.is_exam and running.ended_at is None:
            raise BadInputError(START["in_exam"])
        latest = self._of_trainee(browser, self._practice.find_answered)
        if latest is None:
            raise BadInputError(START["no_results"])
        return latest

    def poll(
        self, browser: Browser, shown: SessionDisplay | None
    ) -> tuple[Screen | None, SessionDisplay]:
        """Look how the trainee's session stands.

        Args:
            browser: whose.
            shown: what the last call returned beside the screen; None at first.

        Returns:
            What to show, None where nothing has changed; and what is shown then.
        """
        before = shown or NOTHING
        latest = self._of_trainee(browser, self._practice.find_latest)
        if latest is None or latest.session is None:
            return None, before
        if latest.ended_at is not None:
            return self.results(latest.trainee_id, latest.id), NOTHING
        state = self._sessions.state(latest.session, latest.trainee_id)
        now = state.display
        if now == before:
            return None, now
        return self._session_screen(latest, now, before.may_see), now

    def results(self, trainee_id: str, attempt_id: str) -> Screen:
        """Show as much of the results of an attempt as may be told; without an answer, nothing.

        Raises:
            BadInputError: an exam of the trainee is under way, which may ask the same scans.
        """
        attempt, items = self._practice.disclosed(trainee_id, attempt_id)
        if not items:
            return Screen(IDLE)
        if attempt.options.is_exam and attempt.ended_at is not None:
            self._ask_model(attempt, items)
            attempt, items = self._practice.disclosed(trainee_id, attempt_id)
        trainee = self._practice.find_trainee(trainee_id)
        scheme = self._practice.scheme_of(attempt)
        name = trainee.nickname if trainee else ""
        outcome = self._exams.outcome(
            attempt, [item.answered for item in items], self._practice.trained_on(attempt)
        )
        csv = to_csv(attempt, items, name, scheme.keys, outcome.counted)
        cited = cited_html([self._practice.find_deck(attempt.deck)])
        if not all(item.disclosed.score for item in items):
            return Screen(IDLE, held_back_card(len(items), attempt.asked, csv, cited))
        if self._practice.is_examined(trainee_id):
            raise BadInputError(START["in_exam"])
        if attempt.options.is_exam and not all(item.disclosed.truth for item in items):
            more = outcome_html(attempt, outcome, None, ()) + cited
            return Screen(IDLE, score_card(outcome.right, attempt.asked, csv, more))
        shown = [item.answered for item in items if item.disclosed.truth]
        if not shown and attempt.ended_at is not None:
            return Screen(IDLE, held_back_card(len(items), attempt.asked, csv, cited))
        told = {item.answer.position for item in items if item.disclosed.truth}
        counted = [item for item in outcome.counted if item.answer.position in told]
        marks = self._practice.count_marks(attempt)
        figures = results(attempt, counted, scheme, marks, outcome.patients)
        held = len(items) - len(shown)
        note = paragraph(RESULTS["kept_back"].format(n=held), "note") if held else Markup()
        more = note + outcome_html(attempt, outcome, figures, of_practice_too(counted)) + cited
        synthetic = self._practice.is_synthetic(attempt.deck)
        return Screen(IDLE, results_card(figures, csv, synthetic, more), reviews=outcome.may_review)

    def _ask_model(self, attempt: Attempt, items: tuple[DisclosedAnswer, ...]) -> None:
        """Let the model answer what an exam did not wait for, unless it is still loading."""
        waits = any(
            self._practice.must_wait(attempt.trainee_id, attempt.id, item.answer.position)
            for item in items
            if item.answered.prediction is None
        )
        if not waits:
            self._practice.ask_model_for_all(attempt)

    def _session_screen(self, latest: Attempt, now: SessionDisplay, was_shown: bool) -> Screen:
        if now.may_see and now.discussed is not None:
            try:
                reveal = self._practice.reveal(latest.trainee_id, latest.id, now.discussed)
                notice = JOIN["shown"].format(n=now.discussed + 1)
                shown = {"notice": notice, "discussion": True, "session": latest.session}
                return Screen(reveal_view(reveal, with_scan=True) | shown)
            except StaleError:
                pass  # it waits for the second look: the line alone
        notice = JOIN["paused"] if now.is_paused else ""
        if now.discussed is not None:
            notice = JOIN["discussed"].format(n=now.discussed + 1)
        if not was_shown:
            view = notice_view(latest.id, notice, now.is_paused)
            return Screen({**view, "session": latest.session})
        screen = self.go_to(latest)
        said = {"notice": notice, "paused": now.is_paused, "session": latest.session}
        return Screen(screen.desk | said) if screen.part == "desk" else screen

    def _review(self, trainee_id: str, attempt_id: str, position: int) -> Screen:
        """Show a case again; after the last, or where it may not be, what may be told instead."""
        attempt, items = self._practice.disclosed(trainee_id, attempt_id)
        if not all(item.disclosed.again for item in items):
            raise BadInputError(START["in_exam" if attempt.ended_at is None else "not_again"])
        if not 0 <= position < len(items) or attempt.ended_at is None:
            return self.results(trainee_id, attempt_id)
        reveal = self._practice.reveal(trainee_id, attempt_id, position, again=True)
        return Screen(reveal_view(reveal, with_scan=True, review=True))

    def _view(self, turn: Turn) -> View:
        if turn.stage is CaseStage.ASK:
            return question_view(self._practice.draw(turn))
        return self._after_answer(turn.sitting, turn.position, with_scan=True)

    def _after_answer(self, sitting: Sitting, position: int, with_scan: bool) -> View:
        """Draw what follows an answer: the second look where it is due, else the reveal."""
        told = self._practice.follow(sitting, position)
        if isinstance(told, ModelLook):
            view = look_view(told, with_scan)
        else:
            view = reveal_view(told, with_scan, self._contrast(told))
        return view | {"session": sitting.attempt.session}

    @staticmethod
    def _of_trainee(browser: Browser, find: Callable[[str], Attempt | None]) -> Attempt | None:
        """Find an attempt of the browser's trainee; nobody has none."""
        trainee_id = trainee_of(browser)
        return find(trainee_id) if trainee_id else None


def whole(value: Any, what: str) -> int:
    """Return what the page sent as a whole number.

    Raises:
        BadInputError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInputError(
            f"Expected a whole number as {what}. Received {str(value)[:40]!r}. Reload the page."
        )
    return value


def _place(data: dict[str, Any]) -> tuple[str, int]:
    return str(data.get("attempt")), whole(data.get("position"), "case")
