"""What the desk's routes do: a request in, a screen out. Knows no HTTP."""

from octtutor.core.answer import parse_choice
from octtutor.core.quiz import Attempt
from octtutor.errors import BadInputError, StaleError
from octtutor.tutor.practice.answering import Given, Turn
from octtutor.tutor.practice.practice import Practice
from octtutor.tutor.practice.revealing import ModelLook
from octtutor.tutor.practice.sitting import CaseStage, Sitting
from octtutor.ui.desk.handlers import DeskHandlers
from octtutor.ui.desk.handlers import Screen as DeskScreen
from octtutor.ui.desk.texts import JOIN
from octtutor.ui.exams.page import ExamsHandlers
from octtutor.ui.practise.page import Begun, PractiseHandlers
from octtutor.ui.routes.desk_models import (
    AskScreen,
    ChangeRequest,
    CommitRequest,
    DecideRequest,
    DueStart,
    IdleScreen,
    KeptScreen,
    LookScreen,
    PracticeStart,
    QuizStart,
    ResultsScreen,
    SessionReply,
    SessionStart,
    ToldScreen,
    TraineeView,
    WaitScreen,
)
from octtutor.ui.routes.desk_replies import DeskReplies, session_note
from octtutor.ui.shared.browser import Browser
from octtutor.ui.shared.texts import START

Start = PracticeStart | DueStart | QuizStart | SessionStart
AnyScreen = (
    IdleScreen | ResultsScreen | WaitScreen | AskScreen | KeptScreen | LookScreen | ToldScreen
)


class DeskService:
    """The desk's use cases as its routes offer them. Every method but `start` takes who asks."""

    def __init__(
        self,
        practice: Practice,
        desk: DeskHandlers,
        practise: PractiseHandlers,
        exams: ExamsHandlers,
        replies: DeskReplies,
    ) -> None:
        """Take the use cases, and what draws their outcome."""
        self._practice, self._desk, self._replies = practice, desk, replies
        self._practise, self._exams = practise, exams

    def start(self, trainee_id: str | None, asked: Start, address: str) -> AnyScreen:
        """Begin, and show the first case; whoever is new gets an id."""
        browser = {"id": trainee_id} if trainee_id else None
        trainee, attempt = self._begin(browser, asked, address)
        who = TraineeView(id=trainee.id, nickname=trainee.nickname)
        return self._where(attempt).model_copy(update={"trainee": who})

    def commit(self, who: str, sent: CommitRequest) -> AnyScreen:
        """Record an answer; reveal, show the model's, or say that it is kept."""
        given = Given(
            parse_choice(sent.choice), sent.confidence or 0, sent.ms, sent.mark, sent.timed_out
        )
        sitting = self._practice.answer(who, sent.attempt, sent.position, given)
        if sitting.stage(sent.position) is CaseStage.KEPT:
            return self._kept(sitting, sent.position)
        if self._practice.waits_for_model(sitting.attempt, sent.position):
            return self._replies.wait(sitting, sent.position)
        return self._follow(sitting, sent.position)

    def change(self, who: str, sent: ChangeRequest) -> AnyScreen:
        """Put another answer in the place of one that was kept."""
        given = Given(parse_choice(sent.choice), sent.confidence or 0, sent.ms, sent.mark)
        sitting = self._practice.change(who, sent.attempt, sent.position, given)
        return self._kept(sitting, sent.position)

    def decide(self, who: str, sent: DecideRequest) -> AnyScreen:
        """Record the answer of the second look, then reveal."""
        choice = parse_choice(sent.choice)
        sitting = self._practice.look_again(
            who, sent.attempt, sent.position, choice, sent.ms, sent.confidence
        )
        return self._follow(sitting, sent.position)

    def next(self, who: str, attempt_id: str, position: int) -> AnyScreen:
        """Go on to the next case, or to the results."""
        turn = self._practice.next_turn(who, attempt_id, position)
        return self._results(who, attempt_id) if turn is None else self._turn(turn)

    def end(self, who: str, attempt_id: str) -> AnyScreen:
        """End the quiz early."""
        self._practice.end(who, attempt_id)
        return self._results(who, attempt_id)

    def state(self, who: str) -> AnyScreen:
        """Show where the trainee is; a case that their session discusses, while it may be seen."""
        latest = self._practice.find_latest(who)
        if latest is None:
            return IdleScreen()
        if latest.ended_at is not None:
            return self._results(who, latest.id) if latest.session else IdleScreen()
        return self._discussed(latest) or self._where(latest)

    def waits(self, who: str) -> bool:
        """Whether `state` would have to wait for the model to load."""
        latest = self._practice.find_latest(who)
        if latest is None or latest.ended_at is not None or not latest.cases:
            return False
        if not self._practice.waits_for_model(latest, len(latest.cases) - 1):
            return False
        sitting = self._practice.sit(who, latest.id)
        last = len(sitting.given) - 1
        is_there = last >= 0 and sitting.shown_no_later(last)
        return is_there and sitting.stage(last) in (CaseStage.LOOK, CaseStage.REVEALED)

    def results(self, who: str) -> AnyScreen:
        """Show the results of the trainee's last quiz again."""
        return _shown(self._desk.last_results({"id": who}))

    def review(self, who: str, attempt_id: str | None, position: int) -> AnyScreen:
        """Look at a case of an ended quiz again; after the last, at the results."""
        attempt_id = attempt_id or self._last_answered(who)
        sitting = self._practice.sit(who, attempt_id)
        items, attempt = sitting.disclose(), sitting.attempt
        if not all(item.disclosed.again for item in items):
            raise BadInputError(START["in_exam" if attempt.ended_at is None else "not_again"])
        if position >= len(items) or attempt.ended_at is None:
            return self._results(who, attempt_id)
        reveal = self._practice.reveal(who, attempt_id, position, again=True)
        return self._replies.told(sitting, reveal, review=True)

    def session(self, who: str) -> SessionReply:
        """Say how the trainee's session stands."""
        latest = self._practice.find_latest(who)
        if latest is None or latest.session is None:
            return SessionReply(attempt=None, session=None, over=False)
        note = session_note(self._practice.sit(who, latest.id))
        over = latest.ended_at is not None
        return SessionReply(attempt=latest.id, session=note, over=over)

    def _begin(self, browser: Browser, asked: Start, address: str) -> Begun:
        match asked:
            case PracticeStart():
                return self._practise.begin(
                    browser,
                    asked.nickname,
                    asked.deck,
                    "all" if asked.size is None else str(asked.size),
                    asked.order,
                    "" if asked.seed is None else str(asked.seed),
                )
            case DueStart():
                return self._practise.begin_due(browser, asked.nickname, asked.deck)
            case SessionStart():
                return self._practise.begin_session(browser, asked.nickname, asked.code, address)
            case QuizStart():
                return self._exams.begin(browser, asked.nickname, asked.quiz, asked.retest)

    def _last_answered(self, who: str) -> str:
        last = self._practice.find_answered(who)
        if last is None:
            raise BadInputError(START["no_results"])
        return last.id

    def _where(self, attempt: Attempt) -> AnyScreen:
        turn = self._practice.turn(attempt.trainee_id, attempt.id, at_kept=True)
        if turn is None:
            return self._results(attempt.trainee_id, attempt.id)
        return self._turn(turn)

    def _turn(self, turn: Turn) -> AnyScreen:
        if turn.stage is CaseStage.ASK:
            return self._replies.ask(turn, self._practice.draw(turn))
        if turn.stage is CaseStage.KEPT:
            return self._kept(turn.sitting, turn.position)
        if self._practice.waits_for_model(turn.sitting.attempt, turn.position):
            return self._replies.wait(turn.sitting, turn.position)
        return self._follow(turn.sitting, turn.position)

    def _follow(self, sitting: Sitting, position: int) -> AnyScreen:
        """Tell what follows an answer: the model's where it may be looked at, else the truth."""
        told = self._practice.follow(sitting, position)
        if isinstance(told, ModelLook):
            return self._replies.look(sitting, told)
        return self._replies.told(sitting, told)

    def _kept(self, sitting: Sitting, position: int) -> AnyScreen:
        scheme = self._practice.scheme_of(sitting.attempt)
        left_ms = self._practice.left_ms(sitting)
        return self._replies.kept(sitting, position, scheme, left_ms)

    def _discussed(self, latest: Attempt) -> AnyScreen | None:
        """Show the case that the educator shows to all, to whoever may see it."""
        if latest.session is None:
            return None
        sitting = self._practice.sit(latest.trainee_id, latest.id)
        note = session_note(sitting)
        if note is None or note.discussed is None or not note.may_see:
            return None
        try:
            reveal = self._practice.reveal(latest.trainee_id, latest.id, note.discussed)
        except StaleError:
            return None  # it waits for the second look
        shown = note.model_copy(update={"notice": JOIN["shown"].format(n=note.discussed + 1)})
        told = self._replies.told(sitting, reveal, discussion=True)
        return told.model_copy(update={"session": shown})

    def _results(self, who: str, attempt_id: str) -> AnyScreen:
        return _shown(self._desk.results(who, attempt_id))


def _shown(screen: DeskScreen) -> AnyScreen:
    if not screen.card:
        return IdleScreen()
    return ResultsScreen(card=str(screen.card), reviews=screen.reviews)
