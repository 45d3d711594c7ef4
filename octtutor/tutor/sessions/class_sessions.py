"""Sessions: an educator opens one on a quiz; who has its code joins, and all read the same."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from octtutor.core.case import Case, Deck
from octtutor.core.disclosure import Audience
from octtutor.core.educator import REMEMBERED, Guess
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, CaseOrder, Options
from octtutor.core.quizfile.quiz_file import QuizFile
from octtutor.core.scheme import Counterparts
from octtutor.core.session import Session, SessionDisplay
from octtutor.datasets.decode import Pixels
from octtutor.errors import (
    BadInputError,
    BadScanError,
    ModelError,
    StaleError,
    StoreError,
    TooManyGuessesError,
)
from octtutor.store.contract import Store
from octtutor.tutor.accounts import digest, network
from octtutor.tutor.decks.deck_schemes import counterparts_of, scheme_of
from octtutor.tutor.exams.quizzes import Quizzes
from octtutor.tutor.ports import Clock, Images, Maps, Shelf
from octtutor.tutor.practice.starting import refuse_beside_running
from octtutor.tutor.sessions.board import Board, board_of
from octtutor.tutor.sessions.gathering import Gathered, gather, read_cases
from octtutor.tutor.sessions.session_code import LENGTH, draw_code, tidy

MAX_TITLE = 80
_TRIES = 20


@dataclass(frozen=True, slots=True)
class JoinedState:
    """What a trainee's page shows of their session. It holds nothing that tells an answer."""

    code: str
    title: str
    attempt_id: str
    is_open: bool
    display: SessionDisplay


@dataclass(frozen=True, slots=True)
class DiscussedCase:
    """A case as it is discussed: for the projector, truth and all."""

    position: int
    case: Case
    name: str
    """Of its diagnosis."""
    scan: Pixels
    mask: npt.NDArray[np.uint8] | None
    """uint8 (height, width), 255 inside the lesion, where one is known."""
    prediction: Prediction | None
    maps: Maps | None
    """Raw maps float32 (k, h, w) in the order of the prediction's probabilities."""
    trained_on: bool
    """Whether the model was trained on scans of this patient."""
    fault: str | None
    """Why there is no prediction."""
    counterparts: Counterparts | None
    """What the model's answers stand for; None where they are of the session's scheme."""


class Sessions:
    """The use cases of a session, of educators (who are known to be such) and of trainees."""

    def __init__(
        self,
        store: Store,
        images: Images,
        quizzes: Quizzes,
        shelf: Shelf,
        clock: Clock,
        draw: Callable[[], str] = draw_code,
    ) -> None:
        """Take the parts; `draw` gives the code of a new session."""
        self._store, self._images, self._quizzes = store, images, quizzes
        self._shelf, self._clock, self._draw = shelf, clock, draw
        self._cases = lru_cache(maxsize=32)(self._read_cases)

    # ---- the educator's ------------------------------------------------------------------

    def quizzes(self) -> tuple[QuizFile, ...]:
        """Return the quizzes without faults, by key."""
        return tuple(listed.quiz for listed in self._quizzes.all() if listed.quiz is not None)

    def open(self, educator: str, quiz_key: str, title: str | None = None) -> Session:
        """Open a session with the model in use; everybody gets the same cases in the same order.

        Args:
            educator: the name of who opens it.
            quiz_key: the quiz's file name without `.toml`.
            title: what trainees see; the quiz's by default.

        Raises:
            BadInputError: there is no such quiz, it cannot be played here, or the title is
                too long.
        """
        quiz = self._quizzes.find(quiz_key)
        heading = _check_title(title or "") or quiz.title
        resolved = self._quizzes.resolve(quiz)
        model = self._shelf.current()
        for _ in range(_TRIES):
            session = Session(
                code=self._draw(),
                title=heading,
                educator=educator,
                quiz=quiz.key,
                quiz_version=quiz.version,
                deck=resolved.deck,
                cases=tuple(case.sha256 for case in resolved.cases),
                seed=quiz.seed,
                options=_by_the_educator(quiz.options),
                opened_at=self._clock(),
                model=model.name if model.sha256 else None,
                model_sha256=model.sha256,
                scheme=scheme_of(self._store, resolved.deck),
            )
            try:
                self._store.open_session(session)
            except StaleError:
                continue  # the code was used before
            return session
        raise StaleError(f"{_TRIES} codes were drawn and all were used before. Try again.")

    def all(self) -> tuple[Session, ...]:
        """Return all sessions, the latest first."""
        return self._store.sessions()

    def get(self, code: str) -> Session:
        """Return a session.

        Raises:
            StoreError: there is none of this code.
        """
        session = self._store.find_session(tidy(code))
        if session is None:
            raise StoreError(f"There is no session {code[:16]!r} in the records. Reload the page.")
        return session

    def find_deck(self, name: str) -> Deck | None:
        """Return a deck."""
        return self._store.find_deck(name)

    def pause(self, code: str) -> None:
        """Let nobody answer until `go_on`; whoever comes may join.

        Raises:
            StaleError: it has ended.
        """
        session = self.get(code)
        self._store.pause_session(session.code, session.paused_at or self._clock())

    def go_on(self, code: str) -> None:
        """Let everybody answer again.

        Raises:
            StaleError: it has ended.
        """
        self._store.pause_session(self.get(code).code, None)

    def end(self, code: str) -> None:
        """End a session and all attempts in it; one that has ended stays as it is."""
        self._store.end_session(self.get(code).code, self._clock())

    def discuss(self, code: str, position: int | None) -> None:
        """Show a case to all, or none. From the first time on, new answers to it do not count.

        Raises:
            BadInputError: there is no such case.
        """
        session = self.get(code)
        if position is not None:
            _check_position(session, position)
        self._store.discuss(session.code, position, self._clock())

    def gather(self, code: str) -> Gathered:
        """Return all that the records hold of a session."""
        session = self.get(code)
        scheme = self._quizzes.schemes.of(session.scheme)
        return gather(self._store, session, scheme, self._cases)

    def board(self, code: str) -> Board:
        """Return the figures of a session, as far as the class may be told them."""
        return board_of(self.gather(code), Audience.CLASS)

    def show(self, code: str, position: int) -> DiscussedCase:
        """Return a case with truth, model's answer and map, waiting for the model.

        Raises:
            BadInputError: there is no such case.
        """
        session = self.get(code)
        _check_position(session, position)
        case = self._store.get_case(session.deck, session.cases[position])
        scan = self._images.read(case.sha256)
        return DiscussedCase(
            position,
            case,
            self._quizzes.schemes.of(session.scheme).get(case.label).name,
            scan,
            self._find_mask(case),
            *self._ask_model(session, case, scan),
        )

    # ---- the trainee's -------------------------------------------------------------------

    def join(self, code: str, trainee_id: str, address: str) -> Attempt:
        """Let a trainee into a session; whoever is in it already gets the same attempt.

        It is the same one too where it has ended: at its last case, or by another quiz.

        Args:
            code: as it was typed.
            trainee_id: who.
            address: where it came from, an IP address.

        Raises:
            BadInputError: there is no session of this code.
            TooManyGuessesError: there were too many wrong ones; the code was not looked at.
            StaleError: the session has ended, or the trainee has an exam running elsewhere.
            StoreError: there is no such trainee.
        """
        known = self._find_attempt(tidy(code), trainee_id)
        session = self.get(tidy(code)) if known else self._find(code, trainee_id, address)
        if not session.is_open:
            raise StaleError(
                "This session has ended. Ask your educator for the code of the new one."
            )
        return known or self._start(session, trainee_id)

    def state(self, code: str, trainee_id: str) -> JoinedState:
        """Return how a trainee's session stands. Cheap: every page in it asks often.

        Raises:
            StoreError: this trainee is in no such session.
        """
        attempt = self._find_attempt(tidy(code), trainee_id)
        session = self._store.find_session(tidy(code)) if attempt else None
        if attempt is None or session is None:
            raise StoreError("You are in no such session. Join with its code.")
        return self._state_of(session, attempt.id)

    def standing(self, attempt_id: str) -> str:
        """Return `JoinedState.display` as text; "over" once it has ended, or without a session.

        Cheaper than `state`. It tells nothing else, to those who know the attempt's id.

        Raises:
            StoreError: there is no such attempt.
        """
        attempt = self._store.get_attempt(attempt_id)
        session = self._store.find_session(attempt.session) if attempt.session else None
        if session is None or attempt.ended_at is not None:
            return "over"
        return str(self._state_of(session, attempt_id).display)

    def _state_of(self, session: Session, attempt_id: str) -> JoinedState:
        discussed = session.discussed
        display = SessionDisplay(
            is_paused=session.is_open and session.paused_at is not None,
            discussed=discussed,
            may_see=discussed is not None and discussed < len(self._store.answers_of(attempt_id)),
        )
        return JoinedState(session.code, session.title, attempt_id, session.is_open, display)

    def _find(self, code: str, trainee_id: str, address: str) -> Session:
        """Find the session of a typed code, counting each trainee's wrong ones.

        A guess counts until it has turned out right. Who takes another name for each guess is not
        stopped, so that nobody stops a class; there are too many codes to find one so.
        """
        guess = Guess(digest(trainee_id), f"session {network(address)}", self._clock())
        wait = self._store.admit_guess(guess, guess.at - REMEMBERED)
        if wait:
            raise TooManyGuessesError("wrong codes", wait)
        session = self._store.find_session(tidy(code))
        if session is None:
            raise BadInputError(
                f"Expected the code of a session, {LENGTH} letters and digits. There is none "
                f"{' '.join(code.split())[:16]!r}. Check it on the projector."
            )
        self._store.forget_guesses(guess.who, guess.address)
        return session

    def _find_attempt(self, code: str, trainee_id: str) -> Attempt | None:
        latest = self._store.find_latest_attempt(trainee_id)
        if latest is None or latest.session == code:
            return latest
        earlier = self._store.attempts_of(trainee_id)
        return next((attempt for attempt in earlier if attempt.session == code), None)

    def _start(self, session: Session, trainee_id: str) -> Attempt:
        try:
            refuse_beside_running(self._store, trainee_id)
            attempt = self._attempt(session, trainee_id)
            self._store.start_attempt(attempt)
        except StaleError:
            known = self._find_attempt(session.code, trainee_id)
            if known is None:
                raise
            return known  # another tab was faster
        return attempt

    def _attempt(self, session: Session, trainee_id: str) -> Attempt:
        return Attempt(
            id=str(uuid.uuid4()),
            trainee_id=trainee_id,
            quiz=session.quiz,
            quiz_version=session.quiz_version,
            deck=session.deck,
            order=CaseOrder.SESSION,
            seed=session.seed,
            cases=session.cases,
            started_at=self._clock(),
            model=session.model,
            model_sha256=session.model_sha256,
            options=session.options,
            session=session.code,
            scheme=session.scheme,
        )

    def _read_cases(self, deck: str, cases: tuple[str, ...]) -> tuple[Case, ...]:
        """Read a session's cases; they never change, so they are kept for the next look."""
        return read_cases(self._store, deck, cases)

    def _ask_model(
        self, session: Session, case: Case, scan: Pixels
    ) -> tuple[Prediction | None, Maps | None, bool, str | None, Counterparts | None]:
        try:
            model = self._shelf.recorded(session.model, session.model_sha256)
            counterparts = counterparts_of(model.scheme, session.scheme, self._quizzes.schemes)
            prediction, maps = model.read(case.sha256, scan)
            known = model.trained_on(case.sha256, case.patient)
            return prediction, maps, known, None, counterparts
        except ModelError as error:
            return None, None, False, str(error), None

    def _find_mask(self, case: Case) -> npt.NDArray[np.uint8] | None:
        try:
            return self._images.read(case.mask_sha256) if case.mask_sha256 else None
        except (BadScanError, StoreError):
            return None  # it is discussed without an outline


def _by_the_educator(options: Options) -> Options:
    """Return how a quiz is played in a session: once, and the educator holds the clock.

    A limit would go on while the session is paused or a case discussed.
    """
    return replace(options, case_seconds=None, total_seconds=None, attempts=None, retest_days=None)


def _check_title(title: str) -> str:
    tidied = "".join(filter(str.isprintable, " ".join(title.split())))
    if len(tidied) > MAX_TITLE:
        raise BadInputError(
            f"Expected a title of at most {MAX_TITLE} characters. Received {len(tidied):,}. "
            "Choose a shorter one."
        )
    return tidied


def _check_position(session: Session, position: int) -> None:
    if not 0 <= position < len(session.cases):
        raise BadInputError(
            f"Expected a case from 1 to {len(session.cases)}. Received {position + 1}. Choose "
            "another."
        )
